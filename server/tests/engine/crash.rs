//! The engine's process is killed without warning, again and again, at random instants of a job.
//!
//! The test program starts itself as the victim: a process that runs an engine on a given folder until it is killed.

use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::rig::{Act, Rig, TestWorker, assert_result, ended};
use azulejo_imaging::{PixelFormat, Size};
use azulejo_protocol::JobQuery;
use azulejo_server::engine::store::jobs;

const FOLDER: &str = "AZULEJO_TEST_CRASH_FOLDER";
const KAFKA: &str = "AZULEJO_TEST_CRASH_KAFKA";
const KILLS: u32 = 12;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "the victim of the test below, started by it"]
async fn victim() {
    let (Ok(folder), Ok(kafka)) = (std::env::var(FOLDER), std::env::var(KAFKA)) else {
        return;
    };
    let _engine = crate::rig::engine_on(&kafka, folder.as_ref());
    std::future::pending::<()>().await;
}

/// Jobs that an engine would go on with.
fn unfinished(database: &std::path::Path) -> usize {
    let database = rusqlite::Connection::open(database).unwrap();
    jobs::unfinished(&database).unwrap().len()
}

fn start_victim(rig: &Rig) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "crash::victim"])
        .env(FOLDER, rig.folder.path().join("data"))
        .env(KAFKA, rig.broker.address().to_string())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_instant_a_job_completes_with_the_same_bytes() {
    let rig = Rig::new();
    let _worker = TestWorker::start(&rig, |_| Act::Render);
    let recipes = ["blur:sigma=2|rotate_90", "equalize|rotate_90", "blur|otsu"];
    // Several jobs, so that each kill finds one decoding, one measured, one rendering, one being encoded.
    let mut jobs = Vec::new();
    let database = rig.folder.path().join("data/azulejo.sqlite");
    let mut pause = 60;
    for kill in 0..KILLS {
        // A kill must have something to hit: when everything was done in time there are new jobs.
        if jobs.is_empty() || unfinished(&database) == 0 {
            let engine = rig.engine();
            for ((width, height), recipe) in [(700, 500), (900, 640), (640, 900)].into_iter().zip(recipes) {
                let (upload, image) = rig.upload(Size::new(width, height), PixelFormat::RGB8);
                let job = engine.submit(upload, recipe).await.unwrap();
                jobs.push((job.job_id, image, recipe));
            }
            engine.shutdown().await;
        }
        assert!(unfinished(&database) > 0, "nothing to interrupt");
        let mut victim = start_victim(&rig);
        // The instants spread over the start, the work and the end.
        pause = (pause * 7 + 131 * u64::from(kill)) % 900;
        tokio::time::sleep(Duration::from_millis(100 + pause)).await;
        victim.kill().unwrap();
        victim.wait().unwrap();
    }
    let engine = rig.engine();
    for (id, image, recipe) in &jobs {
        assert_result(&engine, *id, image, recipe).await;
        let left = std::fs::read_dir(rig.jobs_folder().join(id.to_string()))
            .unwrap()
            .count();
        assert_eq!(left, 3, "only the original, the result and the mosaic stay");
    }
    assert_eq!(engine.jobs(JobQuery::default()).await.unwrap().len(), jobs.len());
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_that_race_leave_every_job_in_one_final_state() {
    let rig = Rig::new();
    let engine = rig.engine();
    let _worker = TestWorker::start(&rig, |_| Act::Render);
    let mut tasks = Vec::new();
    for round in 0..6u64 {
        let (upload, image) = rig.upload(Size::new(400, 300), PixelFormat::GRAY8);
        let id = engine.submit(upload, "sharpen").await.unwrap().job_id;
        for actor in 0..3u64 {
            let engine = engine.clone();
            tasks.push(tokio::spawn(async move {
                for step in 0..10u64 {
                    tokio::time::sleep(Duration::from_millis((round * 7 + actor * 13 + step * 29) % 60))
                        .await;
                    let outcome = match (actor + step) % 3 {
                        0 => engine.cancel(id).await.err(),
                        1 => engine.retry(id).await.err(),
                        _ => engine.mosaic(id, None).await.err(),
                    };
                    // 404 once the job is deleted.
                    if let Some(error) = outcome {
                        assert!(matches!(error.status, 404 | 409), "{error:?}");
                    }
                }
            }));
        }
        tasks.push(tokio::spawn({
            let engine = engine.clone();
            async move {
                tokio::time::sleep(Duration::from_secs(2)).await;
                let begun = Instant::now();
                loop {
                    let job = ended(&engine, id).await;
                    match job.status {
                        azulejo_protocol::JobStatus::Completed => break,
                        // Retried below, unless an actor was quicker.
                        _ => drop(engine.retry(id).await),
                    }
                    assert!(begun.elapsed() < Duration::from_secs(60));
                }
                assert_result(&engine, id, &image, "sharpen").await;
                engine.delete(id).await.unwrap();
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    assert!(engine.jobs(JobQuery::default()).await.unwrap().is_empty());
    assert_eq!(std::fs::read_dir(rig.jobs_folder()).unwrap().count(), 0);
    engine.shutdown().await;
}

/// How the jobs stand in the database: completed, failed, and tiles that are done.
fn standing(database: &std::path::Path) -> (u32, u32, u32) {
    let database = rusqlite::Connection::open(database).unwrap();
    let count = |sql: &str| database.query_row(sql, [], |row| row.get(0)).unwrap();
    (
        count("SELECT count(*) FROM jobs WHERE status = 'completed'"),
        count("SELECT count(*) FROM jobs WHERE status = 'failed'"),
        count("SELECT count(*) FROM tiles WHERE state = 'done'"),
    )
}

fn set_file_limit(process: u32, limit: usize) {
    let set = Command::new("prlimit")
        .args(["--pid", &process.to_string(), &format!("--nofile={limit}:")])
        .status()
        .unwrap();
    assert!(set.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_wait_while_there_are_no_descriptors_and_go_on_when_there_are() {
    let rig = Rig::new();
    let database = rig.folder.path().join("data/azulejo.sqlite");
    let engine = rig.engine();
    let mut jobs = Vec::new();
    for _ in 0..6 {
        let (upload, image) = rig.upload(Size::new(500, 400), PixelFormat::RGB8);
        let id = engine.submit(upload, "sharpen").await.unwrap().job_id;
        jobs.push((id, image));
    }
    engine.shutdown().await;
    drop(engine);
    // The worker holds its answers back from the sixth tile on, until the limit is set: then every job is unfinished.
    let (asked, short) = (AtomicU32::new(0), Arc::new(AtomicBool::new(false)));
    let is_short = short.clone();
    let _worker = TestWorker::start(&rig, move |_| {
        if asked.fetch_add(1, Ordering::Relaxed) >= 5 {
            while !is_short.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(5));
            }
        }
        Act::Render
    });
    let mut victim = start_victim(&rig);
    let begun = Instant::now();
    while standing(&database).2 < 5 {
        assert!(begun.elapsed() < Duration::from_secs(60), "it does not begin");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // Every descriptor below is taken, so none can be opened, whatever is closed above.
    set_file_limit(victim.id(), 3);
    short.store(true, Ordering::Relaxed);
    tokio::time::sleep(Duration::from_secs(6)).await;
    let (completed, failed, _) = standing(&database);
    println!("without descriptors: {completed} completed, {failed} failed");
    assert_eq!(failed, 0);
    assert!(completed < 6, "nothing was short");
    assert!(victim.try_wait().unwrap().is_none(), "it ended");
    set_file_limit(victim.id(), 1024);
    while standing(&database).0 < 6 {
        assert!(
            begun.elapsed() < Duration::from_secs(120),
            "{:?}",
            standing(&database)
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    victim.kill().unwrap();
    victim.wait().unwrap();
    let engine = rig.engine();
    for (id, image) in &jobs {
        assert_result(&engine, *id, image, "sharpen").await;
    }
    engine.shutdown().await;
}
