//! The release binaries, and running them.

use std::os::unix::process::CommandExt;
use std::process::Command;

use anyhow::{Context, Result};

use crate::{kafka, shell, site};

/// The packages whose binaries a person runs.
pub const PACKAGES: [&str; 4] = [
    "azulejo-server",
    "azulejo-worker",
    "azulejo-broker",
    "azulejo-cli",
];

/// Builds the release binaries.
pub fn build() -> Result<()> {
    let mut cargo = shell::cargo();
    cargo.args(["build", "--release", "--locked"]);
    for package in PACKAGES {
        cargo.args(["--package", package]);
    }
    shell::say("building the programs (the first time takes some minutes)");
    shell::run(&mut cargo)
}

/// Builds what is missing and becomes `azulejo bench`. With `--kafka apache` it compares the embedded broker with one node of Apache
/// Kafka, which it starts.
pub fn bench(arguments: &[String]) -> Result<()> {
    site::build(false)?;
    build()?;
    let mut arguments = with_kafka(arguments)?;
    if arguments
        .iter()
        .filter(|argument| argument.starts_with("--kafka"))
        .count()
        == 1
    {
        arguments.splice(0..0, ["--kafka".to_owned(), "embedded".to_owned()]);
    }
    become_azulejo("bench", &arguments)
}

/// Builds what is missing and becomes `azulejo up`, so that signals reach it directly.
pub fn up(arguments: &[String]) -> Result<()> {
    site::build(false)?;
    build()?;
    let mut all = Vec::new();
    if !arguments
        .iter()
        .any(|argument| argument.starts_with("--site-root"))
    {
        let root = std::path::absolute(site::root())?;
        all.extend(["--site-root".to_owned(), root.display().to_string()]);
    }
    all.extend(with_kafka(arguments)?);
    become_azulejo("up", &all)
}

fn become_azulejo(name: &str, arguments: &[String]) -> Result<()> {
    let release = shell::target_dir().join("release");
    let program = std::path::absolute(release.join("azulejo")).context("the current folder is gone")?;
    let error = Command::new(&program).arg(name).args(arguments).exec();
    Err(error).with_context(|| format!("cannot start {}", program.display()))
}

/// The arguments of `azulejo up` or `bench` with the address of Apache Kafka, started here, in place of the word `apache`.
fn with_kafka(arguments: &[String]) -> Result<Vec<String>> {
    let is_apache = |at: usize| {
        arguments[at] == "--kafka=apache"
            || arguments[at] == "apache" && at > 0 && arguments[at - 1] == "--kafka"
    };
    let mut arguments = arguments.to_vec();
    if let Some(at) = (0..arguments.len()).find(|at| is_apache(*at)) {
        let address = kafka::start_for_up()?;
        arguments[at] = arguments[at].replace("apache", &address);
    }
    Ok(arguments)
}
