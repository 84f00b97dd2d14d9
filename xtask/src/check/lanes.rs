//! Suites of tests in lanes: those of a lane one after the other, lanes beside each other.
//!
//! Tests on brokers and on cut lines wait for sessions that end, nodes that start and lines that come back: of two processors
//! they leave a part to the other lane. A program's output is shown when it has ended, so that lanes do not mix.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use azulejo_apache_kafka::Installation;

use super::programs::{Counts, TestProgram};
use crate::{kafka, shell};

/// Programs that are run alike.
pub struct Suite {
    pub name: &'static str,
    pub programs: Vec<TestProgram>,
    /// What each of them is told.
    pub arguments: Vec<&'static str>,
    /// Nodes of an Apache Kafka to make for them, and with what.
    pub apache: Option<(usize, Installation)>,
}

/// What a lane did.
#[derive(Default)]
pub struct Outcome {
    pub counts: Counts,
    /// What failed, by name.
    pub failures: Vec<String>,
    /// How long each suite took.
    pub suites: Vec<(String, Duration)>,
    /// How long each program took.
    pub programs: Vec<(String, Duration)>,
}

/// Runs the lanes beside each other; each goes on after a failure. What programs say is kept in the folder `logs`, too.
///
/// # Errors
/// When a program cannot be started at all, or an Apache Kafka.
pub fn run(lanes: &[Vec<Suite>], logs: &Path) -> Result<Vec<Outcome>> {
    std::fs::create_dir_all(logs).with_context(|| format!("cannot make {}", logs.display()))?;
    std::thread::scope(|scope| {
        let running: Vec<_> = lanes
            .iter()
            .map(|suites| scope.spawn(|| run_lane(suites, logs)))
            .collect();
        running
            .into_iter()
            .map(|lane| match lane.join() {
                Ok(outcome) => outcome,
                Err(panic) => std::panic::resume_unwind(panic),
            })
            .collect()
    })
}

#[expect(clippy::print_stdout, reason = "what the tests say passes through")]
fn run_lane(suites: &[Suite], logs: &Path) -> Result<Outcome> {
    let mut outcome = Outcome::default();
    for suite in suites {
        let begun = Instant::now();
        let failed_before = outcome.failures.len();
        shell::say(suite.name);
        let cluster = match &suite.apache {
            Some((nodes, installation)) => Some(kafka::for_tests(installation, *nodes)?),
            None => None,
        };
        let variables: Vec<(&str, &Path)> = cluster
            .iter()
            .map(|cluster| (kafka::FOR_TESTS, cluster.folder()))
            .collect();
        for program in &suite.programs {
            let title = program.title();
            shell::say(&format!("runs {title}"));
            let ran = program.run(&suite.arguments, &variables, &log(logs, suite.name, &title))?;
            println!("\n{title}, {:.0} s\n{}", ran.time.as_secs_f64(), ran.said);
            outcome.counts.add(ran.counts);
            if !ran.is_ok {
                outcome.failures.push(format!("{}: {title}", suite.name));
            }
            outcome.programs.push((title, ran.time));
        }
        if let Some(cluster) = cluster {
            let folder = cluster.folder().to_owned();
            drop(cluster);
            // Gigabytes; after a failure its logs are wanted.
            if outcome.failures.len() == failed_before
                && let Err(error) = std::fs::remove_dir_all(&folder)
            {
                shell::say(&format!("cannot remove {}: {error}", folder.display()));
            }
        }
        outcome.suites.push((suite.name.to_owned(), begun.elapsed()));
    }
    Ok(outcome)
}

/// Where a program's output goes: a name without what a file's name may not have.
fn log(logs: &Path, suite: &str, title: &str) -> PathBuf {
    let name = format!("{suite} {title}");
    let name = name.replace(|letter: char| !letter.is_ascii_alphanumeric(), "-");
    logs.join(format!("{name}.log"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn suite(name: &'static str, programs: &[&str], arguments: &[&'static str]) -> Suite {
        Suite {
            name,
            programs: programs.iter().copied().map(TestProgram::at).collect(),
            arguments: arguments.to_vec(),
            apache: None,
        }
    }

    #[test]
    fn lanes_go_on_after_a_failure_and_run_beside_each_other() -> Result<()> {
        let folder = tempfile::tempdir()?;
        // Each of the two waits until the other is there.
        let [one, other] = ["one", "other"].map(|name| folder.path().join(name).display().to_string());
        let meet = |mine: &str, its: &str| -> &'static str {
            let waits = format!("while ! test -e {its}; do sleep 0.01; done");
            format!("touch {mine}; {waits}; echo 'test result: ok. 2 passed; 0 failed; 1 ignored'").leak()
        };
        let result = "test result: ok. 3 passed; 0 failed";
        let lanes = [
            vec![
                suite("fails", &["false"], &[]),
                suite("meets", &["sh"], &["-c", meet(&one, &other)]),
            ],
            vec![suite("meets, too", &["sh"], &["-c", meet(&other, &one)])],
            vec![suite("says", &["echo", "echo"], &[result])],
        ];
        let outcomes = run(&lanes, folder.path())?;
        let [first, second, third] = outcomes.as_slice() else {
            anyhow::bail!("{} lanes", outcomes.len())
        };
        assert_eq!(first.failures, ["fails: any false"]);
        let names = |list: &[(String, Duration)]| -> Vec<String> {
            list.iter().map(|(name, _)| name.clone()).collect()
        };
        assert_eq!(names(&first.suites), ["fails", "meets"]);
        assert_eq!(names(&third.programs), ["any echo", "any echo"]);
        assert!(second.failures.is_empty() && third.failures.is_empty());
        let passed = [first, second, third].map(|outcome| (outcome.counts.passed, outcome.counts.skipped));
        assert_eq!(passed, [(2, 1), (2, 1), (6, 0)]);
        Ok(())
    }

    #[test]
    fn the_name_of_a_log_is_one_of_a_file() {
        assert_eq!(
            log(Path::new("/t"), "Apache Kafka, one node", "end2end each_broker"),
            Path::new("/t/Apache-Kafka--one-node-end2end-each-broker.log")
        );
    }
}
