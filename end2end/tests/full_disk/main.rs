//! A disk that runs full at every stage of a job: the job says so, nothing is damaged, deleting works, and others go on.
//!
//! The server's data folder is a small file system of its own. At the moment that a test is about the server is stopped by a
//! signal, the file system is filled to its last byte, and the server goes on; so the moment is met, or the test tries again.
//!
//! - [`disk`]: the file system, and the server held still. [`others`]: what must stay as it is, and go on.

mod disk;
mod others;

use anyhow::{Context as _, Result, bail, ensure};
use azulejo_end2end::{Cluster, ClusterOptions, Program, images};
use disk::{Disk, Stopped, blocks};
use others::{Others, SOON, delete};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// Times that a moment is tried to be met.
const TRIES: usize = 12;
/// Bytes that an encoder may have in hand, and need no room for.
const MARGIN: u64 = 64 << 10;

async fn installation(arguments: &[&str]) -> Result<Option<(Cluster, Disk)>> {
    let mut cluster = Cluster::prepare(ClusterOptions {
        workers: 0,
        server_arguments: arguments.iter().map(|text| (*text).to_owned()).collect(),
        ..ClusterOptions::default()
    })?;
    let Some(disk) = Disk::of(&cluster)? else {
        return Ok(None);
    };
    cluster.start_broker()?;
    cluster.start_server()?;
    cluster.client().wait_until_ready(0).await?;
    Ok(Some((cluster, disk)))
}

/// Waits for the end of a job that met a full disk, and for the sentence that says so.
async fn must_fail_of_it(cluster: &Cluster, id: &str, when: &str) -> Result<()> {
    let client = cluster.client();
    let log = || cluster.server.as_ref().map(Program::log_tail).unwrap_or_default();
    let ended = client.wait_for_end(id, SOON).await;
    let job = ended.with_context(|| format!("full while {when}: {}", log()))?;
    let error = job["error"].as_str().unwrap_or_default();
    ensure!(
        job["status"] == "failed" && error.contains("disk is full"),
        "full while {when}: {}: {error}",
        job["status"]
    );
    // The picture of what was done is there all the same.
    ensure!(client.get(&format!("/job/{id}/mosaic.png")).await?.status == 200);
    Ok(())
}

/// A job of several seconds whose file is large enough for every moment to be met.
async fn large(cluster: &Cluster, transformation: &str) -> Result<String> {
    let file = images::png(&images::photo(3600, 3600, 9))?;
    cluster.client().submit("large.png", file, transformation).await
}

