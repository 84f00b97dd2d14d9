//! Which group protocol the cluster has.
//!
//! Since Apache Kafka 4.0 a consumer group can be run by the broker itself (KIP-848, `group.protocol=consumer`): members come and
//! go without stopping the others. On a cluster that lacks it a member of that kind waits for ever, without an error, so it is
//! looked for first: each broker says in its answer to ApiVersions whether it takes `ConsumerGroupHeartbeat` in version 1, the
//! first that Kafka 4.0 released. librdkafka asks for that on each new connection, with TLS and SASL like any other request, but
//! hands the answer out in its debug log alone; from there it is read.

use std::sync::atomic::{AtomicI32, Ordering};

use rdkafka::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::KafkaError;

use crate::client;

/// Number of the request `ConsumerGroupHeartbeat`, and the version of it that is needed.
const HEARTBEAT: (i32, i32) = (68, 1);
/// Nothing was heard of the request.
const UNKNOWN: i32 = -1;

/// Hears what brokers say of the requests that they take.
#[derive(Debug)]
pub(crate) struct Ear {
    quiet: client::Occasionally,
    /// Highest version of the heartbeat.
    version: AtomicI32,
}

impl ClientContext for Ear {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        if facility == "APIVERSION"
            && let Some(version) = version(message)
        {
            self.version.fetch_max(version, Ordering::AcqRel);
        }
        client::line(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        client::error(&self.quiet, &error, reason);
    }
}

impl ConsumerContext for Ear {}

/// The highest version of the heartbeat, if `line` is about it: `... ApiKey ConsumerGroupHeartbeat (68) Versions 0..1`.
fn version(line: &str) -> Option<i32> {
    let (_, rest) = line.split_once("ApiKey ")?;
    let (name, versions) = rest.split_once(") Versions ")?;
    let (_, key) = name.rsplit_once('(')?;
    let (_, most) = versions.trim().split_once("..")?;
    (key.parse() == Ok(HEARTBEAT.0)).then(|| most.parse().ok())?
}

impl Default for Ear {
    fn default() -> Self {
        Self {
            quiet: client::Occasionally::default(),
            version: AtomicI32::new(UNKNOWN),
        }
    }
}

impl Ear {
    /// Lets a client with these settings hear it.
    pub(crate) fn listen(config: &mut ClientConfig) {
        config.set("debug", "feature");
        config.set_log_level(RDKafkaLogLevel::Debug);
    }

    /// Whether a broker was heard to take what the newer protocol needs.
    pub(crate) fn has_consumer_protocol(&self) -> bool {
        self.version.load(Ordering::Acquire) >= HEARTBEAT.1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_of_the_groups_heartbeat_is_read_from_librdkafkas_line() {
        for (line, expected) in [
            (
                "[thrd:x]: x/1:   ApiKey ConsumerGroupHeartbeat (68) Versions 0..1",
                Some(1),
            ),
            ("  ApiKey ConsumerGroupHeartbeat (68) Versions 0..0", Some(0)),
            ("  ApiKey Unknown-68? (68) Versions 1..12", Some(12)),
            ("  ApiKey Heartbeat (12) Versions 0..4", None),
            ("Broker API support:", None),
            ("  ApiKey ConsumerGroupHeartbeat (68) Versions", None),
        ] {
            assert_eq!(version(line), expected, "{line}");
        }
    }
}
