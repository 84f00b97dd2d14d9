//! Whole installations from the crate `azulejo-end2end`, as programs of their own: killed at random, or measured.

use anyhow::Result;
use azulejo_apache_kafka::Cluster;
use clap::Args;

use crate::{kafka, programs, shell, site};

/// How much is killed.
#[derive(Args)]
pub struct Options {
    /// Kills and pauses.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    kills: u32,
    /// Decides who is hit and when; another one each time when it is left out.
    #[arg(long)]
    seed: Option<u64>,
    /// No more kills after so many minutes.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
    minutes: u64,
    /// Nodes of Apache Kafka to run and hit in place of the embedded broker.
    #[arg(long, value_name = "NODES", value_parser = clap::value_parser!(u8).range(1..=9))]
    pub apache: Option<u8>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            kills: 100,
            seed: None,
            minutes: 60,
            apache: None,
        }
    }
}

/// Kills processes at random and fails when anything was lost.
pub fn run(options: &Options) -> Result<()> {
    let seed = options.seed.unwrap_or_else(|| u64::from(std::process::id()));
    shell::say(&format!("{} kills, seed {seed}", options.kills));
    let numbers = [u64::from(options.kills), seed, options.minutes].map(|number| number.to_string());
    match options.apache {
        None => program("chaos", &numbers, None),
        Some(nodes) => {
            let cluster = kafka::for_tests(&kafka::install()?, usize::from(nodes))?;
            program("chaos", &numbers, Some(&cluster))
        }
    }
}

/// Measures server and broker without rendering.
pub fn moving() -> Result<()> {
    program("moving", &[], None)
}

/// Builds everything and runs the program `name` of the crate, on `kafka` where it is given.
pub fn program(name: &str, arguments: &[String], kafka: Option<&Cluster>) -> Result<()> {
    site::build(false)?;
    programs::build()?;
    let mut cargo = shell::cargo();
    cargo.args([
        "run",
        "--release",
        "--locked",
        "--package",
        "azulejo-end2end",
        "--bin",
        name,
        "--",
    ]);
    if let Some(kafka) = kafka {
        cargo.env(kafka::FOR_TESTS, kafka.folder());
    }
    shell::run(cargo.args(arguments))
}
