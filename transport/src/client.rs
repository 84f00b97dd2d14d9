//! What librdkafka says, in this program's log: each trouble once every few seconds instead of at every retry. [`Logged`] is
//! the context of clients that need nothing else; those with callbacks of their own call [`line`] and [`error`].

use std::sync::Mutex;
use std::time::{Duration, Instant};

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
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
        // That a topic has no partitions for whoever may not see it is said at every look.
        _ if matches!(facility, "FAIL" | "ERROR" | "PARTCNT") => {
            debug!(target: "librdkafka", "{facility} {message}")
        }
        RDKafkaLogLevel::Notice => info!(target: "librdkafka", "{facility} {message}"),
        _ => warn!(target: "librdkafka", "{facility} {message}"),
    }
}

/// An error of a client as a whole: mostly a broker that is away, which librdkafka goes on trying to reach.
pub fn error(occasionally: &Occasionally, error: &KafkaError, reason: &str) {
    // That everything of a partition has been read is no error.
    if error.rdkafka_error_code() == Some(RDKafkaErrorCode::PartitionEOF) {
        return;
    }
    if occasionally.now() {
        warn!("Kafka: {reason}; trying again");
    } else {
        debug!(%error, "Kafka: {reason}");
    }
}

/// A client's context that does nothing but log.
#[derive(Debug, Default)]
pub struct Logged(Occasionally);

impl ClientContext for Logged {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        line(level, facility, message);
    }

    fn error(&self, what: KafkaError, reason: &str) {
        error(&self.0, &what, reason);
    }
}

impl ConsumerContext for Logged {}
