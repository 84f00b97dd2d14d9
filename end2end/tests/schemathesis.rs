//! The API, judged by schemathesis with the API's own description: requests that follow it and requests that do not, single ones and
//! chains in which one uses what another has made. Nothing may be answered that the description does not allow, and nothing by a
//! fault of the server.

#![expect(clippy::print_stdout, reason = "how much was asked is what one wants to know")]

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use azulejo_end2end::images::{self, Pixels};
use azulejo_end2end::process::tools_dir;
use azulejo_end2end::{Cluster, ClusterOptions};

/// What is not asked of the API, and why.
const NOT_CHECKED: [&str; 2] = [
    // What the description cannot say of an image, a recipe and a state is refused: the file is none, the job has ended already.
    "positive_data_acceptance",
    // A number beyond the last page, a header that nobody knows, an empty value of a form without JavaScript: they are taken.
    "negative_data_rejection",
];

/// Runs schemathesis with `arguments` for at most so long.
async fn judged(arguments: &[&str], patience: Duration) -> Result<()> {
    let program = tools_dir()?.join("schemathesis/bin/schemathesis");
    ensure!(
        program.is_file(),
        "{} is not there: `cargo xtask test` makes it",
        program.display()
    );
    let cluster = Cluster::start(ClusterOptions {
        workers: 1,
        server_arguments: ["--min-image-size", "64", "--tile-size", "64"]
            .map(str::to_owned)
            .to_vec(),
        ..ClusterOptions::default()
    })
    .await?;
    let image = cluster.path("image.png");
    let pixels = Pixels {
        width: 100,
        height: 80,
        channels: 3,
        bytes: (0..100 * 80 * 3).map(|at| (at * 7 % 251) as u8).collect(),
    };
    let file = images::png(&pixels)?;
    std::fs::write(&image, &file)?;
    // What is asked of a job that there is.
    let job = cluster.client().submit("image.png", file, "blur:sigma=2").await?;
    cluster.client().result(&job).await?;
    let url = cluster.url();
    let folder = cluster.path("schemathesis");
    std::fs::create_dir_all(&folder)?;
    let mut command = tokio::process::Command::new(program.canonicalize()?);
    command
        .args([
            "--config-file",
            concat!(env!("CARGO_MANIFEST_DIR"), "/clients/schemathesis.toml"),
        ])
        .args(["run", &format!("{url}/openapi.json"), "--url", &url, "--no-color"])
        .args(["--checks", "all", "--exclude-checks", &NOT_CHECKED.join(",")])
        // A stream that never ends; `server/tests/http/live.rs` reads it.
        .args(["--exclude-operation-id", "events"])
        .args(["--request-timeout", "20", "--continue-on-failure"])
        .args(arguments)
        .env("SCHEMATHESIS_HOOKS", "schemathesis_hooks")
        .env("PYTHONPATH", concat!(env!("CARGO_MANIFEST_DIR"), "/clients"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("AZULEJO_IMAGE", &image)
        .env("AZULEJO_JOB", &job)
        .current_dir(&folder)
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let output = tokio::time::timeout(patience, command.output())
        .await
        .context("schemathesis does not end")??;
    let said = String::from_utf8_lossy(&output.stdout);
    ensure!(
        output.status.success(),
        "{}\n{said}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    let (_, summary) = said
        .split_once(" SUMMARY ")
        .with_context(|| format!("no summary: {said}"))?;
    println!("{summary}");
    ensure!(
        cluster.client().get("/live").await?.status == 200,
        "the server is gone"
    );
    Ok(())
}

/// The same requests in every run.
#[tokio::test(flavor = "multi_thread")]
async fn schemathesis_finds_no_answer_that_is_not_described() -> Result<()> {
    let arguments = ["--max-examples", "10", "--seed", "1", "--no-shrink"];
    judged(&arguments, Duration::from_secs(180)).await
}

/// Others in every run; a failure says its seed.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes ten minutes: part of `cargo xtask nightly`"]
async fn schemathesis_finds_nothing_in_ten_minutes_either() -> Result<()> {
    judged(&["--max-time", "600"], Duration::from_secs(900)).await
}
