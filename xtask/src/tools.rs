//! What the tests need and Debian has not, in `target/tools`: Firefox's driver, axe-core and two clients of tus, each in one
//! version.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::shell;

const GECKODRIVER: &str = "0.37.1";
const AXE: &str = "4.10.3";
const TUSPY: &str = "1.1.0";
const TUS_JS: &str = "4.3.1";
const SCHEMATHESIS: &str = "4.32.5";
/// What makes a client of the API's description, and what runs it.
const CLIENT_MAKERS: [&str; 4] = [
    "openapi-typescript@7.13.0",
    "openapi-fetch@0.17.0",
    "typescript@5.9.3",
    "@types/node@20.9.5",
];

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
    // Unoptimised: it hands on what is said, and is built in half the time.
    install
        .args([
            "install",
            "geckodriver",
            "--version",
            GECKODRIVER,
            "--locked",
            "--debug",
        ])
        .arg("--root")
        .arg(folder())
        .env("CARGO_PROFILE_DEV_DEBUG", "0");
    shell::run(&mut install)
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

/// Fetches the clients of tus, and what judges the API by its description, when they are missing. Gives how the names of tests begin whose client cannot be had here.
pub fn ensure_clients() -> Vec<&'static str> {
    let mut skipped = Vec::new();
    for (name, tests, ensure) in [
        ("tuspy", "tuspy_", ensure_tuspy as fn() -> Result<()>),
        ("tus-js-client", "tus_js_", ensure_tus_js),
        ("schemathesis", "schemathesis_", ensure_schemathesis),
        ("openapi-typescript", "generated_client_", ensure_client_makers),
    ] {
        if let Err(error) = ensure() {
            shell::say(&format!("SKIPPED: the tests with {name}: {error:#}"));
            skipped.push(tests);
        }
    }
    skipped
}

fn ensure_tuspy() -> Result<()> {
    ensure_python("tuspy", TUSPY, "the tests of uploads")
}

fn ensure_schemathesis() -> Result<()> {
    ensure_python("schemathesis", SCHEMATHESIS, "the tests of the API's description")
}

/// A package from PyPI in an environment of its own.
fn ensure_python(name: &str, wanted: &str, what: &str) -> Result<()> {
    python_with(name, &[&format!("{name}=={wanted}")], what).map(drop)
}

/// The Python of an environment called `name` that has these packages from PyPI, and no others but what they need.
pub fn python_with(name: &str, packages: &[&str], what: &str) -> Result<PathBuf> {
    let place = folder().join(name);
    let (python, whole, wanted) = (place.join("bin/python"), place.join("whole"), packages.join("\n"));
    if fs::read_to_string(&whole).is_ok_and(|there| there == wanted) {
        return Ok(python);
    }
    shell::say(&format!("fetching {name} for {what}"));
    let mut make = Command::new("python3");
    shell::run(make.args(["-m", "venv", "--clear"]).arg(&place))?;
    let mut install = Command::new(&python);
    install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
    shell::run(install.args(packages))?;
    // Written last: what is there is whole.
    fs::write(&whole, wanted).with_context(|| format!("cannot write {}", whole.display()))?;
    Ok(python)
}

fn ensure_tus_js() -> Result<()> {
    let package = format!("tus-js-client@{TUS_JS}");
    ensure_node("tus-js-client", &[&package], "the tests of uploads")
}

fn ensure_client_makers() -> Result<()> {
    ensure_node(
        "openapi-typescript",
        &CLIENT_MAKERS,
        "the tests of the API's description",
    )
}

/// Packages from npm, each as `name@version`, in a folder of their own.
fn ensure_node(name: &str, packages: &[&str], what: &str) -> Result<()> {
    let place = folder().join(name);
    let wanted = packages.join(" ").replace('/', ":");
    let version = place.join(wanted);
    if version.is_file() {
        return Ok(());
    }
    ensure!(shell::is_installed("node"), "node is not installed");
    shell::say(&format!("fetching {name} for {what}"));
    fs::create_dir_all(&place).with_context(|| format!("cannot make {}", place.display()))?;
    let mut install = Command::new("npm");
    install.args([
        "install",
        "--silent",
        "--no-save",
        "--no-audit",
        "--no-fund",
        "--prefix",
    ]);
    shell::run(install.arg(&place).args(packages))?;
    fs::write(&version, "").with_context(|| format!("cannot write {}", version.display()))
}
