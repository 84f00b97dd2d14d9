//! Everything that `cargo xtask test` runs, in the order in which a mistake is cheapest to find.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use azulejo_apache_kafka::Cluster;
use clap::Args;

use crate::{
    circles, debian, dependencies, dist, kafka, portability, programs, shell, site, style, wasm_target,
};

/// What to leave out.
#[derive(Args)]
pub struct Options {
    /// Leave out the tests that drive a browser.
    #[arg(long)]
    no_browser: bool,
    /// Leave out format and lints.
    #[arg(long)]
    no_lint: bool,
    /// Leave out the tests on Apache Kafka.
    #[arg(long, conflicts_with = "require_apache")]
    no_apache: bool,
    /// Fail where the tests on Apache Kafka cannot be run, rather than count them as skipped.
    #[arg(long)]
    require_apache: bool,
}

/// The modules of `end2end/tests/each_broker` that run on three nodes of Apache Kafka. Not `admin`: with several nodes a change of
/// topics is seen on some of them a moment later than on others, and the suite looks at once. On one node all run.
const ON_THREE_NODES: [&str; 3] = ["pipeline::", "records::", "groups::"];
/// How the names of tests begin that make an Apache Kafka of their own.
const OWN_APACHE: &str = "apache_";
/// Those on machines made of network namespaces, with Apache Kafka on some.
const MACHINES: &str = "machines_";
/// Tests that are about the embedded broker in those suites.
const OF_EMBEDDED: [&str; 1] = ["a_full_disk_is_an_error"];

/// Tests counted over all runs of cargo's test runner.
#[derive(Default)]
struct Counts {
    passed: u32,
    failed: u32,
    /// Ignored, or left out because of `--no-browser` or a browser that this system does not have.
    skipped: u32,
}

/// Runs every check and prints the counts; fails when one did.
#[expect(clippy::print_stdout, reason = "the counts are what this command is for")]
pub fn run(options: &Options) -> Result<()> {
    let start = Instant::now();
    wasm_target::ensure()?;
    let mut lacking = debian::ensure(!options.no_browser)?;
    lacking.extend(dist::linters::ensure(false));
    let apache = if options.no_apache {
        None
    } else {
        match kafka::install() {
            Ok(installation) => Some(installation),
            Err(error) if options.require_apache => return Err(error),
            Err(error) => {
                shell::say(&format!("SKIPPED: the tests on Apache Kafka: {error:#}"));
                None
            }
        }
    };
    if apache.is_none() {
        lacking.push(OWN_APACHE);
    }
    if apache.is_none() || !debian::can_make_machines() {
        lacking.push(MACHINES);
    }
    let (mut not_compiled, mut not_asked) = (Vec::new(), Vec::new());
    if !options.no_lint {
        lint()?;
        not_compiled = portability::check()?;
        not_asked = dependencies::check()?;
    }
    site::build()?;
    programs::build()?;

    let mut counts = Counts::default();
    let mut failures = Vec::new();
    let mut suite = |name: &str, arguments: &[&str], kafka: Option<&Cluster>| -> Result<()> {
        shell::say(name);
        if !test(arguments, kafka, &mut counts)? {
            failures.push(name.to_owned());
        }
        Ok(())
    };
    // With debug assertions, so that arithmetic that overflows is found.
    suite(
        "pixels: unit, property and doc tests",
        &[
            "--package",
            "azulejo-imaging",
            "--features",
            "files",
            "--no-fail-fast",
        ],
        None,
    )?;
    // The rest in release, for it shares every dependency with the programs that were just built.
    let rest = [
        "--release",
        // As everywhere here: what was not run is not counted, and the counts would look better than they are.
        "--no-fail-fast",
        "--workspace",
        "--exclude",
        "azulejo-imaging",
        "--exclude",
        "azulejo-end2end",
        "--exclude",
        "xtask",
    ];
    suite("programs: unit, property and doc tests", &rest, None)?;
    // One at a time: each starts whole installations, and there may be only two cores.
    let mut end2end = vec![
        "--release",
        "--package",
        "azulejo-end2end",
        "--no-fail-fast",
        "--",
        "--test-threads=1",
    ];
    if options.no_browser {
        end2end.extend(["--skip", "browser_"]);
    }
    for tests in &lacking {
        end2end.extend(["--skip", tests]);
    }
    suite("the whole: real processes and real browsers", &end2end, None)?;
    for (nodes, name, modules) in [
        (1, "Apache Kafka, one node", &[][..]),
        (3, "Apache Kafka, three nodes", &ON_THREE_NODES[..]),
    ] {
        let Some(installation) = &apache else { continue };
        let cluster = kafka::for_tests(installation, nodes)?;
        let mut arguments = vec!["--release", "--package", "azulejo-end2end", "--no-fail-fast"];
        arguments.extend(["--test", "each_broker", "--", "--test-threads=1"]);
        arguments.extend(modules);
        for test in OF_EMBEDDED {
            arguments.extend(["--skip", test]);
        }
        suite(name, &arguments, Some(&cluster))?;
    }

    shell::say(&format!(
        "took {} min {} s",
        start.elapsed().as_secs() / 60,
        start.elapsed().as_secs() % 60
    ));
    println!(
        "{} passed, {} failed, {} skipped",
        counts.passed, counts.failed, counts.skipped
    );
    if apache.is_none() {
        println!("skipped for want of Apache Kafka: each_broker on one node and on three");
    }
    if !not_compiled.is_empty() {
        println!(
            "skipped for want of its standard library: compiling for {}",
            not_compiled.join(", ")
        );
    }
    if !not_asked.is_empty() {
        println!(
            "skipped for want of cargo-deny or its database: {}",
            not_asked.join(", ")
        );
    }
    if !lacking.is_empty() {
        println!(
            "skipped for want of a browser, a client, a broker, a linter or network namespaces: {}",
            lacking.join(", ")
        );
    }
    if !failures.is_empty() {
        bail!("failed: {}", failures.join("; "));
    }
    if counts.passed == 0 {
        bail!("no test ran");
    }
    Ok(())
}

