//! What is sent: tiles, words to the workers, dead letters.
//!
//! Two threads take what the core wants sent in order, read a tile's pixels into a buffer that is used again, and hand it to
//! librdkafka, whose queue is bounded; the copy into that queue is the only one that the pixels see on their way out. A
//! thread of librdkafka's takes the broker's acknowledgements and tells the core.
//!
//! The producer is not idempotent, so no error of the broker's can end it for good: see `KafkaSettings::producer`.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use azulejo_engine::{DeliveryClass, Event, Send, TryId};
use azulejo_protocol::{ControlMessage, TaskHeader};
use azulejo_transport::{Class, Trouble, client, to_owned_headers, trouble};
use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Header, Message, OwnedHeaders, ToBytes};
use rdkafka::producer::{BaseRecord, Producer, ProducerContext, ThreadedProducer};

use super::Line;
use crate::engine::files::run::{Held, Run};
use crate::engine::files::{Files, disk};
use crate::engine::problems::Aspect;
use crate::engine::threads::{self, Alarm};

/// Two keep reading while the other copies; more would only share the same cores.
const SENDERS: usize = 2;
/// How long the end waits for a broker to which no connection is open.
const COME_BACK: Duration = Duration::from_millis(500);
/// How long a send waits for room in the queue.
const PATIENCE: Duration = Duration::from_secs(5);

/// Something to be sent.
pub enum Parcel {
    /// A tile.
    Tile(Send),
    /// A word to every worker.
    Word(ControlMessage),
    /// That this server is there: see [`super::owner`].
    Owner(Vec<(&'static str, String)>),
    /// A tile that was given up.
    Dead {
        /// Its run, which is ending: its pixels are there as long as it is held.
        run: Held,
        /// The tile, as it was sent last.
        send: Send,
        /// The worker of its last try.
        worker: String,
        /// Why it was given up.
        error: String,
    },
}

/// Whose acknowledgement this is.
#[derive(Debug)]
enum Purpose {
    Tile(TryId),
    Word(ControlMessage),
    Other,
}

/// Takes acknowledgements.
struct Receipts {
    line: Arc<Line>,
    quiet: client::Occasionally,
    /// No broker could be reached, and nothing was acknowledged since.
    cut_off: AtomicBool,
}

impl ClientContext for Receipts {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        client::line(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::AllBrokersDown) {
            self.cut_off.store(true, Ordering::Release);
        }
        client::error(&self.quiet, &error, reason);
    }
}

impl ProducerContext for Receipts {
    type DeliveryOpaque = Box<Purpose>;

    fn delivery(&self, result: &DeliveryResult<'_>, purpose: Self::DeliveryOpaque) {
        if result.is_ok() {
            self.cut_off.store(false, Ordering::Release);
        }
        match (*purpose, result) {
            (Purpose::Tile(id), Ok(_)) => (self.line.tell)(Event::Delivered(id)),
            (Purpose::Tile(id), Err((error, record))) => {
                let bytes = record.payload().map(<[u8]>::len);
                (self.line.tell)(not_delivered(&self.line, id, error, record.topic(), bytes));
            }
            (Purpose::Word(_) | Purpose::Other, Ok(record)) => {
                self.line.problems.clear(record.topic(), Aspect::Writing);
            }
            (purpose, Err((error, record))) => {
                if let Purpose::Word(word) = purpose {
                    self.line.leave_unsaid(word);
                }
                refused(
                    &self.line,
                    error,
                    record.topic(),
                    record.payload().map(<[u8]>::len),
                );
            }
        }
    }
}

fn not_delivered(line: &Line, id: TryId, error: &KafkaError, topic: &str, bytes: Option<usize>) -> Event {
    let trouble = Trouble::of(error, line.writing(topic), bytes);
    let class = match trouble.class {
        Class::Record => DeliveryClass::Record,
        Class::Installation => DeliveryClass::Installation,
        Class::Passing | Class::Fatal => DeliveryClass::Passing,
    };
    Event::NotDelivered {
        id,
        class,
        reason: trouble.reason,
    }
}

/// A word or a dead letter was not taken.
fn refused(line: &Line, error: &KafkaError, topic: &str, bytes: Option<usize>) {
    let trouble = Trouble::of(error, line.writing(topic), bytes);
    if trouble.class == Class::Passing && !trouble::is_missing(error) {
        tracing::warn!(topic, error = trouble.reason, "the broker did not take a record");
    } else {
        line.problems.set(topic, Aspect::Writing, &trouble.reason);
    }
}

/// The producer and its threads. Cheap to clone.
#[derive(Clone)]
pub struct Outbox {
    line: Arc<Line>,
    producer: Arc<ThreadedProducer<Receipts>>,
    queue: Arc<Mutex<Option<Sender<Parcel>>>>,
    waiting: Arc<Mutex<Receiver<Parcel>>>,
}

impl Outbox {
    /// Makes the producer. It connects by itself, now or later.
    ///
    /// # Errors
    /// librdkafka refuses the settings.
    pub fn new(line: Arc<Line>) -> anyhow::Result<Self> {
        let config = line.kafka.producer("azulejo-server");
        let producer = config.create_with_context(Receipts {
            line: line.clone(),
            quiet: client::Occasionally::default(),
            cut_off: AtomicBool::new(false),
        })?;
        let (queue, waiting) = mpsc::channel();
        Ok(Self {
            line,
            producer: Arc::new(producer),
            queue: Arc::new(Mutex::new(Some(queue))),
            waiting: Arc::new(Mutex::new(waiting)),
        })
    }

