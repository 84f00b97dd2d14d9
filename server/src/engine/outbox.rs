//! The producer: tasks, dead letters, words to the workers.
//!
//! A send copies the value into librdkafka's queue, whose size is bounded, and returns; a thread of its own takes the
//! broker's acknowledgements and tells the scheduler. With the broker away the queue fills and sends wait; what is not
//! acknowledged in time comes back, and its tile goes to the queue again.
//!
//! **Lost for good.** An idempotent producer whose order cannot be kept any more (the broker forgot its sequence) fails
//! for ever: [`Outbox::lost`] says so, and the program ends, for a new one goes on from the database.

use std::sync::Arc;
use std::time::{Duration, Instant};

use azulejo_protocol::{ControlMessage, JobId, TaskHeader, Topics};
use azulejo_transport::{KafkaSettings, to_owned_headers};
use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, OwnedHeaders, ToBytes};
use rdkafka::producer::{BaseRecord, Producer, ProducerContext, ThreadedProducer};
use tokio::sync::watch;

use super::quiet;
use super::schedule::Grant;
use super::state::State;

/// How long a send waits for room in the queue.
const SEND_PATIENCE: Duration = Duration::from_secs(5);

/// Whose acknowledgement this is.
#[derive(Debug)]
pub enum Parcel {
    /// A task.
    Task {
        /// Its job.
        job: JobId,
        /// Its tile.
        tile: u32,
        /// The try, as the scheduler names it.
        ticket: u64,
    },
    /// Anything else, named for the log.
    Other(&'static str),
}

/// Takes acknowledgements.
struct Receipts {
    state: Arc<State>,
    lost: watch::Sender<Option<String>>,
}

impl Receipts {
    /// Remembers an error after which nothing is ever sent again.
    fn notice(&self, error: &KafkaError, reason: &str) {
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::Fatal) {
            self.lost.send_if_modified(|lost| {
                let first = lost.is_none();
                lost.get_or_insert_with(|| {
                    format!(
                        "the producer can send nothing more ({error} {reason}): start the server again, it goes on where                          it was"
                    )
                });
                first
            });
        }
    }
}

impl ClientContext for Receipts {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        quiet::log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "librdkafka");
        self.notice(&error, reason);
    }
}

impl ProducerContext for Receipts {
    type DeliveryOpaque = Box<Parcel>;

    fn delivery(&self, result: &DeliveryResult<'_>, parcel: Self::DeliveryOpaque) {
        let failure = result.as_ref().err().map(|(error, _)| error);
        if let Some(error) = failure {
            self.notice(error, "");
        }
        match (*parcel, failure) {
            (Parcel::Task { job, tile, ticket }, None) => {
                self.state.core().acknowledged(job, tile, ticket, Instant::now());
            }
            (Parcel::Task { job, tile, ticket }, Some(error)) => {
                tracing::warn!(%job, tile, %error, "the broker did not take a tile; it will be sent again");
                self.state.core().not_sent(job, tile, ticket);
                self.state.wake();
            }
            (Parcel::Other(what), Some(error)) => {
                tracing::warn!(%error, what, "the broker did not take a record");
            }
            (Parcel::Other(_), None) => {}
        }
    }
}

/// The producer and the names of the topics.
pub struct Outbox {
    producer: ThreadedProducer<Receipts>,
    topics: Topics,
    lost: watch::Receiver<Option<String>>,
}

impl Outbox {
    /// Makes the producer. It connects by itself, now or later.
    ///
    /// # Errors
    /// librdkafka refuses the settings.
    pub fn new(kafka: &KafkaSettings, topics: Topics, state: Arc<State>) -> anyhow::Result<Self> {
        let (sender, lost) = watch::channel(None);
        let producer = kafka
            .producer("azulejo-server")
            .create_with_context(Receipts { state, lost: sender })?;
        Ok(Self {
            producer,
            topics,
            lost,
        })
    }

