//! A unit is stopped and started as operators do it, in the middle of a job: everything that SIGTERM reaches drains, comes
//! back, and tells whoever looks after it the truth.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use azulejo_end2end::client::Client;
use azulejo_end2end::images;
use azulejo_end2end::{Cluster, ClusterOptions};

/// Slow enough that a stop lands in the middle.
const RECIPE: &str = "blur:sigma=60";
/// A stop and a start, as `systemctl restart` does them one after the other.
const RESTART: Duration = Duration::from_secs(10);
const SOON: Duration = Duration::from_secs(60);

fn options() -> ClusterOptions {
    ClusterOptions {
        server_arguments: vec!["--tile-size".into(), "256".into()],
        ..ClusterOptions::default()
    }
}

/// The status page of worker `index`.
fn page(cluster: &Cluster, index: usize) -> Result<Client> {
    let (_, url) = cluster.workers[index]
        .ready()
        .split_once(' ')
        .context("a worker's ready line has its name and address")?;
    Ok(Client::new(url))
}

async fn status(client: &Client, path: &str) -> Result<u16> {
    Ok(client.get(path).await?.status)
}

/// Waits until `path` answers with `code`.
async fn until(client: &Client, path: &str, code: u16) -> Result<()> {
    let what = format!("{code} of {path}");
    client
        .wait_for(&what, SOON, async |client| {
            Ok((status(client, path).await? == code).then_some(()))
        })
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn restarting_server_and_workers_in_turn_loses_nothing_and_is_quick() -> Result<()> {
    let mut cluster = Cluster::start(options()).await?;
    let file = images::png(&images::photo(4096, 3072, 81))?;
    let expected = cluster.apply(RECIPE, &file, "png")?;
    let client = cluster.client();
    let id = client.submit("coast.png", file.clone(), RECIPE).await?;
    client.wait_for_tiles(&id, 12).await?;
    for index in 0..2 {
        let begun = Instant::now();
        ensure!(cluster.workers[index].terminate(SOON)? == 0);
        // The other one goes on meanwhile.
        let (done, total) = tiles(&client, &id).await?;
        client.wait_for_tiles(&id, total.min(done + 2)).await?;
        cluster.restart_worker(index)?;
        until(&page(&cluster, index)?, "/ready", 200).await?;
        println!(
            "worker: {:.1} s from its stop to its being ready",
            begun.elapsed().as_secs_f64()
        );
    }
    // On a quick machine the first one may be done by now.
    let later = client.submit("later.png", file, RECIPE).await?;
    client.wait_for_tiles(&later, 2).await?;
    let begun = Instant::now();
    let mut server = cluster.server.take().context("it runs")?;
    ensure!(server.terminate(RESTART)? == 0, "{}", server.log_tail());
    cluster.start_server()?;
    until(&client, "/ready", 200).await?;
    let took = begun.elapsed();
    println!(
        "server: {:.1} s from its stop to its being ready",
        took.as_secs_f64()
    );
    ensure!(took < RESTART, "{took:?}");
    for id in [&id, &later] {
        images::decode(&client.result(id).await?)?
            .must_equal(&expected, "after a restart of everything in turn")?;
    }
    Ok(())
}

async fn tiles(client: &Client, id: &str) -> Result<(u64, u64)> {
    let progress = client.get(&format!("/job/{id}/progress")).await?.json;
    let number = |name: &str| progress[name].as_u64().context("a number");
    Ok((number("completed")?, number("total")?))
}

#[tokio::test(flavor = "multi_thread")]
async fn kafka_that_is_away_makes_nobody_dead_and_workers_not_ready() -> Result<()> {
    let mut cluster = Cluster::start(ClusterOptions {
        workers: 1,
        ..ClusterOptions::default()
    })
    .await?;
    let (server, worker) = (cluster.client(), page(&cluster, 0)?);
    until(&worker, "/ready", 200).await?;
    cluster.broker.take().context("it runs")?.kill_9()?;
    until(&worker, "/ready", 503).await?;
    for (client, name) in [(&server, "server"), (&worker, "worker")] {
        ensure!(status(client, "/live").await? == 200, "the {name}");
    }
    ensure!(
        status(&server, "/ready").await? == 200,
        "jobs are accepted, and wait"
    );
    cluster.start_broker()?;
    until(&worker, "/ready", 200).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_drains_is_alive_and_not_ready() -> Result<()> {
    let mut cluster = Cluster::start_default().await?;
    let client = cluster.client();
    // A tile of this takes seconds.
    let file = images::png(&images::photo(2048, 2048, 82))?;
    let id = client
        .submit(
            "slow.png",
            file,
            "median:radius=7|median:radius=7|median:radius=7",
        )
        .await?;
    let worker = page(&cluster, 0)?;
    let begun = Instant::now();
    while worker.get("/status").await?.json["busy"] != 1 {
        ensure!(begun.elapsed() < SOON, "the worker gets nothing to do");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    cluster.workers[0].signal("TERM")?;
    until(&worker, "/ready", 503).await?;
    let answer = worker.get("/live").await?;
    ensure!(
        answer.status == 200 && answer.json["status"] == "draining",
        "{answer:?}"
    );
    ensure!(cluster.workers[0].wait(SOON)? == 0);
    ensure!(client.post(&format!("/job/{id}/cancel")).await?.status == 200);
    Ok(())
}