fn lint() -> Result<()> {
    shell::say("format");
    shell::run(shell::cargo().args(["fmt", "--all", "--check"]))?;
    // A workspace of its own, which the line above does not reach.
    shell::run(shell::cargo().args(["fmt", "--check", "--manifest-path", "fuzz/Cargo.toml"]))?;
    shell::say("circles");
    circles::run()?;
    shell::say("style");
    style::check()?;
    shell::say("lints");
    let deny = ["--", "--deny", "warnings"];
    // In the profiles that are built afterwards: macros and the C libraries (OpenSSL alone takes minutes) are compiled once.
    shell::run(
        shell::cargo()
            .args(["clippy", "--locked", "--release", "--workspace", "--all-targets"])
            .args(deny),
    )?;
    shell::run(
        shell::cargo()
            .args([
                "clippy",
                "--locked",
                "--profile",
                "wasm-release",
                "--package",
                "azulejo-app",
                "--features",
                "hydrate",
            ])
            .args(["--target", "wasm32-unknown-unknown"])
            .args(deny),
    )?;
    shell::run(
        shell::cargo()
            .args(["clippy", "--locked", "--profile", "wasm-release"])
            .args(["--package", "azulejo-preview"])
            .args(["--target", "wasm32-unknown-unknown"])
            .args(deny),
    )
}

/// Runs `cargo test`, on `kafka` where it is given, with its output shown and its closing lines counted; `false` when a test failed.
#[expect(clippy::print_stdout, reason = "the runner's own output passes through")]
fn test(arguments: &[&str], kafka: Option<&Cluster>, counts: &mut Counts) -> Result<bool> {
    let mut command: Command = shell::cargo();
    command.args(["test", "--locked"]).args(arguments);
    if let Some(kafka) = kafka {
        command.env(kafka::FOR_TESTS, kafka.folder());
    }
    let shown = shell::show(&command);
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start `{shown}`"))?;
    let output = child.stdout.take().context("stdout is piped")?;
    let mut ran = false;
    for line in BufReader::new(output).lines() {
        let line = line?;
        println!("{line}");
        if let Some(rest) = line.strip_prefix("test result: ") {
            ran = true;
            let number = |word: &str| -> u32 {
                let before = rest.split(word).next().unwrap_or_default();
                before
                    .split_whitespace()
                    .last()
                    .and_then(|text| text.parse().ok())
                    .unwrap_or(0)
            };
            counts.passed += number(" passed");
            counts.failed += number(" failed");
            counts.skipped += number(" ignored") + number(" filtered out");
        }
    }
    let status = child.wait()?;
    if !ran {
        bail!("`{shown}` ran no test ({status})");
    }
    Ok(status.success())
}
