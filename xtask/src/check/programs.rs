//! The programs of tests: built by one call of cargo, and run one by one, with what they say counted.
//!
//! `cargo test` builds again what it has built when the packages that it is told to test are others: the features that they ask of
//! a common dependency are others, too. One call builds the programs and all tests of them with the features of all; it
//! takes two thirds of the time of three, and the last crates of each are compiled beside each other.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::{compile, shell};

/// A program that says nothing for so long hangs: the longest single test took six minutes on two processors that others used, too.
const SILENCE: Duration = Duration::from_secs(20 * 60);
/// How often a program that runs long is told of, so that a run which is stopped from outside says where it was.
const SIGN_OF_LIFE: Duration = Duration::from_secs(2 * 60);

/// A program of tests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestProgram {
    /// The crate that it tests.
    pub package: String,
    /// The name of the test, of the library, or of the program whose unit tests it has.
    pub name: String,
    /// The crate's folder, in which it is run.
    folder: PathBuf,
    path: PathBuf,
}

/// What a program of tests did.
pub struct Ran {
    /// All that it said, on standard output and standard error.
    pub said: String,
    /// Tests counted.
    pub counts: Counts,
    /// Whether it ended well.
    pub is_ok: bool,
    /// How long it took.
    pub time: Duration,
}

/// Tests counted.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    pub passed: u32,
    pub failed: u32,
    /// Ignored or filtered out.
    pub skipped: u32,
}

impl Counts {
    /// Adds those of a line such as `test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 2 filtered out; finished in 0.1s`;
    /// `false` for any other line.
    pub fn add_line(&mut self, line: &str) -> bool {
        let Some(rest) = line.strip_prefix("test result: ") else {
            return false;
        };
        let number = |word: &str| -> u32 {
            let before = rest.split(word).next().unwrap_or_default();
            before
                .split_whitespace()
                .last()
                .and_then(|text| text.parse().ok())
                .unwrap_or(0)
        };
        self.passed += number(" passed");
        self.failed += number(" failed");
        self.skipped += number(" ignored") + number(" filtered out");
        true
    }

    /// Adds `other`.
    pub fn add(&mut self, other: Counts) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

/// Builds by `cargo ARGUMENTS`, with `lints` or without, and gives the programs of tests among what was built.
///
/// # Errors
/// When something does not compile, or when it does with a warning and `lints` are asked for.
pub fn build(arguments: &[&str], lints: bool) -> Result<Vec<TestProgram>> {
    let mut programs = Vec::new();
    compile::run(arguments, lints, |message| {
        programs.extend(program(message)?);
        Ok(())
    })?;
    programs.sort_by(|a, b| (&a.package, &a.name, &a.path).cmp(&(&b.package, &b.name, &b.path)));
    Ok(programs)
}

/// Runs the tests in the documentation of the packages that `selection` names, which were built with `lints` or without.
///
/// # Errors
/// When cargo cannot be started. That a test failed is in [`Ran::is_ok`].
pub fn doc_tests(selection: &[&str], lints: bool) -> Result<Ran> {
    let begun = Instant::now();
    let mut cargo = shell::cargo();
    if lints {
        cargo.envs(compile::LINTING);
    }
    cargo
        .args(["test", "--doc", "--locked", "--no-fail-fast"])
        .args(selection);
    let shown = shell::show(&cargo);
    let output = cargo
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot start `{shown}`"))?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok(Ran::of(output.status, said, begun.elapsed()))
}

/// The program that one of cargo's messages is about; most are about something else.
fn program(message: &Value) -> Result<Option<TestProgram>> {
    let is_test = message["profile"]["test"] == true && message["target"]["kind"][0] != "bench";
    if message["reason"] != "compiler-artifact" || !is_test {
        return Ok(None);
    }
    let Some(path) = message["executable"].as_str() else {
        return Ok(None);
    };
    let manifest = message["manifest_path"]
        .as_str()
        .context("cargo names no manifest")?;
    let folder = Path::new(manifest)
        .parent()
        .context("a manifest lies in a folder")?;
    let name = message["target"]["name"]
        .as_str()
        .context("cargo names no target")?;
    Ok(Some(TestProgram {
        package: folder
            .file_name()
            .context("a crate's folder has a name")?
            .to_string_lossy()
            .into_owned(),
        name: name.to_owned(),
        folder: folder.to_owned(),
        path: PathBuf::from(path),
    }))
}

impl TestProgram {
    /// A program at `path`, as if it were one of tests.
    #[cfg(test)]
    pub fn at(path: &str) -> Self {
        Self {
            package: "any".to_owned(),
            name: path.to_owned(),
            folder: "/".into(),
            path: path.into(),
        }
    }

    /// As it is called in tables.
    pub fn title(&self) -> String {
        format!("{} {}", self.package, self.name)
    }

