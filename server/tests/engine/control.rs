//! Words to the workers: a cancellation that was never taken back must not keep a job from its end.

use crate::rig::{Act, Rig, TestWorker, assert_result, wait_for};
use azulejo_imaging::{PixelFormat, Raster, Size};
use azulejo_protocol::{ControlMessage, JobId, JobStatus, Topics};
use azulejo_server::engine::Engine;
use azulejo_server::engine::store::jobs;
use rdkafka::message::OwnedHeaders;
use rdkafka::producer::{BaseProducer, Producer};
use std::time::Duration;

/// A job of 25 tiles, cancelled when four of them were done.
async fn cancelled(rig: &Rig, engine: &Engine) -> (JobId, Raster) {
    let _worker = TestWorker::start(rig, |task| if task.tile < 4 { Act::Render } else { Act::Ignore });
    let (upload, image) = rig.upload(Size::new(300, 300), PixelFormat::GRAY8);
    let id = engine.submit(upload, "sharpen").await.unwrap().job_id;
    wait_for(engine, id, |job| job.progress.completed == 4).await;
    engine.cancel(id).await.unwrap();
    (id, image)
}

fn words(rig: &Rig) -> Vec<ControlMessage> {
    let records = rig.records(&Topics::default().control, 1);
    records
        .iter()
        .map(|(_, value)| serde_json::from_slice(value).unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_that_died_before_it_told_the_workers_completes_after_the_restart() {
    let rig = Rig::new();
    let engine = rig.engine();
    let (id, image) = cancelled(&rig, &engine).await;
    engine.shutdown().await;
    drop(engine);
    // What a killed process leaves behind: the job is under way again, and nobody was told.
    let database = rusqlite::Connection::open(rig.folder.path().join("data/azulejo.sqlite")).unwrap();
    assert!(jobs::revive(&database, id).unwrap());
    drop(database);
    assert_eq!(words(&rig).last(), Some(&ControlMessage::Cancel { job: id }));
    let _worker = TestWorker::start(&rig, |_| Act::Render);
    let engine = rig.engine();
    assert_result(&engine, id, &image, "sharpen").await;
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_word_that_got_lost_is_said_again_when_tiles_are_overdue() {
    let rig = Rig::new();
    let engine = rig.engine();
    let (upload, image) = rig.upload(Size::new(300, 300), PixelFormat::GRAY8);
    let id = engine.submit(upload, "sharpen").await.unwrap().job_id;
    wait_for(&engine, id, |_| engine.health().kafka_connected).await;
    let producer: BaseProducer = rig.kafka().producer("test").create().unwrap();
    let word = serde_json::to_vec(&ControlMessage::Cancel { job: id }).unwrap();
    let topic = Topics::default().control;
    crate::rig::send(&producer, &topic, &id.to_string(), &word, OwnedHeaders::new());
    producer.flush(Duration::from_secs(10)).unwrap();
    let worker = TestWorker::start(&rig, |_| Act::Render);
    assert_result(&engine, id, &image, "sharpen").await;
    drop(worker);
    assert!(words(&rig).contains(&ControlMessage::Resume { job: id }));
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_word_of_a_retry_comes_after_that_of_the_cancellation() {
    let rig = Rig::new();
    let engine = rig.engine();
    let (id, image) = cancelled(&rig, &engine).await;
    for _ in 0..10 {
        engine.retry(id).await.unwrap();
        assert_eq!(engine.cancel(id).await.unwrap().status, JobStatus::Cancelled);
    }
    engine.retry(id).await.unwrap();
    let worker = TestWorker::start(&rig, |_| Act::Render);
    assert_result(&engine, id, &image, "sharpen").await;
    drop(worker);
    let words = words(&rig);
    // One word for each cancellation, at least; a retry that is cancelled before the job was looked at is not worth one.
    let cancel = ControlMessage::Cancel { job: id };
    let resume = ControlMessage::Resume { job: id };
    let cancels = words.iter().filter(|word| **word == cancel).count();
    assert!(cancels >= 11, "{words:?}");
    // Before the first cancellation a job may be told of, too. From there on each word of a retry follows a cancellation.
    let first = words.iter().position(|word| *word == cancel).unwrap();
    for pair in words[first..].windows(2) {
        assert!(pair[0] == cancel || pair[1] == cancel, "{words:?}");
    }
    assert_eq!(words.last(), Some(&resume), "{words:?}");
    engine.shutdown().await;
}
