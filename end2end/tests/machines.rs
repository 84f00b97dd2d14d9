//! Server, workers and nodes of Apache Kafka on a machine each, and lines between them that are slow, lose packets and are cut for
//! half a minute: jobs end with the right bytes, and no process ends or is started by hand.
//!
//! The tests need root, for network namespaces; `cargo xtask test` leaves them out where there is none.

#![expect(clippy::print_stdout, reason = "how long it took is what these tests are for")]

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use azulejo_end2end::images::{self, Pixels};
use azulejo_end2end::kafka_clients::client as kafka_client;
use azulejo_end2end::machines::installation::{BROKERS, has_partitions, wait_for_partitions, worker};
use azulejo_end2end::machines::{Installation, Place, Quality};
use azulejo_end2end::{Client, definition};
use rdkafka::consumer::{BaseConsumer, Consumer as _};

/// Machines in neighbouring towns, on lines of 100 megabits a second that are not good.
const FAR: Quality = Quality {
    delay: Duration::from_millis(10),
    loss: 0.01,
    rate: Some(12_500_000),
};
/// Machines in one house.
const NEAR: Quality = Quality {
    delay: Duration::from_millis(1),
    loss: 0.0,
    rate: None,
};
/// How long lines are cut.
const CUT: Duration = Duration::from_secs(30);
/// When another job begins.
const LATER: Duration = Duration::from_secs(5);
/// How long a job may take, whatever happens.
const LIMIT: Duration = Duration::from_secs(150);
/// How soon a worker has tiles after its line is back. It takes a few seconds; how long is printed.
const BACK_WITHIN: Duration = Duration::from_secs(20);
const SIGMA: f64 = 20.0;
const SERVER: [&str; 2] = ["--tile-size", "256"];

/// A picture, what is done with it, and what has to come of it.
struct Task {
    file: Vec<u8>,
    recipe: String,
    expected: Pixels,
}

impl Task {
    /// Work for some seconds.
    fn large(seed: u64) -> Result<Self> {
        let picture = images::photo(2048, 2048, seed);
        Ok(Self {
            file: images::png(&picture)?,
            recipe: format!("blur:sigma={SIGMA}"),
            expected: definition::blur(&picture, SIGMA),
        })
    }

