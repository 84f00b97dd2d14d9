//! Two versions of Azulejo in one installation, as during an upgrade. The other version is built by `cargo xtask adjacent`, which
//! runs these tests; so does `cargo xtask nightly`.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use azulejo_end2end::client::Client;
use azulejo_end2end::images;
use azulejo_end2end::process::bin_dir;
use azulejo_end2end::{Cluster, ClusterOptions};

/// Slow enough that each step of an upgrade lands in the middle of the job.
const RECIPE: &str = "rotate_90|median:radius=3";
const SOON: Duration = Duration::from_secs(60);
const LONG: Duration = Duration::from_secs(180);

/// The folder of the other version's programs.
fn other() -> Result<PathBuf> {
    let folder = std::env::var_os("AZULEJO_ADJACENT")
        .context("run `cargo xtask adjacent`, which builds the other version")?;
    Ok(folder.into())
}

/// Broker and server of `first`, then a worker of each version, with small tiles.
async fn mixed(first: PathBuf) -> Result<Cluster> {
    let mut cluster = Cluster::prepare(ClusterOptions {
        server_arguments: vec!["--tile-size".into(), "256".into()],
        ..ClusterOptions::default()
    })?;
    cluster.programs = first;
    cluster.start_broker()?;
    cluster.start_server()?;
    for programs in [other()?, bin_dir()?] {
        cluster.programs = programs;
        cluster.start_worker()?;
    }
    cluster.client().wait_until_ready(2).await?;
    Ok(cluster)
}

/// The tiles that each of two workers has done since its start.
async fn done_by_each(client: &Client) -> Result<Vec<u64>> {
    let list = client.get("/workers").await?.json;
    let workers = list["workers"]
        .as_array()
        .or(list.as_array())
        .context("a list of workers")?;
    Ok(workers
        .iter()
        .map(|worker| worker["tasks_processed"].as_u64().unwrap_or(0))
        .collect())
}

async fn share_one_job(server: PathBuf) -> Result<()> {
    let cluster = mixed(server).await?;
    let file = images::png(&images::photo(2400, 1600, 91))?;
    let expected = cluster.apply(RECIPE, &file, "png")?;
    let client = cluster.client();
    let id = client.submit("shared.png", file, RECIPE).await?;
    let job = client.wait_for_end(&id, LONG).await?;
    ensure!(job["status"] == "completed", "{job}");
    images::decode(&client.result(&id).await?)?.must_equal(&expected, "by workers of two versions")?;
    let done = done_by_each(&client).await?;
    ensure!(
        done.len() == 2 && done.iter().all(|tiles| *tiles > 0),
        "tiles of each: {done:?}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs another version's programs: cargo xtask adjacent"]
async fn workers_of_both_versions_share_a_job_of_this_server() -> Result<()> {
    share_one_job(bin_dir()?).await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs another version's programs: cargo xtask adjacent"]
async fn workers_of_both_versions_share_a_job_of_the_other_server() -> Result<()> {
    share_one_job(other()?).await
}

/// The order of docs/several-machines.md: workers one after the other, then the server, then the broker.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs another version's programs: cargo xtask adjacent"]
async fn an_upgrade_in_the_middle_of_a_job_loses_nothing() -> Result<()> {
    let mut cluster = Cluster::prepare(ClusterOptions {
        server_arguments: vec!["--tile-size".into(), "256".into()],
        ..ClusterOptions::default()
    })?;
    cluster.programs = other()?;
    cluster.start_broker()?;
    cluster.start_server()?;
    cluster.start_worker()?;
    cluster.start_worker()?;
    let client = cluster.client();
    client.wait_until_ready(2).await?;

    let file = images::png(&images::photo(4096, 3072, 92))?;
    let expected = cluster.apply(RECIPE, &file, "png")?;
    let before = client
        .submit(
            "before.png",
            images::png(&images::photo(1200, 1100, 93))?,
            "invert",
        )
        .await?;
    ensure!(client.wait_for_end(&before, LONG).await?["status"] == "completed");
    let kept = client.result(&before).await?;

    let id = client.submit("during.png", file, RECIPE).await?;
    client.wait_for_tiles(&id, 8).await?;
    cluster.programs = bin_dir()?;
    for (index, tiles) in [(0, 20), (1, 32)] {
        ensure!(cluster.workers[index].terminate(SOON)? == 0);
        cluster.restart_worker(index)?;
        client.wait_for_tiles(&id, tiles).await?;
    }
    let mut server = cluster.server.take().context("it runs")?;
    ensure!(server.terminate(SOON)? == 0, "{}", server.log_tail());
    cluster.start_server()?;
    client.wait_for_tiles(&id, 48).await?;
    let progress = client.get(&format!("/job/{id}/progress")).await?.json;
    ensure!(
        progress["completed"].as_u64() < progress["total"].as_u64(),
        "the job was over too early: {progress}"
    );
    let mut broker = cluster.broker.take().context("it runs")?;
    broker.kill_9()?;
    cluster.start_broker()?;

    let job = client.wait_for_end(&id, LONG).await?;
    ensure!(job["status"] == "completed", "{job}");
    images::decode(&client.result(&id).await?)?.must_equal(&expected, "through an upgrade of everything")?;
    ensure!(
        client.result(&before).await? == kept,
        "the result of before the upgrade"
    );
    Ok(())
}
