//! Whether the cluster is there, which topics are missing, who is in the workers' group.

use std::collections::BTreeSet;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaResult;

use crate::client::Logged;
use crate::config::KafkaSettings;
use crate::trouble::Trouble;

const PATIENCE: Duration = Duration::from_secs(4);

/// Asks the cluster. A consumer's client: asking with a producer's would make a missing topic, with settings that nobody chose.
pub struct Probe {
    client: BaseConsumer<Logged>,
}

impl Probe {
    /// A client that connects by itself, now or later.
    ///
    /// # Errors
    /// librdkafka refuses the settings.
    pub fn new(kafka: &KafkaSettings, client: &str) -> KafkaResult<Self> {
        Ok(Self {
            client: kafka.client(client).create_with_context(Logged::default())?,
        })
    }

    /// Which of `topics` are missing. All are listed rather than asked for by name, which could make them.
    ///
    /// # Errors
    /// The cluster does not answer.
    pub fn missing(&self, topics: &[&str]) -> Result<Vec<String>, Trouble> {
        let _ = self.client.poll(Duration::ZERO);
        let metadata = self
            .client
            .fetch_metadata(None, PATIENCE)
            .map_err(|error| Trouble::of(&error, "", None))?;
        let there: BTreeSet<&str> = metadata
            .topics()
            .iter()
            .filter(|topic| topic.error().is_none() && !topic.partitions().is_empty())
            .map(|topic| topic.name())
            .collect();
        Ok(topics
            .iter()
            .filter(|topic| !there.contains(**topic))
            .map(|topic| (*topic).to_owned())
            .collect())
    }

    /// The client ids of the members of consumer group `group`; `None` when the cluster does not say.
    pub fn members(&self, group: &str) -> Option<Vec<String>> {
        let list = self.client.fetch_group_list(Some(group), PATIENCE).ok()?;
        Some(
            list.groups()
                .iter()
                .filter(|found| found.name() == group)
                .flat_map(|found| found.members().iter().map(|member| member.client_id().to_owned()))
                .collect(),
        )
    }
}
