//! What a worker answers, where, and what it says when it cannot.

use std::time::{Duration, Instant};

use crate::support::{Lab, PATIENCE, Picture, make_topic};
use azulejo_imaging::Size;
use azulejo_protocol::record::{READABLE, VERSION};
use azulejo_protocol::{Heartbeat, ResultHeader};
use azulejo_worker::Worker;
use rdkafka::message::{Message, OwnedMessage};

fn beat(record: &OwnedMessage) -> Heartbeat {
    Heartbeat::from_json(record.payload().unwrap()).unwrap()
}

async fn trouble(worker: &Worker, expected: impl Fn(Option<&str>) -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !expected(worker.heartbeat().trouble.as_deref()) {
        assert!(Instant::now() < deadline, "{:?}", worker.heartbeat().trouble);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Sends tile 0 of a picture with one header changed or added; returns the answer in `results`.
fn answer(lab: &Lab, number: u128, name: &'static str, value: &str) -> ResultHeader {
    let picture = Picture::new(number, Size::new(32, 32), 32, "grayscale");
    let (header, pixels) = picture.task(0);
    let mut pairs = header.to_pairs();
    pairs.retain(|(key, _)| *key != name);
    pairs.push((name, value.to_owned()));
    lab.send(0, &pairs, &pixels);
    lab.results(picture.job, 1).remove(&0).unwrap().0
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_cannot_be_read_is_answered_with_an_error_that_names_the_workers_version() {
    let lab = Lab::new().await;
    let worker = lab.worker(1).await;
    for (number, (name, value)) in [
        ("v", "4"),
        ("format", "cmyk"),
        ("recipe", "tomorrows_operation"),
        ("region", "1,2,3"),
        ("region", "0,0,16,16"),
        ("results", "tasks"),
        ("results", "a/b"),
    ]
    .into_iter()
    .enumerate()
    {
        let result = answer(&lab, number as u128, name, value);
        let error = result.error.unwrap();
        let version = env!("CARGO_PKG_VERSION");
        assert!(
            error.contains(&format!("worker version {version}"))
                || error.contains(&format!("worker of version {version}")),
            "{name} {value}: {error}"
        );
        assert_eq!((result.attempt, result.version), (1, VERSION));
    }
    // All but the recipe are put aside, too.
    let letters = lab.read(&lab.topics.dead_letters, |records| records.len() == 6);
    assert!(letters.iter().all(|letter| letter.headers().is_some()));
    lab.stop(worker).await.unwrap();
    assert_eq!(lab.committed()[0], (Some(7), 7));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_of_version_1_is_answered_in_version_1() {
    let lab = Lab::new().await;
    let worker = lab.worker(1).await;
    let result = answer(&lab, 1, "v", "1");
    assert_eq!((result.version, result.error), (1, None));
    let refused = answer(&lab, 2, "recipe", "no_such_thing");
    assert_eq!(refused.version, VERSION);
    assert_eq!(worker.heartbeat().versions, READABLE);
    lab.stop(worker).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_go_where_the_task_says() {
    let lab = Lab::new().await;
    make_topic(&lab.kafka, "results-7", None).await;
    let worker = lab.worker(2).await;
    let picture = Picture::new(1, Size::new(64, 64), 32, "grayscale");
    for tile in 0..picture.tiles() {
        let (mut header, pixels) = picture.task(tile);
        header.results = Some("results-7".into());
        lab.send(0, &header.to_pairs(), &pixels);
    }
    picture.check(&lab.results_in("results-7", picture.job, 4));
    lab.stop(worker).await.unwrap();
}

/// While a tile that another process may have died of is rendered, nothing else is, and everyone was told its name before.
#[tokio::test(flavor = "multi_thread")]
async fn inherited_tiles_are_rendered_alone_and_announced() {
    let lab = Lab::new().await;
    let worker = lab.worker(3).await;
    let instance = worker.heartbeat().instance;
    let picture = Picture::new(1, Size::new(320, 320), 64, "blur:sigma=4");
    assert_eq!(picture.tiles(), 25);
    for tile in 0..25 {
        let (mut header, pixels) = picture.task(tile);
        header.holder = match tile % 3 {
            0 => Some("another-process".into()),
            1 => Some(instance.clone()),
            _ => None,
        };
        lab.send((tile % 2) as i32, &header.to_pairs(), &pixels);
    }
    picture.check(&lab.results(picture.job, 25));
    lab.stop(worker).await.unwrap();
    let said: Vec<Heartbeat> = lab
        .read(&lab.topics.heartbeats, |records| {
            records
                .last()
                .is_some_and(|last| beat(last).status == azulejo_protocol::WorkerState::Stopped)
        })
        .iter()
        .map(beat)
        .collect();
    let alone: Vec<&Heartbeat> = said.iter().filter(|beat| beat.alone.is_some()).collect();
    for tile in (0..25).step_by(3) {
        let name = format!("{}/{tile}/1", picture.job);
        assert!(
            alone.iter().any(|beat| beat.alone.as_ref() == Some(&name)),
            "tile {tile} was not announced"
        );
    }
    assert!(
        alone.iter().all(|beat| beat.busy == 1),
        "something else was in hand: {alone:?}"
    );
    let mut tiles: Vec<_> = alone.iter().map(|beat| beat.alone.clone()).collect();
    tiles.sort_unstable();
    tiles.dedup();
    assert_eq!(tiles.len(), 9, "only inherited tiles are announced");
    assert_eq!(said.last().unwrap().alone, None);
    assert!(
        lab.committed()
            .iter()
            .all(|(committed, end)| committed.unwrap_or(0) == *end)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_leaves_inherited_tiles_that_wait_to_the_next_worker() {
    let lab = Lab::new().await;
    let first = lab.worker(2).await;
    let picture = Picture::new(1, Size::new(320, 320), 32, "blur:sigma=8");
    for tile in 0..picture.tiles() {
        let (mut header, pixels) = picture.task(tile);
        header.holder = (tile % 4 != 0).then(|| "another-process".into());
        lab.send((tile % 2) as i32, &header.to_pairs(), &pixels);
    }
    lab.read(&lab.topics.results, |records| records.len() >= 5);
    lab.stop(first).await.unwrap();
    let second = lab.worker(2).await;
    picture.check(&lab.results(picture.job, picture.tiles() as usize));
    lab.stop(second).await.unwrap();
    assert!(
        lab.committed()
            .iter()
            .all(|(committed, end)| committed.unwrap_or(0) == *end)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_its_topic_does_not_take_waits_and_the_worker_says_why() {
    let lab = Lab::new().await;
    let mut kafka = lab.kafka.clone();
    // A topic that is not there is refused at once rather than after half a minute.
    kafka
        .overrides
        .push(("topic.metadata.propagation.max.ms".into(), "100".into()));
    let worker = lab.worker_with(kafka, 1).await;
    let picture = Picture::new(1, Size::new(32, 32), 32, "grayscale");
    let (mut header, pixels) = picture.task(0);
    header.results = Some("results-later".into());
    lab.send(0, &header.to_pairs(), &pixels);
    trouble(&worker, |text| {
        text.is_some_and(|text| text.starts_with("results-later: "))
    })
    .await;
    assert_eq!(lab.committed()[0].0.unwrap_or(0), 0, "the task's offset waits");
    make_topic(&lab.kafka, "results-later", None).await;
    picture.check(&lab.results_in("results-later", picture.job, 1));
    trouble(&worker, |text| text.is_none()).await;
    lab.stop(worker).await.unwrap();
    assert_eq!(lab.committed()[0], (Some(1), 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn heartbeats_that_are_refused_are_no_secret() {
    let lab = Lab::start(&[("heartbeats", 100)]).await;
    let worker = lab.worker(1).await;
    trouble(&worker, |text| {
        text.is_some_and(|text| text.starts_with("heartbeats: ") && text.contains("max.message.bytes"))
    })
    .await;
    let picture = Picture::new(1, Size::new(64, 64), 32, "grayscale");
    picture.send(&lab, 0..picture.tiles());
    picture.check(&lab.results(picture.job, 4));
    // Nobody can hear which inherited tile comes next: it is rendered all the same.
    let picture = Picture::new(2, Size::new(32, 32), 32, "grayscale");
    let (mut header, pixels) = picture.task(0);
    header.holder = Some("another-process".into());
    lab.send(0, &header.to_pairs(), &pixels);
    picture.check(&lab.results(picture.job, 1));
    lab.stop(worker).await.unwrap();
}
