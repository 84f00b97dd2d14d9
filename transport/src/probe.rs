//! Whether the cluster is there, which topics are missing, who is in the workers' group.

use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::types::RDKafkaErrorCode;

use crate::config::{GroupProtocol, KafkaSettings};
use crate::group::Ear;
use crate::members::members;
use crate::trouble::{Access, Class, Trouble, class, is_missing};

/// How long the log is read at a time.
const LISTEN: Duration = Duration::from_millis(100);
const PATIENCE: Duration = Duration::from_secs(4);

/// How it stands with a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It is there.
    There {
        /// Its partitions.
        partitions: usize,
        /// Copies of each, as of the partition with the fewest.
        replicas: usize,
    },
    /// It is not there.
    Missing,
    /// The cluster does not say, and somebody has to do something about it.
    Refused(Trouble),
}

/// Asks the cluster. A consumer's client: asking with a producer's would make a missing topic, with settings that nobody chose.
pub struct Probe {
    client: BaseConsumer<Ear>,
    principal: String,
    /// The group protocol that the environment asks for.
    asked: Option<GroupProtocol>,
}

impl Probe {
    /// A client that connects by itself, now or later.
    ///
    /// # Errors
    /// librdkafka refuses the settings.
    pub fn new(kafka: &KafkaSettings, client: &str) -> KafkaResult<Self> {
        Self::with(kafka, kafka.client(client))
    }

    /// The same, to be asked for the [`Self::protocol`], too.
    ///
    /// # Errors
    /// librdkafka refuses the settings.
    pub fn with_protocol(kafka: &KafkaSettings, client: &str) -> KafkaResult<Self> {
        let mut config = kafka.client(client);
        Ear::listen(&mut config);
        Self::with(kafka, config)
    }

    fn with(kafka: &KafkaSettings, config: ClientConfig) -> KafkaResult<Self> {
        Ok(Self {
            client: config.create_with_context(Ear::default())?,
            principal: kafka.principal(),
            asked: kafka.group_protocol(),
        })
    }

    /// The group protocol to use, given that the cluster has answered something before and that this is
    /// [`Self::with_protocol`]: what the environment asks for, or else the newer one where the cluster has it.
    pub fn protocol(&self) -> GroupProtocol {
        // librdkafka's log waits in a queue until it is polled for.
        let _ = self.client.poll(LISTEN);
        let heard = self.client.client().context().has_consumer_protocol();
        self.asked.unwrap_or(if heard {
            GroupProtocol::Consumer
        } else {
            GroupProtocol::Classic
        })
    }

    /// How it stands with each of `topics`. They are asked for by name, so that a user who may see no other topic can ask; a
    /// consumer's client, unlike a producer's, does not make what it asks for.
    ///
    /// # Errors
    /// The cluster does not answer.
    pub fn topics(&self, topics: &[&str]) -> Result<Vec<Standing>, Trouble> {
        let _ = self.client.poll(Duration::ZERO);
        topics.iter().map(|topic| self.topic(topic)).collect()
    }

    fn topic(&self, topic: &str) -> Result<Standing, Trouble> {
        let access = Access::new(&self.principal, "Describe", topic);
        let trouble = |error: &KafkaError| Trouble::of(error, access, None);
        let metadata = match self.client.fetch_metadata(Some(topic), PATIENCE) {
            Ok(metadata) => metadata,
            Err(error) if is_missing(&error) => return Ok(Standing::Missing),
            Err(error) => return Err(trouble(&error)),
        };
        let Some(found) = metadata.topics().iter().find(|found| found.name() == topic) else {
            return Ok(Standing::Missing);
        };
        let there = || Standing::There {
            partitions: found.partitions().len(),
            replicas: found
                .partitions()
                .iter()
                .map(|partition| partition.replicas().len())
                .min()
                .unwrap_or(0),
        };
        Ok(match found.error().map(RDKafkaErrorCode::from) {
            None if found.partitions().is_empty() => Standing::Missing,
            None => there(),
            Some(code) => {
                let error = KafkaError::MetadataFetch(code);
                if is_missing(&error) {
                    Standing::Missing
                } else if class(&error) == Class::Passing {
                    // A partition without a leader, for the moment.
                    there()
                } else {
                    Standing::Refused(trouble(&error))
                }
            }
        })
    }

    /// The client ids of the members of consumer group `group`; `None` when the cluster does not say.
    pub fn members(&self, group: &str) -> Option<Vec<String>> {
        members(self.client.client(), group, PATIENCE)
    }
}

#[cfg(test)]
mod tests {
    use azulejo_broker::{BrokerConfig, start_on_free_port};

    use super::*;

    #[test]
    fn the_embedded_broker_has_the_classic_protocol_and_no_topics() {
        let folder = tempfile::tempdir().unwrap();
        let broker = start_on_free_port(BrokerConfig::new(folder.path())).unwrap();
        let kafka = KafkaSettings::new(broker.address().to_string());
        let probe = Probe::with_protocol(&kafka, "test").unwrap();
        assert_eq!(probe.topics(&["tasks"]).unwrap(), [Standing::Missing]);
        assert_eq!(probe.protocol(), GroupProtocol::Classic);
    }
}