    /// The same, worked out on a thread while an installation starts.
    fn large_beside(seed: u64) -> impl FnOnce() -> Result<Self> + Send {
        let thread = std::thread::spawn(move || Self::large(seed));
        || match thread.join() {
            Ok(task) => task,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }

    fn small(operation: &str, seed: u64) -> Result<Self> {
        let picture = images::photo(1024, 1024, seed);
        Ok(Self {
            file: images::png(&picture)?,
            recipe: operation.to_owned(),
            expected: definition::operation(operation, &picture).context("one of the five")?,
        })
    }

    async fn submit(&self, client: &Client) -> Result<String> {
        client.submit("coast.png", self.file.clone(), &self.recipe).await
    }

    /// Waits for the job's end and looks at what came of it.
    async fn check(&self, client: &Client, id: &str, what: &str) -> Result<()> {
        let job = match client.wait_for_end(id, LIMIT).await {
            Ok(job) => job,
            Err(error) => {
                let job = client.get(&format!("/job/{id}")).await?.json;
                return Err(error.context(format!("{what}: {job}")));
            }
        };
        ensure!(job["status"] == "completed", "{what}: {job}");
        images::decode(&client.download(id).await?)?.must_equal(&self.expected, what)
    }
}

fn seconds(since: Instant) -> f32 {
    since.elapsed().as_secs_f32()
}

/// Joins all lines when they have been cut for [`CUT`].
async fn join(installation: &Installation, since: Instant) -> Instant {
    tokio::time::sleep(CUT.saturating_sub(since.elapsed())).await;
    installation.network().join();
    Instant::now()
}

/// The node, counted from 0, that leads partition 0 of the results.
fn leader_of_results(installation: &Installation) -> Result<usize> {
    let consumer: BaseConsumer = kafka_client(&installation.kafka.address(), &[])?;
    let metadata = consumer.fetch_metadata(None, Duration::from_secs(20))?;
    let mut topics = metadata.topics().iter();
    let topic = topics
        .find(|topic| topic.name().starts_with("results-"))
        .context("there is no topic of results")?;
    let leader = topic.partitions().first().context("no partition")?.leader();
    Ok(usize::try_from(leader)? - 1)
}

/// Waits until worker 0 has partitions and does tiles, of jobs that are submitted for it; prints how long that took.
async fn wait_for_worker(client: &Client, joined: Instant) -> Result<()> {
    client
        .wait_for("partitions", LIMIT, async |client| {
            Ok(has_partitions(client, 0).await?.then_some(()))
        })
        .await?;
    println!("{:.1} s from the end of the cut to partitions", seconds(joined));
    let processed = async |client: &Client| -> Result<u64> {
        Ok(worker(client, 0).await?["tasks_processed"].as_u64().unwrap_or(0))
    };
    let before = processed(client).await?;
    let task = Task::small("sharpen", 5)?;
    client
        .wait_for("tiles of the worker that is back", LIMIT, async |client| {
            let id = task.submit(client).await?;
            task.check(client, &id, "a worker is back").await?;
            Ok((processed(client).await? > before).then_some(()))
        })
        .await?;
    println!("{:.1} s from the end of the cut to tiles", seconds(joined));
    ensure!(joined.elapsed() < BACK_WITHIN, "that is too long");
    Ok(())
}

/// Cuts a worker off in the middle of a job: the others end it, and after [`CUT`] the worker has work again.
async fn cut_off_a_worker(installation: &mut Installation, client: &Client, task: &Task) -> Result<()> {
    let id = task.submit(client).await?;
    client.wait_for_tiles(&id, 8).await?;
    installation.isolate(Place::Worker(0));
    let cut = Instant::now();
    task.check(client, &id, "a worker is cut off").await?;
    println!("a worker is cut off: the job ended {:.1} s later", seconds(cut));
    ensure!(cut.elapsed() < CUT, "the job waited for the worker");
    let joined = join(installation, cut).await;
    wait_for_worker(client, joined).await?;
    installation.must_run("a worker is cut off")
}

#[test]
fn machines_far_apart_render_what_one_does_and_miss_a_worker_for_seconds_only() -> Result<()> {
    let begun = Instant::now();
    let large = Task::large_beside(1);
    let mut installation = Installation::start(FAR, &SERVER, &[])?;
    println!("started in {:.1} s", seconds(begun));
    installation.from_client(async |installation, client| {
        wait_for_partitions(&client, LIMIT).await?;
        let large = large()?;
        let before = installation.network().traffic();
        let begun = Instant::now();
        let id = large.submit(&client).await?;
        let mut jobs = Vec::new();
        for operation in ["grayscale", "sharpen", "edge_detection", "rotate_90"] {
            let task = Task::small(operation, 2)?;
            jobs.push((task.submit(&client).await?, task));
        }
        for (id, task) in &jobs {
            task.check(&client, id, &task.recipe).await?;
        }
        large.check(&client, &id, "the large one").await?;
        let traffic = installation.network().traffic();
        let lost = traffic.lost - before.lost;
        let all = traffic.carried - before.carried + lost;
        println!(
            "five jobs in {:.1} s; {lost} of {all} packets lost",
            seconds(begun)
        );
        ensure!(lost > 0, "the lines lost nothing");

        cut_off_a_worker(installation, &client, &large).await
    })
}

/// Cuts lines.
type Cuts<'a> = &'a dyn Fn(&Installation);

/// Cuts lines for [`CUT`] in the middle of a job, and submits another one a moment later; how long after the cut both had ended, with
/// the right bytes.
async fn cut_in_mid_job(
    installation: &mut Installation,
    client: &Client,
    (what, cuts): (&str, Cuts<'_>),
    task: &Task,
) -> Result<f32> {
    let id = task.submit(client).await?;
    client.wait_for_tiles(&id, 8).await?;
    cuts(installation);
    let cut = Instant::now();
    let joining = async { Ok(join(installation, cut).await) };
    let first = async {
        task.check(client, &id, what).await?;
        Ok::<_, anyhow::Error>(seconds(cut))
    };
    let second = async {
        tokio::time::sleep(LATER).await;
        let id = task.submit(client).await?;
        task.check(client, &id, what).await?;
        Ok(seconds(cut))
    };
    let (_, first, second) = futures::try_join!(joining, first, second)?;
    println!(
        "{what}: the job ended {first:.1} s after the cut, and one that began during the cut after {second:.1} s"
    );
    let took = first.max(second);
    installation.must_run(what)?;
    Ok(took)
}

#[test]
#[ignore = "four minutes: several lines are cut at once, twice for half a minute"]
fn machines_with_brokers_out_of_reach_go_on() -> Result<()> {
    let large = Task::large_beside(3);
    let mut installation = Installation::start(NEAR, &SERVER, &[])?;
    installation.from_client(async |installation, client| {
        wait_for_partitions(&client, LIMIT).await?;
        let large = large()?;
        let leader = leader_of_results(installation)?;
        let others = ((leader + 1) % BROKERS, (leader + 2) % BROKERS);
        let several: Cuts<'_> = &|installation| {
            installation.cut(Place::Server, Place::Broker(leader));
            installation.cut_one_way(Place::Broker(others.0), Place::Broker(others.1));
            installation.cut_one_way(Place::Broker(others.1), Place::Worker(1));
            installation.cut_one_way(Place::Worker(2), Place::Broker(others.0));
        };
        let all: Cuts<'_> = &|installation| {
            (0..BROKERS).for_each(|broker| installation.cut(Place::Server, Place::Broker(broker)));
        };
        for cuts in [
            ("a leader, two brokers and two workers cut off", several),
            ("the server cut off from all brokers", all),
        ] {
            cut_in_mid_job(installation, &client, cuts, &large).await?;
        }
        wait_for_partitions(&client, LIMIT).await?;
        let begun = Instant::now();
        let id = large.submit(&client).await?;
        large.check(&client, &id, "afterwards").await?;
        println!("afterwards: {:.1} s", seconds(begun));
        installation.must_run("afterwards")
    })
}