    /// Waits until the producer is lost for good, and says why.
    pub async fn lost(&self) -> String {
        let mut lost = self.lost.clone();
        loop {
            let reason = lost.borrow_and_update().clone();
            match reason {
                Some(reason) => return reason,
                None if lost.changed().await.is_ok() => {}
                // The producer ended with the engine.
                None => std::future::pending().await,
            }
        }
    }

    /// Produces a tile to the partition that was chosen for it. The scheduler hears how it went.
    ///
    /// # Errors
    /// The queue stays full, or librdkafka refuses the record: then no acknowledgement will come.
    pub fn task(&self, grant: &Grant, task: &TaskHeader, pixels: &[u8]) -> Result<(), KafkaError> {
        let key = format!("{}/{}", task.job, task.tile);
        let parcel = Parcel::Task {
            job: task.job,
            tile: task.tile,
            ticket: grant.ticket,
        };
        let record = BaseRecord::with_opaque_to(&self.topics.tasks, Box::new(parcel))
            .key(&key)
            .payload(pixels)
            .partition(grant.partition)
            .headers(to_owned_headers(&task.to_pairs()));
        self.send(record)
    }

    /// Keeps a record that nobody can use: `value` and `headers` as they came, and why.
    pub fn dead_letter(&self, key: &[u8], value: &[u8], headers: OwnedHeaders) {
        let record = BaseRecord::with_opaque_to(
            &self.topics.dead_letters,
            Box::new(Parcel::Other("a dead letter")),
        )
        .key(key)
        .payload(value)
        .headers(headers);
        if let Err(error) = self.send(record) {
            tracing::warn!(%error, "a dead letter could not be produced");
        }
    }

    /// Says something to every worker.
    pub fn control(&self, message: &ControlMessage) {
        let (ControlMessage::Cancel { job } | ControlMessage::Resume { job }) = message;
        let key = job.to_string();
        let value = match serde_json::to_vec(message) {
            Ok(value) => value,
            Err(error) => return tracing::error!(%error, "a control message cannot be written"),
        };
        let record =
            BaseRecord::with_opaque_to(&self.topics.control, Box::new(Parcel::Other("a control message")))
                .key(&key)
                .payload(&value);
        if let Err(error) = self.send(record) {
            tracing::warn!(%error, "a control message could not be produced");
        }
    }

    /// Waits until everything was acknowledged, or for `most`.
    pub fn flush(&self, most: Duration) {
        if let Err(error) = self.producer.flush(most) {
            tracing::warn!(%error, "not everything was acknowledged by the broker; it will be sent again");
        }
    }

    fn send<K: ToBytes + ?Sized, V: ToBytes + ?Sized>(
        &self,
        mut record: BaseRecord<'_, K, V, Box<Parcel>>,
    ) -> Result<(), KafkaError> {
        let deadline = Instant::now() + SEND_PATIENCE;
        loop {
            match self.producer.send(record) {
                Ok(()) => return Ok(()),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back))
                    if Instant::now() < deadline =>
                {
                    record = back;
                    std::thread::sleep(Duration::from_millis(5));
                }
                Err((error, _)) => {
                    self.producer.context().notice(&error, "");
                    return Err(error);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_error_that_ends_the_producer_is_told_and_no_other() {
        let settings = KafkaSettings::new("127.0.0.1:1");
        let outbox = Outbox::new(&settings, Topics::default(), Arc::default()).unwrap();
        let receipts = outbox.producer.context();
        receipts.error(
            KafkaError::Global(RDKafkaErrorCode::AllBrokersDown),
            "1/1 brokers are down",
        );
        assert!(outbox.lost.borrow().is_none());
        receipts.error(
            KafkaError::Global(RDKafkaErrorCode::Fatal),
            "out of order sequence",
        );
        let reason = outbox.lost().await;
        assert!(
            reason.contains("out of order sequence") && reason.contains("start the server again"),
            "{reason}"
        );
    }
}
