//! Jobs whose recipe needs numbers of the whole image: a pass that measures, then the one that renders.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::rig::{Act, Rig, TestWorker, assert_result, ended, wait_for};
use azulejo_imaging::{PixelFormat, Size};
use azulejo_protocol::{Job, JobStatus, StageName, TileState};

/// How many tiles are measured, as the job's stage says.
fn note(job: &Job) -> u32 {
    let stage = job.stages.iter().find(|stage| stage.name == StageName::Measure);
    let number = stage.and_then(|stage| stage.note.split(' ').next()?.parse().ok());
    number.unwrap_or(0)
}

/// Counts the tasks that measure and those that render.
fn counting(rig: &Rig, counts: &Arc<(AtomicU32, AtomicU32)>, act: Act) -> TestWorker {
    let counts = counts.clone();
    TestWorker::start(rig, move |task| {
        let (measured, rendered) = &*counts;
        let count = if task.measure.is_some() {
            measured
        } else {
            rendered
        };
        count.fetch_add(1, Ordering::Relaxed);
        act.clone()
    })
}

fn counted(counts: &(AtomicU32, AtomicU32)) -> (u32, u32) {
    (counts.0.load(Ordering::Relaxed), counts.1.load(Ordering::Relaxed))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_measured_job_gives_the_bytes_of_the_whole_image() {
    let rig = Rig::new();
    let engine = rig.engine();
    let counts = Arc::default();
    // Each answer comes twice: what is measured twice counts once.
    let _worker = counting(&rig, &counts, Act::RenderTwice);
    for (format, recipe, passes) in [
        (PixelFormat::RGB8, "equalize", 1),
        (PixelFormat::GRAY8, "auto_levels:clip=2", 1),
        (PixelFormat::RGBA8, "crop:x=50,y=20,width=200,height=120|otsu", 1),
        (
            PixelFormat::GRAY8,
            "blur:sigma=2|equalize|rotate_90|auto_levels|otsu",
            3,
        ),
    ] {
        let before = counted(&counts);
        let (upload, image) = rig.upload(Size::new(300, 201), format);
        let job = engine.submit(upload, recipe).await.unwrap();
        assert_result(&engine, job.job_id, &image, recipe).await;
        let job = engine.job(job.job_id).await.unwrap();
        assert_eq!(
            job.transformation, recipe,
            "what was asked for, without the numbers"
        );
        let names: Vec<_> = job.stages.iter().map(|stage| stage.name).collect();
        assert_eq!(names[2], StageName::Measure, "{names:?}");
        assert!(
            job.stages
                .iter()
                .all(|stage| stage.started_at.is_some() && stage.finished_at.is_some()),
            "{:?}",
            job.stages
        );
        let after = counted(&counts);
        assert_eq!(after.1 - before.1, job.total_tiles);
        assert!(after.0 - before.0 >= passes, "{recipe}");
        let mut left: Vec<_> = std::fs::read_dir(rig.jobs_folder().join(job.job_id.to_string()))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        left.sort();
        assert_eq!(left, ["mosaic.png", "original", "result.png"]);
    }
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_in_the_middle_goes_on_with_what_was_measured() {
    let rig = Rig::new();
    let (size, recipe) = (Size::new(500, 400), "equalize");
    let (id, image, measured) = {
        let engine = rig.engine();
        let worker = TestWorker::start(&rig, |task| match task.measure {
            Some(_) if task.tile % 2 == 0 => Act::Render,
            _ => Act::Ignore,
        });
        let (upload, image) = rig.upload(size, PixelFormat::RGB8);
        let job = engine.submit(upload, recipe).await.unwrap();
        let job = wait_for(&engine, job.job_id, |job| note(job) >= 2).await;
        assert_eq!(job.status, JobStatus::Processing);
        assert_eq!(job.progress.completed, 0, "no tile of the result is there");
        let tiles = job.tiles.decode().unwrap();
        assert!(tiles.iter().all(|state| *state == TileState::Queued));
        let measured = note(&job);
        drop(worker);
        engine.shutdown().await;
        (job.job_id, image, measured)
    };
    let engine = rig.engine();
    // Without a worker: what was measured is there again.
    let job = wait_for(&engine, id, |job| note(job) >= measured).await;
    assert_eq!(job.status, JobStatus::Processing);
    let _worker = TestWorker::start(&rig, |_| Act::Render);
    assert_result(&engine, id, &image, recipe).await;
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tile_that_cannot_be_measured_fails_the_job_and_a_retry_completes_it() {
    let rig = Rig::new();
    let engine = rig.engine();
    let worker = TestWorker::start(&rig, |task| match task.measure {
        Some(_) if task.tile == 1 => Act::Fail("it cannot be counted".into()),
        _ => Act::Render,
    });
    let (upload, image) = rig.upload(Size::new(300, 201), PixelFormat::GRAY8);
    // The result has fewer tiles than are measured.
    let recipe = "otsu|resize:width=20";
    let job = engine.submit(upload, recipe).await.unwrap();
    let job = ended(&engine, job.job_id).await;
    assert_eq!((job.status, job.total_tiles), (JobStatus::Failed, 1));
    assert!(job.error.unwrap().contains("it cannot be counted"));
    drop(worker);
    let report = engine.tile_report(job.job_id, 1).await.unwrap();
    assert_eq!((report.state, report.task.measure), (TileState::Dead, Some(0)));
    assert!(report.error.unwrap().contains("it cannot be counted"));
    assert_eq!(
        engine.tile_report(job.job_id, 1000).await.unwrap_err().status,
        404
    );
    assert_eq!(
        engine.replay(job.job_id, Some(0)).await.unwrap_err().code,
        "tile_not_dead"
    );
    let _worker = TestWorker::start(&rig, |_| Act::Render);
    engine.replay(job.job_id, Some(1)).await.unwrap();
    assert_result(&engine, job.job_id, &image, recipe).await;
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_measured_is_bounded_as_a_result_is() {
    let rig = Rig::new();
    let engine = rig.engine();
    for recipe in [
        "resize:width=200000,height=200000|equalize|resize:width=100",
        "otsu|resize:width=200000,height=200000|otsu|resize:width=100",
    ] {
        let (upload, _) = rig.upload(Size::new(300, 201), PixelFormat::GRAY8);
        let refused = engine.submit(upload, recipe).await.unwrap_err();
        assert_eq!(refused.code, "result_too_large", "{}", refused.detail);
        assert!(refused.detail.contains("what is measured"), "{}", refused.detail);
    }
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_is_measured_can_be_cancelled() {
    let rig = Rig::new();
    let engine = rig.engine();
    let _worker = TestWorker::start(&rig, |_| Act::Ignore);
    let (upload, _) = rig.upload(Size::new(300, 201), PixelFormat::GRAY8);
    let job = engine.submit(upload, "equalize").await.unwrap();
    assert!(engine.cancel(job.job_id).await.is_ok());
    let job = ended(&engine, job.job_id).await;
    assert_eq!(job.status, JobStatus::Cancelled);
    engine.shutdown().await;
}
