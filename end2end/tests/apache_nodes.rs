//! Three nodes of Apache Kafka, hit while a job runs: it ends with the right bytes, and no server or worker is started by hand.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use azulejo_apache_kafka::{Cluster as Kafka, Options};
use azulejo_end2end::kafka_clients::client;
use azulejo_end2end::{Cluster, ClusterOptions, broker, images};
use rdkafka::consumer::{BaseConsumer, Consumer as _};

/// Slow enough that what is done lands in the middle.
const RECIPE: &str = "blur:sigma=60";
/// How long a job may take, whatever happens.
const LIMIT: Duration = Duration::from_secs(150);

/// What is done to the nodes, and its name.
type Hit = (&'static str, fn(&mut Kafka, &str) -> Result<()>);

/// The node, counted from 0, that leads the first partition of the results.
fn leader_of_results(kafka: &Kafka, prefix: &str) -> Result<usize> {
    let consumer: BaseConsumer = client(&kafka.address(), &[])?;
    let metadata = consumer.fetch_metadata(None, Duration::from_secs(20))?;
    let topic = metadata
        .topics()
        .iter()
        .find(|topic| topic.name().starts_with(&format!("{prefix}results-")))
        .context("there is no topic of results")?;
    let leader = topic.partitions().first().context("no partition")?.leader();
    Ok(usize::try_from(leader)? - 1)
}

fn pause(kafka: &mut Kafka, node: usize, time: Duration) -> Result<()> {
    kafka.node(node).pause()?;
    std::thread::sleep(time);
    kafka.node(node).resume()
}

fn kill(kafka: &mut Kafka, node: usize) -> Result<()> {
    kafka.node(node).kill_9()?;
    std::thread::sleep(Duration::from_secs(2));
    kafka.start_node(node)
}

/// Ends each node in order and starts it again, one after the other.
fn roll(kafka: &mut Kafka) -> Result<()> {
    for node in 0..kafka.nodes() {
        kafka.node(node).stop(Duration::from_secs(60))?;
        kafka.start_node(node)?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn apache_kafka_of_three_nodes_may_lose_any_of_them_in_mid_job() -> Result<()> {
    let (mut kafka, _folder) = broker::apache(&Options {
        nodes: 3,
        heap: 384,
        ..Options::default()
    })?;
    let mut cluster = Cluster::start(ClusterOptions {
        kafka: Some(kafka.address()),
        server_arguments: ["--tile-size", "256"].map(str::to_owned).into(),
        ..ClusterOptions::default()
    })
    .await?;
    let file = images::png(&images::photo(3072, 2048, 17))?;
    let expected = cluster.apply(RECIPE, &file, "png")?;
    let client = cluster.client();
    let prefix = cluster.prefix().to_owned();
    let hits: [Hit; 5] = [
        ("kill -9 of a broker that is not the controller", |kafka, _| {
            let node = (kafka.controller()? + 1) % kafka.nodes();
            kill(kafka, node)
        }),
        ("kill -9 of the controller", |kafka, _| {
            let node = kafka.controller()?;
            kill(kafka, node)
        }),
        ("kill -9 of the leader of results", |kafka, prefix| {
            let node = leader_of_results(kafka, prefix)?;
            kill(kafka, node)
        }),
        ("SIGSTOP of the leader of results for 20 s", |kafka, prefix| {
            let node = leader_of_results(kafka, prefix)?;
            pause(kafka, node, Duration::from_secs(20))
        }),
        ("a rolling restart", |kafka, _| roll(kafka)),
    ];
    for (what, hit) in hits {
        let begun = Instant::now();
        let id = client.submit("coast.png", file.clone(), RECIPE).await?;
        client.wait_for_tiles(&id, 8).await?;
        tokio::task::block_in_place(|| hit(&mut kafka, &prefix)).context(what)?;
        let job = client.wait_for_end(&id, LIMIT).await.context(what)?;
        ensure!(job["status"] == "completed", "{what}: {job}");
        images::decode(&client.download(&id).await?)?.must_equal(&expected, what)?;
        println!("{what}: {:.1} s", begun.elapsed().as_secs_f32());
        let server = cluster.server.as_mut().context("the server runs")?;
        ensure!(
            server.is_running(),
            "{what}: the server has ended\n{}",
            server.log_tail()
        );
        for worker in &mut cluster.workers {
            ensure!(
                worker.is_running(),
                "{what}: a worker has ended\n{}",
                worker.log_tail()
            );
        }
    }
    Ok(())
}
