//! An engine, the embedded broker and a worker that does as it is told: for tests of the engine through real Kafka records.
#![allow(dead_code, reason = "each test program uses a part")]

mod images;

use std::collections::HashSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use azulejo_broker::running::start_on;
use azulejo_broker::{BrokerConfig, RunningBroker};
use azulejo_imaging::file::{Limits, probe};
use azulejo_imaging::{PixelFormat, Raster, Size, apply};
use azulejo_protocol::health::IntakeLimits;
use azulejo_protocol::record::Rendered;
use azulejo_protocol::{
    ControlMessage, Heartbeat, Job, JobId, JobStatus, ResultHeader, TaskHeader, Timestamp, Topics,
    WorkerState,
};
use azulejo_server::engine::{Engine, EngineConfig, Upload};
use azulejo_transport::{KafkaSettings, TopicSettings, from_message, to_owned_headers};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{BorrowedMessage, Header, Headers, Message, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::{Offset, TopicPartitionList};
use tempfile::TempDir;
use uuid::Uuid;

pub use self::images::{noise, read_image, write_png};

pub const TASK_PARTITIONS: i32 = 4;

/// Headers and value of a record.
pub type Record = (Vec<(String, String)>, Vec<u8>);

/// A broker and a data folder.
pub struct Rig {
    pub broker: Broker,
    pub folder: TempDir,
}

/// The broker, started and ended away from the test's async runtime: it has one of its own.
pub struct Broker(Option<RunningBroker>);

impl Broker {
    pub fn start(folder: PathBuf, address: SocketAddr) -> Self {
        let started = std::thread::spawn(move || start_on(BrokerConfig::new(folder), address).unwrap());
        Self(Some(started.join().unwrap()))
    }

    pub fn address(&self) -> SocketAddr {
        self.0.as_ref().unwrap().address()
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let broker = self.0.take();
        drop(std::thread::spawn(move || drop(broker)).join());
    }
}

impl Rig {
    pub fn new() -> Self {
        drop(
            tracing_subscriber::fmt()
                .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
                .with_test_writer()
                .try_init(),
        );
        let folder = tempfile::tempdir().unwrap();
        let broker = Broker::start(folder.path().join("kafka"), SocketAddr::from(([127, 0, 0, 1], 0)));
        Self { broker, folder }
    }

    pub fn kafka(&self) -> KafkaSettings {
        KafkaSettings::new(self.broker.address().to_string())
    }

    /// An engine with small tiles.
    pub fn engine(&self) -> Engine {
        self.engine_with(|_| {})
    }

    pub fn engine_with(&self, change: impl FnOnce(&mut EngineConfig)) -> Engine {
        let mut config = config(
            &self.broker.address().to_string(),
            &self.folder.path().join("data"),
        );
        change(&mut config);
        Engine::start(config).unwrap()
    }

    /// An upload of a picture of noise.
    pub fn upload(&self, size: Size, format: PixelFormat) -> (Upload, Raster) {
        let raster = noise(size, format);
        let path = self
            .folder
            .path()
            .join("data")
            .join(format!("{}.part", Uuid::new_v4()));
        write_png(&path, &raster);
        let upload = Upload {
            id: Uuid::new_v4(),
            filename: "coast.png".into(),
            bytes: std::fs::metadata(&path).unwrap().len(),
            info: probe(&path, &Limits::default()).unwrap(),
            path,
            started_at: None,
            encoding: None,
            page: None,
            job: None,
            owner: None,
            is_counted: false,
            content: None,
            fresh: false,
            once: None,
        };
        (upload, raster)
    }

    /// How many partitions `topic` has; 0 when it is not there.
    pub fn partitions(&self, topic: &str) -> usize {
        let consumer: BaseConsumer = self.kafka().client("test").create().unwrap();
        let metadata = consumer
            .fetch_metadata(Some(topic), Duration::from_secs(10))
            .unwrap();
        metadata
            .topics()
            .iter()
            .map(|found| found.partitions().len())
            .sum()
    }

    /// A consumer of all of `topic`, from its beginning.
    pub fn reader(&self, topic: &str, partitions: i32) -> BaseConsumer {
        reader(&self.kafka(), topic, partitions, Offset::Beginning)
    }

    /// Every record of `topic` so far.
    pub fn records(&self, topic: &str, partitions: i32) -> Vec<Record> {
        let consumer = self.reader(topic, partitions);
        let mut records = Vec::new();
        // What is there now, however long it takes to come; then what comes within a moment.
        let there: i64 = (0..partitions)
            .map(|partition| {
                let marks = consumer.fetch_watermarks(topic, partition, Duration::from_secs(20));
                // None of a topic that is not there.
                marks.map_or(0, |(low, high)| high - low)
            })
            .sum();
        let (began, mut last) = (Instant::now(), Instant::now());
        while last.elapsed() < Duration::from_millis(700)
            || (records.len() as i64) < there && began.elapsed() < Duration::from_secs(30)
        {
            if let Some(Ok(message)) = consumer.poll(Duration::from_millis(100)) {
                last = Instant::now();
                let headers = message.headers().map(|headers| {
                    headers
                        .iter()
                        .map(|header| {
                            let value =
                                String::from_utf8_lossy(header.value.unwrap_or_default()).into_owned();
                            (header.key.to_owned(), value)
                        })
                        .collect()
                });
                records.push((
                    headers.unwrap_or_default(),
                    message.payload().unwrap_or_default().to_vec(),
                ));
            }
        }
        records
    }

    pub fn jobs_folder(&self) -> PathBuf {
        self.folder.path().join("data/jobs")
    }
}

fn config(kafka: &str, data_dir: &Path) -> EngineConfig {
    EngineConfig {
        kafka: KafkaSettings::new(kafka),
        topics: Topics::default(),
        topic_settings: TopicSettings {
            task_partitions: TASK_PARTITIONS,
            ..TopicSettings::default()
        },
        server_id: None,
        data_dir: data_dir.to_owned(),
        limits: IntakeLimits {
            min_side: 1,
            max_side: 10_000,
            max_pixels: 1 << 26,
            max_bytes: 1 << 28,
            tile_size: 64,
            max_record_bytes: 10 << 20,
        },
        tile_timeout: Duration::from_secs(2),
        max_attempts: 3,
        reuse: azulejo_server::engine::reuse::Reuse::default(),
        quotas: azulejo_server::engine::quotas::Quotas::default(),
        retention: azulejo_protocol::Retention::default(),
    }
}

/// An engine with small tiles on a given folder.
pub fn engine_on(kafka: &str, data_dir: &Path) -> Engine {
    Engine::start(config(kafka, data_dir)).unwrap()
}

fn reader(kafka: &KafkaSettings, topic: &str, partitions: i32, from: Offset) -> BaseConsumer {
    let mut config = kafka.consumer("test");
    config.set("enable.auto.commit", "false").set("group.id", "test");
    let consumer: BaseConsumer = config.create().unwrap();
    let mut list = TopicPartitionList::new();
    for partition in 0..partitions {
        list.add_partition_offset(topic, partition, from).unwrap();
    }
    consumer.assign(&list).unwrap();
    consumer
}

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

/// Waits until the job has ended in some way.
pub async fn ended(engine: &Engine, id: JobId) -> Job {
    wait_for(engine, id, |job| job.status.is_final()).await
}

/// Waits until `condition` holds of the job.
pub async fn wait_for(engine: &Engine, id: JobId, condition: impl Fn(&Job) -> bool) -> Job {
    let deadline = Instant::now() + Duration::from_secs(90);
    loop {
        let job = engine.job(id).await.unwrap();
        if condition(&job) {
            return job;
        }
        assert!(
            Instant::now() < deadline,
            "the job does not get there: {job:#?} {:#?}",
            engine.health()
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Checks that the result's pixels are those of the recipe applied to the whole image.
pub async fn assert_result(engine: &Engine, id: JobId, image: &Raster, recipe: &str) {
    let job = ended(engine, id).await;
    assert_eq!(job.status, JobStatus::Completed, "{:?}", job.error);
    assert_eq!(job.progress.completed, job.total_tiles);
    let file = engine.result_file(id).await.unwrap();
    assert_eq!(job.output_bytes, Some(file.bytes));
    let expected = apply(&recipe.parse().unwrap(), image).unwrap();
    let found = read_image(&file.path);
    assert_eq!(
        (found.size(), found.format()),
        (expected.size(), expected.format())
    );
    assert!(found.bytes() == expected.bytes(), "the pixels differ");
}