/// Any two machines that speak to each other: the server and workers do so through brokers.
fn pairs() -> Vec<(Place, Place)> {
    let all = Place::all();
    let is_broker = |place: &Place| matches!(place, Place::Broker(_));
    let mut pairs = Vec::new();
    for (index, a) in all.iter().enumerate() {
        let after = all[index + 1..].iter();
        pairs.extend(after.filter(|b| is_broker(a) || is_broker(b)).map(|b| (*a, *b)));
    }
    pairs
}

#[test]
#[ignore = "half an hour: every line is cut for half a minute, both ways and one way"]
fn machines_of_which_any_two_are_cut_off_go_on() -> Result<()> {
    let large = Task::large_beside(4);
    let mut installation = Installation::start(NEAR, &SERVER, &[])?;
    installation.from_client(async |installation, client| {
        wait_for_partitions(&client, LIMIT).await?;
        let large = large()?;
        let mut slowest = (0.0, String::new());
        // Both ways, and half open: one of the two hears and is not heard.
        for kind in 0..3 {
            for (a, b) in pairs() {
                let what = match kind {
                    0 => format!("{a:?} and {b:?} cut off"),
                    1 => format!("{a:?} not heard by {b:?}"),
                    _ => format!("{b:?} not heard by {a:?}"),
                };
                let cuts: Cuts<'_> = &|lines| match kind {
                    0 => lines.cut(a, b),
                    1 => lines.cut_one_way(a, b),
                    _ => lines.cut_one_way(b, a),
                };
                let took = cut_in_mid_job(installation, &client, (&what, cuts), &large).await?;
                if took > slowest.0 {
                    slowest = (took, what);
                }
                wait_for_partitions(&client, LIMIT).await?;
            }
        }
        println!("the slowest: {:.1} s, {}", slowest.0, slowest.1);
        Ok(())
    })
}

#[test]
#[ignore = "two minutes: the older group protocol beside the one that clusters have now"]
fn machines_in_a_classic_group_miss_a_worker_for_seconds_only() -> Result<()> {
    let mut installation = Installation::start(NEAR, &SERVER, &[("KAFKA_GROUP_PROTOCOL", "classic")])?;
    installation.from_client(async |installation, client| {
        wait_for_partitions(&client, LIMIT).await?;
        cut_off_a_worker(installation, &client, &Task::large(6)?).await
    })
}
