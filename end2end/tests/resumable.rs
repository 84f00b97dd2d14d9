//! Resumable uploads, judged by clients that are not ours: the line is cut at random points and the server is killed in the
//! middle, and the file arrives byte for byte.

use std::process::{Output, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use azulejo_end2end::cutting::CuttingProxy;
use azulejo_end2end::images::Pixels;
use azulejo_end2end::process::tools_dir;
use azulejo_end2end::{Cluster, ClusterOptions, images};

/// A picture of noise, which does not pack: 20 MB.
fn noise() -> Result<Vec<u8>> {
    let (width, height) = (2600, 2600);
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let bytes = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    })
    .take(width * height * 3)
    .collect();
    images::png(&Pixels {
        width,
        height,
        channels: 3,
        bytes,
    })
}

/// Where the line is cut: at points of which no client knows, the same in every run.
fn cuts(length: u64) -> Vec<u64> {
    [0.03, 0.21, 0.34, 0.58, 0.83]
        .map(|share| (length as f64 * share) as u64 + 12_345)
        .to_vec()
}

/// Has a client send the file through cuts and a death of the server; `command` gets the address, the file and the recipe.
async fn judged(command: impl FnOnce(&str, &str, &str) -> Result<tokio::process::Command>) -> Result<()> {
    let mut cluster = Cluster::start(ClusterOptions {
        workers: 1,
        ..ClusterOptions::default()
    })
    .await?;
    let file = noise()?;
    let length = file.len() as u64;
    ensure!((18_000_000..25_000_000).contains(&length), "{length} bytes");
    let path = cluster.path("noise.png");
    std::fs::write(&path, &file)?;
    let target = cluster.url().trim_start_matches("http://").to_owned();
    let proxy = CuttingProxy::start(&target, 8_000_000, cuts(length)).await?;
    let mut command = command(&proxy.url(), &path, "rotate_90")?;
    let client = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .context("the client does not start")?;
    let kill = async {
        while proxy.sent() < length * 45 / 100 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        cluster.server.as_mut().context("the server runs")?.kill_9()?;
        cluster.start_server()
    };
    let run = async {
        let (output, killed) = tokio::join!(client.wait_with_output(), kill);
        killed?;
        Ok::<Output, anyhow::Error>(output?)
    };
    let output = tokio::time::timeout(Duration::from_secs(180), run)
        .await
        .context("the client does not end")??;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.success(), "{}: {said}", output.status);
    ensure!(proxy.cuts_to_come() == 0, "the line was not cut: {said}");
    ensure!(
        proxy.sent() < 2 * length,
        "{} bytes were sent for {length}",
        proxy.sent()
    );
    let id = String::from_utf8(output.stdout)?.trim().to_owned();
    let client = cluster.client();
    let job = client.wait_for_end(&id, Duration::from_secs(120)).await?;
    ensure!(
        job["status"] == "completed" && job["transformation"] == "rotate_90",
        "{job}"
    );
    ensure!(job["input_bytes"] == length, "{job}");
    let original = reqwest::get(format!("{}/job/{id}/original", cluster.url()))
        .await?
        .bytes()
        .await?;
    ensure!(original == file, "other bytes arrived");
    let jobs = client.get("/jobs").await?.json;
    ensure!(jobs.as_array().is_some_and(|jobs| jobs.len() == 1), "{jobs}");
    ensure!(client.get("/files").await?.json == serde_json::json!([]));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_dies_at_the_end_of_an_upload_starts_its_job_once_and_tells_its_id() -> Result<()> {
    let mut cluster = Cluster::start(ClusterOptions {
        workers: 0,
        ..ClusterOptions::default()
    })
    .await?;
    let file = images::png(&images::photo(1100, 1024, 3))?;
    let http = reqwest::Client::new();
    let base = cluster.url();
    let tus = |request: reqwest::RequestBuilder| request.header("tus-resumable", "1.0.0");
    let created = tus(http.post(format!("{base}/files")))
        .header("upload-length", file.len())
        // `transformation` is `invert`.
        .header("upload-metadata", "transformation aW52ZXJ0")
        .header("content-type", "application/offset+octet-stream")
        .body(file.clone())
        .send()
        .await?;
    ensure!(created.status() == 201, "{created:?}");
    let told = created.headers()["azulejo-job-id"].to_str()?.to_owned();
    let location = created.headers()["location"].to_str()?.to_owned();
    // Dead after the job was accepted.
    cluster.server.as_mut().context("the server runs")?.kill_9()?;
    // Dead before it, as the files would be then: all bytes are there, and no job.
    let id = "6f0cbd26-0d1a-4b8f-9c54-0f3f9a2b1c11";
    let record = serde_json::json!({
        "filename": "late.png", "length": file.len(), "recipe": "rotate_180", "created_at": 1_790_000_000,
        "job": "01a20544-b985-730f-82a6-b84d915d4169",
    });
    std::fs::write(cluster.path(&format!("server/uploads/{id}.part")), &file)?;
    std::fs::write(
        cluster.path(&format!("server/uploads/{id}.json")),
        record.to_string(),
    )?;
    cluster.start_server()?;
    let asked = tus(http.head(format!("{base}{location}"))).send().await?;
    ensure!(asked.headers()["azulejo-job-id"] == told.as_str(), "{asked:?}");
    for _ in 0..200 {
        let late = tus(http.head(format!("{base}/files/{id}"))).send().await?;
        if late
            .headers()
            .get("azulejo-job-id")
            .is_some_and(|job| job == "01a20544-b985-730f-82a6-b84d915d4169")
        {
            let jobs = cluster.client().get("/jobs").await?.json;
            ensure!(jobs.as_array().is_some_and(|jobs| jobs.len() == 2), "{jobs}");
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    anyhow::bail!("the job of the complete upload is not started")
}

fn script(name: &str) -> String {
    format!("{}/clients/{name}", env!("CARGO_MANIFEST_DIR"))
}

#[tokio::test(flavor = "multi_thread")]
async fn tuspy_uploads_through_cuts_and_a_death_of_the_server() -> Result<()> {
    judged(|url, path, recipe| {
        let python = tools_dir()?.join("tuspy/bin/python");
        ensure!(
            python.is_file(),
            "{} is not there: `cargo xtask test` makes it",
            python.display()
        );
        let mut command = tokio::process::Command::new(python);
        command.args([&script("tuspy_upload.py"), url, path, recipe]);
        Ok(command)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn tus_js_client_uploads_through_cuts_and_a_death_of_the_server() -> Result<()> {
    judged(|url, path, recipe| {
        let modules = tools_dir()?.join("tus-js-client");
        ensure!(
            modules.is_dir(),
            "{} is not there: `cargo xtask test` makes it",
            modules.display()
        );
        let modules = modules.canonicalize()?.to_string_lossy().into_owned();
        let mut command = tokio::process::Command::new("node");
        command.args([&script("tus_js_upload.js"), &modules, url, path, recipe]);
        Ok(command)
    })
    .await
}