    /// Starts the senders, which read tiles from `files`.
    ///
    /// # Errors
    /// The system gives no more threads.
    pub fn start(&self, files: &Arc<Files>, alarm: &Alarm) -> std::io::Result<Vec<JoinHandle<()>>> {
        (0..SENDERS)
            .map(|_| {
                let (outbox, files, line) = (self.clone(), files.clone(), self.line.clone());
                threads::spawn(
                    "send",
                    alarm,
                    move || line.is_stopping(),
                    move || outbox.serve(&files),
                )
            })
            .collect()
    }

    /// Queues something to be sent. How many tiles wait here is bounded by the core's windows.
    pub fn send(&self, parcel: Parcel) {
        if let Some(queue) = &*self.queue.lock().unwrap_or_else(PoisonError::into_inner) {
            drop(queue.send(parcel));
        }
    }

    /// Sends what is queued and nothing more, and ends the senders.
    pub fn close(&self) {
        drop(self.queue.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

    /// Waits until everything was acknowledged, or for `most`, or until it is clear that no broker is there.
    pub fn flush(&self, most: Duration) {
        let began = Instant::now();
        let is_cut_off = || self.producer.client().context().cut_off.load(Ordering::Acquire);
        while self.producer.in_flight_count() > 0 {
            let waited = began.elapsed();
            if waited > most || (waited > COME_BACK && is_cut_off()) {
                let records = self.producer.in_flight_count();
                tracing::warn!(
                    records,
                    "not everything was acknowledged by the broker; it will be sent again"
                );
                return;
            }
            // What it did not acknowledge in this time is counted above.
            drop(self.producer.flush(Duration::from_millis(50)));
        }
    }

    fn serve(&self, files: &Files) {
        let mut pixels = Vec::new();
        loop {
            let parcel = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).recv();
            match parcel {
                Ok(Parcel::Tile(send)) => self.tile(files, &send, &mut pixels),
                Ok(Parcel::Word(word)) => self.word(&word),
                Ok(Parcel::Owner(headers)) => self.owner(&headers),
                Ok(Parcel::Dead {
                    run,
                    send,
                    worker,
                    error,
                }) => self.dead(&run, &send, &worker, &error, &mut pixels),
                Err(_) => return,
            }
        }
    }

    fn tile(&self, files: &Files, send: &Send, pixels: &mut Vec<u8>) {
        let tell = &self.line.tell;
        let Some(task) = self.read(files, send, pixels) else {
            return;
        };
        let key = format!("{}/{}", send.job, send.tile);
        let record = BaseRecord::with_opaque_to(&self.line.topics.tasks, Box::new(Purpose::Tile(send.id)))
            .key(&key)
            .payload(pixels.as_slice())
            .partition(send.partition)
            .headers(to_owned_headers(&task.to_pairs()));
        if let Err(error) = self.produce(record) {
            tell(not_delivered(
                &self.line,
                send.id,
                &error,
                &self.line.topics.tasks,
                Some(pixels.len()),
            ));
        }
    }

    /// Reads the pixels of a tile; `None` when that is not possible, which the core has been told then.
    fn read(&self, files: &Files, send: &Send, pixels: &mut Vec<u8>) -> Option<TaskHeader> {
        let tell = &self.line.tell;
        let run = files
            .this_run(send.job, send.run)
            .filter(|run| !run.is_stopped())?;
        let (region, output) = run.spec.tile_regions(send.tile)?;
        if let Err(error) = run.pixels.read_region(region, pixels) {
            if disk::is_shortage(&error) {
                tell(Event::NotDelivered {
                    id: send.id,
                    class: DeliveryClass::Passing,
                    reason: error.to_string(),
                });
            } else if !run.is_stopped() {
                tell(Event::FilesFailed {
                    job: send.job,
                    run: send.run,
                    reason: disk::explain("reading the decoded image", &error),
                });
            }
            return None;
        }
        Some(TaskHeader {
            results: Some(self.line.results.clone()),
            holder: Some(send.holder.clone()).filter(|holder| !holder.is_empty()),
            ..run.spec.task(send.tile, send.attempt, region, output)
        })
    }

    fn owner(&self, headers: &[(&'static str, String)]) {
        let topic = &self.line.results;
        let record = BaseRecord::<str, [u8], _>::with_opaque_to(topic, Box::new(Purpose::Other))
            .key("owner")
            .partition(0)
            .headers(to_owned_headers(headers));
        if let Err(error) = self.produce(record) {
            refused(&self.line, &error, topic, None);
        }
    }

    fn word(&self, word: &ControlMessage) {
        let (ControlMessage::Cancel { job } | ControlMessage::Resume { job }) = word;
        // The latest word about a job is the one that counts.
        self.line.forget_unsaid(*job);
        let key = job.to_string();
        let value = match serde_json::to_vec(word) {
            Ok(value) => value,
            Err(error) => return tracing::error!(%error, "a control message cannot be written"),
        };
        let topic = &self.line.topics.control;
        let record = BaseRecord::with_opaque_to(topic, Box::new(Purpose::Word(word.clone())))
            .key(&key)
            .payload(&value);
        if let Err(error) = self.produce(record) {
            self.line.leave_unsaid(word.clone());
            refused(&self.line, &error, topic, Some(value.len()));
        }
    }

    fn dead(&self, run: &Run, send: &Send, worker: &str, error: &str, pixels: &mut Vec<u8>) {
        let Some((region, output)) = run.spec.tile_regions(send.tile) else {
            return;
        };
        if let Err(error) = run.pixels.read_region(region, pixels) {
            tracing::warn!(job = %send.job, tile = send.tile, %error, "a dead letter has no pixels");
            pixels.clear();
        }
        let task = run.spec.task(send.tile, send.attempt, region, output);
        let attempts = send.attempt.to_string();
        let mut headers = to_owned_headers(&task.to_pairs());
        for (key, value) in [("error", error), ("attempts", &attempts), ("worker", worker)] {
            headers = headers.insert(Header {
                key,
                value: Some(value),
            });
        }
        let key = format!("{}/{}", send.job, send.tile);
        self.dead_letter(key.as_bytes(), pixels, headers);
    }

    /// Keeps a record that nobody can use: `value` and `headers` as they came, and why.
    pub fn dead_letter(&self, key: &[u8], value: &[u8], headers: OwnedHeaders) {
        let topic = &self.line.topics.dead_letters;
        let record = BaseRecord::with_opaque_to(topic, Box::new(Purpose::Other))
            .key(key)
            .payload(value)
            .headers(headers);
        if let Err(error) = self.produce(record) {
            refused(&self.line, &error, topic, Some(value.len()));
        }
    }

    fn produce<K: ToBytes + ?Sized, V: ToBytes + ?Sized>(
        &self,
        mut record: BaseRecord<'_, K, V, Box<Purpose>>,
    ) -> Result<(), KafkaError> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.producer.send(record) {
                Ok(()) => return Ok(()),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back))
                    if Instant::now() < deadline && !self.line.is_stopping() =>
                {
                    record = back;
                    std::thread::sleep(Duration::from_millis(5));
                }
                Err((error, _)) => return Err(error),
            }
        }
    }
}
