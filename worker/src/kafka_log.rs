//! What librdkafka says, in this program's log: each trouble once every few seconds instead of at every retry.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use tracing::{debug, info, warn};

const QUIET: Duration = Duration::from_secs(5);

/// Lets something through at once and then no more than once every few seconds.
#[derive(Debug, Default)]
pub struct Occasionally(Mutex<Option<Instant>>);

impl Occasionally {
    /// Whether it is time again.
    pub fn now(&self) -> bool {
        let Ok(mut last) = self.0.lock() else { return true };
        let due = last.is_none_or(|last| last.elapsed() >= QUIET);
        if due {
            *last = Some(Instant::now());
        }
        due
    }
}

/// A line from librdkafka's own log. Its connection failures arrive as errors of the client, too, and are told there.
pub fn line(level: RDKafkaLogLevel, facility: &str, message: &str) {
    match level {
        RDKafkaLogLevel::Debug | RDKafkaLogLevel::Info => {
            debug!(target: "librdkafka", "{facility} {message}")
        }
        _ if matches!(facility, "FAIL" | "ERROR") => debug!(target: "librdkafka", "{facility} {message}"),
        RDKafkaLogLevel::Notice => info!(target: "librdkafka", "{facility} {message}"),
        _ => warn!(target: "librdkafka", "{facility} {message}"),
    }
}

/// An error of a client as a whole: mostly a broker that is away, which librdkafka goes on trying to reach.
pub fn error(occasionally: &Occasionally, error: &KafkaError, reason: &str) {
    if occasionally.now() {
        warn!("Kafka: {reason}; trying again");
    } else {
        debug!(%error, "Kafka: {reason}");
    }
}
