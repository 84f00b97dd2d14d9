//! Random kills and pauses of every process of an installation while jobs run over and over: nothing may be lost, and no byte
//! may differ. One seed decides who is hit and when, though not what the machine is doing then.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use azulejo_apache_kafka::Cluster as Kafka;

use crate::broker::Broker;
use crate::cluster::{Cluster, ClusterOptions};
use crate::images::{self, Pixels};
use crate::random::Random;

const WORKERS: usize = 3;
/// Jobs that are kept under way.
const JOBS: usize = 3;
/// What jobs do: slow enough that a kill lands in the middle.
const RECIPES: [&str; 3] = [
    "blur:sigma=20",
    "rotate_90|sharpen",
    "resize:width=1500,height=900",
];
/// Time in which everything has to end once nobody is hit any more.
const PATIENCE: Duration = Duration::from_secs(300);

/// How much is done.
#[derive(Debug, Clone)]
pub struct Options {
    /// Processes that are hit.
    pub kills: u32,
    /// Decides who and when.
    pub seed: u64,
    /// No more hits after this time.
    pub most: Duration,
}

/// What was done.
#[derive(Debug, Default)]
pub struct Report {
    /// Hits by what was hit and how.
    pub hits: BTreeMap<String, u32>,
    /// Jobs that were accepted, all of which completed with the right bytes.
    pub jobs: usize,
    /// Their tiles.
    pub tiles: u64,
    /// Seconds that it took.
    pub seconds: u64,
}

/// A pause of up to `most` milliseconds.
async fn pause(random: &mut Random, most: u64) {
    tokio::time::sleep(Duration::from_millis(random.below(most))).await;
}

/// Who is hit.
#[derive(Debug, Clone, Copy)]
enum Victim {
    Broker,
    Server,
    Worker(usize),
}

/// Hits processes until it was enough, and then looks whether anything is missing.
///
/// # Errors
/// Something was lost: which job, and how it stands.
pub async fn run(options: &Options, say: impl Fn(&str)) -> Result<Report> {
    let begun = Instant::now();
    let mut random = Random::new(options.seed);
    let mut cluster = Cluster::start(ClusterOptions {
        workers: WORKERS,
        slots: 1,
        server_arguments: vec![
            "--tile-size".into(),
            "256".into(),
            "--tile-timeout".into(),
            "10".into(),
        ],
        ..ClusterOptions::default()
    })
    .await?;
    let file = images::png(&images::photo(2048, 1536, options.seed))?;
    let mut expected = Vec::new();
    for recipe in RECIPES {
        expected.push(cluster.apply(recipe, &file, "png")?);
    }
    let mut jobs: Vec<(String, usize)> = Vec::new();
    let mut report = Report::default();
    let mut hits = 0;
    while hits < options.kills && begun.elapsed() < options.most {
        submit(&cluster, &file, &mut jobs, &mut random).await;
        pause(&mut random, 1200).await;
        let victim = match random.below(4) {
            0 => Victim::Broker,
            1 => Victim::Server,
            _ => Victim::Worker(random.below(WORKERS as u64) as usize),
        };
        let how = hit(&mut cluster, victim, &mut random)
            .await
            .with_context(|| format!("hit {hits}, {victim:?}"))?;
        hits += 1;
        let name = match victim {
            Victim::Broker => "broker",
            Victim::Server => "server",
            Victim::Worker(_) => "worker",
        };
        say(&format!("{:>5.1} s: {name} {how}", begun.elapsed().as_secs_f32()));
        *report.hits.entry(format!("{name} {how}")).or_default() += 1;
    }
    say("nobody is hit any more");
    finish(&cluster, &jobs, &expected, &mut report).await?;
    report.seconds = begun.elapsed().as_secs();
    Ok(report)
}

