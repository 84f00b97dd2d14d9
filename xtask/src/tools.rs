//! What the tests need and Debian has not, in `target/tools`: Firefox's driver and axe-core, each in one version.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::shell;

const GECKODRIVER: &str = "0.37.1";
const AXE: &str = "4.10.3";

fn folder() -> PathBuf {
    shell::target_dir().join("tools")
}

fn axe() -> PathBuf {
    folder().join("axe.min.js")
}

/// Builds geckodriver when it is missing.
pub fn ensure_geckodriver() -> Result<()> {
    if folder().join("bin/geckodriver").is_file() {
        return Ok(());
    }
    shell::say("building geckodriver for the tests in Firefox (once, a minute or two)");
    let mut install = shell::cargo();
    install
        .args(["install", "geckodriver", "--version", GECKODRIVER, "--locked"])
        .arg("--root")
        .arg(folder());
    if let Err(error) = shell::run(&mut install) {
        bail!("{error:#} (`cargo xtask test --no-browser` leaves the browsers out)");
    }
    Ok(())
}

/// Whether axe-core is there in the version that is wanted: its first line says which it is.
pub fn has_axe() -> bool {
    fs::read(axe()).is_ok_and(|script| script.starts_with(format!("/*! axe v{AXE}\n").as_bytes()))
}

/// Fetches axe-core when it is missing.
pub fn ensure_axe() -> Result<()> {
    if has_axe() {
        return Ok(());
    }
    shell::say("fetching axe-core for the tests");
    let folder = folder();
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let mut pack = Command::new("npm");
    pack.args(["pack", "--silent", "--pack-destination"])
        .arg(&folder)
        .arg(format!("axe-core@{AXE}"));
    if let Err(error) = shell::run(&mut pack) {
        bail!("{error:#} (`cargo xtask test --no-browser` leaves the browsers out)");
    }
    let packed = folder.join(format!("axe-core-{AXE}.tgz"));
    let mut unpack = Command::new("tar");
    unpack.arg("-xzf").arg(&packed).arg("-C").arg(&folder);
    shell::run(unpack.args(["--strip-components=1", "package/axe.min.js"]))?;
    fs::remove_file(&packed)?;
    ensure!(has_axe(), "{} is not axe {AXE}", axe().display());
    Ok(())
}
