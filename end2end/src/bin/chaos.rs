//! `cargo xtask chaos`: random kills of an installation, as many as you like.
#![expect(clippy::print_stdout, reason = "what happens is what this program is for")]

use std::time::Duration;

use anyhow::{Context, Result};
use azulejo_end2end::chaos::{self, Options};

#[tokio::main]
async fn main() -> Result<()> {
    let mut numbers = std::env::args().skip(1).map(|text| text.parse::<u64>());
    let mut next = |name: &str| {
        numbers
            .next()
            .with_context(|| format!("{name} is missing; arguments are KILLS SEED MINUTES"))?
            .with_context(|| format!("{name} is no number"))
    };
    let options = Options {
        kills: u32::try_from(next("KILLS")?).context("KILLS")?,
        seed: next("SEED")?,
        most: Duration::from_secs(60 * next("MINUTES")?),
    };
    let report = chaos::run(&options, |line| println!("{line}")).await?;
    println!(
        "nothing lost: {} jobs of {} tiles, every byte as it must be, in {} s; {:?}",
        report.jobs, report.tiles, report.seconds, report.hits
    );
    Ok(())
}
