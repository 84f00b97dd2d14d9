//! How soon an installation on Apache Kafka goes on after a worker has died, and how soon one that was away has tiles again, under
//! both group protocols.

#![expect(clippy::print_stdout, reason = "how long it took is what these tests are for")]

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use azulejo_apache_kafka::Options;
use azulejo_end2end::{Client, Cluster, ClusterOptions, broker, definition, images};

/// A tile takes a few tenths of a second.
const RECIPE: &str = "blur:sigma=60";
/// Work for longer than a worker is away.
const JOBS: usize = 4;
/// The newer protocol's session is 45 s: what is done before is the server's doing.
const BEFORE_THE_SESSION_ENDS: Duration = Duration::from_secs(25);
/// How long either may take on a machine that is busy with other things; how long it takes is printed.
const LIMIT: Duration = Duration::from_secs(60);

/// The tiles of the job that are in `state`: `f` in flight, `d` done.
async fn tiles(client: &Client, id: &str, state: char) -> Result<BTreeSet<usize>> {
    let job = client.get(&format!("/job/{id}")).await?.json;
    let runs = job["tiles"].as_str().context("the states of the tiles")?;
    // Run-length: `235d34f114qx`.
    let (mut found, mut tile, mut count) = (BTreeSet::new(), 0, String::new());
    for letter in runs.chars() {
        if letter.is_ascii_digit() {
            count.push(letter);
            continue;
        }
        let run = std::mem::take(&mut count).parse().unwrap_or(1);
        if letter == state {
            found.extend(tile..tile + run);
        }
        tile += run;
    }
    Ok(found)
}

/// Tiles that a worker has processed.
async fn processed(client: &Client, id: &str) -> Result<u64> {
    let workers = client.get("/workers").await?.json;
    let worker = workers
        .as_array()
        .and_then(|workers| workers.iter().find(|worker| worker["worker_id"] == id));
    Ok(worker
        .and_then(|worker| worker["tasks_processed"].as_u64())
        .unwrap_or(0))
}

/// Waits until both workers have partitions.
async fn wait_for_shares(client: &Client) -> Result<()> {
    client
        .wait_for("shares of both workers", LIMIT, async |client| {
            let workers = client.get("/workers").await?.json;
            let has_share = |worker: &&serde_json::Value| {
                let live = worker["status"] == "idle" || worker["status"] == "busy";
                live && worker["partitions"]
                    .as_array()
                    .is_some_and(|list| !list.is_empty())
            };
            let list = workers.as_array().context("a list")?;
            Ok((list.iter().filter(has_share).count() == 2).then_some(()))
        })
        .await
}

async fn measure(protocol: &str) -> Result<()> {
    let (kafka, _folder) = broker::apache(&Options::default())?;
    let environment = vec![("KAFKA_GROUP_PROTOCOL".to_owned(), protocol.to_owned())];
    let mut cluster = Cluster::start(ClusterOptions {
        kafka: Some(kafka.address()),
        server_arguments: ["--tile-size", "128"].map(str::to_owned).into(),
        worker_environment: environment,
        ..ClusterOptions::default()
    })
    .await?;
    let client = cluster.client();
    let file = images::png(&images::photo(4096, 4096, 23))?;
    let expected = cluster.apply(RECIPE, &file, "png")?;
    wait_for_shares(&client).await?;
    let id = client.submit("a.png", file.clone(), RECIPE).await?;
    client.wait_for_tiles(&id, 20).await?;

    let held = tiles(&client, &id, 'f').await?;
    cluster.workers[0].kill_9()?;
    let dead = Instant::now();
    tokio::time::sleep(Duration::from_millis(1500)).await;
    // Those that the other worker held are done by now.
    let held: BTreeSet<usize> = held
        .intersection(&tiles(&client, &id, 'f').await?)
        .copied()
        .collect();
    ensure!(!held.is_empty(), "the dead worker held nothing");
    client
        .wait_for(
            "a tile of the dead worker",
            BEFORE_THE_SESSION_ENDS,
            async |client| {
                let done = tiles(client, &id, 'd').await?;
                Ok((!done.is_disjoint(&held)).then_some(()))
            },
        )
        .await?;
    println!(
        "{protocol}: {:.1} s from a death to a tile elsewhere",
        dead.elapsed().as_secs_f32()
    );

    images::decode(&client.result(&id).await?)?.must_equal(&expected, protocol)?;

    let joining = Instant::now();
    cluster.restart_worker(0)?;
    wait_for_shares(&client).await?;
    println!(
        "{protocol}: {:.1} s from a start to partitions",
        joining.elapsed().as_secs_f32()
    );
    let mut jobs = Vec::new();
    for _ in 0..JOBS {
        jobs.push(client.submit("a.png", file.clone(), RECIPE).await?);
    }
    client.wait_for_tiles(&jobs[0], 20).await?;
    cluster.workers[0].signal("STOP")?;
    tokio::time::sleep(Duration::from_secs(20)).await;
    let before = processed(&client, "kiln-01").await?;
    cluster.workers[0].signal("CONT")?;
    let back = Instant::now();
    client
        .wait_for("a tile of the worker that is back", LIMIT, async |client| {
            Ok((processed(client, "kiln-01").await? > before + 1).then_some(()))
        })
        .await?;
    println!(
        "{protocol}: {:.1} s from a return to a tile",
        back.elapsed().as_secs_f32()
    );
    for job in jobs {
        images::decode(&client.result(&job).await?)?.must_equal(&expected, protocol)?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "two minutes: the older group protocol, which the embedded broker has, too"]
async fn apache_kafka_with_the_classic_group_protocol_loses_a_worker_and_gets_it_back() -> Result<()> {
    measure("classic").await
}

#[tokio::test(flavor = "multi_thread")]
async fn apache_kafka_with_the_newer_group_protocol_loses_a_worker_and_gets_it_back() -> Result<()> {
    measure("consumer").await
}

/// Under the newer protocol librdkafka says nothing to a member that has no partitions.
#[tokio::test(flavor = "multi_thread")]
async fn apache_kafka_with_fewer_partitions_than_workers_lets_the_others_stand_by() -> Result<()> {
    let (kafka, _folder) = broker::apache(&Options::default())?;
    let begun = Instant::now();
    let cluster = Cluster::start(ClusterOptions {
        kafka: Some(kafka.address()),
        workers: 3,
        server_arguments: ["--partitions", "1"].map(str::to_owned).into(),
        ..ClusterOptions::default()
    })
    .await?;
    ensure!(
        begun.elapsed() < BEFORE_THE_SESSION_ENDS,
        "a worker was ready only after {:?}",
        begun.elapsed()
    );
    let log: String = cluster.workers.iter().map(|worker| worker.log()).collect();
    ensure!(log.contains("stands by") && !log.contains("classic"), "{log}");
    let input = images::photo(1024, 1024, 3);
    let result = cluster
        .client()
        .run("a.png", images::png(&input)?, "grayscale")
        .await?;
    images::decode(&result)?.must_equal(&definition::grayscale(&input), "on one partition")
}
