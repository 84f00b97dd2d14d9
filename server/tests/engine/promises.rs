//! What came out of trials and reviews as ways to hang or to lose data, each through real Kafka records.

use std::time::{Duration, Instant};

use crate::rig::{Act, Rig, TestWorker, assert_result, ended, wait_for};
use azulejo_imaging::{PixelFormat, Size};
use azulejo_protocol::{Heartbeat, JobId, JobStatus, Topics};
use azulejo_server::engine::Engine;
use rdkafka::message::OwnedHeaders;
use rdkafka::producer::{BaseProducer, Producer};

async fn connected(engine: &Engine) {
    let begun = Instant::now();
    while !engine.health().kafka_connected {
        assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", engine.health());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Headers of a result with pixels of a tile of 64 x 64 gray pixels.
fn result(id: JobId, micros: &str) -> OwnedHeaders {
    crate::rig::headers(&[
        ("v", "2"),
        ("job", &id.to_string()),
        ("tile", "0"),
        ("attempt", "1"),
        ("format", "gray8"),
        ("output", "0,0,64,64"),
        ("worker", "other"),
        ("micros", micros),
    ])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_that_no_database_holds_stops_nothing_also_not_after_a_restart() {
    let rig = Rig::new();
    let engine = rig.engine();
    let (upload, image) = rig.upload(Size::new(130, 130), PixelFormat::GRAY8);
    let id = engine.submit(upload, "sharpen").await.unwrap().job_id;
    connected(&engine).await;
    let producer: BaseProducer = rig.kafka().producer("test").create().unwrap();
    let topic = engine.results_topic().to_owned();
    for micros in ["18446744073709551615", "9223372036854775808", "-1", "1e9", ""] {
        crate::rig::send(
            &producer,
            &topic,
            &id.to_string(),
            &[7; 64 * 64],
            result(id, micros),
        );
    }
    producer.flush(Duration::from_secs(10)).unwrap();
    let begun = Instant::now();
    while rig.records(&Topics::default().dead_letters, 1).len() < 5 {
        assert!(begun.elapsed() < Duration::from_secs(30));
    }
    engine.shutdown().await;
    drop(engine);
    let engine = rig.engine();
    let _worker = TestWorker::start(&rig, |_| Act::Render);
    assert_result(&engine, id, &image, "sharpen").await;
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_cannot_read_the_records_gets_no_tile_and_is_named() {
    let rig = Rig::new();
    let engine = rig.engine();
    let (upload, image) = rig.upload(Size::new(130, 130), PixelFormat::GRAY8);
    let id = engine.submit(upload, "sharpen").await.unwrap().job_id;
    connected(&engine).await;
    let producer: BaseProducer = rig.kafka().producer("test").create().unwrap();
    let old = Heartbeat {
        versions: Vec::new(),
        ..crate::rig::beat("ancient")
    };
    let begun = Instant::now();
    loop {
        let value = serde_json::to_vec(&old).unwrap();
        crate::rig::send(
            &producer,
            &Topics::default().heartbeats,
            "ancient",
            &value,
            OwnedHeaders::new(),
        );
        producer.flush(Duration::from_secs(10)).unwrap();
        let named = engine
            .health()
            .problems
            .iter()
            .any(|problem| problem.subject.contains("ancient") && problem.detail.contains("too old"));
        if named && begun.elapsed() > Duration::from_secs(2) {
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", engine.health());
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    let workers = engine.workers();
    assert!(
        workers[0]
            .note
            .as_ref()
            .is_some_and(|note| note.contains("too old"))
    );
    assert_eq!(engine.job(id).await.unwrap().in_flight, 0);
    assert!(
        rig.records(&Topics::default().tasks, crate::rig::TASK_PARTITIONS)
            .is_empty()
    );
    let _worker = TestWorker::start(&rig, |_| Act::Render);
    assert_result(&engine, id, &image, "sharpen").await;
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_servers_share_the_workers_and_each_gets_its_own_results() {
    let rig = Rig::new();
    let one = rig.engine();
    let other = crate::rig::engine_on(
        &rig.broker.address().to_string(),
        &rig.folder.path().join("other"),
    );
    assert_ne!(one.results_topic(), other.results_topic());
    let _worker = TestWorker::start(&rig, |_| Act::Render);
    let mut jobs = Vec::new();
    for _ in 0..4 {
        for engine in [&one, &other] {
            let (upload, image) = rig.upload(Size::new(300, 200), PixelFormat::RGB8);
            let id = engine.submit(upload, "blur:sigma=2").await.unwrap().job_id;
            jobs.push((engine, id, image));
        }
    }
    for (engine, id, image) in &jobs {
        assert_result(engine, *id, image, "blur:sigma=2").await;
    }
    for engine in [&one, &other] {
        assert_eq!(engine.health().problems, [], "{}", engine.results_topic());
    }
    one.shutdown().await;
    other.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_data_folder_whose_database_is_gone_keeps_its_jobs_files() {
    let rig = Rig::new();
    let engine = rig.engine();
    let (upload, _) = rig.upload(Size::new(130, 130), PixelFormat::GRAY8);
    let id = engine.submit(upload, "sharpen").await.unwrap().job_id;
    let worker = TestWorker::start(&rig, |_| Act::Render);
    assert_eq!(ended(&engine, id).await.status, JobStatus::Completed);
    drop(worker);
    engine.shutdown().await;
    drop(engine);
    let data = rig.folder.path().join("data");
    for entry in std::fs::read_dir(&data).unwrap() {
        let path = entry.unwrap().path();
        if path
            .file_name()
            .unwrap()
            .to_string_lossy()
            .starts_with("azulejo.sqlite")
        {
            std::fs::remove_file(path).unwrap();
        }
    }
    let engine = rig.engine();
    assert!(engine.job(id).await.is_err());
    let kept = data.join("orphans").join(id.to_string());
    assert!(kept.join("result.png").is_file() && kept.join("original").is_file());
    engine.shutdown().await;
}

/// What is left of an earlier run is looked at when the job's turn comes and not at the start. A hundred unfinished jobs with
/// 32 MB of scratch each take many seconds to look through.
#[tokio::test(flavor = "multi_thread")]
async fn a_start_on_much_unfinished_scratch_runs_a_small_job_at_once() {
    let rig = Rig::new();
    let engine = rig.engine();
    let worker = TestWorker::start(
        &rig,
        |task| {
            if task.tile == 0 { Act::Ignore } else { Act::Render }
        },
    );
    let (upload, _) = rig.upload(Size::new(4096, 4096), PixelFormat::GRAY8);
    let large = engine.submit(upload, "invert").await.unwrap().job_id;
    wait_for(&engine, large, |job| job.progress.completed == 4095).await;
    drop(worker);
    engine.shutdown().await;
    drop(engine);
    let data = rig.folder.path().join("data");
    let database = rusqlite::Connection::open(data.join("azulejo.sqlite")).unwrap();
    let from = rig.jobs_folder().join(large.to_string());
    for _ in 0..100 {
        let copy = JobId(uuid::Uuid::now_v7());
        for (table, column) in [("jobs", "id"), ("tiles", "job")] {
            let statements = format!(
                "CREATE TEMP TABLE copied AS SELECT * FROM {table} WHERE {column} = '{large}';
                 UPDATE copied SET {column} = '{copy}';
                 INSERT INTO {table} SELECT * FROM copied;
                 DROP TABLE copied;"
            );
            database.execute_batch(&statements).unwrap();
        }
        let folder = rig.jobs_folder().join(copy.to_string());
        std::fs::create_dir(&folder).unwrap();
        for file in ["original", "source.raw", "result.raw"] {
            std::fs::hard_link(from.join(file), folder.join(file)).unwrap();
        }
    }
    drop(database);
    let _worker = TestWorker::start(&rig, |task| {
        if task.image.width > 100 {
            Act::Ignore
        } else {
            Act::Render
        }
    });
    let begun = Instant::now();
    let engine = rig.engine();
    let started = begun.elapsed();
    let (upload, image) = rig.upload(Size::new(100, 100), PixelFormat::GRAY8);
    let small = engine.submit(upload, "sharpen").await.unwrap().job_id;
    assert_result(&engine, small, &image, "sharpen").await;
    let took = begun.elapsed();
    println!("started after {started:?}, the small job had ended after {took:?}");
    // Two seconds where nothing else runs on the machine.
    assert!(took < Duration::from_secs(6), "{took:?}");
    engine.shutdown().await;
}

/// A copy of a data folder names the same topic of results: the server that is started on it ends, and the first goes on.
#[tokio::test(flavor = "multi_thread")]
async fn the_second_server_on_a_copied_data_folder_ends_and_the_first_goes_on() {
    let rig = Rig::new();
    let engine = rig.engine();
    engine.shutdown().await;
    drop(engine);
    let copy = rig.folder.path().join("copy");
    std::fs::create_dir(&copy).unwrap();
    for entry in std::fs::read_dir(rig.folder.path().join("data")).unwrap() {
        let entry = entry.unwrap();
        if entry.path().is_file() {
            std::fs::copy(entry.path(), copy.join(entry.file_name())).unwrap();
        }
    }
    let first = rig.engine();
    connected(&first).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let second = crate::rig::engine_on(&rig.broker.address().to_string(), &copy);
    assert_eq!(first.results_topic(), second.results_topic());
    let reason = tokio::time::timeout(Duration::from_secs(60), second.lost())
        .await
        .expect("the second server ends");
    assert!(reason.contains("copy of this data folder"), "{reason}");
    let problems = first.health().problems;
    assert!(
        problems
            .iter()
            .any(|problem| problem.detail.contains("was started on a copy")),
        "{problems:?}"
    );
    second.shutdown().await;
    let _worker = TestWorker::start(&rig, |_| Act::Render);
    let (upload, image) = rig.upload(Size::new(130, 130), PixelFormat::GRAY8);
    let id = first.submit(upload, "sharpen").await.unwrap().job_id;
    assert_result(&first, id, &image, "sharpen").await;
    first.shutdown().await;
}
