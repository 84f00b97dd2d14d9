//! What the worker says: results, dead letters, heartbeats; all through one producer.
//!
//! librdkafka tells when a record is acknowledged, or that it will not be, on its own thread; for records that
//! answer a task that becomes an [`Event`] for the consumer's thread, which alone moves offsets.

use std::sync::Arc;
use std::time::Duration;

use azulejo_protocol::{Heartbeat, Origin, ResultHeader, TaskHeader, Topics};
use azulejo_transport::to_owned_headers;
use crossbeam_channel::Sender;
use rdkafka::config::{FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, Headers as _, Message, OwnedHeaders, OwnedMessage};
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext};
use rdkafka::{ClientConfig, ClientContext};
use tracing::warn;

use crate::assignment::Ticket;
use crate::config::Settings;
use crate::error::WorkerError;
use crate::pulse::Pulse;
use crate::task::{Rendered, VERSION};
use crate::trouble::Troubles;
use azulejo_transport::client::{self as kafka_log, Occasionally};
use azulejo_transport::{Access, Trouble};

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

/// What a record was for, handed back with its delivery report.
#[derive(Debug, Clone)]
pub enum Purpose {
    /// The answer to a task, or what stands for it: its offset waits for the acknowledgement.
    Answer(Ticket),
    /// A dead letter beside an answer.
    Letter,
    /// A heartbeat, and who waits for its acknowledgement.
    Heartbeat(Option<Sender<()>>),
}

/// Makes records and hands them to librdkafka. Cheap to clone.
#[derive(Clone)]
pub struct Publisher {
    producer: Arc<BaseProducer<Deliveries>>,
    reports: Reports,
    topics: Arc<Topics>,
    worker: Arc<str>,
}

impl Publisher {
    /// A producer for `settings`; what becomes of answers goes to `events`, what is not delivered otherwise to
    /// `troubles`, and `pulse` notes heartbeats that are acknowledged.
    ///
    /// # Errors
    /// When librdkafka does not take the configuration, or the system gives no thread.
    pub fn new(
        settings: &Settings,
        events: Sender<Event>,
        troubles: Arc<Troubles>,
        pulse: Arc<Pulse>,
    ) -> Result<Self, WorkerError> {
        let reports = Reports {
            events,
            troubles,
            pulse,
            principal: settings.kafka.principal().into(),
        };
        let producer = connect(&settings.kafka.producer(&settings.id), &reports)?;
        Ok(Self {
            producer,
            reports,
            topics: Arc::new(settings.topics.clone()),
            worker: settings.id.as_str().into(),
        })
    }