/// Keeps some jobs under way. A server that is down takes none, which is as well.
async fn submit(cluster: &Cluster, file: &[u8], jobs: &mut Vec<(String, usize)>, random: &mut Random) {
    let client = cluster.client();
    let mut under_way = 0;
    for (id, _) in jobs.iter().rev().take(JOBS) {
        let answer = client.get(&format!("/job/{id}")).await;
        under_way += usize::from(!answer.is_ok_and(|answer| answer.json["status"] == "completed"));
    }
    for _ in under_way..JOBS {
        let recipe = random.below(RECIPES.len() as u64) as usize;
        if let Ok(id) = client.submit("coast.png", file.to_vec(), RECIPES[recipe]).await {
            jobs.push((id, recipe));
        }
    }
}

/// Kills a process and starts it again, or lets it stand still for a while.
async fn hit(cluster: &mut Cluster, victim: Victim, random: &mut Random) -> Result<&'static str> {
    let stands_still = random.below(4) == 0;
    if let (Victim::Broker, Some(Broker::Apache(kafka))) = (victim, &mut cluster.broker) {
        return hit_node(kafka, stands_still, random).await;
    }
    let process = match victim {
        Victim::Broker => cluster.broker.as_mut().map(Broker::program).transpose()?,
        Victim::Server => cluster.server.as_mut(),
        Victim::Worker(index) => cluster.workers.get_mut(index),
    };
    let process = process.context("it is not there")?;
    ensure!(
        process.is_running(),
        "it has ended by itself:\n{}",
        process.log_tail()
    );
    if stands_still {
        process.signal("STOP")?;
        tokio::time::sleep(Duration::from_millis(200 + random.below(6000))).await;
        process.signal("CONT")?;
        return Ok("paused");
    }
    process.kill_9()?;
    pause(random, 1500).await;
    match victim {
        Victim::Broker => cluster.start_broker()?,
        Victim::Server => cluster.start_server()?,
        Victim::Worker(index) => cluster.restart_worker(index)?,
    }
    Ok("killed")
}

/// Kills a node of Apache Kafka and starts it again, or lets it stand still for a while.
async fn hit_node(kafka: &mut Kafka, stands_still: bool, random: &mut Random) -> Result<&'static str> {
    let index = random.below(kafka.nodes() as u64) as usize;
    if stands_still {
        kafka.node(index).pause()?;
        tokio::time::sleep(Duration::from_millis(200 + random.below(20_000))).await;
        kafka.node(index).resume()?;
        return Ok("paused");
    }
    kafka.node(index).kill_9()?;
    pause(random, 1500).await;
    tokio::task::block_in_place(|| kafka.start_node(index))?;
    Ok("killed")
}

/// Every job that was accepted has completed, with the bytes that it must have; also one whose acceptance the client never heard.
async fn finish(
    cluster: &Cluster,
    jobs: &[(String, usize)],
    expected: &[Pixels],
    report: &mut Report,
) -> Result<()> {
    let client = cluster.client();
    client.wait_until_ready(1).await?;
    let deadline = Instant::now() + PATIENCE;
    let all = client.get("/jobs?limit=1000").await?.json;
    let all = all.as_array().context("no list of jobs")?;
    ensure!(
        jobs.iter()
            .all(|(id, _)| all.iter().any(|job| job["job_id"] == id.as_str())),
        "an accepted job is not in the list"
    );
    for job in all {
        let id = job["job_id"].as_str().context("a job without an id")?;
        let ended = client
            .wait_for_end(id, deadline.saturating_duration_since(Instant::now()))
            .await?;
        if ended["status"] != "completed" {
            bail!("job {id} has not completed: {ended}");
        }
        let recipe = RECIPES
            .iter()
            .position(|recipe| ended["transformation"] == *recipe)
            .with_context(|| format!("job {id} has a recipe that nobody asked for: {ended}"))?;
        images::decode(&client.download(id).await?)?
            .must_equal(&expected[recipe], &format!("job {id}, {}", RECIPES[recipe]))?;
        report.jobs += 1;
        report.tiles += ended["total_tiles"].as_u64().unwrap_or(0);
    }
    Ok(())
}
