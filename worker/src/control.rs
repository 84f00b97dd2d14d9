//! The topic `control`: which jobs nobody waits for any more.
//!
//! Every worker reads all of it, with a consumer of its own that is in no group. It begins a little before the end,
//! so that a worker that was started after a cancellation knows of it, too.

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use azulejo_protocol::{ControlMessage, JobId};
use rdkafka::config::{FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::consumer::{Consumer, ConsumerContext, StreamConsumer};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::Message;
use rdkafka::topic_partition_list::Offset;
use rdkafka::{ClientContext, TopicPartitionList};
use tracing::{debug, info, warn};

use crate::config::Settings;
use crate::kafka_log::{self, Occasionally};

/// Cancelled jobs that are remembered. One that is forgotten costs the rendering of tiles that nobody reads.
const MAX_CANCELLED: usize = 10_000;

/// Records read from before the worker's start, per partition.
const LOOK_BACK: i64 = 1000;

/// Pause before the topic is looked up again.
const RETRY: Duration = Duration::from_secs(2);

/// The jobs cancelled last.
#[derive(Debug, Default)]
pub struct Cancelled(Mutex<Recent>);

#[derive(Debug, Default)]
struct Recent {
    jobs: HashSet<JobId>,
    order: VecDeque<JobId>,
}

impl Cancelled {
    /// Whether tiles of `job` need not be rendered.
    pub fn contains(&self, job: JobId) -> bool {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .jobs
            .contains(&job)
    }

    /// Follows a word from the server.
    pub fn apply(&self, message: &ControlMessage) {
        let mut recent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match message {
            ControlMessage::Cancel { job } => {
                if recent.jobs.insert(*job) {
                    recent.order.push_back(*job);
                }
                if recent.order.len() > MAX_CANCELLED
                    && let Some(oldest) = recent.order.pop_front()
                {
                    recent.jobs.remove(&oldest);
                }
            }
            ControlMessage::Resume { job } => {
                if recent.jobs.remove(job) {
                    recent.order.retain(|other| other != job);
                }
            }
        }
    }
}

/// Reads `control` for ever.
pub async fn follow(settings: Settings, cancelled: Arc<Cancelled>) {
    let settings = Arc::new(settings);
    let consumer = loop {
        let settings = Arc::clone(&settings);
        // Looking the topic up blocks.
        match tokio::task::spawn_blocking(move || connect(&settings)).await {
            Ok(Ok(consumer)) => break consumer,
            Ok(Err(error)) => warn!("cannot read cancellations yet: {error}"),
            Err(_) => return,
        }
        tokio::time::sleep(RETRY).await;
    };
    let topic = &settings.topics.control;
    let trouble = Occasionally::default();
    loop {
        match consumer.recv().await {
            Ok(record) => match ControlMessage::from_json(record.payload().unwrap_or_default()) {
                Ok(None) => debug!(
                    offset = record.offset(),
                    "a word of '{topic}' that is not known here"
                ),
                Ok(Some(message)) => {
                    info!(?message, "control");
                    cancelled.apply(&message);
                }
                Err(error) => warn!(
                    offset = record.offset(),
                    "a record of '{topic}' does not parse: {error}"
                ),
            },
            Err(error) if trouble.now() => warn!("Kafka, topic '{topic}': {error}; trying again"),
            Err(error) => debug!("Kafka, topic '{topic}': {error}"),
        }
    }
}

/// A consumer that reads every partition of `control` from a little before its end.
fn connect(settings: &Settings) -> KafkaResult<StreamConsumer<Quiet>> {
    let mut config = settings.kafka.consumer(&settings.id);
    // librdkafka wants a group's name even where no group is joined; nothing is ever committed under it.
    config
        .set("group.id", format!("{}-control", settings.id))
        .set("enable.auto.commit", "false")
        .set("queued.max.messages.kbytes", "1024");
    let consumer: StreamConsumer<Quiet> = StreamConsumer::from_config_and_context(&config, Quiet::default())?;
    let topic = &settings.topics.control;
    let metadata = consumer.fetch_metadata(Some(topic), Duration::from_secs(10))?;
    let mut assignment = TopicPartitionList::new();
    for partition in metadata.topics().iter().flat_map(|topic| topic.partitions()) {
        assignment.add_partition_offset(topic, partition.id(), Offset::OffsetTail(LOOK_BACK))?;
    }
    consumer.assign(&assignment)?;
    Ok(consumer)
}

#[derive(Default)]
struct Quiet(Occasionally);

impl ClientContext for Quiet {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        kafka_log::line(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        kafka_log::error(&self.0, &error, reason);
    }
}

impl ConsumerContext for Quiet {}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn job(number: usize) -> JobId {
        JobId(Uuid::from_u128(number as u128))
    }

    #[test]
    fn a_resumed_job_is_rendered_again() {
        let cancelled = Cancelled::default();
        cancelled.apply(&ControlMessage::Cancel { job: job(1) });
        assert!(cancelled.contains(job(1)) && !cancelled.contains(job(2)));
        cancelled.apply(&ControlMessage::Resume { job: job(1) });
        assert!(!cancelled.contains(job(1)));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let cancelled = Cancelled::default();
        for number in 0..=MAX_CANCELLED {
            cancelled.apply(&ControlMessage::Cancel { job: job(number) });
            cancelled.apply(&ControlMessage::Cancel { job: job(number) });
        }
        assert!(
            !cancelled.contains(job(0))
                && cancelled.contains(job(1))
                && cancelled.contains(job(MAX_CANCELLED))
        );
    }
}
