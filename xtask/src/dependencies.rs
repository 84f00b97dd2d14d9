//! What may come into the build, by cargo-deny and the rules in `deny.toml`: licences, sources, crates that are not wanted, and
//! known vulnerabilities.
//!
//! Nothing here asks the network for advisories. Where a copy of their database lies (`cargo deny fetch db` makes it, and its
//! folder can be carried to another machine), it is used. Without a copy known vulnerabilities are not looked at, and that is said.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::shell;

const VERSION: &str = "0.20.2";

/// Checks licences, sources and unwanted crates, and advisories where there is a copy of their database. Gives what was left
/// out. cargo-deny is built when it is missing.
///
/// # Errors
/// When a rule is broken.
pub fn check() -> Result<Vec<&'static str>> {
    let Some(program) = program().or_else(install) else {
        shell::say("SKIPPED: the rules on dependencies: cargo-deny is not to be had here");
        return Ok(vec!["licences and sources of dependencies", "advisories"]);
    };
    shell::say("dependencies: licences, sources, unwanted crates");
    // Of every system, since it is all of Cargo.lock that is looked at.
    shell::run(shell::cargo().args(["fetch", "--locked", "--quiet"]))?;
    let deny = |what: &[&str]| {
        let mut command = Command::new(&program);
        // The workspace as Cargo.lock has it; nothing is fetched.
        command.args(["--log-level", "error", "--offline", "--locked", "check"]);
        shell::run(command.args(what))
    };
    deny(&["licenses", "bans", "sources"])?;
    if !has_advisories()? {
        shell::say(
            "SKIPPED: known vulnerabilities: there is no copy of the advisory database; where the network has it, `cargo deny fetch db` \
             makes one",
        );
        return Ok(vec!["advisories"]);
    }
    shell::say("dependencies: known vulnerabilities");
    deny(&["advisories"])?;
    Ok(Vec::new())
}

fn folder() -> PathBuf {
    shell::target_dir().join("tools")
}

fn program() -> Option<PathBuf> {
    let own = folder().join("bin/cargo-deny");
    if own.is_file() {
        return Some(own);
    }
    shell::is_installed("cargo-deny").then(|| "cargo-deny".into())
}

fn install() -> Option<PathBuf> {
    shell::say("building cargo-deny for the rules on dependencies (once, some minutes)");
    let mut cargo = shell::cargo();
    // Unoptimised: it is built in a third of the time, and it reads one file.
    cargo.args([
        "install",
        "cargo-deny",
        "--version",
        VERSION,
        "--locked",
        "--debug",
    ]);
    cargo.env("CARGO_PROFILE_DEV_DEBUG", "0");
    // Where there is none afterwards, that is said.
    let _ = shell::run(cargo.arg("--root").arg(folder()));
    program()
}

/// Whether there is a copy of the database where cargo-deny looks for it.
fn has_advisories() -> Result<bool> {
    let home = match std::env::var_os("CARGO_HOME") {
        Some(home) => PathBuf::from(home),
        None => std::env::home_dir()
            .context("there is no home folder")?
            .join(".cargo"),
    };
    let copies = std::fs::read_dir(home.join("advisory-dbs"));
    Ok(copies.is_ok_and(|copies| copies.flatten().any(|copy| copy.path().is_dir())))
}
