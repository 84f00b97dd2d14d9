//! What the engine keeps of workers: their tile patterns over restarts, what a lost one did.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::rig::{Act, Broker, Rig, TestWorker, ended, say};
use azulejo_imaging::{PixelFormat, Size};
use azulejo_protocol::{Pattern, WorkerInfo, WorkerState};
use azulejo_server::engine::Engine;
use rdkafka::producer::{BaseProducer, Producer};

/// An id that sorts before `id` and has the same pattern by itself.
fn rival(id: &str) -> String {
    (0..)
        .map(|n| format!("a-rival-{n}"))
        .find(|rival| Pattern::of(rival) == Pattern::of(id))
        .unwrap()
}

/// Lets the workers be heard, in this order, until the engine knows them all.
async fn hear(rig: &Rig, engine: &Engine, ids: &[&str]) -> Vec<WorkerInfo> {
    let producer: BaseProducer = rig.kafka().producer("test").create().unwrap();
    let begun = Instant::now();
    for (index, id) in ids.iter().enumerate() {
        let known = || engine.workers().iter().any(|worker| worker.worker_id == *id);
        while !known() {
            assert!(begun.elapsed() < Duration::from_secs(60), "{id} is not heard");
            for id in &ids[..=index] {
                say(&producer, id, WorkerState::Idle);
            }
            producer.flush(Duration::from_secs(5)).unwrap();
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
    engine.workers()
}

fn pattern(workers: &[WorkerInfo], id: &str) -> Option<Pattern> {
    workers.iter().find(|worker| worker.worker_id == id)?.pattern
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_keeps_its_pattern_when_another_joins_and_over_a_restart() {
    let rig = Rig::new();
    let (mine, rival) = ("worker-z", rival("worker-z"));
    let engine = rig.engine();
    let alone = hear(&rig, &engine, &[mine]).await;
    assert_eq!(pattern(&alone, mine), Some(Pattern::of(mine)));
    let both = hear(&rig, &engine, &[mine, &rival]).await;
    assert_eq!(pattern(&both, mine), pattern(&alone, mine));
    let other = pattern(&both, &rival);
    assert!(other.is_some() && other != pattern(&both, mine), "{other:?}");
    engine.shutdown().await;
    drop(engine);
    // No heartbeat of before is left to be read, and the workers are heard in the other order.
    let Rig { broker, folder } = rig;
    drop(broker);
    let broker = Broker::start(
        folder.path().join("kafka-2"),
        SocketAddr::from(([127, 0, 0, 1], 0)),
    );
    let rig = Rig { broker, folder };
    let engine = rig.engine();
    let again = hear(&rig, &engine, &[&rival, mine]).await;
    assert_eq!(pattern(&again, mine), pattern(&both, mine));
    assert_eq!(pattern(&again, &rival), other);
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_went_away_is_shown_with_the_tiles_that_it_did() {
    let rig = Rig::new();
    let engine = rig.engine();
    // Its heartbeats say 0 tiles, like those of one that dies within its first seconds at work.
    let worker = TestWorker::start(&rig, |_| Act::Render);
    let (upload, _) = rig.upload(Size::new(300, 300), PixelFormat::RGB8);
    let id = engine.submit(upload, "invert").await.unwrap().job_id;
    let job = ended(&engine, id).await;
    drop(worker);
    let begun = Instant::now();
    let gone = loop {
        let found = engine
            .workers()
            .into_iter()
            .find(|worker| !worker.status.is_live());
        if let Some(gone) = found {
            break gone;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "it is not noticed");
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert_eq!(gone.tasks_processed, u64::from(job.total_tiles));
    assert!(gone.avg_processing_time > 0.0);
    engine.shutdown().await;
}
