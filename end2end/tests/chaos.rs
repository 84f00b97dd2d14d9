//! A short form of `cargo xtask chaos`.

use std::time::Duration;

use anyhow::{Result, ensure};
use azulejo_end2end::chaos::{self, Options};

#[tokio::test(flavor = "multi_thread")]
async fn random_kills_and_pauses_of_every_process_lose_nothing() -> Result<()> {
    let options = Options {
        kills: 8,
        seed: 11,
        most: Duration::from_secs(120),
    };
    let report = chaos::run(&options, |line| println!("{line}")).await?;
    println!("{report:?}");
    ensure!(report.jobs > 0 && !report.hits.is_empty(), "nothing was tried");
    Ok(())
}
