//! An engine, the embedded broker and a worker that does as it is told: for tests of the engine through real Kafka records.
#![allow(dead_code, reason = "each test program uses a part")]

mod images;
mod worker;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use azulejo_broker::running::start_on;
use azulejo_broker::{BrokerConfig, RunningBroker};
use azulejo_imaging::file::{Limits, probe};
use azulejo_imaging::{PixelFormat, Raster, Size, apply};
use azulejo_protocol::health::IntakeLimits;
use azulejo_protocol::{Job, JobId, JobStatus, Topics};
use azulejo_server::engine::{Engine, EngineConfig, Upload};
use azulejo_transport::{KafkaSettings, TopicSettings};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Headers, Message};
use rdkafka::{Offset, TopicPartitionList};
use tempfile::TempDir;
use uuid::Uuid;

pub use self::images::{noise, read_image, write_png};
pub use self::worker::{Act, TestWorker, beat, headers, say, say_alone, send};

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
