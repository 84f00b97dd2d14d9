//! Everything that `cargo xtask test` runs, in the order in which a mistake is cheapest to find.

mod lanes;
mod lint;
mod programs;
mod times;

use anyhow::{Result, bail, ensure};
use azulejo_apache_kafka::Installation;
use clap::Args;

use crate::{debian, dependencies, dist, kafka, shell, site, wasm_target};
use lanes::Suite;
use programs::{Counts, TestProgram};
use times::Times;

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

/// The modules of `end2end/tests/each_broker` that run on three nodes of Apache Kafka; the others run on one node. Those of the
/// broker's conformance, which take minutes on three, do so in `cargo xtask nightly`.
const ON_THREE_NODES: [&str; 1] = ["pipeline::"];
/// How the names of tests begin that make an Apache Kafka of their own, and those of their programs.
const OWN_APACHE: &str = "apache_";
/// Those on machines made of network namespaces, with Apache Kafka on some.
const MACHINES: &str = "machines_";
/// The program of the tests in browsers.
const BROWSER: &str = "browser";
/// The program of `imaging` that reads hundreds of public files: minutes on one processor.
const CORPUS: &str = "corpus";
/// The program of the tests that run on each kind of broker.
const EACH_BROKER: &str = "each_broker";
/// Tests that are about the embedded broker in those suites: that Apache Kafka loses nothing when it is killed is not for this project
/// to show.
pub const OF_EMBEDDED: [&str; 2] = ["a_full_disk_is_an_error", "crash::"];

/// The profile that everything here is built in but the site, so that each crate is compiled once. `Cargo.toml` describes it.
pub const PROFILE: &str = "checks";
/// This program. It is built by itself, as it was for this run: beside the others some of its dependencies, which are large, would get
/// other features and be compiled a second time.
const XTASK: &str = "xtask";
/// Everything but this program, whose common dependencies then have the same features in each call of cargo.
const ALL: [&str; 7] = [
    "--profile",
    PROFILE,
    "--workspace",
    "--exclude",
    XTASK,
    "--features",
    "azulejo-imaging/files",
];

