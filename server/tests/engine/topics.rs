//! Topics that somebody else made, changed or deleted: they are read whole, made again, and what does not work is named.

use std::time::{Duration, Instant};

use crate::rig::{Act, Rig, TASK_PARTITIONS, TestWorker, assert_result, ended, wait_for};
use azulejo_imaging::{PixelFormat, Size};
use azulejo_protocol::health::TopicRole;
use azulejo_protocol::{Heartbeat, JobStatus, Topics, WorkerState};
use azulejo_server::engine::Engine;
use rdkafka::admin::{AdminClient, AdminOptions, AlterConfig, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};

fn admin(rig: &Rig) -> AdminClient<DefaultClientContext> {
    rig.kafka().client("test").create().unwrap()
}

async fn make(rig: &Rig, name: &str, partitions: i32, settings: &[(&str, &str)]) {
    let new = NewTopic::new(name, partitions, TopicReplication::Fixed(1));
    let new = settings.iter().fold(new, |new, (key, value)| new.set(key, value));
    let made = admin(rig)
        .create_topics(&[new], &AdminOptions::new())
        .await
        .unwrap();
    assert!(made.iter().all(Result::is_ok), "{made:?}");
}

/// Waits until the problem of `subject` contains `words`, or with `None` until there is none.
async fn problem(engine: &Engine, subject: &str, words: Option<&str>) {
    let begun = Instant::now();
    loop {
        let problems = engine.health().problems;
        let found = problems.iter().find(|problem| problem.subject == subject);
        let as_wanted = match (found, words) {
            (Some(found), Some(words)) => found.detail.contains(words),
            (found, None) => found.is_none(),
            (None, Some(_)) => false,
        };
        if as_wanted {
            return;
        }
        assert!(
            begun.elapsed() < Duration::from_secs(90),
            "{subject}, {words:?}: {problems:?}"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn heartbeats_are_read_from_every_partition() {
    let rig = Rig::new();
    let topic = Topics::default().heartbeats;
    make(&rig, &topic, 3, &[]).await;
    let engine = rig.engine();
    let beats: Vec<Heartbeat> = (0..3).map(|n| crate::rig::beat(&format!("worker-{n}"))).collect();
    let producer: BaseProducer = rig.kafka().producer("test").create().unwrap();
    let begun = Instant::now();
    while engine.workers().len() < 3 {
        assert!(
            begun.elapsed() < Duration::from_secs(30),
            "{:?}",
            engine.workers()
        );
        for (partition, beat) in beats.iter().enumerate() {
            let value = serde_json::to_vec(beat).unwrap();
            let record = BaseRecord::<str, [u8]>::to(&topic)
                .payload(&value)
                .partition(partition as i32);
            assert!(producer.send(record).is_ok());
        }
        producer.flush(Duration::from_secs(10)).unwrap();
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    engine.shutdown().await;
}

/// Sets the largest record of `topic`, as somebody does with Kafka's tools.
async fn set_largest_record(rig: &Rig, topic: &str, bytes: &str) {
    let change = AlterConfig::new(ResourceSpecifier::Topic(topic)).set("max.message.bytes", bytes);
    let changed = admin(rig)
        .alter_configs(&[change], &AdminOptions::new())
        .await
        .unwrap();
    assert!(changed.iter().all(Result::is_ok), "{changed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn tiles_follow_the_largest_record_of_a_topic_and_one_that_is_useless_is_refused() {
    let rig = Rig::new();
    let tasks = Topics::default().tasks;
    make(&rig, &tasks, TASK_PARTITIONS, &[("max.message.bytes", "5000")]).await;
    let engine = rig.engine();
    problem(&engine, &tasks, Some("max.message.bytes=5000")).await;
    assert!(!engine.health().kafka_connected, "jobs wait");
    set_largest_record(&rig, &tasks, "200000").await;
    problem(&engine, &tasks, None).await;
    let _worker = TestWorker::start(&rig, |_| Act::Render);
    // Whole it is 196,608 bytes, and a record of 200,000 has no room for what is around them.
    let (upload, image) = rig.upload(Size::new(256, 256), PixelFormat::RGB8);
    assert!(engine.limits().max_record_bytes < 196_608);
    let id = engine.submit(upload, "invert").await.unwrap().job_id;
    assert_result(&engine, id, &image, "invert").await;
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_the_topic_never_takes_fails_its_job_with_the_setting_to_change() {
    let rig = Rig::new();
    let tasks = Topics::default().tasks;
    let engine = rig.engine();
    let _worker = TestWorker::start(&rig, |_| Act::Render);
    let (upload, image) = rig.upload(Size::new(60, 60), PixelFormat::GRAY8);
    let id = engine.submit(upload, "invert").await.unwrap().job_id;
    assert_result(&engine, id, &image, "invert").await;
    // The server looks at its topics once a minute: until then it knows nothing of this.
    set_largest_record(&rig, &tasks, "5000").await;
    let (upload, _) = rig.upload(Size::new(256, 256), PixelFormat::RGB8);
    let id = engine.submit(upload, "invert").await.unwrap().job_id;
    let job = ended(&engine, id).await;
    assert_eq!(job.status, JobStatus::Failed);
    let error = job.error.unwrap();
    assert!(
        error.contains("max.message.bytes") && error.contains(&tasks),
        "{error}"
    );
    // Smaller tiles go their way all the same.
    let (upload, image) = rig.upload(Size::new(60, 60), PixelFormat::GRAY8);
    let id = engine.submit(upload, "invert").await.unwrap().job_id;
    assert_result(&engine, id, &image, "invert").await;
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_that_are_not_taken_are_named_and_forgotten_when_they_are() {
    let rig = Rig::new();
    let topic = Topics::default().dead_letters;
    make(&rig, &topic, 1, &[("max.message.bytes", "300")]).await;
    let engine = rig.engine();
    let producer: BaseProducer = rig.kafka().producer("test").create().unwrap();
    let begun = Instant::now();
    while !engine.health().kafka_connected {
        assert!(begun.elapsed() < Duration::from_secs(30));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let strange = || {
        let record = BaseRecord::<str, [u8]>::to(engine.results_topic()).payload(&[7; 1000]);
        assert!(producer.send(record).is_ok());
        producer.flush(Duration::from_secs(10)).unwrap();
    };
    strange();
    problem(&engine, &topic, Some("max.message.bytes")).await;
    set_largest_record(&rig, &topic, "100000").await;
    strange();
    problem(&engine, &topic, None).await;
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn topics_that_are_deleted_are_made_again_and_jobs_end() {
    let rig = Rig::new();
    let engine = rig.engine();
    let topics = Topics::default();
    let names = [
        topics.tasks.clone(),
        engine.results_topic().to_owned(),
        topics.heartbeats.clone(),
        topics.control.clone(),
        topics.dead_letters.clone(),
    ];
    for name in names {
        // Half of the answers never come, so that the job is under way when the topic goes.
        let worker = TestWorker::start(&rig, |task| {
            if task.tile % 2 == 1 && task.attempt == 1 {
                Act::Ignore
            } else {
                Act::Render
            }
        });
        let (upload, image) = rig.upload(Size::new(300, 300), PixelFormat::GRAY8);
        let id = engine.submit(upload, "sharpen").await.unwrap().job_id;
        wait_for(&engine, id, |job| job.progress.completed >= 5).await;
        let deleted = admin(&rig)
            .delete_topics(&[&name], &AdminOptions::new())
            .await
            .unwrap();
        assert!(deleted.iter().all(Result::is_ok), "{deleted:?}");
        // A worker that starts anew finds what it needs.
        drop(worker);
        let begun = Instant::now();
        while rig.partitions(&name) == 0 {
            assert!(
                begun.elapsed() < Duration::from_secs(30),
                "{name} is not made again"
            );
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let worker = TestWorker::start(&rig, |_| Act::Render);
        assert_result(&engine, id, &image, "sharpen").await;
        let producer: BaseProducer = rig.kafka().producer("test").create().unwrap();
        crate::rig::say(&producer, "another", WorkerState::Stopped);
        drop(worker);
    }
    engine.shutdown().await;
}

/// Waits until `topic` has so many partitions.
async fn partitions(rig: &Rig, topic: &str, count: usize) {
    let begun = Instant::now();
    while rig.partitions(topic) != count {
        assert!(
            begun.elapsed() < Duration::from_secs(30),
            "{}",
            rig.partitions(topic)
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_without_a_partition_says_what_would_give_it_one_and_tasks_grows_when_asked() {
    let rig = Rig::new();
    let topics = Topics::default();
    make(&rig, &topics.tasks, 1, &[]).await;
    let engine = rig.engine();
    let producer: BaseProducer = rig.kafka().producer("test").create().unwrap();
    let begun = Instant::now();
    let note = loop {
        for (worker, held) in [("one", vec![0]), ("two", Vec::new())] {
            let mut beat = crate::rig::beat(worker);
            beat.partitions = held;
            let value = serde_json::to_vec(&beat).unwrap();
            let record = BaseRecord::<str, [u8]>::to(&topics.heartbeats).payload(&value);
            drop(producer.send(record));
        }
        producer.flush(Duration::from_secs(10)).unwrap();
        let workers = engine.workers();
        let of = |id: &str| workers.iter().find(|worker| worker.worker_id == id);
        if let (Some(one), Some(two)) = (of("one"), of("two"))
            && let Some(note) = &two.note
        {
            assert_eq!(one.note, None);
            break note.clone();
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "{workers:?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    };
    assert!(
        note.contains("KAFKA_PARTITIONS=2") && note.contains(&topics.tasks),
        "{note}"
    );
    // Nobody asked for more: the topic stays as somebody made it.
    assert_eq!(rig.partitions(&topics.tasks), 1);
    let told = engine.health().topics;
    assert!(
        told.iter()
            .any(|topic| topic.role == TopicRole::Tasks && topic.partitions == 1 && topic.replicas == 1),
        "{told:?}"
    );
    engine.shutdown().await;
    drop(engine);

    let engine = rig.engine_with(|config| config.topic_settings.grow_tasks = true);
    partitions(&rig, &topics.tasks, TASK_PARTITIONS as usize).await;
    let _worker = TestWorker::start(&rig, |_| Act::Render);
    let (upload, image) = rig.upload(Size::new(256, 256), PixelFormat::RGB8);
    let id = engine.submit(upload, "invert").await.unwrap().job_id;
    assert_result(&engine, id, &image, "invert").await;
    engine.shutdown().await;
}
