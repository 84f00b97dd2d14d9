//! The command as a script runs it.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use azulejo_end2end::{Client, Cluster, ClusterOptions, images, process};
use serde_json::Value;

/// How a command ended.
#[derive(Debug)]
pub struct Said {
    pub code: Option<i32>,
    pub stdout: Vec<u8>,
    pub stderr: String,
}

impl Said {
    /// Standard output.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Standard output as lines of JSON.
    pub fn json(&self) -> Result<Vec<Value>> {
        let lines = self.text();
        let parsed = lines.lines().map(serde_json::from_str).collect::<Result<_, _>>();
        parsed.with_context(|| format!("no lines of JSON: {lines}"))
    }
}

/// `azulejo` with `arguments` against the cluster, in `folder`, which also takes its temporary files.
pub fn azulejo(cluster: &Cluster, folder: &Path, arguments: &[&str]) -> Result<Command> {
    let mut command = process::azulejo(&cluster.url(), arguments)?;
    command.env("TMPDIR", folder).current_dir(folder);
    Ok(command)
}

/// Runs it to its end, with `input` on standard input.
pub async fn ran(mut command: Command, input: Option<Vec<u8>>) -> Result<Said> {
    tokio::task::spawn_blocking(move || {
        if input.is_some() {
            command.stdin(Stdio::piped());
        }
        let mut child = command.spawn().context("azulejo does not start")?;
        let writer = child.stdin.take().map(|mut stdin| {
            // A program that refuses its input before its end is seen in its exit code.
            std::thread::spawn(move || stdin.write_all(&input.unwrap_or_default()).ok())
        });
        let output = child.wait_with_output()?;
        writer.map(|writer| writer.join());
        Ok(Said {
            code: output.status.code(),
            stdout: output.stdout,
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    })
    .await?
}

/// The same without input.
pub async fn says(cluster: &Cluster, folder: &Path, arguments: &[&str]) -> Result<Said> {
    ran(azulejo(cluster, folder, arguments)?, None).await
}

/// Sends `signal` to the running `child`.
pub fn kill(child: &Child, signal: &str) -> Result<()> {
    let sent = Command::new("kill")
        .args([&format!("-{signal}"), &child.id().to_string()])
        .status()?;
    ensure!(sent.success(), "kill -{signal}");
    Ok(())
}

/// Sends `signal` to `child` and waits for its end.
pub async fn signalled(mut child: Child, signal: &str) -> Result<Said> {
    kill(&child, signal)?;
    // An open standard input must not keep it.
    let stdin = child.stdin.take();
    let waited = tokio::task::spawn_blocking(move || child.wait_with_output());
    let output = tokio::time::timeout(Duration::from_secs(20), waited)
        .await
        .context("it does not end")???;
    drop(stdin);
    Ok(Said {
        code: output.status.code(),
        stdout: output.stdout,
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

/// A job that is processing, other than those in `but`.
pub async fn processing(client: &Client, but: &BTreeSet<String>) -> Result<String> {
    client
        .wait_for(
            "a job that is processing",
            Duration::from_secs(30),
            async |client| {
                let jobs = client.get("/jobs?status=processing").await?.json;
                let ids = jobs.as_array().into_iter().flatten();
                Ok(ids
                    .filter_map(|job| job["job_id"].as_str())
                    .find(|id| !but.contains(*id))
                    .map(str::to_owned))
            },
        )
        .await
}

/// An installation, and a folder for images and results.
pub async fn cluster(workers: usize) -> Result<(Cluster, PathBuf)> {
    let cluster = Cluster::start(ClusterOptions {
        workers,
        ..ClusterOptions::default()
    })
    .await?;
    let folder = PathBuf::from(cluster.path("work"));
    std::fs::create_dir(&folder)?;
    Ok((cluster, folder))
}

/// A sound image of its own in `folder`; gives its bytes.
pub fn image(folder: &Path, name: &str, seed: u64) -> Result<Vec<u8>> {
    let bytes = images::png(&images::photo(1024, 1024, seed))?;
    let file = folder.join(name);
    std::fs::create_dir_all(file.parent().context("a folder")?)?;
    std::fs::write(file, &bytes)?;
    Ok(bytes)
}

/// The names in a folder.
pub fn names(folder: &Path) -> Result<BTreeSet<String>> {
    std::fs::read_dir(folder)?
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect()
}

/// How many jobs the server has.
pub async fn jobs(client: &Client) -> Result<usize> {
    let jobs = client.get("/jobs").await?.json;
    Ok(jobs.as_array().context("a list of jobs")?.len())
}
