//! Apache Kafka with an authorizer, SCRAM and TLS, and topics made beforehand: the rights of docs/kafka.md are enough, and what
//! is missing is said by name.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use azulejo_apache_kafka::{Cluster as Kafka, Options};
use azulejo_end2end::rights::{self, Right};
use azulejo_end2end::{Cluster, ClusterOptions, broker, images};

const SERVER_ID: &str = "north";

/// The table of docs/kafka.md, with `prefix` before the names.
fn rights(prefix: &str) -> Result<Vec<Right>> {
    let mut rights = rights::documented()?;
    for right in &mut rights {
        right.name.insert_str(0, prefix);
    }
    Ok(rights)
}

/// Gives (`--add`) or takes (`--remove`) rights.
fn change(kafka: &Kafka, how: &str, right: &Right) -> Result<()> {
    let (flag, user) = (format!("--{}", right.kind), format!("User:{}", right.user));
    let mut arguments = vec![how, "--force", "--allow-principal", &user, &flag, &right.name];
    arguments.extend(["--resource-pattern-type", right.pattern()]);
    for operation in &right.operations {
        arguments.extend(["--operation", operation]);
    }
    kafka.tool("kafka-acls", &arguments).map(drop)
}

fn give_all(kafka: &Kafka, rights: &[Right]) -> Result<()> {
    // Each is a Java of its own; a few at a time.
    for some in rights.chunks(4) {
        std::thread::scope(|scope| {
            let giving: Vec<_> = some
                .iter()
                .map(|right| scope.spawn(|| change(kafka, "--add", right)))
                .collect();
            giving
                .into_iter()
                .try_for_each(|given| given.join().map_err(|_| anyhow::anyhow!("a thread panicked"))?)
        })?;
    }
    Ok(())
}

/// The topics as somebody makes them who knows nothing but their names: Kafka's 1 MiB records, heartbeats of three partitions.
fn make_topics(kafka: &Kafka, prefix: &str) -> Result<()> {
    let results = format!("results-{SERVER_ID}");
    for (name, partitions) in [
        ("tasks", "6"),
        (results.as_str(), "3"),
        ("heartbeats", "3"),
        ("dead-letters", "2"),
        ("control", "1"),
    ] {
        let name = format!("{prefix}{name}");
        kafka.tool(
            "kafka-topics",
            &["--create", "--topic", &name, "--partitions", partitions],
        )?;
    }
    Ok(())
}

/// What the authorizer has refused so far.
fn denials(kafka: &mut Kafka) -> Vec<String> {
    let text = std::fs::read_to_string(kafka.node(0).log()).unwrap_or_default();
    text.lines()
        .filter(|line| line.contains("Denied") || line.contains("denied"))
        .map(str::to_owned)
        .collect()
}

struct Stage {
    cluster: Cluster,
    kafka: Kafka,
    rights: Vec<Right>,
    _folder: tempfile::TempDir,
}

/// An installation of two users with every right of the table, its server and two workers running.
async fn stage() -> Result<Stage> {
    let (kafka, folder) = broker::apache(&Options {
        sasl: true,
        users: vec!["server".into(), "worker".into()],
        ..Options::default()
    })?;
    let mut cluster = Cluster::prepare(ClusterOptions {
        kafka: Some(kafka.sasl_address()),
        server_arguments: ["--server-id", SERVER_ID].map(str::to_owned).into(),
        server_environment: kafka.variables("server"),
        worker_environment: kafka.variables("worker"),
        ..ClusterOptions::default()
    })?;
    let prefix = cluster.prefix().to_owned();
    make_topics(&kafka, &prefix)?;
    let rights = rights(&prefix)?;
    give_all(&kafka, &rights)?;
    cluster.start_server()?;
    cluster.start_worker()?;
    cluster.start_worker()?;
    cluster.client().wait_until_ready(2).await?;
    Ok(Stage {
        cluster,
        kafka,
        rights,
        _folder: folder,
    })
}

