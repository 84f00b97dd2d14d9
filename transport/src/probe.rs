//! Whether the cluster is there, which topics are missing, who is in the workers' group.

use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::types::RDKafkaErrorCode;

use crate::client::Logged;
use crate::config::KafkaSettings;
use crate::members::members;
use crate::trouble::{Access, Class, Trouble, class, is_missing};

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
    client: BaseConsumer<Logged>,
    principal: String,
}

impl Probe {
    /// A client that connects by itself, now or later.
    ///
    /// # Errors
    /// librdkafka refuses the settings.
    pub fn new(kafka: &KafkaSettings, client: &str) -> KafkaResult<Self> {
        Ok(Self {
            client: kafka.client(client).create_with_context(Logged::default())?,
            principal: kafka.principal(),
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
        let access = Access {
            principal: &self.principal,
            right: "Describe",
            topic,
            group: "",
        };
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
