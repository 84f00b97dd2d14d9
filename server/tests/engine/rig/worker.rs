//! A worker that does as it is told, and what workers say.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use azulejo_protocol::record::Rendered;
use azulejo_protocol::{
    ControlMessage, Heartbeat, JobId, ResultHeader, TaskHeader, Timestamp, Topics, WorkerState,
};
use azulejo_transport::{KafkaSettings, from_message, to_owned_headers};
use rdkafka::Offset;
use rdkafka::consumer::Consumer;
use rdkafka::message::{BorrowedMessage, Header, Message, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};

use super::{Rig, TASK_PARTITIONS, reader};

/// What the worker does with a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    Render,
    /// Answers the same twice.
    RenderTwice,
    Fail(String),
    /// Says nothing.
    Ignore,
}

/// A worker in a thread. It holds every partition without a group, from the beginning of the tasks. As a real one does, it
/// skips tiles of cancelled jobs without an answer; it has read what there is of `control` before it says that it is there.
pub struct TestWorker {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    pub seen: Arc<AtomicU32>,
}

impl TestWorker {
    pub fn start(rig: &Rig, act: impl Fn(&TaskHeader) -> Act + Send + 'static) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let seen = Arc::new(AtomicU32::new(0));
        let (stopping, count, kafka) = (stop.clone(), seen.clone(), rig.kafka());
        let thread = std::thread::spawn(move || work(&kafka, &stopping, &count, act));
        Self {
            stop,
            thread: Some(thread),
            seen,
        }
    }
}

impl Drop for TestWorker {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

fn work(kafka: &KafkaSettings, stop: &AtomicBool, seen: &AtomicU32, act: impl Fn(&TaskHeader) -> Act) {
    let topics = Topics::default();
    let consumer = reader(kafka, &topics.tasks, TASK_PARTITIONS, Offset::Beginning);
    let control = reader(kafka, &topics.control, 1, Offset::Beginning);
    let (_, mut unheard) = control
        .fetch_watermarks(&topics.control, 0, Duration::from_secs(10))
        .unwrap_or_default();
    let mut cancelled = HashSet::new();
    let producer: BaseProducer = kafka.producer("test-worker").create().unwrap();
    let mut beat = Instant::now() - Duration::from_secs(1);
    while !stop.load(Ordering::Relaxed) {
        producer.poll(Duration::ZERO);
        while let Some(Ok(word)) = control.poll(Duration::ZERO) {
            if word.offset() + 1 >= unheard {
                unheard = 0;
            }
            match serde_json::from_slice(word.payload().unwrap()).unwrap() {
                ControlMessage::Cancel { job } => cancelled.insert(job),
                ControlMessage::Resume { job } => cancelled.remove(&job),
            };
        }
        if unheard > 0 {
            std::thread::yield_now();
            continue;
        }
        if beat.elapsed() > Duration::from_millis(200) {
            beat = Instant::now();
            say(&producer, "test-worker", WorkerState::Idle);
        }
        let Some(Ok(message)) = consumer.poll(Duration::from_millis(20)) else {
            continue;
        };
        seen.fetch_add(1, Ordering::Relaxed);
        answer(&producer, &topics, &message, &cancelled, &act);
    }
    say(&producer, "test-worker", WorkerState::Stopped);
    drop(producer.flush(Duration::from_secs(5)));
}

fn answer(
    producer: &BaseProducer,
    topics: &Topics,
    message: &BorrowedMessage<'_>,
    cancelled: &HashSet<JobId>,
    act: &impl Fn(&TaskHeader) -> Act,
) {
    let task = TaskHeader::from_headers(&from_message(message.headers())).unwrap();
    if cancelled.contains(&task.job) {
        return;
    }
    let value = message.payload().unwrap();
    task.check_value(value).unwrap();
    let act = act(&task);
    let nothing = Rendered {
        value: Vec::new(),
        format: task.format,
        statistic: None,
    };
    let (error, made) = match &act {
        Act::Ignore => return,
        Act::Fail(error) => (Some(error.clone()), nothing),
        Act::Render | Act::RenderTwice => (None, task.render(value.to_vec()).outcome.unwrap()),
    };
    let header = ResultHeader {
        version: task.version,
        job: task.job,
        tile: task.tile,
        attempt: task.attempt,
        format: made.format,
        output: task.output,
        measure: task.measure,
        statistic: made.statistic,
        worker: "test-worker".into(),
        micros: 1000,
        error,
        traceparent: task.traceparent.clone(),
    };
    for _ in 0..if act == Act::RenderTwice { 2 } else { 1 } {
        send(
            producer,
            task.results.as_deref().unwrap_or(&topics.results),
            &task.job.to_string(),
            &made.value,
            to_owned_headers(&header.to_pairs()),
        );
    }
}

pub fn send(producer: &BaseProducer, topic: &str, key: &str, value: &[u8], headers: OwnedHeaders) {
    let record = BaseRecord::to(topic).key(key).payload(value).headers(headers);
    assert!(producer.send(record).is_ok(), "cannot produce");
}

pub fn headers(pairs: &[(&str, &str)]) -> OwnedHeaders {
    pairs.iter().fold(OwnedHeaders::new(), |headers, (key, value)| {
        headers.insert(Header {
            key,
            value: Some(*value),
        })
    })
}

/// One heartbeat of a worker that holds every partition.
pub fn say(producer: &BaseProducer, worker: &str, status: WorkerState) {
    say_alone(producer, worker, status, None);
}

/// As `say`, of a worker that renders the inherited task `alone`, named `job/tile/attempt`, with nothing else in hand.
pub fn say_alone(producer: &BaseProducer, worker: &str, status: WorkerState, alone: Option<String>) {
    let beat = Heartbeat {
        status,
        alone,
        ..beat(worker)
    };
    let value = serde_json::to_vec(&beat).unwrap();
    let topic = Topics::default().heartbeats;
    send(producer, &topic, worker, &value, OwnedHeaders::new());
}

/// The heartbeat of an idle worker that holds every partition.
pub fn beat(worker: &str) -> Heartbeat {
    Heartbeat {
        worker_id: worker.into(),
        status: WorkerState::Idle,
        tasks_processed: 0,
        current_task: None,
        timestamp: Timestamp::now_utc(),
        uptime: 1.0,
        avg_processing_time: 0.0,
        tasks_per_minute: 0.0,
        slots: 2,
        busy: 0,
        tasks_failed: 0,
        partitions: (0..TASK_PARTITIONS).collect(),
        memory_bytes: 0,
        interval: 1.0,
        host: "test".into(),
        version: "0".into(),
        instance: String::new(),
        versions: azulejo_protocol::record::READABLE.to_vec(),
        alone: None,
        trouble: None,
    }
}
