//! `cargo xtask moving`: how many tiles a second server and broker move when rendering costs nothing, and which of their threads
//! the time goes to.
#![expect(clippy::print_stdout, reason = "the figures are what this program is for")]

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use azulejo_end2end::instant::InstantWorker;
use azulejo_end2end::{Cluster, ClusterOptions, images};

const SIDE: usize = 8192;
const REPEAT: usize = 3;

#[tokio::main]
async fn main() -> Result<()> {
    println!("{SIDE} x {SIDE} RGB, invert, one worker that answers at once; the quickest of {REPEAT} runs");
    let file = images::png(&images::photo(SIDE, SIDE, 1))?;
    for tile in [128, 256, 512] {
        measure(&file, tile).await?;
    }
    Ok(())
}

async fn measure(file: &[u8], tile: u32) -> Result<()> {
    let mut cluster = Cluster::start(ClusterOptions {
        workers: 0,
        server_arguments: vec!["--tile-size".into(), tile.to_string()],
        ..ClusterOptions::default()
    })
    .await?;
    let client = cluster.client();
    let _worker = InstantWorker::start(cluster.kafka(), 2);
    client.wait_until_ready(1).await?;
    let mut best: Option<(f64, u64, BTreeMap<String, f64>)> = None;
    for _ in 0..REPEAT {
        let before = threads(&mut cluster)?;
        let id = client.submit("a.png", file.to_vec(), "invert").await?;
        let job = client.wait_for_end(&id, Duration::from_secs(300)).await?;
        ensure!(job["status"] == "completed", "{job}");
        let mut used = threads(&mut cluster)?;
        for (name, seconds) in &mut used {
            *seconds -= before.get(name).copied().unwrap_or(0.0);
        }
        // The steps of the job as the server itself tells them: decoding overlaps with the tiles and is a part of their time.
        let tiles = job["total_tiles"].as_u64().context("tiles")?;
        let rate = job["tiles_per_second"].as_f64().context("a rate")?;
        if best.as_ref().is_none_or(|(other, _, _)| rate > *other) {
            best = Some((rate, tiles, used));
        }
    }
    let (rate, tiles, used) = best.context("no run")?;
    println!("\ntiles of {tile} px: {tiles} tiles, {rate:.0} a second");
    let mut used: Vec<_> = used.into_iter().filter(|(_, seconds)| *seconds >= 0.02).collect();
    used.sort_by(|a, b| b.1.total_cmp(&a.1));
    for (name, seconds) in used {
        println!("  {seconds:>6.2} s  {name}");
    }
    Ok(())
}

/// Processor seconds of each thread of server and broker so far, threads of one name together.
fn threads(cluster: &mut Cluster) -> Result<BTreeMap<String, f64>> {
    let mut used = BTreeMap::new();
    let server = cluster.server.as_ref().context("it does not run")?.id();
    let broker = cluster
        .broker
        .as_mut()
        .context("it does not run")?
        .program()?
        .id();
    for (program, id) in [("server", server), ("broker", broker)] {
        for task in std::fs::read_dir(format!("/proc/{id}/task"))? {
            let Ok(stat) = std::fs::read_to_string(task?.path().join("stat")) else {
                continue;
            };
            let (head, tail) = stat.rsplit_once(')').context("stat")?;
            let name = head.split_once('(').context("stat")?.1;
            let fields: Vec<&str> = tail.split_whitespace().collect();
            let ticks = |index: usize| fields.get(index).and_then(|text| text.parse::<f64>().ok());
            let seconds = (ticks(11).unwrap_or(0.0) + ticks(12).unwrap_or(0.0)) / 100.0;
            *used.entry(format!("{program}: {name}")).or_insert(0.0) += seconds;
        }
    }
    Ok(used)
}
