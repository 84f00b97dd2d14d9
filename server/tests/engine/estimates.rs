//! Estimates: what work costs is learned from jobs, survives a restart, and the queue ahead is counted.

use std::time::{Duration, Instant};

use crate::rig::{Act, Rig, TestWorker, ended, wait_for};
use azulejo_imaging::{PixelFormat, Recipe, Size, TileGrid};
use azulejo_protocol::JobStatus;
use azulejo_protocol::costs::Load;
use azulejo_server::engine::Engine;

const RECIPE: &str = "blur:sigma=2|sharpen";

/// Seconds that the engine would expect for an RGB image of `size`, with the tiles of the tests.
fn estimate(engine: &Engine, text: &str, size: Size) -> Option<f64> {
    let recipe: Recipe = text.parse().unwrap();
    let grid = TileGrid::new(size, 64);
    let work = recipe.mean_work(size, PixelFormat::RGB8, grid, 16).unwrap();
    let load = Load {
        recipe: &recipe,
        work: &work,
        tiles: grid.len(),
        bytes: 6.0 * size.pixels() as f64,
        kind: "png",
    };
    engine.costs().seconds(&load, 2)
}

async fn until(what: &str, condition: impl Fn() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < Duration::from_secs(60), "{what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_jobs_took_is_known_for_other_sizes_over_a_restart_and_the_queue_is_counted() {
    let rig = Rig::new();
    let engine = rig.engine();
    let larger = Size::new(900, 700);
    assert_eq!(
        estimate(&engine, RECIPE, larger),
        None,
        "nothing was measured yet"
    );
    assert_eq!(engine.health().queue_seconds, Some(0.0));
    let worker = TestWorker::start(&rig, |_| Act::Render);
    until("a worker", || engine.health().workers == 1).await;
    for _ in 0..3 {
        let (upload, _) = rig.upload(Size::new(300, 300), PixelFormat::RGB8);
        let id = engine.submit(upload, RECIPE).await.unwrap().job_id;
        assert_eq!(ended(&engine, id).await.status, JobStatus::Completed);
    }
    let known = estimate(&engine, RECIPE, larger).unwrap();
    assert!((0.001..600.0).contains(&known), "{known}");
    assert!(
        engine.costs().around.contains_key("png"),
        "a job alone shows what is around the tiles"
    );
    assert!(estimate(&engine, RECIPE, Size::new(3000, 3000)).unwrap() > known);
    assert_eq!(
        estimate(&engine, "median:radius=3", larger),
        None,
        "nobody did that"
    );
    // What was learned is stored now and then.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let before = engine.costs();
    drop(worker);
    engine.shutdown().await;
    drop(engine);

    let engine = rig.engine();
    let after = engine.costs();
    assert_eq!(
        after.steps.keys().collect::<Vec<_>>(),
        before.steps.keys().collect::<Vec<_>>()
    );
    let again = estimate(&engine, RECIPE, larger).unwrap();
    assert!(
        (again / known - 1.0).abs() < 0.5,
        "{again}, and {known} before the restart"
    );
    // Two jobs of which nothing but the first tile is done: the second is ahead of whoever comes, too.
    let _worker = TestWorker::start(
        &rig,
        |task| if task.tile == 0 { Act::Render } else { Act::Ignore },
    );
    let mut queue = Vec::new();
    for _ in 0..2 {
        let (upload, _) = rig.upload(larger, PixelFormat::RGB8);
        let id = engine.submit(upload, RECIPE).await.unwrap().job_id;
        wait_for(&engine, id, |job| job.progress.completed == 1).await;
        queue.push(engine.health().queue_seconds.unwrap());
    }
    assert!(queue[0] > 0.0 && queue[1] > 1.3 * queue[0], "{queue:?}");
    engine.shutdown().await;
}
