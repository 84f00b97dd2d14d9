//! The topics: made when they are not there.

use std::time::Duration;

use azulejo_protocol::Topics;
use azulejo_protocol::health::TopicRole;
use azulejo_protocol::topics::MAX_RECORD_BYTES;
use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions, NewTopic, TopicReplication};
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::types::RDKafkaErrorCode;

use crate::client::Logged;
use crate::config::{ENVELOPE_BYTES, KafkaSettings};
use crate::probe::{Probe, Standing};

const PATIENCE: Duration = Duration::from_secs(10);
/// Most bytes of dead letters.
const DEAD_LETTER_BYTES: u64 = 1 << 30;

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

/// How the topics are made. Topics that exist are left as they are, but for `grow_tasks`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicSettings {
    /// Partitions of `tasks`: the most worker processes that can share the work.
    pub task_partitions: i32,
    /// Whether `tasks` is grown to that where it has fewer.
    pub grow_tasks: bool,
    /// Partitions of `results`.
    pub result_partitions: i32,
    /// Copies of each partition. -1 takes the cluster's default.
    pub replication: i32,
    /// Most bytes of pixels in a record.
    pub record_bytes: u64,
}

impl Default for TopicSettings {
    fn default() -> Self {
        Self {
            task_partitions: 12,
            grow_tasks: false,
            result_partitions: 4,
            replication: -1,
            record_bytes: MAX_RECORD_BYTES as u64,
        }
    }
}

/// A topic that has to be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WantedTopic {
    /// Its name.
    pub name: String,
    /// Its partitions where it has to be made.
    pub partitions: i32,
    /// What it is for, which says how it is made.
    pub role: TopicRole,
}

impl WantedTopic {
    /// The topics of an installation whose server reads `results`.
    pub fn all(topics: &Topics, results: &str, settings: &TopicSettings) -> Vec<Self> {
        let wanted = |name: &str, partitions, role| Self {
            name: name.to_owned(),
            partitions,
            role,
        };
        vec![
            wanted(&topics.tasks, settings.task_partitions, TopicRole::Tasks),
            wanted(results, settings.result_partitions, TopicRole::Results),
            wanted(&topics.heartbeats, 1, TopicRole::Heartbeats),
            wanted(&topics.dead_letters, 1, TopicRole::DeadLetters),
            wanted(&topics.control, 1, TopicRole::Control),
        ]
    }

    fn to_new(&self, settings: &TopicSettings) -> NewTopicSettings {
        let record_bytes = settings.record_bytes + ENVELOPE_BYTES as u64;
        let replication = settings.replication;
        let set = |name: &'static str, value: u64| (name, value.to_string());
        let hour = 60 * 60 * 1000;
        let mut settings = match self.role {
            // The server sends a lost tile again, so tiles need not be kept longer than a long outage.
            TopicRole::Tasks | TopicRole::Results => vec![
                set("max.message.bytes", record_bytes),
                set("retention.ms", 24 * hour),
                set("retention.bytes", TILE_TOPIC_BYTES),
                set("segment.bytes", TILE_SEGMENT_BYTES),
            ],
            TopicRole::Heartbeats => vec![set("retention.ms", hour)],
            // Kept for people to look at, but a worker that refuses everything must not fill the disk.
            TopicRole::DeadLetters => vec![
                set("max.message.bytes", record_bytes),
                ("retention.ms", "-1".to_owned()),
                set("retention.bytes", DEAD_LETTER_BYTES),
                set("segment.bytes", TILE_SEGMENT_BYTES),
            ],
            TopicRole::Control => vec![set("retention.ms", 24 * hour)],
        };
        // The broker's clock: what a machine with a wrong one says would be refused, or kept for ever.
        settings.push(("message.timestamp.type", "LogAppendTime".to_owned()));
        NewTopicSettings {
            name: self.name.clone(),
            partitions: self.partitions,
            replication,
            settings,
        }
    }
}

struct NewTopicSettings {
    name: String,
    partitions: i32,
    replication: i32,
    settings: Vec<(&'static str, String)>,
}

/// What is wrong with a topic and does not pass by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicProblem {
    /// Its name.
    pub topic: String,
    /// What is wrong, and what to do.
    pub sentence: String,
}

