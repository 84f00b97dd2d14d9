//! Apache Kafka on this machine, in `target/kafka`: to try Azulejo on it, and for the tests.

use std::path::PathBuf;

use anyhow::{Result, bail, ensure};
use azulejo_apache_kafka::{Cluster, Installation, Options};
use clap::{Args, Subcommand};

use crate::{debian, shell};

/// The first node's port for clients; the next nodes follow.
const PORT: u16 = 9092;
/// Users that `--sasl` makes; each one's password is its name.
const USERS: [&str; 2] = ["server", "worker"];

/// What to do with it.
#[derive(Subcommand)]
pub enum Action {
    /// Fetch it from Maven Central (54 MB), and Java and Maven from Debian where they are missing.
    Install,
    /// Start it on loopback; what a former start left is used again.
    Start(Start),
    /// Stop it. What it holds stays.
    Stop,
    /// Stop it and remove what it holds.
    Reset,
    /// Run one of its command-line tools on it, for example `tool kafka-topics --list`.
    Tool {
        /// The tool's name as in Kafka's `bin` folder, without `.sh`.
        name: String,
        /// Its arguments; `--bootstrap-server` is given already.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
}

/// How to start it.
#[derive(Args)]
pub struct Start {
    /// Nodes: each is broker and controller.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=9))]
    nodes: u8,
    /// Another listener that asks for SASL/SCRAM-SHA-512 over TLS, an authorizer, and the users admin, server and worker.
    #[arg(long)]
    sasl: bool,
}

fn folder() -> PathBuf {
    shell::target_dir().join("kafka")
}

fn cluster_folder() -> PathBuf {
    folder().join("cluster")
}

/// The jars, fetched when they are missing.
pub fn install() -> Result<Installation> {
    debian::ensure_java()?;
    Installation::in_folder(&folder())
}

/// Does it.
#[expect(
    clippy::print_stdout,
    reason = "addresses and settings are what these commands are for"
)]
pub fn run(action: &Action) -> Result<()> {
    match action {
        Action::Install => {
            install()?;
            println!("Apache Kafka is in {}", folder().display());
        }
        Action::Start(options) => {
            let cluster = start(options)?;
            println!("Apache Kafka is ready: {}", cluster.address());
            if cluster.has_sasl() {
                println!("with SASL over TLS: {}", cluster.sasl_address());
                println!("as the user server (worker alike; give them rights first: docs/kafka.md):");
                for (name, value) in cluster.variables("server") {
                    println!("  export {name}={value}");
                }
            }
        }
        Action::Stop => Cluster::open(&install()?, &cluster_folder())?.stop()?,
        Action::Reset => {
            let folder = cluster_folder();
            if folder.exists() {
                Cluster::open(&install()?, &folder)?.stop()?;
                std::fs::remove_dir_all(folder)?;
            }
        }
        Action::Tool { name, arguments } => {
            let cluster = Cluster::open(&install()?, &cluster_folder())?;
            ensure!(cluster.nodes() > 0, "there is none: `cargo xtask kafka start`");
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            print!("{}", cluster.tool(name, &arguments)?);
        }
    }
    Ok(())
}

/// Starts it as `options` say; one that is there already must be of this kind.
fn start(options: &Start) -> Result<Cluster> {
    let installation = install()?;
    let folder = cluster_folder();
    let wanted = usize::from(options.nodes);
    if folder.exists() {
        let mut cluster = Cluster::open(&installation, &folder)?;
        if cluster.nodes() != wanted || cluster.has_sasl() != options.sasl {
            bail!(
                "there is one of {} nodes {} SASL in {}: `cargo xtask kafka reset` removes it and what it holds",
                cluster.nodes(),
                if cluster.has_sasl() { "with" } else { "without" },
                folder.display()
            );
        }
        cluster.start()?;
        return Ok(cluster);
    }
    shell::say("starting Apache Kafka");
    let options = Options {
        nodes: wanted,
        sasl: options.sasl,
        users: USERS.map(str::to_owned).into(),
        port: Some(PORT),
        ..Options::default()
    };
    Cluster::start_in(&installation, &folder, &options)
}

/// Starts one node for `cargo xtask up`, in place of the word `apache`; gives its address.
pub fn start_for_up() -> Result<String> {
    let folder = cluster_folder();
    let cluster = if folder.exists() {
        let mut cluster = Cluster::open(&install()?, &folder)?;
        cluster.start()?;
        cluster
    } else {
        start(&Start {
            nodes: 1,
            sasl: false,
        })?
    };
    shell::say(&format!(
        "Apache Kafka is at {}; `cargo xtask kafka stop` stops it",
        cluster.address()
    ));
    Ok(cluster.address())
}

/// Names, for tests, the folder of the Apache Kafka to run on.
pub const FOR_TESTS: &str = "AZULEJO_TEST_KAFKA";

/// A cluster for the tests, on free ports; gone with the value.
pub fn for_tests(installation: &Installation, nodes: usize) -> Result<Cluster> {
    let folder = folder().join(format!("tests-{nodes}"));
    let options = Options {
        nodes,
        // A node alone that was killed is taken back by its own controller after this time: 9 s where nothing is set.
        settings: vec![("broker.session.timeout.ms".to_owned(), "3000".to_owned())],
        owned: true,
        ..Options::default()
    };
    Cluster::start_in(installation, &folder, &options)
}
