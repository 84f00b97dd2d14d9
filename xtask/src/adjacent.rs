//! The version before this one, built beside it, and the tests that run both in one installation.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::{programs, shell, site};

/// Where the tests find the programs of the other version.
pub const PROGRAMS: &str = "AZULEJO_ADJACENT";

/// The commit that stands for the version before this one: with each release, the tag of the release before. Until there is a
/// release, it is one with an older form of the database and of heartbeats, and without TLS.
const PREVIOUS: &str = "a69f136483d9b0096aa561fdf4be2c24fdd45c6f";

/// Which version.
#[derive(Args)]
pub struct Options {
    /// Commit or tag of the other version.
    #[arg(long, default_value = PREVIOUS)]
    with: String,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            with: PREVIOUS.to_owned(),
        }
    }
}

/// Builds both versions and runs the tests.
pub fn run(options: &Options) -> Result<()> {
    let other = build(options)?;
    site::build(false)?;
    programs::build()?;
    let mut tests = shell::cargo();
    tests.args(["test", "--release", "--locked", "--package", "azulejo-end2end"]);
    tests.args(["--test", "adjacent", "--", "--ignored", "--test-threads=1"]);
    shell::run(tests.env(PROGRAMS, other))
}

/// Builds the other version's programs, from the repository's own history; gives their folder. In a target folder of its own, because
/// cargo would put them in place of this version's.
pub fn build(options: &Options) -> Result<PathBuf> {
    let folder = std::path::absolute(shell::target_dir().join("adjacent"))?;
    let source = folder.join("source");
    let commit = commit_of(&options.with)?;
    let stamp = folder.join("commit");
    if fs::read_to_string(&stamp).ok().as_deref() != Some(commit.as_str()) {
        if source.exists() {
            fs::remove_dir_all(&source)?;
        }
        fs::create_dir_all(&source)?;
        unpack(&commit, &source)?;
        fs::write(&stamp, &commit)?;
    }
    shell::say(&format!(
        "building the programs of {commit} (the first time takes some minutes)"
    ));
    let target = folder.join("build");
    let mut cargo = shell::cargo();
    cargo.current_dir(&source).env("CARGO_TARGET_DIR", &target);
    cargo.args(["build", "--release", "--locked"]);
    for package in programs::PACKAGES {
        cargo.args(["--package", package]);
    }
    shell::run(&mut cargo)?;
    Ok(target.join("release"))
}

fn commit_of(revision: &str) -> Result<String> {
    let output = Command::new("git")
        .args([
            "rev-parse",
            "--verify",
            "--end-of-options",
            &format!("{revision}^{{commit}}"),
        ])
        .output()
        .context("cannot start git")?;
    if !output.status.success() {
        bail!(
            "{revision} is not in this repository's history: is it a shallow clone? `git fetch --unshallow` brings the rest"
        );
    }
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

/// Writes the files of `commit` into `folder`.
fn unpack(commit: &str, folder: &Path) -> Result<()> {
    let mut archive = Command::new("git")
        .args(["archive", commit])
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start git")?;
    let files = archive.stdout.take().context("stdout is piped")?;
    let unpacked = Command::new("tar")
        .arg("-x")
        .arg("-C")
        .arg(folder)
        .stdin(files)
        .status()
        .context("cannot start tar")?;
    if !archive.wait()?.success() || !unpacked.success() {
        bail!(
            "the files of {commit} could not be unpacked into {}",
            folder.display()
        );
    }
    Ok(())
}
