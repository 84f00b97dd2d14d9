//! The topics, made when they are not there.

use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::types::RDKafkaErrorCode;

use crate::kafka::KafkaSettings;
use crate::topics::{MAX_RECORD_BYTES, Topics};

/// How the topics are made. Topics that exist are left as they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicSettings {
    /// Partitions of `tasks`: the most worker processes that can share the work.
    pub task_partitions: i32,
    /// Partitions of `results`.
    pub result_partitions: i32,
    /// Copies of each partition. -1 takes the cluster's default.
    pub replication: i32,
}

impl Default for TopicSettings {
    fn default() -> Self {
        Self {
            task_partitions: 12,
            result_partitions: 4,
            replication: -1,
        }
    }
}

/// Makes the topics that are missing and waits until the broker has them.
///
/// # Errors
/// A sentence that says which topic could not be made and why, or that the broker does not answer.
pub async fn ensure_topics(
    kafka: &KafkaSettings,
    topics: &Topics,
    settings: &TopicSettings,
) -> Result<(), String> {
    let admin: AdminClient<DefaultClientContext> = kafka
        .client("azulejo-admin")
        .create()
        .map_err(|error| format!("cannot make a Kafka client for {}: {error}", kafka.brokers))?;
    let record_bytes = (MAX_RECORD_BYTES + 64 * 1024).to_string();
    let hour = (60 * 60 * 1000).to_string();
    let day = (24 * 60 * 60 * 1000).to_string();
    let replication = || TopicReplication::Fixed(settings.replication);
    let tile_topic = |name: &'static str| (name, record_bytes.as_str());
    let (size_key, size) = tile_topic("max.message.bytes");
    let wanted = [
        // The server sends a lost tile again, so tiles need not be kept longer than a long outage.
        NewTopic::new(&topics.tasks, settings.task_partitions, replication())
            .set(size_key, size)
            .set("retention.ms", &day),
        NewTopic::new(&topics.results, settings.result_partitions, replication())
            .set(size_key, size)
            .set("retention.ms", &day),
        NewTopic::new(&topics.heartbeats, 1, replication()).set("retention.ms", &hour),
        NewTopic::new(&topics.dead_letters, 1, replication())
            .set(size_key, size)
            .set("retention.ms", "-1"),
        NewTopic::new(&topics.control, 1, replication()).set("retention.ms", &day),
    ];
    let options = AdminOptions::new()
        .request_timeout(Some(Duration::from_secs(10)))
        .operation_timeout(Some(Duration::from_secs(10)));
    let results = admin
        .create_topics(&wanted, &options)
        .await
        .map_err(|error| format!("the broker at {} does not answer: {error}", kafka.brokers))?;
    for result in results {
        match result {
            Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((topic, code)) => return Err(format!("cannot make the topic '{topic}': {code}")),
        }
    }
    Ok(())
}