impl Stage {
    /// Waits until the log of the program that is `user` says something with `user` and all of `words`, and `/health` with `who`
    /// and all of `words`.
    async fn said(&mut self, what: &str, (user, who): (&str, &str), words: &[&str]) -> Result<()> {
        let start = Instant::now();
        loop {
            let health = self.cluster.client().get("/health").await?.json;
            // A line for each problem, so that all words are those of one.
            let problems = health["problems"].as_array().context("problems")?;
            let problems: String = problems.iter().map(|problem| format!("{problem}\n")).collect();
            let program = match user {
                "User:server" => self.cluster.server.as_ref(),
                _ => self.cluster.workers.first(),
            };
            let log = program.context("it runs")?.log();
            let has = |text: &str, whom: &str| {
                text.lines()
                    .any(|line| line.contains(whom) && words.iter().all(|word| line.contains(word)))
            };
            if has(&problems, who) && has(&log, user) {
                return Ok(());
            }
            ensure!(
                start.elapsed() < Duration::from_secs(120),
                "{what}: nothing says {words:?}: {health}\n{}",
                log.lines().rev().take(20).collect::<Vec<_>>().join("\n")
            );
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    }

    fn right(&self, user: &str, name: &str, operation: &str) -> Result<Right> {
        let name = format!("{}{name}", self.cluster.prefix());
        let row = self
            .rights
            .iter()
            .find(|right| user == format!("User:{}", right.user) && right.name == name)
            .with_context(|| format!("no row of {user} and {name}"))?;
        Ok(Right {
            operations: vec![operation.to_owned()],
            ..row.clone()
        })
    }
}

/// Both on one cluster, which takes long to make.
#[tokio::test(flavor = "multi_thread")]
async fn apache_kafka_needs_the_rights_of_the_docs_no_more_and_names_what_is_missing() -> Result<()> {
    let mut stage = stage().await?;
    the_rights_of_the_docs_are_enough(&mut stage).await?;
    a_right_less_is_named_with_user_right_and_topic(
        &mut stage,
        &[
            ("User:server", "tasks", "Write"),
            ("User:server", "results", "Read"),
            ("User:worker", "results", "Write"),
            ("User:worker", "image-workers", "Read"),
        ],
    )
    .await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "three minutes: the other rights that can be missing"]
async fn apache_kafka_without_any_other_right_names_it() -> Result<()> {
    a_right_less_is_named_with_user_right_and_topic(
        &mut stage().await?,
        &[
            ("User:server", "heartbeats", "Read"),
            ("User:server", "control", "Write"),
            ("User:worker", "tasks", "Read"),
            ("User:worker", "heartbeats", "Write"),
        ],
    )
    .await
}

async fn the_rights_of_the_docs_are_enough(stage: &mut Stage) -> Result<()> {
    let (cluster, kafka) = (&stage.cluster, &mut stage.kafka);
    let client = cluster.client();
    // A 2048² RGBA blur: its tiles of 512 pixels and their halo are more than the 1 MiB that the topics take.
    let mut input = images::photo(2048, 2048, 3);
    input = images::with_alpha(&input);
    let file = images::png(&input)?;
    let id = client.submit("sheet.png", file.clone(), "blur:sigma=8").await?;
    let expected = cluster.apply("blur:sigma=8", &file, "png")?;
    images::decode(&client.result(&id).await?)?.must_equal(&expected, "with small records")?;
    let health = client.get("/health").await?.json;
    ensure!(health["status"] == "healthy", "{health}");
    ensure!(health["workers"] == 2, "a worker is not seen: {health}");
    let most = health["limits"]["max_record_bytes"].as_u64().context("a bound")?;
    ensure!(
        (900_000..1_048_588).contains(&most),
        "the tiles follow the topics: {most}"
    );
    // Control words, trimming and the silent-worker check have their turn.
    let id = client.submit("slow.png", file, "blur:sigma=60").await?;
    client.wait_for_tiles(&id, 1).await?;
    ensure!(client.post(&format!("/job/{id}/cancel")).await?.status == 200);
    tokio::time::sleep(Duration::from_secs(15)).await;
    let denied = denials(kafka);
    ensure!(denied.is_empty(), "rights that the table lacks: {denied:#?}");
    Ok(())
}

/// Of each a user, what the right is on, and the right.
async fn a_right_less_is_named_with_user_right_and_topic(
    stage: &mut Stage,
    rights: &[(&str, &str, &str)],
) -> Result<()> {
    let file = images::png(&images::photo(1024, 1024, 5))?;
    let prefix = stage.cluster.prefix().to_owned();
    for &(user, name, operation) in rights {
        let what = format!("{user} without {operation} on {name}");
        let right = stage.right(user, name, operation)?;
        change(&stage.kafka, "--remove", &right)?;
        // As somebody meets it who starts the programs.
        if user == "User:server" {
            stage.cluster.server.take().context("the server runs")?.kill_9()?;
            stage.cluster.start_server()?;
        } else {
            for worker in &mut stage.cluster.workers {
                worker.kill_9()?;
            }
            stage.cluster.workers.clear();
            stage.cluster.spawn_worker()?;
        }
        let client = stage.cluster.client();
        let id = client.submit("a.png", file.clone(), "blur:sigma=20").await?;
        if name == "control" {
            drop(client.post(&format!("/job/{id}/cancel")).await?);
        }
        let named = format!("{prefix}{name}");
        // Whose heartbeats do not arrive is known by the group alone, which has the worker's name.
        let who = if name == "heartbeats" && user == "User:worker" {
            "kiln-01"
        } else {
            user
        };
        stage.said(&what, (user, who), &[operation, &named]).await?;
        change(&stage.kafka, "--add", &right)?;
        let job = stage
            .cluster
            .client()
            .wait_for_end(&id, Duration::from_secs(120))
            .await
            .with_context(|| format!("{what}: the right is back"))?;
        ensure!(job["status"] == "completed" || name == "control", "{what}: {job}");
        // What is over is not named any more, without a restart of anything.
        stage
            .cluster
            .client()
            .wait_for(
                "the end of the problem",
                Duration::from_secs(60),
                async |client| {
                    let health = client.get("/health").await?.json;
                    Ok((!health["problems"].to_string().contains(&named)).then_some(()))
                },
            )
            .await
            .with_context(|| what.clone())?;
    }
    Ok(())
}
