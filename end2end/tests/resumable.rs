//! Resumable uploads and a server that dies between the last byte and the job. Other people's clients: `tus_clients.rs`.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use azulejo_end2end::{Cluster, ClusterOptions, images};

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
