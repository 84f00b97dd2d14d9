//! The smallest worker there can be: takes tasks, renders, answers. In memory order, no slots, no drain.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use azulejo_protocol::{Heartbeat, ResultHeader, TaskHeader, Timestamp, Topics, WorkerState};
use azulejo_transport::{KafkaSettings, from_message, to_owned_headers};
use rdkafka::Message;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::types::RDKafkaErrorCode;

/// A worker on a thread. Dropping it stops it.
pub struct Worker {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    pub fn start(brokers: &str, topics: &Topics) -> Self {
        Self::faulty(brokers, topics, |_| None)
    }

    /// One that answers a task with an error where `fault` says one.
    pub fn faulty(
        brokers: &str,
        topics: &Topics,
        fault: impl Fn(&TaskHeader) -> Option<String> + Send + 'static,
    ) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (told, brokers, topics) = (Arc::clone(&stop), brokers.to_owned(), topics.clone());
        let thread = std::thread::spawn(move || work(&brokers, &topics, &told, &fault));
        Self {
            stop,
            thread: Some(thread),
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn work(brokers: &str, topics: &Topics, stop: &AtomicBool, fault: &dyn Fn(&TaskHeader) -> Option<String>) {
    let kafka = KafkaSettings::new(brokers);
    let producer: BaseProducer = kafka.producer("test-worker").create().unwrap();
    let consumer: BaseConsumer = kafka
        .consumer("test-worker")
        .set("group.id", &topics.worker_group)
        .set("session.timeout.ms", "6000")
        .create()
        .unwrap();
    consumer.subscribe(&[&topics.tasks]).unwrap();
    let mut said = None::<Instant>;
    while !stop.load(Ordering::Relaxed) {
        if said.is_none_or(|at| at.elapsed() > Duration::from_millis(300)) {
            beat(&producer, &consumer, topics);
            said = Some(Instant::now());
        }
        let Some(Ok(message)) = consumer.poll(Duration::from_millis(50)) else {
            continue;
        };
        let headers = from_message(message.headers());
        let task = TaskHeader::from_headers(&headers).unwrap();
        let made = task.render(message.payload().unwrap().to_vec()).outcome.unwrap();
        let error = fault(&task);
        let result = ResultHeader {
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
            traceparent: None,
        };
        let value = if result.error.is_some() {
            &[][..]
        } else {
            &made.value
        };
        let key = task.job.to_string();
        let mut record = BaseRecord::to(task.results.as_deref().unwrap_or(&topics.results))
            .key(&key)
            .payload(value)
            .headers(to_owned_headers(&result.to_pairs()));
        // A result of several megabytes may have to wait until those before it are sent.
        while let Err((error, refused)) = producer.send(record) {
            assert_eq!(
                error.rdkafka_error_code(),
                Some(RDKafkaErrorCode::QueueFull),
                "{error}"
            );
            producer.poll(Duration::from_millis(50));
            record = refused;
        }
        producer.poll(Duration::ZERO);
        consumer.commit_message(&message, CommitMode::Async).unwrap();
    }
}

fn beat(producer: &BaseProducer, consumer: &BaseConsumer, topics: &Topics) {
    let partitions: Vec<i32> = consumer
        .assignment()
        .map(|list| {
            list.elements()
                .iter()
                .map(|element| element.partition())
                .collect()
        })
        .unwrap_or_default();
    send_beat(producer, topics, "test-worker", partitions);
}

/// One heartbeat of a worker that holds no partition.
pub fn say_hello(brokers: &str, topics: &Topics, id: &str) {
    let producer: BaseProducer = KafkaSettings::new(brokers).producer(id).create().unwrap();
    send_beat(&producer, topics, id, Vec::new());
    producer.flush(Duration::from_secs(10)).unwrap();
}

fn send_beat(producer: &BaseProducer, topics: &Topics, id: &str, partitions: Vec<i32>) {
    let heartbeat = Heartbeat {
        worker_id: id.into(),
        status: if partitions.is_empty() {
            WorkerState::Starting
        } else {
            WorkerState::Idle
        },
        tasks_processed: 0,
        current_task: None,
        timestamp: Timestamp::now_utc(),
        uptime: 1.0,
        avg_processing_time: 0.001,
        tasks_per_minute: 0.0,
        slots: 2,
        busy: 0,
        tasks_failed: 0,
        partitions,
        memory_bytes: 0,
        interval: 0.3,
        host: "here".into(),
        version: "0".into(),
        instance: String::new(),
        versions: azulejo_protocol::record::READABLE.to_vec(),
        alone: None,
        trouble: None,
    };
    let value = serde_json::to_string(&heartbeat).unwrap();
    let record = BaseRecord::to(&topics.heartbeats).key(id).payload(&value);
    producer.send(record).map_err(|(error, _)| error).unwrap();
    producer.poll(Duration::ZERO);
}
