//! `cargo xtask brokers`: how long a job takes on the embedded broker, on Apache Kafka of one node and of three, in one run.
#![expect(clippy::print_stdout, reason = "the figures are what this program is for")]

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use azulejo_apache_kafka::Options;
use azulejo_end2end::{Cluster, ClusterOptions, broker, images};

const SIDE: usize = 4096;
/// Each job is run so often; the quickest counts, for this machine may be busy with other things.
const REPEAT: usize = 9;
const WARM_UP: usize = 12;
const RECIPES: [&str; 2] = ["blur:sigma=8", "grayscale"];

#[tokio::main]
async fn main() -> Result<()> {
    let variables: Vec<(String, String)> = std::env::args()
        .skip(1)
        .filter_map(|argument| {
            let (name, value) = argument.split_once('=')?;
            Some((name.to_owned(), value.to_owned()))
        })
        .collect();
    let file = images::png(&images::photo(SIDE, SIDE, 1))?;
    println!(
        "{SIDE} x {SIDE} RGB, PNG to PNG, two workers of one slot; seconds from the upload to the end of the job,"
    );
    println!("the quickest (and the median) of {REPEAT}");
    let mut places = Vec::new();
    for nodes in [0, 1, 3] {
        places.push((nodes, measure(nodes, &variables, &file).await?));
    }
    println!("\n| | {} | times the embedded broker's |", RECIPES.join(" | "));
    println!("|---|---|---|---|");
    for (nodes, times) in &places {
        let name = match nodes {
            0 => "embedded broker".to_owned(),
            1 => "Apache Kafka, one node".to_owned(),
            nodes => format!("Apache Kafka, {nodes} nodes"),
        };
        let shown: Vec<String> = times
            .iter()
            .map(|(best, median)| format!("{best:.2} ({median:.2})"))
            .collect();
        let ratios: Vec<String> = times
            .iter()
            .zip(&places[0].1)
            .map(|((_, median), (_, embedded))| format!("{:.2}", median / embedded))
            .collect();
        println!("| {name} | {} | {} |", shown.join(" | "), ratios.join(", "));
    }
    Ok(())
}

/// Seconds of each recipe, the quickest and the median, on Apache Kafka of so many nodes, or with 0 on the embedded broker.
async fn measure(nodes: usize, variables: &[(String, String)], file: &[u8]) -> Result<Vec<(f64, f64)>> {
    let kafka = match nodes {
        0 => None,
        nodes => Some(broker::apache(&Options {
            nodes,
            ..Options::default()
        })?),
    };
    let cluster = Cluster::start(ClusterOptions {
        kafka: kafka.as_ref().map(|(kafka, _)| kafka.address()),
        server_environment: variables.to_vec(),
        worker_environment: variables.to_vec(),
        ..ClusterOptions::default()
    })
    .await?;
    // The first jobs warm caches, and the virtual machine's compiler.
    for _ in 0..WARM_UP {
        run(&cluster, file, "invert").await?;
    }
    let mut all = Vec::new();
    for recipe in RECIPES {
        let mut times = Vec::new();
        for _ in 0..REPEAT {
            times.push(run(&cluster, file, recipe).await?);
        }
        times.sort_by(f64::total_cmp);
        all.push((times[0], times[REPEAT / 2]));
    }
    Ok(all)
}

async fn run(cluster: &Cluster, file: &[u8], recipe: &str) -> Result<f64> {
    let client = cluster.client();
    let begun = Instant::now();
    let id = client.submit("a.png", file.to_vec(), recipe).await?;
    let job = client.wait_for_end(&id, Duration::from_secs(300)).await?;
    ensure!(job["status"] == "completed", "{job}");
    Ok(begun.elapsed().as_secs_f64())
}
