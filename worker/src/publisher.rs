//! What the worker says: results, dead letters, heartbeats; all through one idempotent producer.
//!
//! librdkafka tells when a record is acknowledged, or that it will not be, on its own thread; for records that
//! answer a task that becomes an [`Event`] for the consumer's thread, which alone moves offsets.

use std::sync::Arc;
use std::time::Duration;

use azulejo_protocol::kafka::to_owned_headers;
use azulejo_protocol::{Heartbeat, ResultHeader, TaskHeader, Topics};
use crossbeam_channel::Sender;
use rdkafka::ClientContext;
use rdkafka::config::{FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, Headers as _, Message, OwnedHeaders, OwnedMessage};
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext};
use tracing::{debug, warn};

use crate::WorkerError;
use crate::assignment::Ticket;
use crate::config::Settings;
use crate::kafka_log::{self, Occasionally};
use crate::task::Rendered;

/// Longest error text in a record, characters.
const MAX_ERROR_CHARS: usize = 1000;

/// Pause before a record is offered again to a producer whose queue is full.
const QUEUE_FULL_PAUSE: Duration = Duration::from_millis(5);

/// What happens to a task after it was handed to a slot.
#[derive(Debug)]
pub enum Event {
    /// A slot is free for another tile.
    SlotFree,
    /// The task's answer is acknowledged, or it needs none.
    Answered(Ticket),
    /// The answer was not delivered.
    Undelivered {
        /// The task.
        ticket: Ticket,
        /// The record, to be sent again.
        record: Box<OwnedMessage>,
        /// Why.
        error: KafkaError,
    },
}

/// Makes records and hands them to librdkafka. Cheap to clone.
#[derive(Clone)]
pub struct Publisher {
    producer: Arc<BaseProducer<Deliveries>>,
    topics: Arc<Topics>,
    worker: Arc<str>,
}

impl Publisher {
    /// A producer for `settings`; what becomes of answers goes to `events`.
    ///
    /// # Errors
    /// When librdkafka does not take the configuration, or the system gives no thread.
    pub fn new(settings: &Settings, events: Sender<Event>) -> Result<Self, WorkerError> {
        let config = settings.kafka.producer(&settings.id);
        let context = Deliveries {
            events,
            quiet: Occasionally::default(),
        };
        let producer = Arc::new(BaseProducer::from_config_and_context(&config, context)?);
        take_reports(&producer)?;
        Ok(Self {
            producer,
            topics: Arc::new(settings.topics.clone()),
            worker: settings.id.as_str().into(),
        })
    }

    /// Answers a task.
    pub fn result(&self, task: &TaskHeader, rendered: &Rendered, ticket: Ticket) {
        let (pixels, format, error) = match &rendered.outcome {
            Ok((pixels, format)) => (pixels.as_slice(), *format, None),
            Err(error) => (
                &[][..],
                task.format,
                Some(error.chars().take(MAX_ERROR_CHARS).collect()),
            ),
        };
        let header = ResultHeader {
            version: task.version,
            job: task.job,
            tile: task.tile,
            attempt: task.attempt,
            format,
            output: task.output,
            worker: self.worker.to_string(),
            micros: rendered.micros,
            error,
            traceparent: task.traceparent.clone(),
        };
        let headers = to_owned_headers(&header.to_pairs());
        let key = task.job.to_string();
        self.send(
            &self.topics.results,
            Some(key.as_bytes()),
            Some(pixels),
            headers,
            Some(ticket),
        );
    }

    /// Puts a record that does not parse aside, with its headers, why, and who says so.
    pub fn dead_letter(&self, record: &impl Message, error: &str, ticket: Ticket) {
        let own = ["error", "worker"];
        let mut headers = OwnedHeaders::new();
        if let Some(given) = record.headers() {
            for header in given.iter().filter(|header| !own.contains(&header.key)) {
                headers = headers.insert(header);
            }
        }
        let error: String = error.chars().take(MAX_ERROR_CHARS).collect();
        headers = headers
            .insert(Header {
                key: "error",
                value: Some(error.as_bytes()),
            })
            .insert(Header {
                key: "worker",
                value: Some(self.worker.as_bytes()),
            });
        self.send(
            &self.topics.dead_letters,
            record.key(),
            record.payload(),
            headers,
            Some(ticket),
        );
    }

