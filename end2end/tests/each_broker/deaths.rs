//! Nothing is lost: whatever process is killed, a job ends with the bytes that an undisturbed run gives.

use std::time::Duration;

use anyhow::{Result, ensure};
use azulejo_end2end::images::{self, Pixels};
use azulejo_end2end::{Cluster, ClusterOptions};

/// Slow enough that a kill lands in the middle, quick enough to wait for.
const RECIPE: &str = "blur:sigma=60";

/// Many small tiles (192), for the same reason.
fn options() -> ClusterOptions {
    ClusterOptions {
        server_arguments: vec!["--tile-size".into(), "256".into()],
        ..ClusterOptions::default()
    }
}

/// The picture's file and what the recipe makes of it when nothing dies.
fn picture(cluster: &Cluster) -> Result<(Vec<u8>, Pixels)> {
    let file = images::png(&images::photo(4096, 3072, 11))?;
    let expected = cluster.apply(RECIPE, &file, "png")?;
    Ok((file, expected))
}

#[tokio::test(flavor = "multi_thread")]
async fn killing_one_of_two_workers_changes_no_byte() -> Result<()> {
    let mut cluster = Cluster::start(options()).await?;
    let (file, expected) = picture(&cluster)?;
    let client = cluster.client();
    let id = client.submit("coast.png", file, RECIPE).await?;
    client.wait_for_tiles(&id, 12).await?;
    cluster.workers[0].kill_9()?;
    images::decode(&client.result(&id).await?)?.must_equal(&expected, "after the death of a worker")
}

#[tokio::test(flavor = "multi_thread")]
async fn killing_every_worker_makes_the_job_wait_for_a_new_one() -> Result<()> {
    let mut cluster = Cluster::start(options()).await?;
    let (file, expected) = picture(&cluster)?;
    let client = cluster.client();
    let id = client.submit("coast.png", file, RECIPE).await?;
    client.wait_for_tiles(&id, 12).await?;
    for worker in &mut cluster.workers {
        worker.kill_9()?;
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    ensure!(
        client.get(&format!("/job/{id}")).await?.json["status"] == "processing",
        "a job waits for workers"
    );
    cluster.start_worker()?;
    images::decode(&client.result(&id).await?)?.must_equal(&expected, "after the death of every worker")
}

#[tokio::test(flavor = "multi_thread")]
async fn killing_the_server_again_and_again_changes_no_byte() -> Result<()> {
    let mut cluster = Cluster::start(options()).await?;
    let (file, expected) = picture(&cluster)?;
    let client = cluster.client();
    let id = client.submit("coast.png", file, RECIPE).await?;
    for tiles in [0, 20, 80, 140] {
        client.wait_for_tiles(&id, tiles).await?;
        let mut server = cluster.server.take().expect("it runs");
        server.kill_9()?;
        cluster.start_server()?;
    }
    images::decode(&client.result(&id).await?)?.must_equal(&expected, "after four deaths of the server")
}

#[tokio::test(flavor = "multi_thread")]
async fn killing_the_broker_changes_no_byte() -> Result<()> {
    let mut cluster = Cluster::start(options()).await?;
    let (file, expected) = picture(&cluster)?;
    let client = cluster.client();
    let id = client.submit("coast.png", file.clone(), RECIPE).await?;
    client.wait_for_tiles(&id, 20).await?;
    cluster.broker.take().expect("it runs").kill_9()?;
    // Uploads are still accepted while the broker is away.
    let later = client.submit("later.png", file, "grayscale").await?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    cluster.start_broker()?;
    images::decode(&client.result(&id).await?)?.must_equal(&expected, "after the death of the broker")?;
    client.result(&later).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn history_and_results_survive_a_restart_of_everything() -> Result<()> {
    let mut cluster = Cluster::start(ClusterOptions {
        workers: 1,
        ..ClusterOptions::default()
    })
    .await?;
    let client = cluster.client();
    let file = images::png(&images::photo(1024, 1024, 5))?;
    let id = client.submit("kept.png", file, "sharpen").await?;
    let before = client.result(&id).await?;
    for program in [&mut cluster.workers[0], cluster.server.as_mut().expect("runs")] {
        ensure!(
            program.terminate(Duration::from_secs(20))? == 0,
            "an orderly end exits with 0\n{}",
            program.log_tail()
        );
    }
    let broker = cluster.broker.as_mut().expect("runs");
    ensure!(
        broker.terminate(Duration::from_secs(20))? == 0,
        "an orderly end exits with 0\n{}",
        broker.log_tail()
    );
    cluster.start_broker()?;
    cluster.start_server()?;
    ensure!(
        client.result(&id).await? == before,
        "the result is another after a restart"
    );
    ensure!(client.get("/jobs").await?.json[0]["original_filename"] == "kept.png");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelling_ends_a_job_and_retrying_completes_it() -> Result<()> {
    let cluster = Cluster::start(options()).await?;
    let (file, expected) = picture(&cluster)?;
    let client = cluster.client();
    let id = client.submit("coast.png", file, RECIPE).await?;
    client.wait_for_tiles(&id, 8).await?;
    ensure!(client.post(&format!("/job/{id}/cancel")).await?.status == 200);
    let job = client.wait_for_end(&id, Duration::from_secs(10)).await?;
    ensure!(job["status"] == "cancelled", "{job}");
    ensure!(client.get(&format!("/download/{id}")).await?.status == 409);
    ensure!(
        client.post(&format!("/job/{id}/cancel")).await?.status == 409,
        "it cannot be cancelled twice"
    );
    ensure!(client.post(&format!("/job/{id}/retry")).await?.status == 200);
    images::decode(&client.result(&id).await?)?.must_equal(&expected, "after cancel and retry")
}