/// Has the disk full from the moment on in which `is_now`, which looks while the server runs and again when it is stopped.
async fn meet(
    cluster: &Cluster,
    disk: &Disk,
    transformation: &str,
    is_now: impl AsyncFn(&str) -> Result<bool>,
    is_still: impl Fn(&str) -> bool,
) -> Result<String> {
    let client = cluster.client();
    for _ in 0..TRIES {
        let id = large(cluster, transformation).await?;
        while client.get(&format!("/job/{id}")).await?.json["status"] == "processing" {
            if !is_now(&id).await? {
                continue;
            }
            let stopped = Stopped::stop(cluster)?;
            if is_still(&id) {
                disk.fill(0)?;
                return Ok(id);
            }
            drop(stopped);
        }
        client.wait_for_end(&id, SOON).await?;
        ensure!(delete(cluster, &id).await?.status == 204);
    }
    bail!("the moment was not met in {TRIES} jobs")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_runs_full_at_each_stage_fails_that_job_and_no_other() -> Result<()> {
    let arguments = ["--keep-free-bytes", "off", "--tile-size", "256"];
    let Some((mut cluster, disk)) = installation(&arguments).await? else {
        return Ok(());
    };
    cluster.start_worker()?;
    cluster.client().wait_until_ready(1).await?;
    let others = Others::begin(&cluster).await?;
    let client = cluster.client();

    // In the middle of an upload.
    let victim = others.victim(&cluster).await?;
    upload_into_a_full_disk(&cluster, &disk).await?;
    others.must_go_on(&cluster, &disk, &victim).await?;

    // While the image is decoded.
    let victim = others.victim(&cluster).await?;
    let source = 3600 * 3600 * 3;
    let decoding = |id: &str| (1..source).contains(&blocks(&disk.of_job(id, "source.raw")));
    let id = meet(&cluster, &disk, "sharpen", async |id| Ok(decoding(id)), decoding).await?;
    must_fail_of_it(&cluster, &id, "the image was decoded").await?;
    others.must_go_on(&cluster, &disk, &victim).await?;
    ensure!(delete(&cluster, &id).await?.status == 204);

    // While tiles are stored; the database meets the full disk at the same time.
    let victim = others.victim(&cluster).await?;
    let storing = |id: &str| {
        let stored = blocks(&disk.of_job(id, "result.raw"));
        blocks(&disk.of_job(id, "source.raw")) >= source && (1..source / 2).contains(&stored)
    };
    let id = meet(&cluster, &disk, "sharpen", async |id| Ok(storing(id)), storing).await?;
    must_fail_of_it(&cluster, &id, "tiles were stored").await?;
    others.must_go_on(&cluster, &disk, &victim).await?;
    // With room it ends well: what was done of it is good, or done again.
    ensure!(client.post(&format!("/job/{id}/retry")).await?.status == 200);
    let result = client.result(&id).await?;
    let length = result.len() as u64;
    let file = images::png(&images::photo(3600, 3600, 9))?;
    images::decode(&result)?
        .must_equal(&cluster.apply("sharpen", &file, "png")?, "a job that was retried")?;
    ensure!(delete(&cluster, &id).await?.status == 204);

    // While the result is put together: all tiles are there, and a part of the file that it will be.
    let victim = others.victim(&cluster).await?;
    let all = async |id: &str| {
        let progress = client.get(&format!("/job/{id}/progress")).await?.json;
        Ok(progress["total"].is_u64() && progress["total"] == progress["completed"])
    };
    let unfinished =
        |id: &str| blocks(&disk.of_job(id, "result.raw")) >= source && disk.encoded(id) + MARGIN < length;
    let id = meet(&cluster, &disk, "sharpen", all, unfinished).await?;
    must_fail_of_it(&cluster, &id, "the result was put together").await?;
    others.must_go_on(&cluster, &disk, &victim).await?;
    ensure!(delete(&cluster, &id).await?.status == 204);

    // When only the database has something to write: the end of a job that waits for a worker.
    cluster.workers[0].kill_9()?;
    let victim = others.victim_without_workers(&cluster, &disk).await?;
    let id = client
        .submit("waiting.png", others.small.clone(), "emboss")
        .await?;
    client
        .wait_for("the decoded image", SOON, async |client| {
            let job = client.get(&format!("/job/{id}")).await?.json;
            Ok((!job["stages"][1]["finished_at"].is_null()).then_some(()))
        })
        .await?;
    disk.fill(0)?;
    let cancelled = client.post(&format!("/job/{id}/cancel")).await?;
    ensure!(
        cancelled.status == 200 && cancelled.json["status"] == "cancelled",
        "{cancelled:?}"
    );
    // A second time, with nothing in reserve.
    disk.fill(0)?;
    let deleted = delete(&cluster, &id).await?;
    ensure!(deleted.status == 204, "{deleted:?}");
    disk.fill(0)?;
    let deleted = delete(&cluster, &victim).await?;
    ensure!(deleted.status == 204, "{deleted:?}");

    // What was stored on a full disk is whole after a restart, too.
    disk.empty()?;
    let mut server = cluster.server.take().context("there is a server")?;
    server.terminate(SOON)?;
    cluster.start_server()?;
    let client = cluster.client();
    others.must_be_whole(&client).await?;
    let jobs = client.get("/jobs").await?.json;
    ensure!(jobs.as_array().map(Vec::len) == Some(1), "{jobs}");
    cluster.restart_worker(0)?;
    client.wait_until_ready(1).await?;
    let result = client.run("small.png", others.small.clone(), "sharpen").await?;
    images::decode(&result)?.must_equal(&others.wanted, "the job after all")
}

/// Half a file comes, the disk is full, and the rest comes.
async fn upload_into_a_full_disk(cluster: &Cluster, disk: &Disk) -> Result<()> {
    let file = images::png(&images::photo(3600, 3600, 11))?;
    let address = cluster.url().trim_start_matches("http://").to_owned();
    let mut line = tokio::net::TcpStream::connect(&address).await?;
    let head = format!(
        "PUT /uploads?filename=half.png HTTP/1.1\r\nHost: {address}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        file.len()
    );
    line.write_all(head.as_bytes()).await?;
    let (first, rest) = file.split_at(file.len() / 2);
    line.write_all(first).await?;
    let uploads = disk.0.join("uploads");
    cluster
        .client()
        .wait_for("half of the upload on the disk", SOON, async |_| {
            let bytes: u64 = std::fs::read_dir(&uploads)?
                .flatten()
                .map(|entry| blocks(&entry.path()))
                .sum();
            Ok((bytes >= first.len() as u64 / 2).then_some(()))
        })
        .await?;
    disk.fill(0)?;
    // The server may answer and close before it has read everything.
    drop(line.write_all(rest).await);
    let mut answer = Vec::new();
    drop(line.read_to_end(&mut answer).await);
    let answer = String::from_utf8_lossy(&answer);
    ensure!(
        answer.starts_with("HTTP/1.1 507") && answer.contains("disk_full"),
        "{answer}"
    );
    cluster
        .client()
        .wait_for("the upload to be deleted", SOON, async |_| {
            Ok(std::fs::read_dir(&uploads)?.next().is_none().then_some(()))
        })
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_oldest_jobs_go_while_less_is_free_than_is_kept_free() -> Result<()> {
    let arguments = ["--keep-free-bytes", "20M", "--keep-grace-minutes", "0"];
    let Some((mut cluster, disk)) = installation(&arguments).await? else {
        return Ok(());
    };
    cluster.start_worker()?;
    let client = cluster.client();
    client.wait_until_ready(1).await?;
    let file = images::png(&images::photo(3000, 3000, 5))?;
    let mut jobs = Vec::new();
    // Two recipes: the second job would be answered with the first one's result.
    for recipe in ["invert", "sharpen"] {
        let id = client.submit("old.png", file.clone(), recipe).await?;
        client.result(&id).await?;
        jobs.push(id);
    }
    // What is missing is less than the first of them takes up.
    disk.fill(15 << 20)?;
    client
        .wait_for("the oldest job to go", SOON, async |client| {
            let gone = client.get(&format!("/job/{}", jobs[0])).await?.status == 404;
            Ok(gone.then_some(()))
        })
        .await?;
    ensure!(disk.free()? >= 20 << 20, "{} bytes are free", disk.free()?);
    ensure!(client.get(&format!("/job/{}", jobs[1])).await?.status == 200);
    let retention = client.get("/health").await?.json["retention"].clone();
    ensure!(
        retention["free_bytes"] == 20 << 20 && retention["results_days"] == 30,
        "{retention}"
    );
    Ok(())
}
