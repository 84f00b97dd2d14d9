//! Which group protocol the cluster has.
//!
//! Since Apache Kafka 4.0 a consumer group can be run by the broker itself (KIP-848, `group.protocol=consumer`): members come and
//! go without stopping the others. On a cluster that lacks it a member of that kind waits for ever, without an error, so it is
//! looked for first: each broker says in its answer to ApiVersions whether it takes `ConsumerGroupHeartbeat` in version 1, the
//! first that Kafka 4.0 released. librdkafka asks for that on each new connection, with TLS and SASL like any other request, but
//! hands the answer out in its debug log alone; from there it is read.

use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult};

use crate::client;
use crate::config::KafkaSettings;

/// Number of the request `ConsumerGroupHeartbeat`, and the version of it that is needed.
const HEARTBEAT: (i32, i32) = (68, 1);
/// How long the log is read at a time.
const LISTEN: Duration = Duration::from_millis(100);
/// Nothing was heard of the request.
const UNKNOWN: i32 = -1;

/// How the members of a group agree on who has which partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupProtocol {
    /// The members themselves, one of them for all; every cluster has it.
    Classic,
    /// The broker (KIP-848).
    Consumer,
}

/// Hears what brokers say of the requests that they take.
struct Ear {
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

/// Asks a cluster which protocol it has. The client connects by itself, now or later.
pub struct GroupProbe {
    client: BaseConsumer<Ear>,
    asked: Option<GroupProtocol>,
}

impl GroupProbe {
    /// A client that knows what the environment asks for.
    ///
    /// # Errors
    /// librdkafka refuses the settings.
    pub fn new(kafka: &KafkaSettings, client: &str) -> KafkaResult<Self> {
        let mut config = kafka.client(client);
        config.set("debug", "feature");
        config.set_log_level(RDKafkaLogLevel::Debug);
        let ear = Ear {
            quiet: client::Occasionally::default(),
            version: AtomicI32::new(UNKNOWN),
        };
        Ok(Self {
            client: config.create_with_context(ear)?,
            asked: kafka.group_protocol().map(|name| {
                if name.eq_ignore_ascii_case("consumer") {
                    GroupProtocol::Consumer
                } else {
                    GroupProtocol::Classic
                }
            }),
        })
    }

    /// Which of `topics` are not there: they are asked for by name, so that a user who may see no other topic can ask; a consumer's
    /// client does not make what it asks for.
    ///
    /// # Errors
    /// The cluster does not answer within `patience` for a topic, or refuses it.
    pub fn missing<'a>(
        &self,
        topics: &[&'a str],
        patience: Duration,
    ) -> Result<Vec<&'a str>, (&'a str, KafkaError)> {
        self.listen();
        let mut missing = Vec::new();
        for topic in topics {
            let metadata = self
                .client
                .fetch_metadata(Some(topic), patience)
                .map_err(|error| (*topic, error))?;
            let found = metadata.topics().iter().find(|found| found.name() == *topic);
            match found.map(|found| (found.error(), found.partitions().is_empty())) {
                Some((None, false)) => {}
                Some((Some(code), _)) => {
                    let error = KafkaError::MetadataFetch(code.into());
                    if !crate::trouble::is_missing(&error)
                        && crate::trouble::class(&error) != crate::Class::Passing
                    {
                        return Err((*topic, error));
                    }
                    missing.push(*topic);
                }
                Some((None, true)) | None => missing.push(*topic),
            }
        }
        Ok(missing)
    }

    /// Lets librdkafka hand over its log and errors, which wait in a queue: as many lines as it takes no time to read.
    fn listen(&self) {
        let _ = self.client.poll(LISTEN);
    }

    /// The protocol to use, given that the cluster has answered something before: what the environment asks for, or else the
    /// newer one where the cluster has it.
    pub fn protocol(&self) -> GroupProtocol {
        if let Some(asked) = self.asked {
            return asked;
        }
        self.listen();
        let version = self.client.client().context().version.load(Ordering::Acquire);
        if version >= HEARTBEAT.1 {
            GroupProtocol::Consumer
        } else {
            GroupProtocol::Classic
        }
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

    #[test]
    fn the_embedded_broker_has_the_classic_protocol() {
        let folder = tempfile::tempdir().unwrap();
        let broker =
            azulejo_broker::start_on_free_port(azulejo_broker::BrokerConfig::new(folder.path())).unwrap();
        let kafka = KafkaSettings::new(broker.address().to_string());
        let probe = GroupProbe::new(&kafka, "test").unwrap();
        let missing = probe.missing(&["tasks"], Duration::from_secs(20)).unwrap();
        assert_eq!(missing, ["tasks"]);
        assert_eq!(probe.protocol(), GroupProtocol::Classic);
    }
}