/// Runs every check and prints the counts; fails when one did.
#[expect(clippy::print_stdout, reason = "the counts are what this command is for")]
pub fn run(options: &Options) -> Result<()> {
    let mut times = Times::begin();
    let mut lacking = times.step("tools", || tools(options))?;
    let apache = if options.no_apache {
        None
    } else {
        match times.step("Apache Kafka's jars", kafka::install) {
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
    let mut not_asked = Vec::new();
    if !options.no_lint {
        times.step("format, circles, style", lint::run)?;
        not_asked = times.step("dependencies", dependencies::check)?;
    }
    shell::say("building the site, the programs and their tests (the first time takes some minutes)");
    let lints = !options.no_lint;
    let programs = times.step("site, programs and tests, built and linted", || build(lints))?;
    let mut counts = Counts::default();
    let mut failures = Vec::new();
    let name = "tests in the documentation";
    let ran = times.step(name, || programs::doc_tests(&ALL, lints))?;
    print!("{}", ran.said);
    counts.add(ran.counts);
    if !ran.is_ok {
        failures.push(name.to_owned());
    }

    let mut whole = vec!["--test-threads=1"];
    let left_out = options.no_browser.then_some("browser_");
    for tests in lacking.iter().copied().chain(left_out) {
        whole.extend(["--skip", tests]);
    }
    let lanes = lanes(programs, &whole, apache.as_ref())?;
    for outcome in lanes::run(&lanes, &shell::target_dir().join("tests"))? {
        counts.add(outcome.counts);
        failures.extend(outcome.failures);
        for (suite, time) in outcome.suites {
            times.add_step(suite, time);
        }
        times.add_programs(outcome.programs);
    }

    println!("{}", times.table());
    println!(
        "{} passed, {} failed, {} skipped",
        counts.passed, counts.failed, counts.skipped
    );
    if apache.is_none() {
        println!("skipped for want of Apache Kafka: each_broker on one node and on three");
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

/// Fetches what tests need that is not here. Gives how the names of tests begin for which it cannot be had.
fn tools(options: &Options) -> Result<Vec<&'static str>> {
    wasm_target::ensure()?;
    let mut lacking = debian::ensure(!options.no_browser)?;
    lacking.extend(dist::linters::ensure(false));
    Ok(lacking)
}

/// Builds the site beside everything else: its last crates are compiled one by one, and leave a processor to the others. What is
/// compiled for the browser is linted there.
fn build(lints: bool) -> Result<Vec<TestProgram>> {
    std::thread::scope(|scope| {
        let site = scope.spawn(|| site::build(lints));
        // What is only linted, examples and benchmarks, is built with it.
        let targets = if lints {
            &["--all-targets"][..]
        } else {
            &["--bins", "--tests"]
        };
        let build = |packages: &[&str]| programs::build(&[&["build"], packages, targets].concat(), lints);
        let programs = build(&ALL).and_then(|mut programs| {
            programs.extend(build(&["--profile", PROFILE, "--package", XTASK])?);
            Ok(programs)
        });
        match site.join() {
            Ok(built) => built?,
            Err(panic) => std::panic::resume_unwind(panic),
        }
        programs
    })
}

/// Two lanes that take about as long: what needs the processors, and real processes, which mostly wait: for brokers, and for lines that
/// are cut. These leave time for the corpus.
fn lanes(
    programs: Vec<TestProgram>,
    whole: &[&'static str],
    apache: Option<&Installation>,
) -> Result<Vec<Vec<Suite>>> {
    let of = |programs: Vec<TestProgram>, package: &str| -> (Vec<_>, Vec<_>) {
        programs
            .into_iter()
            .partition(|program| program.package == package)
    };
    let (automation, rest) = of(programs, "xtask");
    let (pixels, rest) = of(rest, "imaging");
    let (corpus, pixels): (Vec<_>, Vec<_>) = pixels.into_iter().partition(|program| program.name == CORPUS);
    let (end2end, rest) = of(rest, "end2end");
    let (browser, waiting): (Vec<_>, Vec<_>) =
        end2end.into_iter().partition(|program| program.name == BROWSER);
    let each_broker: Vec<_> = waiting
        .iter()
        .filter(|program| program.name == EACH_BROKER)
        .cloned()
        .collect();
    // They are told apart by name: a suite without a program would look as if all were well.
    for (what, programs) in [
        ("on the corpus", &corpus),
        ("in browsers", &browser),
        ("that run on each broker", &each_broker),
    ] {
        ensure!(!programs.is_empty(), "there are no programs of tests {what}");
    }
    // Each starts whole installations, so one test at a time in a lane.
    let suite = |name, programs| Suite {
        name,
        programs,
        arguments: whole.to_vec(),
        apache: None,
    };
    let plain = |name, programs| Suite {
        name,
        programs,
        arguments: Vec::new(),
        apache: None,
    };
    let mut brokers = vec![suite(
        "real processes: embedded broker, Apache Kafka of their own, machines",
        waiting,
    )];
    brokers.push(plain("files of others", corpus));
    for (nodes, name) in [(1, "Apache Kafka, one node"), (3, "Apache Kafka, three nodes")] {
        let Some(installation) = apache else { continue };
        let mut arguments = vec!["--test-threads=1"];
        for module in ON_THREE_NODES {
            arguments.extend((nodes == 1).then_some("--skip"));
            arguments.push(module);
        }
        for test in OF_EMBEDDED {
            arguments.extend(["--skip", test]);
        }
        brokers.push(Suite {
            name,
            programs: each_broker.clone(),
            arguments,
            apache: Some((nodes, installation.clone())),
        });
    }
    let busy = vec![
        plain("automation", automation),
        plain("pixels", pixels),
        plain("programs: unit, property and integration tests", rest),
        suite("real browsers", browser),
    ];
    Ok(vec![busy, brokers])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_is_in_a_lane_of_its_own_and_nothing_is_left_out() -> Result<()> {
        let program = |package: &str, name: &str| {
            let mut program = TestProgram::at(name);
            program.package = package.to_owned();
            program
        };
        let programs = || {
            vec![
                program("xtask", "xtask"),
                program("imaging", "oracle"),
                program("imaging", CORPUS),
                program("end2end", "apache_rights"),
                program("end2end", EACH_BROKER),
                program("end2end", "machines"),
                program("end2end", "up"),
                program("end2end", BROWSER),
                program("server", "http"),
            ]
        };
        let lanes = lanes(programs(), &["--test-threads=1"], None)?;
        let names = |lane: &[Suite]| -> Vec<String> {
            let programs = lane.iter().flat_map(|suite| &suite.programs);
            programs.map(|program| program.name.clone()).collect()
        };
        let [busy, waiting] = lanes.as_slice() else {
            bail!("{} lanes", lanes.len())
        };
        assert_eq!(names(busy), ["xtask", "oracle", "http", BROWSER]);
        assert_eq!(
            names(waiting),
            ["apache_rights", EACH_BROKER, "machines", "up", CORPUS]
        );
        Ok(())
    }
}
