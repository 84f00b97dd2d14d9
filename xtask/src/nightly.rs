//! What takes too long for every change: each fuzz target for a while, compiling for macOS and Windows, the tests that measure, Firefox, the
//! broker's conformance on three nodes of Apache Kafka, a million seeds of the engine's simulation, a hundred random kills on each kind
//! of broker.
//!
//! Fuzzing needs no nightly compiler and no further tool: the coverage that libFuzzer wants is a pass of LLVM that the
//! stable compiler has. It needs a C++ compiler for libFuzzer itself.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};
use azulejo_apache_kafka::Installation;
use clap::Args;

use crate::{adjacent, chaos, check, debian, dist, instructions, kafka, portability, programs, shell, site};

/// What to run and how long.
#[derive(Args)]
pub struct Options {
    /// Seconds for each fuzz target.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=86_400))]
    seconds: u32,
    /// Seeds that the engine's simulation lives through.
    #[arg(long, default_value_t = 1_000_000)]
    seeds: u64,
    /// Fuzz these targets only, and run nothing else [default: all].
    targets: Vec<String>,
}

/// What cargo-fuzz sets, too: counters at every edge, compared values, and every check that finds a mistake.
const FLAGS: [&str; 9] = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Ccodegen-units=1",
    "-Cdebug-assertions",
    "-Coverflow-checks",
    "--cfg=fuzzing",
];

/// Bytes of the longest input that is tried.
const MAX_LENGTH: u32 = 64 << 10;
/// Megabytes that a target may take: what an input may make the code allocate is bounded, and this shows it.
const MAX_MEMORY: u32 = 1024;

/// Runs everything; fails when something was found.
pub fn run(options: &Options) -> Result<()> {
    let targets = if options.targets.is_empty() {
        targets()?
    } else {
        options.targets.clone()
    };
    build()?;
    let (mut failures, mut skipped) = (Vec::new(), Vec::new());
    for target in &targets {
        if let Err(error) = fuzz(target, options.seconds) {
            failures.push(format!("{target}: {error:#}"));
        }
    }
    if options.targets.is_empty() {
        portability::check()?;
        debian::ensure(true)?;
        site::build(false)?;
        programs::build()?;
        dist::install_tools();
        dist::run(&dist::Options::default())?;
        let mut measure = shell::cargo();
        measure.args([
            "test",
            "--release",
            "--locked",
            "--workspace",
            "--exclude",
            "xtask",
        ]);
        measure.args(["--features", "azulejo-imaging/files", "--no-fail-fast"]);
        measure.args(["--", "--ignored", "--test-threads=1", "--nocapture"]);
        let mut lacking = Vec::new();
        let apache = kafka::install();
        if let Err(error) = &apache {
            shell::say(&format!("SKIPPED: the tests on Apache Kafka: {error:#}"));
            lacking.extend(["apache_", "machines_"]);
        } else if !debian::can_make_machines() {
            lacking.push("machines_");
        }
        let apache = apache.ok();
        match debian::ensure_firefox() {
            Ok(true) => {}
            Ok(false) => lacking.push("browser_firefox_"),
            Err(error) => {
                failures.push(format!("Firefox's driver: {error:#}"));
                lacking.push("browser_firefox_");
            }
        }
        for tests in lacking {
            measure.args(["--skip", tests]);
            skipped.push(tests);
        }
        measure.env(
            adjacent::PROGRAMS,
            adjacent::build(&adjacent::Options::default())?,
        );
        if let Err(error) = shell::run(&mut measure) {
            failures.push(format!("{error:#}"));
        }
        if let Some(installation) = &apache
            && let Err(error) = conformance_on_three_nodes(installation)
        {
            failures.push(format!("{error:#}"));
        }
        if let Err(error) = instructions::run(&instructions::Options::default()) {
            failures.push(format!("{error:#}"));
        }
        if let Err(error) = simulate(options.seeds) {
            failures.push(format!("{error:#}"));
        }
        if let Err(error) = without_lettering() {
            failures.push(format!("{error:#}"));
        }
        for apache in [None, Some(1), Some(3)] {
            let mut options = chaos::Options::default();
            options.apache = apache;
            if let Err(error) = chaos::run(&options) {
                failures.push(format!("{error:#}"));
            }
        }
    }
    if !skipped.is_empty() {
        shell::say(&format!(
            "skipped for want of what they need: {}",
            skipped.join(", ")
        ));
    }
    if !failures.is_empty() {
        bail!("{}", failures.join("; "));
    }
    Ok(())
}