    /// Sends an undelivered answer again.
    pub fn again(&self, record: OwnedMessage, ticket: Ticket) {
        let headers = record.headers().cloned().unwrap_or_default();
        self.send(
            record.topic(),
            record.key(),
            record.payload(),
            headers,
            Some(ticket),
        );
    }

    /// Sends an undelivered answer without its value and with `reason` as its error.
    pub fn without_value(&self, record: OwnedMessage, reason: &str, ticket: Ticket) {
        let mut headers = record.headers().cloned().unwrap_or_default();
        if !headers.iter().any(|header| header.key == "error") {
            headers = headers.insert(Header {
                key: "error",
                value: Some(reason.as_bytes()),
            });
        }
        self.send(record.topic(), record.key(), Some(&[]), headers, Some(ticket));
    }

    /// Tells everyone how this worker is.
    pub fn heartbeat(&self, heartbeat: &Heartbeat) {
        let json = match serde_json::to_vec(heartbeat) {
            Ok(json) => json,
            Err(error) => return warn!("cannot write a heartbeat: {error}"),
        };
        let key = heartbeat.worker_id.as_bytes();
        self.send(
            &self.topics.heartbeats,
            Some(key),
            Some(&json),
            OwnedHeaders::new(),
            None,
        );
    }

    /// Waits until everything sent is acknowledged or given up.
    pub fn flush(&self, timeout: Duration) -> Result<(), KafkaError> {
        self.producer.flush(timeout)
    }

    /// Hands a record over. Blocks while the producer's queue is full: that is the memory bound of results, and a slot
    /// that waits here takes no new tile.
    fn send(
        &self,
        topic: &str,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: OwnedHeaders,
        ticket: Option<Ticket>,
    ) {
        let mut record = BaseRecord::with_opaque_to(topic, Box::new(ticket)).headers(headers);
        record.key = key;
        record.payload = value;
        loop {
            match self.producer.send(record) {
                Ok(()) => return,
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                    // A heartbeat that waits would tell of the past; the next one tells of the present.
                    if ticket.is_none() {
                        return;
                    }
                    record = back;
                    std::thread::sleep(QUEUE_FULL_PAUSE);
                }
                Err((error, back)) => {
                    let Some(ticket) = ticket else {
                        return debug!("cannot send a heartbeat: {error}");
                    };
                    let record = OwnedMessage::new(
                        value.map(<[u8]>::to_vec),
                        key.map(<[u8]>::to_vec),
                        topic.to_owned(),
                        rdkafka::Timestamp::NotAvailable,
                        -1,
                        -1,
                        back.headers,
                    );
                    let undelivered = Event::Undelivered {
                        ticket,
                        record: Box::new(record),
                        error,
                    };
                    return self.producer.context().report(undelivered);
                }
            }
        }
    }
}

/// Takes delivery reports on a thread of its own until the last [`Publisher`] is gone. Each wait ends with up to a
/// millisecond of spinning in the client, so waits are long; a report
/// is taken the moment it comes all the same.
fn take_reports(producer: &Arc<BaseProducer<Deliveries>>) -> std::io::Result<()> {
    let producer = Arc::downgrade(producer);
    let take = move || {
        while let Some(producer) = producer.upgrade() {
            producer.poll(Duration::from_secs(1));
        }
    };
    std::thread::Builder::new()
        .name("reports".into())
        .spawn(take)
        .map(drop)
}

/// Turns delivery reports into events.
struct Deliveries {
    events: Sender<Event>,
    quiet: Occasionally,
}

impl Deliveries {
    fn report(&self, event: Event) {
        // Nobody listens any more once the consumer's thread has ended: the worker stops and its offsets are settled.
        let _ = self.events.send(event);
    }
}

impl ClientContext for Deliveries {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        kafka_log::line(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        kafka_log::error(&self.quiet, &error, reason);
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = Box<Option<Ticket>>;

    fn delivery(&self, result: &DeliveryResult<'_>, ticket: Self::DeliveryOpaque) {
        match (result, *ticket) {
            (Ok(_), Some(ticket)) => self.report(Event::Answered(ticket)),
            (Err((error, record)), Some(ticket)) => self.report(Event::Undelivered {
                ticket,
                record: Box::new(record.detach()),
                error: error.clone(),
            }),
            (Ok(_), None) => {}
            (Err((error, _)), None) => debug!("a heartbeat was not delivered: {error}"),
        }
    }
}
