//! The commands that list, tell and measure, against one running system; and what `submit` ends with when a job does not
//! complete.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use azulejo_end2end::process::azulejo_says;
use azulejo_end2end::{Cluster, ClusterOptions, images};
use serde_json::Value;

/// The same where success is expected; gives standard output.
async fn says(cluster: &Cluster, arguments: &[&str]) -> Result<String> {
    let output = azulejo_says(&cluster.url(), arguments).await?;
    ensure!(
        output.status.success(),
        "{arguments:?}: {}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8(output.stdout)?)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_that_tells_tells_the_truth() -> Result<()> {
    let mut cluster = Cluster::start(ClusterOptions {
        workers: 1,
        ..ClusterOptions::default()
    })
    .await?;
    let client = cluster.client();
    let file = images::png(&images::photo(1024, 1024, 41))?;
    let id = client.submit("holiday.png", file, "grayscale").await?;
    client.result(&id).await?;

    let recipes = says(&cluster, &["recipes"]).await?;
    let table: Value = serde_json::from_str(&says(&cluster, &["recipes", "--json"]).await?)?;
    for operation in ["grayscale", "blur", "edge_detection", "sharpen", "rotate_90"] {
        ensure!(
            recipes.contains(operation),
            "recipes lacks {operation}:\n{recipes}"
        );
        let listed = table.as_array().into_iter().flatten();
        ensure!(
            listed.filter(|row| row["name"] == operation).count() == 1,
            "{operation}: {table}"
        );
    }

    let jobs = says(&cluster, &["jobs", "--search", "holiday"]).await?;
    ensure!(
        jobs.contains(&id) && jobs.contains("completed") && jobs.contains("4/4"),
        "{jobs}"
    );
    let failed = says(&cluster, &["jobs", "--status", "failed", "--json"]).await?;
    ensure!(failed.trim() == "[]", "{failed}");

    let workers = says(&cluster, &["workers"]).await?;
    ensure!(workers.contains("kiln-01"), "{workers}");
    let workers: Value = serde_json::from_str(&says(&cluster, &["workers", "--json"]).await?)?;
    ensure!(workers[0]["worker_id"] == "kiln-01", "{workers}");

    let health = says(&cluster, &["health"]).await?;
    ensure!(
        health.contains("healthy") && health.contains(cluster.kafka()),
        "{health}"
    );

    // The name of the result says its format, through the whole system.
    let input = cluster.path("in.png");
    std::fs::write(&input, images::png(&images::photo(1024, 1030, 43))?)?;
    let magics: [(&str, &[u8]); 4] = [
        ("out.png", b"\x89PNG"),
        ("out.jpg", b"\xff\xd8\xff"),
        ("out.tif", b"II*\0"),
        ("out.webp", b"RIFF"),
    ];
    for (name, magic) in magics {
        let out = cluster.path(name);
        says(&cluster, &["submit", &input, "-r", "invert", "-o", &out]).await?;
        let result = std::fs::read(&out)?;
        ensure!(result.starts_with(magic), "{name}: {:?}", &result[..4]);
    }
    let refused = azulejo_says(
        &cluster.url(),
        &["submit", &input, "-r", "invert", "-o", "out.psd"],
    )
    .await?;
    ensure!(
        !refused.status.success() && String::from_utf8_lossy(&refused.stderr).contains(".psd"),
        "{refused:?}"
    );

    // Another recipe on the image of a job, without sending it: the bytes of `submit`.
    let (sent, again) = (cluster.path("sent.png"), cluster.path("again.png"));
    let holiday = cluster.path("holiday.png");
    std::fs::write(&holiday, images::png(&images::photo(1024, 1024, 41))?)?;
    says(
        &cluster,
        &["submit", &holiday, "-r", "rotate_90|invert", "-o", &sent],
    )
    .await?;
    let said = says(&cluster, &["again", &id, "rotate_90|invert", "-o", &again]).await?;
    ensure!(said.trim() == again, "{said}");
    ensure!(
        std::fs::read(&sent)? == std::fs::read(&again)?,
        "again and submit differ"
    );
    let folder = cluster.path(".");
    let arguments = ["again", &id, "invert", "--format", "webp", "-o", &folder];
    let said = says(&cluster, &arguments).await?;
    ensure!(std::fs::read(said.trim())?.starts_with(b"RIFF"), "{said}");
    let unknown = "01a20544-b985-730f-82a6-b84d915d4169";
    let refused = azulejo_says(&cluster.url(), &["again", unknown, "invert"]).await?;
    ensure!(
        refused.status.code() == Some(1) && String::from_utf8_lossy(&refused.stderr).contains("404"),
        "{refused:?}"
    );

    let figures = cluster.path("figures.json");
    let bench = says(
        &cluster,
        &[
            "bench",
            "--sizes",
            "1024",
            "--recipe",
            "grayscale",
            "--verify",
            "--json",
            &figures,
        ],
    )
    .await?;
    ensure!(
        bench.contains("1024x1024") && bench.contains("same as apply"),
        "{bench}"
    );
    let figures: Value = serde_json::from_slice(&std::fs::read(&figures)?)?;
    ensure!(
        figures[0]["tiles"] == 4 && figures[0]["verified"] == true,
        "{figures}"
    );

    // A worker that ends says goodbye: health is no longer well at once, and scripts can tell.
    let mut worker = cluster.workers.pop().context("there is a worker")?;
    worker.terminate(Duration::from_secs(60))?;
    for _ in 0..600 {
        if client.get("/health").await?.json["workers"] == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let output = azulejo_says(&cluster.url(), &["health", "--json"]).await?;
    ensure!(output.status.code() == Some(1), "{output:?}");
    let health: Value = serde_json::from_slice(&output.stdout)?;
    ensure!(
        health["status"] == "waiting" && health["workers"] == 0,
        "{health}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn submit_ends_with_3_and_the_reason_when_a_job_fails_or_is_cancelled() -> Result<()> {
    // Without a worker no job completes: one fails while it is decoded, the other waits to be cancelled.
    let cluster = Cluster::start(ClusterOptions {
        workers: 0,
        ..ClusterOptions::default()
    })
    .await?;
    let client = cluster.client();
    let (damaged, sound) = (cluster.path("damaged.png"), cluster.path("sound.png"));
    // Enough bytes for so many pixels and a right checksum, so that the file is accepted; but no zlib stream.
    std::fs::write(&damaged, images::png_with_data(1100, 1100, &[0xff; 50_000]))?;
    std::fs::write(&sound, images::png(&images::photo(1024, 1024, 42))?)?;
    let out = cluster.path("out.png");

    let output = azulejo_says(&cluster.url(), &["submit", &damaged, "-r", "sharpen", "-o", &out]).await?;
    let text = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.code() == Some(3), "{output:?}");
    ensure!(text.contains("damaged.png") && text.contains("failed"), "{text}");

    let arguments = ["submit", &sound, "-r", "sharpen", "-o", &out];
    let cancel = async {
        for _ in 0..600 {
            let jobs = client.get("/jobs?status=processing").await?.json;
            if let Some(id) = jobs[0]["job_id"].as_str() {
                return client.post(&format!("/job/{id}/cancel")).await;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        anyhow::bail!("submit started no job")
    };
    let url = cluster.url();
    let (output, cancelled) = tokio::join!(azulejo_says(&url, &arguments), cancel);
    let (output, cancelled) = (output?, cancelled?);
    ensure!(cancelled.status == 200, "{cancelled:?}");
    let text = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.code() == Some(3), "{output:?}");
    ensure!(text.contains("sound.png") && text.contains("cancelled"), "{text}");
    ensure!(
        !std::path::Path::new(&out).exists(),
        "a job without a result left a file"
    );
    Ok(())
}