/// The unit tests of `imaging` as the page has it.
fn without_lettering() -> Result<()> {
    let mut cargo = shell::cargo();
    cargo.args(["test", "--release", "--locked", "--package", "azulejo-imaging"]);
    shell::run(cargo.args(["--no-default-features", "--lib"]))
}

/// The modules of `end2end/tests/each_broker` that say what a broker does, on three nodes of Apache Kafka. Not `admin`: with several
/// nodes a change of topics is seen on some of them a moment later than on others, and the suite looks at once. `deaths` ends the broker.
fn conformance_on_three_nodes(installation: &Installation) -> Result<()> {
    shell::say("the broker's conformance on three nodes of Apache Kafka");
    let cluster = kafka::for_tests(installation, 3)?;
    let mut cargo = shell::cargo();
    cargo.args([
        "test",
        "--release",
        "--locked",
        "--workspace",
        "--exclude",
        "xtask",
    ]);
    cargo.args(["--features", "azulejo-imaging/files", "--test", "each_broker"]);
    cargo.args(["--", "--test-threads=1", "records::", "groups::"]);
    for test in check::OF_EMBEDDED {
        cargo.args(["--skip", test]);
    }
    shell::run(cargo.env(kafka::FOR_TESTS, cluster.folder()))
}

/// Lives through many more seeds of the engine's simulation than the tests do.
fn simulate(seeds: u64) -> Result<()> {
    shell::say(&format!("{seeds} seeds of the engine's simulation"));
    let mut cargo = shell::cargo();
    cargo.args([
        "test",
        "--release",
        "--locked",
        "--package",
        "azulejo-engine",
        "--test",
        "simulation",
    ]);
    cargo.args(["--", "every_seed_keeps_every_promise", "--nocapture"]);
    shell::run(cargo.env("AZULEJO_SEEDS", seeds.to_string()))
}

/// The names of all targets.
fn targets() -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir("fuzz/fuzz_targets")? {
        let path = entry?.path();
        if let Some(name) = path.file_stem().and_then(|name| name.to_str()) {
            names.push(name.to_owned());
        }
    }
    names.sort();
    Ok(names)
}

fn target_dir() -> PathBuf {
    shell::target_dir().join("fuzz")
}

/// The compiler's own target, which keeps the flags away from build scripts.
fn host() -> Result<String> {
    let output = Command::new("rustc")
        .arg("-vV")
        .output()
        .context("cannot start rustc")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).context("rustc does not tell its host")
}

fn build() -> Result<()> {
    shell::say("building the fuzz targets");
    let mut cargo = shell::cargo();
    cargo.args([
        "build",
        "--release",
        "--locked",
        "--manifest-path",
        "fuzz/Cargo.toml",
    ]);
    cargo.args(["--target", &host()?]);
    cargo.arg("--target-dir").arg(target_dir());
    shell::run(cargo.env("RUSTFLAGS", FLAGS.join(" ")))
}

/// Fuzzes one target. What it found before stays in the corpus beside the build.
fn fuzz(target: &str, seconds: u32) -> Result<()> {
    shell::say(&format!("fuzzing {target} for {seconds} s"));
    let program = target_dir().join(host()?).join("release").join(target);
    let corpus = target_dir().join("corpus").join(target);
    let found = target_dir().join("found").join("");
    std::fs::create_dir_all(&corpus)?;
    std::fs::create_dir_all(&found)?;
    let mut command = Command::new(&program);
    command
        .arg(&corpus)
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-max_len={MAX_LENGTH}"))
        .arg(format!("-rss_limit_mb={MAX_MEMORY}"))
        .arg(format!("-artifact_prefix={}", found.display()))
        .args(["-timeout=25", "-print_final_stats=1", "-verbosity=0"]);
    shell::run(&mut command)
}
