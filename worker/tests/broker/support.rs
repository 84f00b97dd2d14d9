//! A broker of its own for each test, and the server's side of the conversation: tasks in, results out.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use azulejo_broker::{BrokerConfig, RunningBroker, start_on_free_port};
use azulejo_imaging::{PixelFormat, Raster, Recipe, Region, Size, TileGrid, apply};
use azulejo_protocol::{JobId, ResultHeader, TaskHeader, Topics};
use azulejo_transport::{
    KafkaSettings, TopicSettings, WantedTopic, ensure_topics, from_message, to_owned_headers,
};
use azulejo_worker::config::Settings;
use azulejo_worker::drain::Stage;
use azulejo_worker::{Worker, WorkerError};
use rdkafka::TopicPartitionList;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Message, OwnedHeaders, OwnedMessage};
use rdkafka::producer::{BaseProducer, BaseRecord};
use rdkafka::topic_partition_list::Offset;
use tempfile::TempDir;
use uuid::Uuid;

/// Long enough for a busy machine; nothing is asserted about time below it.
pub const PATIENCE: Duration = Duration::from_secs(60);

pub const PARTITIONS: i32 = 4;

pub struct Lab {
    broker: Option<RunningBroker>,
    folder: TempDir,
    pub kafka: KafkaSettings,
    pub topics: Topics,
    producer: BaseProducer,
}

/// An image and what becomes of it.
pub struct Picture {
    pub job: JobId,
    pub recipe: String,
    image: Raster,
    whole: Raster,
    tile: u32,
}

impl Lab {
    pub async fn new() -> Self {
        Self::start(&[]).await
    }

    /// With a topic of results that takes records of at most `bytes`, as someone else may have made it.
    pub async fn with_small_results(bytes: usize) -> Self {
        Self::start(&[("results", bytes)]).await
    }

