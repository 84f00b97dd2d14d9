//! The topics, made when they are not there.

use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::types::RDKafkaErrorCode;

use crate::kafka::KafkaSettings;
use crate::topics::{MAX_RECORD_BYTES, Topics};

/// Most bytes of each partition of `tasks` and `results`, beside the segment that is being written.
///
/// The server lets at most 512 MiB of tasks be outstanding over all partitions; with as much again for copies that are
/// overdue and sent anew, all of it fits a single partition. Results of a job share a partition: 1 GiB holds a hundred of the
/// largest (10 MiB) and a thousand usual ones, more than a worker's credits. The server also deletes what it has done
/// with, so a healthy installation stays far below. Should a record go too early all the same, its tile is overdue and sent
/// again. Twelve and four partitions: 16 GiB at the very most, where time alone would allow a day of full speed.
const TILE_TOPIC_BYTES: u64 = 1 << 30;
/// Whole segments are deleted, so this is what a partition keeps beyond what is of use.
const TILE_SEGMENT_BYTES: u64 = 64 << 20;

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
    let (most, segment) = (TILE_TOPIC_BYTES.to_string(), TILE_SEGMENT_BYTES.to_string());
    let topic =
        |name, partitions| NewTopic::new(name, partitions, TopicReplication::Fixed(settings.replication));
    // The server sends a lost tile again, so tiles need not be kept longer than a long outage.
    let tiles = |name, partitions| {
        topic(name, partitions)
            .set("max.message.bytes", &record_bytes)
            .set("retention.ms", &day)
            .set("retention.bytes", &most)
            .set("segment.bytes", &segment)
    };
    let wanted = [
        tiles(&topics.tasks, settings.task_partitions),
        tiles(&topics.results, settings.result_partitions),
        topic(&topics.heartbeats, 1).set("retention.ms", &hour),
        topic(&topics.dead_letters, 1)
            .set("max.message.bytes", &record_bytes)
            .set("retention.ms", "-1"),
        topic(&topics.control, 1).set("retention.ms", &day),
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
