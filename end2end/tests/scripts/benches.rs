//! `bench`: what it prints, what it refuses, and how it ends when it is broken off or a system fails.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use azulejo_end2end::Client;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::fake::{Answer, Fake};
use crate::said::{azulejo, cluster, kill, names, processing, ran, says, signalled};
use crate::signals::SIGNALS;

/// `bench` with a system of its own.
fn own(cluster: &azulejo_end2end::Cluster, folder: &Path, arguments: &[&str]) -> Result<Command> {
    let mut command = azulejo(cluster, folder, &[&["bench"], arguments].concat())?;
    command.env_remove("AZULEJO_SERVER");
    Ok(command)
}

fn figures(file: &Path) -> Result<Vec<Value>> {
    serde_json::from_slice(&std::fs::read(file)?).context("the figures")
}

/// Waits until `is_so`.
async fn until(client: &Client, what: &str, is_so: impl Fn() -> bool) -> Result<()> {
    let look = async |_: &Client| Ok(is_so().then_some(()));
    client.wait_for(what, Duration::from_secs(60), look).await
}

/// Whether a picture to measure with is begun in the folder for temporary files.
fn is_under_way(folder: &Path) -> bool {
    let folders = std::fs::read_dir(folder).into_iter().flatten().flatten();
    folders
        .filter_map(|entry| names(&entry.path()).ok())
        .flatten()
        .any(|name| name.starts_with("photo-"))
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_of_workers_are_compared_and_nothing_is_left() -> Result<()> {
    let (cluster, folder) = cluster(0).await?;
    let arguments = [
        "--workers",
        "1,2",
        "--sizes",
        "1024",
        "--recipe",
        "invert",
        "--json",
        "figures.json",
    ];
    let said = ran(own(&cluster, &folder, &arguments)?, None).await?;
    ensure!(said.code == Some(0), "{said:?}");
    let table = said.text();
    let rows: Vec<_> = table.lines().collect();
    ensure!(
        rows.len() == 3 && rows[0].contains("SPEED-UP OVER 1") && rows[0].contains("TIMES APPLY"),
        "{table}"
    );
    let figures = figures(&folder.join("figures.json"))?;
    ensure!(figures.len() == 2, "{figures:?}");
    for (figure, workers) in figures.iter().zip([1, 2]) {
        ensure!(
            figure["workers"] == workers && figure["tiles"] == 4 && figure["broker"] == "embedded",
            "{figure}"
        );
        ensure!(
            figure["apply_seconds"]
                .as_f64()
                .is_some_and(|seconds| seconds > 0.0),
            "{figure}"
        );
    }
    let seconds = |at: usize| figures[at]["seconds"].as_f64().context("seconds");
    let speed_up = figures[1]["speed_up"].as_f64().context("a speed-up")?;
    ensure!(figures[0]["speed_up"].is_null(), "{figures:?}");
    ensure!((speed_up - seconds(0)? / seconds(1)?).abs() < 1e-9, "{figures:?}");
    ensure!(rows[2].ends_with(&format!("{speed_up:.2}")), "{table}");
    ensure!(
        names(&folder)? == BTreeSet::from(["figures.json".to_owned()]),
        "{:?}",
        names(&folder)?
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_known_before_the_work() -> Result<()> {
    let (cluster, folder) = cluster(0).await?;
    for flag in [["--workers", "1,2"], ["--kafka", "embedded"], ["--slots", "1"]] {
        // The server comes from the environment here, and from the flag there.
        let exported = says(&cluster, &folder, &[&["bench"][..], &flag].concat()).await?;
        let url = cluster.url();
        let given = ran(
            own(&cluster, &folder, &[&["--server", &url][..], &flag].concat())?,
            None,
        )
        .await?;
        for said in [exported, given] {
            ensure!(said.code == Some(2), "{said:?}");
            for name in [flag[0], "--server", "AZULEJO_SERVER"] {
                ensure!(said.stderr.contains(name), "{name}: {said:?}");
            }
        }
    }
    let before = Instant::now();
    let said = ran(own(&cluster, &folder, &["--json", "no/such/folder.json"])?, None).await?;
    ensure!(
        said.code == Some(1) && said.stderr.contains("no/such/folder.json"),
        "{said:?}"
    );
    ensure!(
        !said.stderr.contains("starting") && before.elapsed() < Duration::from_secs(5),
        "{said:?}"
    );
    ensure!(names(&folder)?.is_empty(), "{:?}", names(&folder)?);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_system_that_fails_leaves_what_was_measured_before() -> Result<()> {
    let (cluster, folder) = cluster(0).await?;
    // The second picture is too large for the server, and the first is measured by then.
    let mut command = own(
        &cluster,
        &folder,
        &[
            "--sizes",
            "1024,1100",
            "--recipe",
            "invert",
            "--json",
            "figures.json",
        ],
    )?;
    command.env("AZULEJO_MAX_PIXELS", "1100000");
    std::fs::write(folder.join("figures.json"), "x".repeat(100_000))?;
    let said = ran(command, None).await?;
    ensure!(
        said.code == Some(1) && said.stderr.contains("error: "),
        "{said:?}"
    );
    ensure!(
        said.text().contains("1024x1024") && said.text().lines().count() == 2,
        "{said:?}"
    );
    let figures = figures(&folder.join("figures.json"))?;
    ensure!(figures.len() == 1 && figures[0]["side"] == 1024, "{figures:?}");
    ensure!(names(&folder)?.len() == 1, "{:?}", names(&folder)?);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_cancels_the_job_on_a_server_that_is_there() -> Result<()> {
    // Without a worker no job completes.
    let (cluster, folder) = cluster(0).await?;
    let client = cluster.client();
    let arguments = ["bench", "--sizes", "1024", "--recipe", "blur"];
    for (signal, code) in SIGNALS {
        let child = azulejo(&cluster, &folder, &arguments)?.spawn()?;
        let id = processing(&client, &BTreeSet::new()).await?;
        let said = signalled(child, signal).await?;
        ensure!(
            said.code == Some(code) && said.stderr.contains(&format!("job {id} is cancelled")),
            "{signal}: {said:?}"
        );
        let job = client.get(&format!("/job/{id}")).await?.json;
        ensure!(job["status"] == "cancelled", "{signal}: {}", job["status"]);
    }

    // The picture has arrived, and the job's id is not known yet: the answer is waited for.
    let id = "01a20544-b985-730f-82a6-b84d915d4169";
    let accepted = json!({ "job_id": id, "total_tiles": 4 });
    let fake = Fake::start(move |request| match request {
        "POST /process" => Answer::json(200, &accepted).late(Duration::from_secs(1)),
        _ => Answer::json(200, &json!({})),
    })
    .await?;
    let mut command = azulejo(&cluster, &folder, &arguments)?;
    let child = command.env("AZULEJO_SERVER", &fake.url).spawn()?;
    until(&client, "the picture", || fake.has_seen("POST /process")).await?;
    let said = signalled(child, "TERM").await?;
    ensure!(
        said.code == Some(143) && said.stderr.contains("is cancelled"),
        "{said:?}"
    );
    ensure!(
        fake.has_seen(&format!("POST /job/{id}/cancel")),
        "the job was left running"
    );

    // A second signal waits for no answer.
    let silent = Fake::start(|_| Answer::json(200, &json!({})).late(Duration::from_secs(600))).await?;
    let mut command = azulejo(&cluster, &folder, &arguments)?;
    let child = command.env("AZULEJO_SERVER", &silent.url).spawn()?;
    until(&client, "the picture", || silent.has_seen("POST /process")).await?;
    kill(&child, "TERM")?;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let second = Instant::now();
    let said = signalled(child, "INT").await?;
    ensure!(
        said.code == Some(143) && second.elapsed() < Duration::from_secs(3),
        "{said:?}"
    );
    ensure!(names(&folder)?.is_empty(), "{:?}", names(&folder)?);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_ends_a_start_that_hangs_and_work_that_takes_long() -> Result<()> {
    let (cluster, folder) = cluster(0).await?;
    let client = cluster.client();
    // A Kafka that accepts and says nothing: the server does not become ready.
    let silent = TcpListener::bind("127.0.0.1:0").await?;
    let kafka = silent.local_addr()?.to_string();
    let child = own(&cluster, &folder, &["--kafka", &kafka])?.spawn()?;
    until(&client, "a folder", || {
        names(&folder).is_ok_and(|names| !names.is_empty())
    })
    .await?;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let first = Instant::now();
    let said = signalled(child, "INT").await?;
    ensure!(
        said.code == Some(130) && first.elapsed() < Duration::from_secs(5),
        "{said:?}"
    );
    ensure!(names(&folder)?.is_empty(), "{:?}", names(&folder)?);

    // A picture that takes minutes; the system is stopped in order.
    let child = own(&cluster, &folder, &["--sizes", "20000", "--recipe", "invert"])?.spawn()?;
    until(&client, "a picture", || is_under_way(&folder)).await?;
    let said = signalled(child, "TERM").await?;
    ensure!(said.code == Some(143) && said.stdout.is_empty(), "{said:?}");
    ensure!(names(&folder)?.is_empty(), "{:?}", names(&folder)?);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_ends_a_stop_that_hangs() -> Result<()> {
    let (cluster, folder) = cluster(0).await?;
    let client = cluster.client();
    let arguments = ["--workers", "1", "--sizes", "20000", "--recipe", "invert"];
    let child = own(&cluster, &folder, &arguments)?.spawn()?;
    until(&client, "a picture", || is_under_way(&folder)).await?;
    // A worker that stands still does not end when it is asked to, and is waited for.
    let parts = std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", child.id()))?;
    let worker = parts
        .split_whitespace()
        .find(|id| {
            std::fs::read_to_string(format!("/proc/{id}/comm"))
                .is_ok_and(|name| name.trim() == "azulejo-worker")
        })
        .context("a worker")?;
    ensure!(
        Command::new("kill").args(["-STOP", worker]).status()?.success(),
        "kill"
    );
    kill(&child, "INT")?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    ensure!(
        Path::new(&format!("/proc/{}/exe", child.id())).exists(),
        "it has not waited"
    );
    let second = Instant::now();
    let said = signalled(child, "TERM").await?;
    ensure!(
        said.code == Some(130)
            && said.stderr.contains("ended at once")
            && second.elapsed() < Duration::from_secs(5),
        "{said:?}"
    );
    ensure!(
        !Path::new(&format!("/proc/{worker}/exe")).exists(),
        "the worker lives"
    );
    ensure!(names(&folder)?.is_empty(), "{:?}", names(&folder)?);
    Ok(())
}