/// Makes the topics that are not there. A user without the right Create can work with topics that were made beforehand: then
/// this is not called.
///
/// # Errors
/// A sentence, when the cluster does not answer.
pub async fn make_topics(
    kafka: &KafkaSettings,
    missing: &[&WantedTopic],
    settings: &TopicSettings,
) -> Result<Vec<TopicProblem>, String> {
    let admin = admin(kafka)?;
    let new: Vec<NewTopicSettings> = missing.iter().map(|topic| topic.to_new(settings)).collect();
    let new: Vec<NewTopic<'_>> = new
        .iter()
        .map(|topic| {
            let new = NewTopic::new(
                &topic.name,
                topic.partitions,
                TopicReplication::Fixed(topic.replication),
            );
            topic
                .settings
                .iter()
                .fold(new, |new, (name, value)| new.set(name, value))
        })
        .collect();
    let results = admin
        .create_topics(&new, &patience())
        .await
        .map_err(|error| format!("the broker at {} does not answer: {error}", kafka.brokers))?;
    Ok(results
        .into_iter()
        .filter_map(|result| {
            let (topic, code) = result.err()?;
            (code != RDKafkaErrorCode::TopicAlreadyExists).then(|| {
                let principal = kafka.principal();
                let sentence = if code == RDKafkaErrorCode::TopicAuthorizationFailed {
                    format!(
                        "the topic '{topic}' is not there, and {principal} has not the right Create on it: make the topic, or \
                         give the right, as docs/kafka.md says"
                    )
                } else {
                    format!("the topic '{topic}' is not there and cannot be made ({code}): make it as docs/kafka.md says")
                };
                TopicProblem { topic, sentence }
            })
        })
        .collect())
}

/// Gives `topic` more partitions, `partitions` in all; what stands against it.
///
/// # Errors
/// A sentence, when the cluster does not answer.
pub async fn grow_topic(
    kafka: &KafkaSettings,
    topic: &str,
    partitions: i32,
) -> Result<Option<TopicProblem>, String> {
    let count =
        usize::try_from(partitions).map_err(|_| format!("{partitions} is no number of partitions"))?;
    let results = admin(kafka)?
        .create_partitions(&[NewPartitions::new(topic, count)], &patience())
        .await
        .map_err(|error| format!("the broker at {} does not answer: {error}", kafka.brokers))?;
    let refused = results.into_iter().find_map(Result::err);
    Ok(refused.map(|(_, code)| {
        let why = if code == RDKafkaErrorCode::TopicAuthorizationFailed {
            format!("{} has not the right Alter on it", kafka.principal())
        } else {
            code.to_string()
        };
        TopicProblem {
            topic: topic.to_owned(),
            sentence: format!(
                "the topic '{topic}' has fewer partitions than the {partitions} that KAFKA_PARTITIONS asks for, and cannot be grown \
                 ({why}): grow it with Kafka's tools, or set KAFKA_PARTITIONS to what it has"
            ),
        }
    }))
}

/// Makes those of the topics that are missing.
///
/// # Errors
/// A sentence, when the cluster does not answer.
pub async fn ensure_topics(
    kafka: &KafkaSettings,
    wanted: &[WantedTopic],
    settings: &TopicSettings,
) -> Result<Vec<TopicProblem>, String> {
    let probe = Probe::new(kafka, "azulejo-admin").map_err(|error| error.to_string())?;
    let names: Vec<&str> = wanted.iter().map(|topic| topic.name.as_str()).collect();
    let standings = probe.topics(&names).map_err(|trouble| trouble.reason)?;
    let missing: Vec<&WantedTopic> = wanted
        .iter()
        .zip(&standings)
        .filter(|(_, standing)| **standing == Standing::Missing)
        .map(|(topic, _)| topic)
        .collect();
    if missing.is_empty() {
        return Ok(Vec::new());
    }
    make_topics(kafka, &missing, settings).await
}

pub(crate) fn admin(kafka: &KafkaSettings) -> Result<AdminClient<Logged>, String> {
    AdminClient::from_config_and_context(&kafka.client("azulejo-admin"), Logged::default())
        .map_err(|error| format!("cannot make a Kafka client for {}: {error}", kafka.brokers))
}

pub(crate) fn patience() -> AdminOptions {
    AdminOptions::new()
        .request_timeout(Some(PATIENCE))
        .operation_timeout(Some(PATIENCE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_are_made_with_the_copies_and_record_size_that_are_asked_for_and_the_brokers_clock() {
        let settings = TopicSettings {
            task_partitions: 7,
            grow_tasks: false,
            result_partitions: 3,
            replication: 2,
            record_bytes: 500_000,
        };
        let wanted = WantedTopic::all(&Topics::with_prefix("lab-"), "lab-results-x", &settings);
        let new: Vec<NewTopicSettings> = wanted.iter().map(|topic| topic.to_new(&settings)).collect();
        let partitions: Vec<(&str, i32)> = new
            .iter()
            .map(|topic| (topic.name.as_str(), topic.partitions))
            .collect();
        assert_eq!(partitions[..2], [("lab-tasks", 7), ("lab-results-x", 3)]);
        for topic in &new {
            let of = |name: &str| {
                let found = topic.settings.iter().find(|(setting, _)| *setting == name);
                found.map(|(_, value)| value.as_str())
            };
            assert_eq!(topic.replication, 2);
            assert_eq!(
                of("message.timestamp.type"),
                Some("LogAppendTime"),
                "{}",
                topic.name
            );
            let has_pixels = !topic.name.ends_with("heartbeats") && !topic.name.ends_with("control");
            let most = of("max.message.bytes").map(|bytes| bytes.parse::<usize>().unwrap());
            assert_eq!(
                most,
                has_pixels.then_some(500_000 + ENVELOPE_BYTES),
                "{}",
                topic.name
            );
        }
    }
}
