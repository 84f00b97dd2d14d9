//! A worker at a real broker: tiles in, results out, and nothing lost on the way.

use std::time::{Duration, Instant};

use crate::support::{Lab, PARTITIONS, PATIENCE, Picture};
use azulejo_imaging::Size;
use azulejo_protocol::{ControlMessage, Heartbeat, WorkerState};
use rdkafka::message::{Headers as _, Message, OwnedHeaders};

#[tokio::test(flavor = "multi_thread")]
async fn tiles_come_back_with_the_pixels_of_the_whole() {
    let lab = Lab::new().await;
    let worker = lab.worker(2).await;
    for (number, recipe) in ["grayscale", "blur:sigma=2|sharpen", "edge_detection", "rotate_90"]
        .into_iter()
        .enumerate()
    {
        let picture = Picture::new(number as u128, Size::new(150, 110), 32, recipe);
        picture.send(&lab, 0..picture.tiles());
        let results = lab.results(picture.job, picture.tiles() as usize);
        picture.check(&results);
        assert!(results.values().all(|(header, _)| header.worker == worker.id()));
    }
    lab.stop(worker).await.unwrap();
    assert!(
        lab.committed()
            .iter()
            .all(|(committed, end)| *committed == Some(*end)),
        "{:?}",
        lab.committed()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tile_that_cannot_be_rendered_comes_back_as_an_error() {
    let lab = Lab::new().await;
    let worker = lab.worker(1).await;
    let picture = Picture::new(1, Size::new(64, 64), 32, "grayscale");
    let (mut header, pixels) = picture.task(0);
    header.recipe = "no_such_thing".into();
    lab.send(0, &header.to_pairs(), &pixels);
    let results = lab.results(picture.job, 1);
    let (result, value) = &results[&0];
    assert!(
        result.error.as_ref().unwrap().contains("no_such_thing"),
        "{result:?}"
    );
    assert!(value.is_empty());
    assert_eq!(worker.heartbeat().tasks_failed, 1);
    picture.send(&lab, 1..2);
    assert_eq!(
        lab.results(picture.job, 2)[&1].0.error,
        None,
        "the worker lives on"
    );
    lab.stop(worker).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_that_the_topic_refuses_becomes_an_error_and_the_partition_moves_on() {
    let lab = Lab::with_small_results(20_000).await;
    let worker = lab.worker(1).await;
    let large = Picture::new(1, Size::new(128, 128), 128, "sharpen");
    large.send(&lab, 0..1);
    let results = lab.results(large.job, 1);
    assert!(
        results[&0].0.error.as_ref().unwrap().contains("refuses a record"),
        "{:?}",
        results[&0].0
    );
    let small = Picture::new(2, Size::new(32, 32), 32, "sharpen");
    small.send(&lab, 0..1);
    small.check(&lab.results(small.job, 1));
    lab.stop(worker).await.unwrap();
    assert_eq!(lab.committed()[0], (Some(2), 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_does_not_parse_goes_to_dead_letters_and_the_partition_moves_on() {
    let lab = Lab::new().await;
    let worker = lab.worker(1).await;
    let picture = Picture::new(1, Size::new(64, 64), 32, "grayscale");
    let (header, pixels) = picture.task(0);
    // No headers at all, a wrong one, a value that is too short; then a good one.
    lab.produce(&lab.topics.tasks, 0, OwnedHeaders::new(), b"hello");
    let mut pairs = header.to_pairs();
    pairs.iter_mut().find(|(name, _)| *name == "region").unwrap().1 = "1,2,3".into();
    lab.send(0, &pairs, &pixels);
    lab.send(0, &header.to_pairs(), &pixels[1..]);
    let (good, good_pixels) = picture.task(1);
    lab.send(0, &good.to_pairs(), &good_pixels);

    let letters = lab.read(&lab.topics.dead_letters, |records| records.len() == 3);
    let text = |index: usize, name: &str| {
        let headers = letters[index].headers().unwrap();
        let value = headers
            .iter()
            .find(|header| header.key == name)
            .and_then(|header| header.value)?;
        Some(String::from_utf8(value.to_vec()).unwrap())
    };
    assert_eq!(letters[0].payload(), Some(&b"hello"[..]));
    assert!(
        text(0, "error").unwrap().contains("'v' is missing"),
        "{:?}",
        text(0, "error")
    );
    assert!(text(1, "error").unwrap().contains("region"));
    assert_eq!(
        text(1, "job"),
        Some(picture.job.to_string()),
        "its own headers are kept"
    );
    assert_eq!(text(1, "worker").as_deref(), Some(worker.id()));
    assert!(text(2, "error").unwrap().contains("bytes"));
    let results = lab.results(picture.job, 2);
    assert_eq!(results[&1].0.error, None);
    assert!(
        results[&0].0.error.is_some(),
        "whoever waits for the tile hears of it"
    );
    lab.stop(worker).await.unwrap();
    assert_eq!(lab.committed()[0], (Some(4), 4));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_loses_no_tile_and_the_next_worker_goes_on_where_it_ended() {
    let lab = Lab::new().await;
    let first = lab.worker(2).await;
    let picture = Picture::new(1, Size::new(320, 320), 16, "blur:sigma=3");
    assert_eq!(picture.tiles(), 400);
    picture.send(&lab, 0..400);
    // In the midst of it.
    lab.read(&lab.topics.results, |records| records.len() >= 20);
    lab.stop(first).await.unwrap();
    let done = lab
        .committed()
        .iter()
        .map(|(committed, _)| committed.unwrap_or(0))
        .sum::<i64>();
    let answered = lab.results(picture.job, done as usize);
    assert_eq!(
        answered.len() as i64,
        done,
        "what was answered is committed, and what is committed was answered"
    );

    let second = lab.worker(2).await;
    picture.check(&lab.results(picture.job, 400));
    lab.stop(second).await.unwrap();
    assert!(
        lab.committed()
            .iter()
            .all(|(committed, end)| *committed == Some(*end)),
        "{:?}",
        lab.committed()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn two_workers_share_the_partitions_and_one_takes_all_when_the_other_leaves() {
    let lab = Lab::new().await;
    let first = lab.worker(1).await;
    assert_eq!(first.heartbeat().partitions.len() as i32, PARTITIONS);
    let picture = Picture::new(1, Size::new(320, 320), 16, "sharpen");
    picture.send(&lab, 0..200);
    let second = lab.worker(1).await;
    until("both hold half", || {
        let halves = [first.heartbeat().partitions, second.heartbeat().partitions];
        let mut all = halves.concat();
        all.sort_unstable();
        halves.iter().all(|half| half.len() as i32 == PARTITIONS / 2)
            && all == (0..PARTITIONS).collect::<Vec<_>>()
    })
    .await;
    picture.send(&lab, 200..400);
    picture.check(&lab.results(picture.job, 400));
    lab.stop(second).await.unwrap();
    until("the first holds all", || {
        first.heartbeat().partitions.len() as i32 == PARTITIONS
    })
    .await;
    lab.stop(first).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn tiles_of_a_cancelled_job_are_skipped_and_others_are_not() {
    let lab = Lab::new().await;
    let unwanted = Picture::new(1, Size::new(64, 64), 32, "grayscale");
    let wanted = Picture::new(2, Size::new(64, 64), 32, "grayscale");
    // Said before the worker starts: it reads a little of the past.
    let cancel = serde_json::to_vec(&ControlMessage::Cancel { job: unwanted.job }).unwrap();
    lab.produce(&lab.topics.control, 0, OwnedHeaders::new(), &cancel);
    lab.produce(&lab.topics.control, 0, OwnedHeaders::new(), b"not json");
    let worker = lab.worker(1).await;
    // The word travels on a topic of its own, so tiles can overtake it: those are rendered, which does no harm.
    let deadline = Instant::now() + PATIENCE;
    for sent in 1.. {
        assert!(Instant::now() < deadline, "the job is never skipped");
        unwanted.send(&lab, 0..1);
        until("the tile is settled", || lab.committed()[0] == (Some(sent), sent)).await;
        if worker.heartbeat().tasks_processed < sent as u64 {
            break;
        }
    }
    let before = worker.heartbeat().tasks_processed;
    unwanted.send(&lab, 0..unwanted.tiles());
    wanted.send(&lab, 0..wanted.tiles());
    wanted.check(&lab.results(wanted.job, wanted.tiles() as usize));
    assert_eq!(
        worker.heartbeat().tasks_processed - before,
        u64::from(wanted.tiles())
    );
    lab.stop(worker).await.unwrap();
    assert!(
        lab.committed()
            .iter()
            .all(|(committed, end)| *committed == Some(*end))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_restarts_costs_no_tile() {
    let mut lab = Lab::new().await;
    let worker = lab.worker(2).await;
    let picture = Picture::new(1, Size::new(320, 320), 16, "blur:sigma=1");
    picture.send(&lab, 0..200);
    lab.restart_broker(Duration::from_millis(500));
    picture.send(&lab, 200..400);
    picture.check(&lab.results(picture.job, 400));
    lab.stop(worker).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn heartbeats_tell_of_its_life_and_end_with_stopped() {
    let lab = Lab::new().await;
    let worker = lab.worker(3).await;
    let id = worker.id().to_owned();
    lab.read(&lab.topics.heartbeats, |records| records.len() >= 2);
    lab.stop(worker).await.unwrap();
    let said = lab.read(&lab.topics.heartbeats, |records| {
        records
            .last()
            .is_some_and(|last| beat(last).status == WorkerState::Stopped)
    });
    let first = beat(&said[0]);
    assert_eq!(said[0].key(), Some(id.as_bytes()));
    assert_eq!(
        (first.status, first.slots, first.partitions.len() as i32),
        (WorkerState::Idle, 3, PARTITIONS)
    );
    assert!(first.memory_bytes > 0 && first.interval == 0.2);
}

fn beat(record: &impl Message) -> Heartbeat {
    serde_json::from_slice(record.payload().unwrap()).unwrap()
}

async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "never: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