    /// Answers a task.
    pub fn result(&self, task: &TaskHeader, rendered: &Rendered, ticket: Ticket) {
        let (value, format, statistic, error) = match &rendered.outcome {
            Ok(made) => (made.value.as_slice(), made.format, made.statistic, None),
            Err(error) => (
                &[][..],
                task.format,
                None,
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
            measure: task.measure,
            statistic,
            worker: self.worker.to_string(),
            micros: rendered.micros,
            error,
            traceparent: task.traceparent.clone(),
        };
        let headers = to_owned_headers(&header.to_pairs());
        let key = task.job.to_string();
        self.send(
            self.answers_to(task.results.as_deref()),
            Some(key.as_bytes()),
            Some(value),
            headers,
            Purpose::Answer(ticket),
        );
    }

    /// The topic for an answer to a task that names `wanted`: that one when tasks may name it, else `results`.
    fn answers_to<'a>(&'a self, wanted: Option<&'a str>) -> &'a str {
        wanted
            .filter(|topic| self.topics.accepts_results(topic))
            .unwrap_or(&self.topics.results)
    }

    /// Answers a task that cannot be read, so that its server need not wait for it.
    pub fn refusal(&self, origin: &Origin, error: &str, ticket: Ticket) {
        let error = format!("worker version {VERSION} cannot read this task: {error}");
        let header = origin.refusal(&self.worker, error);
        self.send(
            self.answers_to(origin.results.as_deref()),
            Some(header.job.to_string().as_bytes()),
            Some(&[]),
            to_owned_headers(&header.to_pairs()),
            Purpose::Answer(ticket),
        );
    }

    /// Puts a record that cannot be read aside, with its headers, why, and who says so. With a ticket this is all that
    /// comes of the task; without, it is answered, too.
    pub fn dead_letter(&self, record: &impl Message, error: &str, ticket: Option<Ticket>) {
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
            ticket.map_or(Purpose::Letter, Purpose::Answer),
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
            Purpose::Answer(ticket),
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
        let purpose = Purpose::Answer(ticket);
        self.send(record.topic(), record.key(), Some(&[]), headers, purpose);
    }

    /// Tells everyone how this worker is, and `heard` once that is acknowledged; `heard` is dropped when it is not.
    pub fn heartbeat(&self, heartbeat: &Heartbeat, heard: Option<Sender<()>>) {
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
            Purpose::Heartbeat(heard),
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
        purpose: Purpose,
    ) {
        let mut record = BaseRecord::with_opaque_to(topic, Box::new(purpose)).headers(headers);
        record.key = key;
        record.payload = value;
        loop {
            match self.producer.send(record) {
                Ok(()) => return,
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                    // A heartbeat that waits would tell of the past; the next one tells of the present.
                    if !matches!(*back.delivery_opaque, Purpose::Answer(_)) {
                        return;
                    }
                    record = back;
                    std::thread::sleep(QUEUE_FULL_PAUSE);
                }
                Err((error, back)) => {
                    let Purpose::Answer(ticket) = *back.delivery_opaque else {
                        return self.reports.trouble(&error, topic, None);
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
                    return self.reports.event(undelivered);
                }
            }
        }
    }
}

/// A producer whose delivery reports are taken.
fn connect(config: &ClientConfig, reports: &Reports) -> Result<Arc<BaseProducer<Deliveries>>, WorkerError> {
    let context = Deliveries {
        reports: reports.clone(),
        quiet: Occasionally::default(),
    };
    let producer = Arc::new(BaseProducer::from_config_and_context(config, context)?);
    take_reports(&producer)?;
    Ok(producer)
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

/// Where delivery reports go.
#[derive(Clone)]
struct Reports {
    events: Sender<Event>,
    troubles: Arc<Troubles>,
    pulse: Arc<Pulse>,
    /// Who this worker is to the cluster.
    principal: Arc<str>,
}

impl Reports {
    /// A record for `topic` that is no answer was not delivered.
    fn trouble(&self, error: &KafkaError, topic: &str, bytes: Option<usize>) {
        let access = Access::new(&self.principal, "Write", topic);
        self.troubles
            .report(topic, &Trouble::of(error, access, bytes).reason);
    }

    fn event(&self, event: Event) {
        // Nobody listens any more once the consumer's thread has ended: the worker stops and its offsets are settled.
        let _ = self.events.send(event);
    }
}

/// Turns delivery reports into events and troubles.
struct Deliveries {
    reports: Reports,
    quiet: Occasionally,
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
    type DeliveryOpaque = Box<Purpose>;

    fn delivery(&self, result: &DeliveryResult<'_>, purpose: Self::DeliveryOpaque) {
        let reports = &self.reports;
        match (result, *purpose) {
            (Ok(record), purpose) => {
                reports.troubles.clear(record.topic());
                match purpose {
                    Purpose::Answer(ticket) => reports.event(Event::Answered(ticket)),
                    Purpose::Heartbeat(waiting) => {
                        reports.pulse.hear();
                        // Whoever waited may have given up.
                        if let Some(heard) = waiting {
                            let _ = heard.send(());
                        }
                    }
                    Purpose::Letter => {}
                }
            }
            (Err((error, record)), Purpose::Answer(ticket)) => reports.event(Event::Undelivered {
                ticket,
                record: Box::new(record.detach()),
                error: error.clone(),
            }),
            (Err((error, record)), Purpose::Heartbeat(_) | Purpose::Letter) => {
                reports.trouble(error, record.topic(), record.payload().map(<[u8]>::len));
            }
        }
    }
}
