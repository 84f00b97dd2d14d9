//! Build and test automation: `cargo xtask up` runs Azulejo from a clone, `cargo xtask test` proves it.
//!
//! # Tour
//! - [`site`]: the client for the browser: WebAssembly, style, static files, compressed copies, in `target/site`.
//! - [`mod@style`]: the style sheet and its rules.
//! - [`portability`]: what macOS and Windows compile, too.
//! - [`programs`]: the release binaries.
//! - [`wasm_target`]: the compilation target that a fresh toolchain may lack.
//! - [`check`]: everything that `cargo xtask test` runs, with the counts.
//! - [`chaos`]: whole installations that are killed at random, or measured without rendering.
//! - [`circles`]: no file of a crate imports another in a circle.
//! - [`compare`]: Azulejo beside OpenCV and libvips.
//! - [`corpus`]: image files of others, judged by others.
//! - [`adjacent`]: the version before this one and this one in one installation.
//! - [`nightly`]: what takes too long for every change: fuzzing and measuring.
//! - [`screenshots`]: every page in every state, to look at.
//! - [`dist`]: the archive and the packages that go to other machines.
//! - [`debian`]: the browsers and the Kafka client that tests drive. [`tools`]: what Debian has not.
//! - [`dependencies`]: what may come into the build.
//! - [`instructions`]: what kernels execute, counted.
//! - [`kafka`]: Apache Kafka on this machine.
//! - [`shell`]: running commands.

mod adjacent;
mod chaos;
mod check;
mod circles;
mod compare;
mod compile;
mod corpus;
mod debian;
mod dependencies;
mod dist;
mod instructions;
mod kafka;
mod nightly;
mod portability;
mod programs;
mod screenshots;
mod shell;
mod site;
mod style;
mod tools;
mod wasm_target;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// Builds, runs and tests Azulejo.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Build what is missing, then start broker, server and workers; Ctrl-C stops them in order.
    ///
    /// Everything after `up` goes to `azulejo up`: --listen, --workers, --data-dir, --kafka, ...
    /// (`cargo xtask up -- --help` lists them). `--kafka apache` starts Apache Kafka on this machine first, and runs on it.
    #[command(disable_help_flag = true)]
    Up {
        /// Arguments of `azulejo up`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Build the client (target/site) and the programs (target/release).
    Build,
    /// Make what goes to other machines, in target/dist: an archive, and Debian packages for server and worker.
    Dist(dist::Options),
    /// Build the client alone.
    Site,
    /// Build the style sheet alone and look whether it keeps its rules; a part of `test`.
    Style,
    /// Take every page of an installation in every state, theme and window, as target/screenshots/STATE-THEME-WIDTH.png.
    Screenshots(screenshots::Options),
    /// Run every check: format, lints, unit, property and doc tests, real processes, real browsers.
    Test(check::Options),
    /// Kill and pause processes of an installation at random while jobs run, and look whether anything is lost.
    Chaos(chaos::Options),
    /// Measure how many tiles a second server and broker move when rendering costs nothing, and where the time goes.
    Moving,
    /// Build what is missing, then measure as `azulejo bench` does; everything after `bench` goes to it. `--kafka apache` compares
    /// the embedded broker with Apache Kafka, which is started on this machine first.
    #[command(disable_help_flag = true)]
    Bench {
        /// Arguments of `azulejo bench`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Measure how long a job takes on the embedded broker, on one node of Apache Kafka and on three, in one run.
    Brokers {
        /// Settings for server and workers, such as KAFKA_COMPRESSION_TYPE=lz4.
        variables: Vec<String>,
    },
    /// Apache Kafka on this machine, in target/kafka: one node or several, on loopback.
    #[command(subcommand)]
    Kafka(kafka::Action),
    /// Look whether files of a crate import each other in a circle; a part of `test`.
    Circles,
    /// Count the instructions that kernels of operations execute, and fail where they are more than those in
    /// imaging/benches/instructions.json. A part of `nightly`; needs valgrind.
    Instructions(instructions::Options),
    /// Read every image file of a folder here and with libvips, Pillow, OpenCV and tifffile, and compare the pixels; fails when one is
    /// wrong, hangs or panics, or when more than 5 % of those that others read are refused. Needs Python 3 and PyPI.
    Corpus(corpus::Options),
    /// Build what is missing, then time every operation beside OpenCV and libvips, and files beside libvips and GraphicsMagick; everything
    /// after `compare` goes to scripts/compare. Needs Python 3 and PyPI.
    #[command(disable_help_flag = true)]
    Compare {
        /// Arguments of scripts/compare: --side, --rounds, --only, --skip.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Look whether worker and command line, and what they are made of, compile for macOS and Windows; a part of `nightly`.
    Portability,
    /// Look whether licences, sources and known vulnerabilities of what is built in keep to the rules in deny.toml; builds cargo-deny
    /// when it is missing. A part of `test`.
    Dependencies,
    /// Build the version before this one, too, and look whether the two work together and an upgrade loses nothing.
    Adjacent(adjacent::Options),
    /// Fuzz every target for a while and run the tests that measure: what takes too long for every change.
    Nightly(nightly::Options),
}

fn main() -> Result<()> {
    // Paths in them are from the folder in which this was called.
    let arguments = Arguments::parse();
    shell::enter_workspace()?;
    match arguments.command {
        Command::Bench { arguments } => programs::bench(&arguments),
        Command::Up { arguments } => programs::up(&arguments),
        Command::Build => {
            site::build(false)?;
            programs::build()
        }
        Command::Dist(options) => dist::run(&options),
        Command::Site => site::build(false),
        Command::Style => {
            site::build_style()?;
            style::check()
        }
        Command::Screenshots(options) => screenshots::run(&options),
        Command::Test(options) => check::run(&options),
        Command::Chaos(options) => chaos::run(&options),
        Command::Adjacent(options) => adjacent::run(&options),
        Command::Kafka(action) => kafka::run(&action),
        Command::Brokers { variables } => {
            kafka::install()?;
            chaos::program("brokers", &variables, None)
        }
        Command::Moving => chaos::moving(),
        Command::Circles => circles::run(),
        Command::Compare { arguments } => compare::run(&arguments),
        Command::Instructions(options) => instructions::run(&options),
        Command::Corpus(options) => corpus::run(&options),
        Command::Dependencies => dependencies::check().map(drop),
        Command::Portability => portability::check(),
        Command::Nightly(options) => nightly::run(&options),
    }
}
