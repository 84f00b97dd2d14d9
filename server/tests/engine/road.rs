//! The engine through real Kafka records: whole jobs, bad records, failing and silent workers.

use crate::rig::{Act, Rig, TestWorker, assert_result, ended, wait_for};
use azulejo_imaging::{PixelFormat, Size};
use azulejo_protocol::{JobQuery, JobStatus, TileState, Topics, WorkerState};
use rdkafka::producer::{BaseProducer, Producer};
use std::time::{Duration, Instant};

#[tokio::test(flavor = "multi_thread")]
async fn a_job_gives_the_bytes_of_the_whole_image() {
    let rig = Rig::new();
    let engine = rig.engine();
    let _worker = TestWorker::start(&rig, |_| Act::Render);
    for (format, recipe) in [
        (PixelFormat::RGB8, "blur:sigma=2|rotate_90"),
        (PixelFormat::GRAY8, "sharpen"),
        (PixelFormat::RGBA8, "grayscale"),
    ] {
        let (upload, image) = rig.upload(Size::new(300, 201), format);
        let job = engine.submit(upload, recipe).await.unwrap();
        assert_eq!(job.status, JobStatus::Processing);
        assert_result(&engine, job.job_id, &image, recipe).await;
        let job = engine.job(job.job_id).await.unwrap();
        assert!(
            job.stages
                .iter()
                .all(|stage| stage.started_at.is_some() && stage.finished_at.is_some())
        );
        assert_eq!(job.workers[0].tiles, job.total_tiles);
        let mosaic = engine.mosaic(job.job_id, None).await.unwrap();
        assert_eq!(mosaic.version, job.mosaic_version);
        assert_eq!(&mosaic.png[1..4], b"PNG");
        let mut left: Vec<_> = std::fs::read_dir(rig.jobs_folder().join(job.job_id.to_string()))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        left.sort();
        assert_eq!(left, ["mosaic.png", "original", "result.png"]);
    }
    assert_eq!(engine.jobs(JobQuery::default()).await.unwrap().len(), 3);
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn doubled_results_count_once() {
    let rig = Rig::new();
    let engine = rig.engine();
    let _worker = TestWorker::start(&rig, |_| Act::RenderTwice);
    let (upload, image) = rig.upload(Size::new(400, 300), PixelFormat::RGB8);
    let job = engine.submit(upload, "sharpen").await.unwrap();
    assert_result(&engine, job.job_id, &image, "sharpen").await;
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tile_that_fails_twice_is_tried_a_third_time() {
    let rig = Rig::new();
    let engine = rig.engine();
    let _worker = TestWorker::start(&rig, |task| {
        if task.tile == 3 && task.attempt < 3 {
            Act::Fail("a hiccup".into())
        } else {
            Act::Render
        }
    });
    let (upload, image) = rig.upload(Size::new(200, 200), PixelFormat::GRAY8);
    let job = engine.submit(upload, "blur").await.unwrap();
    assert_result(&engine, job.job_id, &image, "blur").await;
    let tile = engine.tile(job.job_id, 3).await.unwrap();
    assert_eq!((tile.attempt, tile.state), (3, TileState::Done));
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poison_tile_goes_to_the_dead_letters_and_a_retry_renders_only_what_is_missing() {
    let rig = Rig::new();
    let engine = rig.engine();
    let worker = TestWorker::start(&rig, |task| {
        if task.tile == 8 {
            Act::Fail("poison".into())
        } else {
            Act::Render
        }
    });
    let (upload, image) = rig.upload(Size::new(200, 200), PixelFormat::GRAY8);
    let job = engine.submit(upload, "sharpen").await.unwrap();
    let failed = ended(&engine, job.job_id).await;
    assert_eq!(failed.status, JobStatus::Failed);
    assert!(
        failed
            .error
            .as_deref()
            .is_some_and(|error| error.contains("tile 8 failed 3 times") && error.contains("poison")),
        "{:?}",
        failed.error
    );
    assert_eq!(failed.progress.failed, 1);
    assert!(
        engine
            .result_file(job.job_id)
            .await
            .is_err_and(|error| error.status == 409)
    );
    drop(worker);
    let letters = rig.records(&Topics::default().dead_letters, 1);
    assert_eq!(letters.len(), 1);
    let header = |name: &str| {
        letters[0]
            .0
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    };
    assert_eq!(
        (header("tile"), header("error"), header("attempts")),
        (Some("8"), Some("poison"), Some("3"))
    );
    assert!(!letters[0].1.is_empty());

    let done = failed.progress.completed;
    assert!(done > 0);
    let retried = engine.retry(job.job_id).await.unwrap();
    assert_eq!(
        (retried.status, retried.progress.completed),
        (JobStatus::Processing, done)
    );
    let _worker = TestWorker::start(&rig, |_| Act::Render);
    assert_result(&engine, job.job_id, &image, "sharpen").await;
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_is_not_answered_is_sent_again() {
    let rig = Rig::new();
    let engine = rig.engine();
    let _worker = TestWorker::start(&rig, |task| {
        if task.tile % 5 == 0 && task.attempt == 1 {
            Act::Ignore
        } else {
            Act::Render
        }
    });
    let (upload, image) = rig.upload(Size::new(300, 300), PixelFormat::GRAY8);
    let job = engine.submit(upload, "sharpen").await.unwrap();
    assert_result(&engine, job.job_id, &image, "sharpen").await;
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn records_that_are_no_results_go_to_the_dead_letters_and_nothing_stops() {
    let rig = Rig::new();
    let engine = rig.engine();
    let _worker = TestWorker::start(&rig, |_| Act::Ignore);
    let (upload, image) = rig.upload(Size::new(64, 64), PixelFormat::GRAY8);
    let job = engine.submit(upload, "sharpen").await.unwrap();
    wait_for(&engine, job.job_id, |job| job.in_flight > 0).await;
    let producer: BaseProducer = rig.kafka().producer("test").create().unwrap();
    let id = job.job_id.to_string();
    let good = [
        ("v", "1"),
        ("job", &*id),
        ("tile", "0"),
        ("attempt", "1"),
        ("format", "gray8"),
        ("output", "0,0,64,64"),
        ("worker", "w"),
        ("micros", "5"),
    ];
    let with = |name: &str, value: &'static str| {
        let pairs: Vec<_> = good
            .iter()
            .map(|(key, old)| (*key, if *key == name { value } else { old }))
            .collect();
        crate::rig::headers(&pairs)
    };
    let results = engine.results_topic().to_owned();
    let pixels = vec![7u8; 64 * 64];
    let stranger = uuid::Uuid::now_v7().to_string();
    let of_stranger: Vec<_> = good
        .iter()
        .map(|(k, v)| (*k, if *k == "job" { &*stranger } else { v }))
        .collect();
    let bad = [
        (crate::rig::headers(&[]), &pixels[..]),
        (crate::rig::headers(&[("v", "1"), ("job", "x")]), &pixels[..]),
        (with("v", "9"), &pixels[..]),
        (with("tile", "1"), &pixels[..]),
        (with("output", "0,0,64,63"), &pixels[..64 * 63]),
        (with("format", "rgb8"), &pixels[..]),
        (with("worker", "w"), &pixels[1..]),
        (with("attempt", "-1"), &[][..]),
    ];
    let count = bad.len();
    // A job that nobody knows is no mistake: it may have been deleted.
    crate::rig::send(
        &producer,
        &results,
        "k",
        &pixels,
        crate::rig::headers(&of_stranger),
    );
    for (headers, value) in bad {
        crate::rig::send(&producer, &results, "k", value, headers);
    }
    producer.flush(Duration::from_secs(5)).unwrap();
    let letters = rig.records(&Topics::default().dead_letters, 1);
    assert_eq!(letters.len(), count);
    assert!(
        letters
            .iter()
            .all(|(headers, _)| headers.iter().any(|(name, _)| name == "refused"))
    );
    drop(_worker);
    let _worker = TestWorker::start(&rig, |_| Act::Render);
    assert_result(&engine, job.job_id, &image, "sharpen").await;
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cancel_retry_and_delete_keep_to_the_states() {
    let rig = Rig::new();
    let engine = rig.engine();
    let worker = TestWorker::start(&rig, |task| if task.tile < 4 { Act::Render } else { Act::Ignore });
    let (upload, image) = rig.upload(Size::new(300, 300), PixelFormat::GRAY8);
    let id = engine.submit(upload, "sharpen").await.unwrap().job_id;
    wait_for(&engine, id, |job| job.progress.completed == 4).await;
    assert!(engine.delete(id).await.is_err_and(|error| error.status == 409));
    assert!(engine.retry(id).await.is_err_and(|error| error.status == 409));
    let cancelled = engine.cancel(id).await.unwrap();
    assert_eq!(
        (cancelled.status, cancelled.progress.completed),
        (JobStatus::Cancelled, 4)
    );
    assert!(cancelled.completed_at.is_some());
    assert!(engine.cancel(id).await.is_err_and(|error| error.status == 409));
    assert!(engine.mosaic(id, None).await.is_ok());
    drop(worker);
    let control = rig.records(&Topics::default().control, 1);
    assert_eq!(
        String::from_utf8_lossy(&control.last().unwrap().1),
        format!("{{\"type\":\"cancel\",\"job\":\"{id}\"}}")
    );
    engine.retry(id).await.unwrap();
    let _worker = TestWorker::start(&rig, |_| Act::Render);
    assert_result(&engine, id, &image, "sharpen").await;
    assert!(engine.retry(id).await.is_err_and(|error| error.status == 409));
    engine.delete(id).await.unwrap();
    assert!(engine.job(id).await.is_err_and(|error| error.status == 404));
    assert!(engine.delete(id).await.is_err_and(|error| error.status == 404));
    assert!(!rig.jobs_folder().join(id.to_string()).exists());
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recipe_that_does_not_suit_is_refused_and_the_upload_stays() {
    let rig = Rig::new();
    let engine = rig.engine();
    let (upload, _) = rig.upload(Size::new(100, 100), PixelFormat::GRAY8);
    let error = engine.submit(upload.clone(), "no_such_thing").await.unwrap_err();
    assert_eq!((error.status, &*error.code), (422, "unknown_recipe"));
    assert!(upload.path.is_file());
    let engine_jobs = engine.jobs(JobQuery::default()).await.unwrap();
    assert!(engine_jobs.is_empty());
    assert_eq!(std::fs::read_dir(rig.jobs_folder()).unwrap().count(), 0);
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recipe_that_needs_much_of_the_image_gets_smaller_tiles_and_the_same_bytes() {
    let rig = Rig::new();
    // A record holds a picture of 110 by 110 pixels in RGBA with 16 bit.
    let engine = rig.engine_with(|config| config.limits.max_record_bytes = 100_000);
    let _worker = TestWorker::start(&rig, |_| Act::Render);
    for (size, format, recipe) in [
        (
            Size::new(900, 700),
            PixelFormat::RGB8,
            "resize:width=40,height=40",
        ),
        (Size::new(400, 300), PixelFormat::RGBA8, "blur:sigma=18"),
    ] {
        let (upload, image) = rig.upload(size, format);
        let job = engine.submit(upload, recipe).await.unwrap();
        assert!(job.tile_size < 64, "{}", job.tile_size);
        assert_result(&engine, job.job_id, &image, recipe).await;
    }
    // Not even a single pixel.
    let (upload, _) = rig.upload(Size::new(900, 900), PixelFormat::RGBA8);
    let error = engine.submit(upload, "blur:sigma=40").await.unwrap_err();
    assert_eq!((error.status, &*error.code), (422, "tile_too_large"));
    assert!(
        error.detail.contains("a single pixel of the result needs"),
        "{}",
        error.detail
    );
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_turns_out_to_be_damaged_fails_its_job_with_a_sentence() {
    let rig = Rig::new();
    let engine = rig.engine();
    let _worker = TestWorker::start(&rig, |_| Act::Render);
    let (upload, _) = rig.upload(Size::new(600, 600), PixelFormat::RGB8);
    let file = std::fs::OpenOptions::new()
        .write(true)
        .open(&upload.path)
        .unwrap();
    file.set_len(upload.bytes / 2).unwrap();
    let id = engine.submit(upload, "sharpen").await.unwrap().job_id;
    let job = ended(&engine, id).await;
    assert_eq!(job.status, JobStatus::Failed);
    assert!(
        job.error
            .as_deref()
            .is_some_and(|error| error.contains("damaged")),
        "{:?}",
        job.error
    );
    assert!(!rig.jobs_folder().join(id.to_string()).join("source.raw").exists());
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tile_that_workers_die_of_is_given_up_and_can_be_retried() {
    let rig = Rig::new();
    let engine = rig.engine();
    let (upload, image) = rig.upload(Size::new(64, 64), PixelFormat::GRAY8);
    let id = engine.submit(upload, "sharpen").await.unwrap().job_id;
    wait_for(&engine, id, |_| engine.health().kafka_connected).await;
    let producer: BaseProducer = rig.kafka().producer("test").create().unwrap();
    for worker in ["first", "second", "third"] {
        // Again and again, as workers do: on a busy machine one heartbeat may come before the server listens, or long before the
        // image is decoded.
        let deadline = Instant::now() + Duration::from_secs(90);
        while engine.job(id).await.unwrap().in_flight == 0 {
            assert!(Instant::now() < deadline, "{worker} gets no tile");
            crate::rig::say(&producer, worker, WorkerState::Busy);
            producer.flush(Duration::from_secs(10)).unwrap();
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        // What Kafka gave to it after the death of the one before, a worker renders alone, and says so.
        crate::rig::say_alone(&producer, worker, WorkerState::Busy, Some(format!("{id}/0/1")));
        producer.flush(Duration::from_secs(10)).unwrap();
        wait_for(&engine, id, |_| {
            let workers = engine.workers();
            workers
                .iter()
                .any(|info| info.worker_id == worker && info.status == WorkerState::Lost)
        })
        .await;
    }
    // With nobody there it could as well be the broker that is away.
    crate::rig::say(&producer, "fourth", WorkerState::Idle);
    producer.flush(Duration::from_secs(10)).unwrap();
    let job = ended(&engine, id).await;
    assert_eq!(job.status, JobStatus::Failed);
    assert!(
        job.error
            .as_deref()
            .is_some_and(|error| error.contains("3 workers were lost with it, last third")),
        "{:?}",
        job.error
    );
    assert_eq!(rig.records(&Topics::default().dead_letters, 1).len(), 1);
    let tile = engine.tile(id, 0).await.unwrap();
    assert_eq!(tile.state, TileState::Dead);
    engine.retry(id).await.unwrap();
    let _worker = TestWorker::start(&rig, |_| Act::Render);
    assert_result(&engine, id, &image, "sharpen").await;
    engine.shutdown().await;
}