    /// Runs it to its end with `arguments` and `variables`; what it says goes to the file `log` first, so that processes it leaves
    /// behind hold nobody up.
    ///
    /// # Errors
    /// When it cannot be started. That a test failed is in [`Ran::is_ok`].
    pub fn run(&self, arguments: &[&str], variables: &[(&str, &Path)], log: &Path) -> Result<Ran> {
        let begun = Instant::now();
        // One file for both, so that lines stay in order.
        let file = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
        let mut child = Command::new(&self.path)
            .args(arguments)
            .current_dir(&self.folder)
            .env("CARGO_MANIFEST_DIR", &self.folder)
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .spawn()
            .with_context(|| format!("cannot start {}", self.path.display()))?;
        let is_hung = watch(&mut child, log, &self.title(), SILENCE)?;
        let status = child.wait()?;
        let mut said = read(log)?;
        if !status.success() {
            said.push_str(&format!("{}: {status}\n", self.path.display()));
        }
        if is_hung {
            let minutes = SILENCE.as_secs() / 60;
            said.push_str(&format!("it said nothing for {minutes} minutes and was killed\n"));
        }
        Ok(Ran::of(status, said, begun.elapsed()))
    }
}

/// Waits until `child` ends, and says now and then what it wrote last to its `log`. Kills it when that has not grown for
/// `silence`, and gives `true` then.
fn watch(child: &mut Child, log: &Path, title: &str, silence: Duration) -> Result<bool> {
    let mut told = Instant::now();
    let (mut length, mut grown) = (0, Instant::now());
    while child.try_wait()?.is_none() {
        std::thread::sleep(Duration::from_millis(20));
        let now = std::fs::metadata(log).map_or(0, |data| data.len());
        if now != length {
            (length, grown) = (now, Instant::now());
        }
        if grown.elapsed() > silence {
            child.kill()?;
            return Ok(true);
        }
        if told.elapsed() > SIGN_OF_LIFE {
            told = Instant::now();
            let said = read(log)?;
            let last = said.lines().rfind(|line| !line.trim().is_empty());
            shell::say(&format!(
                "{title} goes on: {}",
                last.unwrap_or("nothing said yet")
            ));
        }
    }
    Ok(false)
}

fn read(log: &Path) -> Result<String> {
    let said = std::fs::read(log).with_context(|| format!("cannot read {}", log.display()))?;
    Ok(String::from_utf8_lossy(&said).into_owned())
}

impl Ran {
    fn of(status: ExitStatus, said: String, time: Duration) -> Self {
        let mut counts = Counts::default();
        // What ended before its end has no result.
        let mut has_result = false;
        for line in said.lines() {
            has_result |= counts.add_line(line);
        }
        Self {
            is_ok: status.success() && has_result,
            said,
            counts,
            time,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_of_tests_is_told_from_what_else_is_built() -> Result<()> {
        let message = |test: bool, executable: &str| {
            format!(
                r#"{{"reason":"compiler-artifact","manifest_path":"/w/server/Cargo.toml","target":{{"kind":["test"],"name":"memory"}},"profile":{{"test":{test}}},"executable":{executable}}}"#
            )
        };
        let told = |line: &str| program(&serde_json::from_str(line)?);
        let found = told(&message(true, r#""/t/memory-1""#))?.context("a program")?;
        assert_eq!(found.title(), "server memory");
        assert_eq!(found.folder, Path::new("/w/server"));
        assert_eq!(told(&message(false, r#""/t/azulejo""#))?, None);
        assert_eq!(told(&message(true, "null"))?, None);
        let benchmark = message(true, r#""/t/memory-1""#).replace(r#"["test"]"#, r#"["bench"]"#);
        assert_eq!(told(&benchmark)?, None);
        assert_eq!(told(r#"{"reason":"build-finished","success":true}"#)?, None);
        Ok(())
    }

    #[test]
    fn tests_are_counted() {
        let mut counts = Counts::default();
        assert!(counts.add_line(
            "test result: FAILED. 3 passed; 2 failed; 1 ignored; 0 measured; 4 filtered out; finished in 0.1s"
        ));
        assert!(!counts.add_line("test passed ... ok"));
        counts.add(counts);
        assert_eq!(
            counts,
            Counts {
                passed: 6,
                failed: 4,
                skipped: 10
            }
        );
    }

    #[test]
    fn a_program_that_says_nothing_is_killed_and_one_that_speaks_is_not() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let log = folder.path().join("log");
        let start = |script: &str| {
            let file = File::create(&log)?;
            Command::new("sh").args(["-c", script]).stdout(file).spawn()
        };
        let mut silent = start("exec sleep 60")?;
        assert!(watch(&mut silent, &log, "silent", Duration::from_millis(200))?);
        assert!(!silent.wait()?.success());
        let mut speaks = start("for part in 1 2 3 4 5 6; do echo $part; sleep 0.2; done")?;
        assert!(!watch(&mut speaks, &log, "speaks", Duration::from_secs(1))?);
        assert!(speaks.wait()?.success());
        Ok(())
    }

    #[test]
    fn a_program_that_ends_without_a_result_has_failed() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let log = folder.path().join("log");
        assert!(!TestProgram::at("true").run(&[], &[], &log)?.is_ok);
        let ran = TestProgram::at("echo").run(&["test result: ok. 1 passed; 0 failed"], &[], &log)?;
        assert!(ran.is_ok);
        assert_eq!(ran.counts.passed, 1);
        let script = "echo 'test result: ok. 1 passed'; echo late >&2; exit 3";
        let ran = TestProgram::at("sh").run(&["-c", script], &[], &log)?;
        assert!(!ran.is_ok);
        assert!(ran.said.contains("late"), "{}", ran.said);
        Ok(())
    }
}
