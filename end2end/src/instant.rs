//! A worker that does not render: it answers each tile with the pixels that it got, or with an error. What an installation
//! moves with it is what server and broker can do, and what it makes of a tile that cannot be rendered.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use azulejo_protocol::{Heartbeat, ResultHeader, TaskHeader, Timestamp, Topics, WorkerState, record};
use azulejo_transport::{KafkaSettings, from_message, to_owned_headers};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{BorrowedMessage, Message};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};

const BEAT: Duration = Duration::from_millis(300);

/// A worker on a thread of this process. Recipes must give as many pixels as they get, such as `invert`.
pub struct InstantWorker {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Result<()>>>,
}

/// Who it is and how it answers.
struct Manner {
    id: &'static str,
    slots: u32,
    /// Tiles that it answers with `error`.
    refused: &'static [u32],
    error: &'static str,
}

impl InstantWorker {
    /// Starts it on the broker at `kafka`, with so many slots.
    pub fn start(kafka: &str, slots: u32) -> Self {
        let manner = Manner {
            id: "instant",
            slots,
            refused: &[],
            error: "",
        };
        Self::start_as(kafka, manner)
    }

    /// Starts one under the name `id` that cannot render the tiles `refused`, of any job, and says `error`.
    pub fn start_refusing(
        kafka: &str,
        id: &'static str,
        refused: &'static [u32],
        error: &'static str,
    ) -> Self {
        let manner = Manner {
            id,
            slots: 1,
            refused,
            error,
        };
        Self::start_as(kafka, manner)
    }

    fn start_as(kafka: &str, manner: Manner) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (stopping, kafka) = (stop.clone(), KafkaSettings::new(kafka));
        let thread = std::thread::spawn(move || work(&kafka, &manner, &stopping));
        Self {
            stop,
            thread: Some(thread),
        }
    }
}

impl Drop for InstantWorker {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(Ok(Err(error))) = self.thread.take().map(JoinHandle::join) {
            eprintln!("the instant worker: {error:#}");
        }
    }
}

fn work(kafka: &KafkaSettings, manner: &Manner, stop: &AtomicBool) -> Result<()> {
    let topics = Topics::default();
    let producer: BaseProducer = kafka.producer(manner.id).create()?;
    let consumer: BaseConsumer = kafka
        .consumer(manner.id)
        .set("group.id", &topics.worker_group)
        .set("enable.auto.offset.store", "true")
        .create()?;
    consumer.subscribe(&[&topics.tasks])?;
    let mut said = None::<Instant>;
    while !stop.load(Ordering::Relaxed) {
        producer.poll(Duration::ZERO);
        if said.is_none_or(|at| at.elapsed() > BEAT) {
            said = Some(Instant::now());
            beat(&producer, &consumer, &topics, manner)?;
        }
        if let Some(Ok(message)) = consumer.poll(Duration::from_millis(50)) {
            answer(&producer, &topics, &message, manner)?;
        }
    }
    producer.flush(Duration::from_secs(5)).context("the last answers")
}

fn answer(
    producer: &BaseProducer,
    topics: &Topics,
    message: &BorrowedMessage<'_>,
    manner: &Manner,
) -> Result<()> {
    let task = TaskHeader::from_headers(&from_message(message.headers())).context("a task")?;
    let error = manner
        .refused
        .contains(&task.tile)
        .then(|| manner.error.to_owned());
    let pixels = match error {
        Some(_) => &[],
        None => message.payload().unwrap_or_default(),
    };
    let result = ResultHeader {
        version: task.version,
        job: task.job,
        tile: task.tile,
        attempt: task.attempt,
        format: task.format,
        output: task.output,
        measure: task.measure,
        statistic: None,
        worker: manner.id.to_owned(),
        micros: 1,
        error,
        traceparent: task.traceparent.clone(),
    };
    let key = task.job.to_string();
    let mut record = BaseRecord::to(task.results.as_deref().unwrap_or(&topics.results))
        .key(&key)
        .payload(pixels)
        .headers(to_owned_headers(&result.to_pairs()));
    while let Err((error, back)) = producer.send(record) {
        if error.rdkafka_error_code() != Some(rdkafka::types::RDKafkaErrorCode::QueueFull) {
            return Err(error).context("an answer");
        }
        producer.poll(Duration::from_millis(5));
        record = back;
    }
    Ok(())
}

fn beat(producer: &BaseProducer, consumer: &BaseConsumer, topics: &Topics, manner: &Manner) -> Result<()> {
    let partitions: Vec<i32> = consumer
        .assignment()?
        .elements()
        .iter()
        .map(|element| element.partition())
        .collect();
    let beat = Heartbeat {
        worker_id: manner.id.to_owned(),
        status: WorkerState::Idle,
        tasks_processed: 0,
        current_task: None,
        timestamp: Timestamp::now_utc(),
        uptime: 1.0,
        avg_processing_time: 0.0,
        tasks_per_minute: 0.0,
        slots: manner.slots,
        busy: 0,
        tasks_failed: 0,
        partitions,
        memory_bytes: 0,
        interval: BEAT.as_secs_f64(),
        host: "here".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        instance: manner.id.to_owned(),
        versions: record::READABLE.to_vec(),
        alone: None,
        trouble: None,
    };
    let value = serde_json::to_string(&beat)?;
    let record = BaseRecord::to(&topics.heartbeats).key(manner.id).payload(&value);
    producer
        .send(record)
        .map_err(|(error, _)| error)
        .context("a heartbeat")
}