    /// With topics that take records of at most so many bytes, each by its name.
    pub async fn start(limits: &[(&str, usize)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = Self::config(&folder);
        let broker = outside(|| start_on_free_port(config).unwrap());
        let kafka = KafkaSettings::new(broker.address().to_string());
        let topics = Topics::default();
        for (topic, bytes) in limits {
            make_topic(&kafka, topic, Some(*bytes)).await;
        }
        let settings = TopicSettings {
            task_partitions: PARTITIONS,
            result_partitions: 2,
            replication: 1,
            ..TopicSettings::default()
        };
        let wanted = WantedTopic::all(&topics, &topics.results, &settings);
        ensure_topics(&kafka, &wanted, &settings).await.unwrap();
        let producer = kafka.producer("test").create().unwrap();
        Self {
            broker: Some(broker),
            folder,
            kafka,
            topics,
            producer,
        }
    }

    fn config(folder: &TempDir) -> BrokerConfig {
        let mut config = BrokerConfig::new(folder.path());
        config.initial_rebalance_delay = Duration::from_millis(50);
        config.auto_create_topics = false;
        config
    }

    /// Stops the broker and starts it anew where it was.
    pub fn restart_broker(&mut self, pause: Duration) {
        let broker = self.broker.take().unwrap();
        let address = broker.address();
        broker.stop();
        std::thread::sleep(pause);
        let config = Self::config(&self.folder);
        self.broker = Some(outside(|| {
            azulejo_broker::running::start_on(config, address).unwrap()
        }));
    }

    pub async fn worker(&self, slots: usize) -> Worker {
        self.worker_with(self.kafka.clone(), slots).await
    }

    pub async fn worker_with(&self, kafka: KafkaSettings, slots: usize) -> Worker {
        let mut settings = Settings::new(kafka);
        settings.slots = slots;
        settings.heartbeat_interval = Duration::from_millis(200);
        let worker = Worker::start(settings).await.unwrap();
        tokio::time::timeout(PATIENCE, worker.life().reached(Stage::Running))
            .await
            .unwrap();
        worker
    }

    pub async fn stop(&self, worker: Worker) -> Result<(), WorkerError> {
        worker.drain();
        tokio::time::timeout(PATIENCE, worker.ended()).await.unwrap()
    }

    pub fn send(&self, partition: i32, pairs: &[(&'static str, String)], value: &[u8]) {
        self.produce(&self.topics.tasks, partition, to_owned_headers(pairs), value);
    }

    pub fn produce(&self, topic: &str, partition: i32, headers: OwnedHeaders, value: &[u8]) {
        let record = BaseRecord::<[u8], [u8]>::to(topic)
            .partition(partition)
            .headers(headers)
            .payload(value);
        self.producer.send(record).map_err(|(error, _)| error).unwrap();
        // What is sent goes out by itself; this only keeps delivery reports from piling up.
        self.producer.poll(Duration::ZERO);
    }

    /// All records of `topic` until `enough` says so.
    pub fn read(&self, topic: &str, mut enough: impl FnMut(&[OwnedMessage]) -> bool) -> Vec<OwnedMessage> {
        let mut config = self.kafka.consumer("test");
        config.set("group.id", "test").set("enable.auto.commit", "false");
        let consumer: BaseConsumer = config.create().unwrap();
        let metadata = consumer.fetch_metadata(Some(topic), PATIENCE).unwrap();
        let mut list = TopicPartitionList::new();
        for partition in metadata.topics()[0].partitions() {
            list.add_partition_offset(topic, partition.id(), Offset::Beginning)
                .unwrap();
        }
        consumer.assign(&list).unwrap();
        let deadline = Instant::now() + PATIENCE;
        let mut records = Vec::new();
        while !enough(&records) {
            assert!(
                Instant::now() < deadline,
                "only {} records in {topic}",
                records.len()
            );
            if let Some(Ok(record)) = consumer.poll(Duration::from_millis(50)) {
                records.push(record.detach());
            }
        }
        records
    }

    /// Results by tile, waiting until `count` different tiles are there.
    pub fn results(&self, job: JobId, count: usize) -> BTreeMap<u32, (ResultHeader, Vec<u8>)> {
        self.results_in(&self.topics.results, job, count)
    }

    /// The same from another topic of results.
    pub fn results_in(
        &self,
        topic: &str,
        job: JobId,
        count: usize,
    ) -> BTreeMap<u32, (ResultHeader, Vec<u8>)> {
        let records = self.read(topic, |records| {
            let tiles: std::collections::BTreeSet<u32> = records
                .iter()
                .map(header)
                .filter(|header| header.job == job)
                .map(|header| header.tile)
                .collect();
            tiles.len() >= count
        });
        records
            .iter()
            .map(|record| (header(record), record.payload().unwrap_or_default().to_vec()))
            .filter(|(header, _)| header.job == job)
            .map(|(header, pixels)| (header.tile, (header, pixels)))
            .collect()
    }

    /// What the workers' group has committed, and where the partitions end.
    pub fn committed(&self) -> Vec<(Option<i64>, i64)> {
        let mut config = self.kafka.consumer("test");
        config.set("group.id", &self.topics.worker_group);
        let consumer: BaseConsumer = config.create().unwrap();
        let mut list = TopicPartitionList::new();
        for partition in 0..PARTITIONS {
            list.add_partition(&self.topics.tasks, partition);
        }
        let committed = consumer.committed_offsets(list, PATIENCE).unwrap();
        (0..PARTITIONS)
            .map(|partition| {
                let (_, end) = consumer
                    .fetch_watermarks(&self.topics.tasks, partition, PATIENCE)
                    .unwrap();
                let offset = committed
                    .find_partition(&self.topics.tasks, partition)
                    .unwrap()
                    .offset();
                let offset = if let Offset::Offset(offset) = offset {
                    Some(offset)
                } else {
                    None
                };
                (offset, end)
            })
            .collect()
    }
}

/// Makes a topic of one partition, with records of at most `bytes`.
pub async fn make_topic(kafka: &KafkaSettings, name: &str, bytes: Option<usize>) {
    let admin: AdminClient<_> = kafka.client("test").create().unwrap();
    let bytes = bytes.map(|bytes| bytes.to_string());
    let mut topic = NewTopic::new(name, 1, TopicReplication::Fixed(1));
    if let Some(bytes) = &bytes {
        topic = topic.set("max.message.bytes", bytes);
    }
    let made = admin.create_topics(&[topic], &AdminOptions::new()).await.unwrap();
    assert!(made.iter().all(Result::is_ok), "{made:?}");
}

/// The broker brings a runtime of its own, which cannot be started from within the test's.
pub fn outside<T: Send>(start: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| scope.spawn(start).join().unwrap())
}

impl Picture {
    pub fn new(number: u128, size: Size, tile: u32, recipe: &str) -> Self {
        let length = size.pixels() as usize * 3;
        let bytes = (0..length).map(|n| ((n * 31) ^ (n / 97)) as u8).collect();
        let image = Raster::from_bytes(size, PixelFormat::RGB8, bytes).unwrap();
        let parsed: Recipe = recipe.parse().unwrap();
        let whole = apply(&parsed, &image).unwrap();
        Self {
            job: JobId(Uuid::from_u128(number)),
            recipe: recipe.into(),
            image,
            whole,
            tile,
        }
    }

    fn grid(&self) -> TileGrid {
        TileGrid::new(self.whole.size(), self.tile)
    }

    pub fn tiles(&self) -> u32 {
        self.grid().len()
    }

    pub fn task(&self, tile: u32) -> (TaskHeader, Vec<u8>) {
        let recipe: Recipe = self.recipe.parse().unwrap();
        let output: Region = self.grid().region(tile).unwrap();
        let region = recipe.input_region(self.image.size(), output).unwrap();
        let header = TaskHeader {
            version: azulejo_protocol::record::VERSION,
            job: self.job,
            tile,
            attempt: 1,
            recipe: self.recipe.clone(),
            image: self.image.size(),
            format: self.image.format(),
            region,
            output,
            measure: None,
            results: None,
            holder: None,
            traceparent: Some(format!("00-{tile}")),
        };
        (header, self.image.crop(region).unwrap().into_bytes())
    }

    pub fn send(&self, lab: &Lab, tiles: impl IntoIterator<Item = u32>) {
        for tile in tiles {
            let (header, pixels) = self.task(tile);
            lab.send((tile % PARTITIONS as u32) as i32, &header.to_pairs(), &pixels);
        }
    }

    /// Every tile is there and has the pixels of the whole.
    pub fn check(&self, results: &BTreeMap<u32, (ResultHeader, Vec<u8>)>) {
        for tile in 0..self.tiles() {
            let (header, pixels) = &results[&tile];
            assert_eq!(header.error, None);
            assert_eq!(header.output, self.grid().region(tile).unwrap());
            assert_eq!(header.traceparent.as_deref(), Some(format!("00-{tile}").as_str()));
            assert!(
                *pixels == self.whole.crop(header.output).unwrap().into_bytes(),
                "tile {tile} differs"
            );
        }
    }
}

pub fn header(record: &OwnedMessage) -> ResultHeader {
    let headers = record.headers().map(OwnedHeaders::as_borrowed);
    let header = ResultHeader::from_headers(&from_message(headers)).unwrap();
    header.check_value(record.payload().unwrap_or_default()).unwrap();
    header
}
