//! `azulejo health` and `azulejo top`: every fault is made for real and named with what to do.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use azulejo_end2end::process::azulejo_says;
use azulejo_end2end::{Cluster, ClusterOptions, images, skipped};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use serde_json::Value;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;

const SOON: Duration = Duration::from_secs(30);

/// Waits until `health` ends with `code` and, in one of its lines and the one below, says every one of `words`.
async fn must_say(server: &str, code: i32, words: &[&str]) -> Result<()> {
    let begun = Instant::now();
    loop {
        let output = azulejo_says(server, &["health"]).await?;
        let text = String::from_utf8(output.stdout)?;
        let lines: Vec<&str> = text.lines().collect();
        let is_said = lines.windows(2).any(|pair| {
            let both = pair.join(" ");
            words.iter().all(|word| both.contains(word))
        });
        if is_said && output.status.code() == Some(code) {
            return Ok(());
        }
        ensure!(
            begun.elapsed() < SOON,
            "{words:?} with {code}: {}\n{text}{}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_cannot_be_reached_is_told_from_one_that_is_none() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    drop(listener);
    let nobody = format!("http://{address}");
    must_say(
        &nobody,
        1,
        &["FAULT", "server", "nothing listens", "azulejo up", "--server"],
    )
    .await?;

    // No name server has to be asked: a label has at most 63 characters.
    let unknown = format!("http://{}.invalid:8000", "x".repeat(64));
    must_say(
        &unknown,
        1,
        &["FAULT", "server", "cannot be reached", "spelt right"],
    )
    .await?;

    let other = TcpListener::bind("127.0.0.1:0").await?;
    let address = other.local_addr()?;
    tokio::spawn(async move {
        while let Ok((mut client, _)) = other.accept().await {
            let answer = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello";
            drop(client.write_all(answer.as_bytes()).await);
        }
    });
    let other = format!("http://{address}");
    must_say(
        &other,
        1,
        &["FAULT", "server", "not Azulejo's", "something else listens"],
    )
    .await?;
    let output = azulejo_says(&other, &["health", "--json"]).await?;
    let told: Value = serde_json::from_slice(&output.stdout)?;
    ensure!(
        told["checks"][0]["name"] == "server" && told["checks"][0]["state"] == "fault",
        "{told}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_and_broker_that_are_away_are_named_with_what_to_do() -> Result<()> {
    let options = ClusterOptions {
        // One partition: the other worker stands by.
        server_arguments: vec!["--partitions".to_owned(), "1".to_owned()],
        ..ClusterOptions::default()
    };
    let mut cluster = Cluster::start(options).await?;
    let server = cluster.url();
    must_say(&server, 0, &["ok", "broker", "answers", "topics"]).await?;
    must_say(
        &server,
        0,
        &[
            "warning",
            "stands by",
            "to do: start the server with KAFKA_PARTITIONS=2",
        ],
    )
    .await?;

    cluster.workers[1].kill_9()?;
    must_say(
        &server,
        0,
        &[
            "warning",
            "workers",
            "kiln-02",
            "is lost",
            "to do: look whether it runs",
        ],
    )
    .await?;
    cluster.workers[0].kill_9()?;
    let start = format!("azulejo-worker --kafka {}", cluster.kafka());
    must_say(&server, 1, &["FAULT", "workers", "none is live", &start]).await?;

    let mut broker = cluster.broker.take().context("there is a broker")?;
    broker.kill_9()?;
    must_say(&server, 1, &["FAULT", "broker", "is away", "KAFKA_BROKER"]).await?;
    must_say(&server, 1, &["NOT healthy"]).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_cannot_do_its_work_is_named_with_the_setting() -> Result<()> {
    let mut cluster = Cluster::prepare(ClusterOptions::default())?;
    cluster.start_broker()?;
    let admin: AdminClient<DefaultClientContext> = ClientConfig::new()
        .set("bootstrap.servers", cluster.kafka())
        .create()?;
    let tasks = format!("{}tasks", cluster.prefix());
    let topic = NewTopic::new(&tasks, 2, TopicReplication::Fixed(1)).set("max.message.bytes", "5000");
    let made = admin.create_topics(&[topic], &AdminOptions::new()).await?;
    ensure!(made.iter().all(Result::is_ok), "{made:?}");
    cluster.start_server()?;
    must_say(
        &cluster.url(),
        1,
        &["FAULT", "topics", &tasks, "max.message.bytes=5000", "set it to"],
    )
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_is_full_is_named() -> Result<()> {
    let mut cluster = Cluster::prepare(ClusterOptions::default())?;
    let folder = cluster.path("server");
    std::fs::create_dir(&folder)?;
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=64m", "tmpfs", &folder])
        .output();
    if !mounted.is_ok_and(|output| output.status.success()) {
        skipped("a disk that is full: a small file system cannot be mounted here");
        return Ok(());
    }
    let _mounted = Mounted(folder.clone());
    full(&mut cluster, &folder).await
}

/// A file system that is there for as long as this lives.
struct Mounted(String);

impl Drop for Mounted {
    fn drop(&mut self) {
        // Lazily, since the server has files open in it.
        drop(Command::new("umount").args(["-l", &self.0]).status());
    }
}

async fn full(cluster: &mut Cluster, folder: &str) -> Result<()> {
    cluster.start_broker()?;
    cluster.start_server()?;
    let server = cluster.url();
    must_say(
        &server,
        1,
        &["warning", "disk", "for new jobs", "delete old jobs"],
    )
    .await?;
    // Until there is no room left at all.
    let filled = Command::new("dd")
        .args(["if=/dev/zero", &format!("of={folder}/filler"), "bs=1M"])
        .output()?;
    ensure!(!filled.status.success(), "the disk is not full");
    must_say(&server, 1, &["FAULT", "disk", "for new jobs", "delete old jobs"]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn top_shows_topics_workers_and_jobs_wide_and_narrow() -> Result<()> {
    let cluster = Cluster::start_default().await?;
    let file = images::png(&images::photo(1024, 1024, 71))?;
    let id = cluster.client().submit("harbour.png", file, "invert").await?;
    cluster.client().wait_for_end(&id, SOON).await?;
    for width in ["60", "100", "160"] {
        let output = azulejo_says(&cluster.url(), &["top", "--once", "--width", width]).await?;
        let text = String::from_utf8(output.stdout)?;
        ensure!(output.status.success(), "{text}");
        let tasks = format!("{}tasks", cluster.prefix());
        for word in [
            "healthy",
            &tasks,
            "kiln-01",
            "kiln-02",
            "harbour.png",
            "completed",
            "4 of 4",
        ] {
            ensure!(text.contains(word), "{word} at {width}:\n{text}");
        }
        let widest = text.lines().map(|line| line.chars().count()).max();
        ensure!(widest <= Some(width.parse()?), "{widest:?} at {width}:\n{text}");
    }
    // Not a terminal.
    let output = azulejo_says(&cluster.url(), &["top"]).await?;
    ensure!(output.status.code() == Some(2), "{output:?}");
    ensure!(
        String::from_utf8_lossy(&output.stderr).contains("--once"),
        "{output:?}"
    );
    Ok(())
}
