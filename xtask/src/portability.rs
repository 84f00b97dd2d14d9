//! Whether what a worker and the command line are made of compiles for macOS and Windows, too: checked, with every lint, not
//! linked and not run.
//!
//! Server and embedded broker are made for Linux and are not among them. A check needs the standard library of the other system,
//! which `rustup` has, and no C compiler: what the build scripts of C libraries would say is said in their place, so that they
//! are not compiled. The script of libwebp cannot be left out; it gets a compiler that writes empty files.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::{check, shell};

/// The systems, one processor each: what differs between systems is behind `cfg(unix)`, `cfg(windows)` and the like.
const SYSTEMS: [&str; 2] = ["x86_64-pc-windows-msvc", "aarch64-apple-darwin"];

const CRATES: [&str; 7] = [
    "azulejo-imaging",
    "azulejo-protocol",
    "azulejo-settings",
    "azulejo-engine",
    "azulejo-transport",
    "azulejo-worker",
    "azulejo-cli",
];

/// The C libraries, as their crates name them in `links`. A crate whose library is described by configuration has its build
/// script left out (the Cargo book: "Overriding build scripts").
const C_LIBRARIES: [&str; 4] = ["openssl", "rdkafka", "z", "zstd"];

/// The cryptography of TLS, by its crate's name. Its name in `links` ends with its version.
const AWS_LC: &str = "aws-lc-sys";

/// In place of a C compiler and what makes a library: makes the file that is asked for, with nothing in it.
const EMPTY_COMPILER: &str = r#"#!/bin/sh
while [ $# -gt 0 ]; do
    case "$1" in
        -o) shift; : > "$1" ;;
        -Fo*) : > "${1#-Fo}" ;;
        -[Oo][Uu][Tt]:*) : > "${1#-????}" ;;
        *.a | *.lib) : > "$1" ;;
    esac
    shift
done
"#;

/// A fetch of a standard library that takes longer than this is given up, and the system skipped.
const PATIENCE: Duration = Duration::from_secs(60);

/// Checks every crate for each of the systems whose standard library is here or can be had, and says which were skipped.
///
/// # Errors
/// When a crate does not compile for one of them, or has a warning there.
pub fn check() -> Result<()> {
    let (targets, skipped): (Vec<&str>, Vec<_>) = SYSTEMS.into_iter().partition(|target| ensure(target));
    for target in &skipped {
        shell::say(&format!(
            "SKIPPED: compiling for {target}: its standard library is not to be had here"
        ));
    }
    if !targets.is_empty() {
        shell::say(&format!(
            "portability: {} for {}",
            CRATES.join(", "),
            targets.join(", ")
        ));
        shell::run(clippy(&targets)?.args(["--", "--deny", "warnings"]))?;
    }
    Ok(())
}

/// In the profile of the other checks, whose macros are built already.
fn clippy(targets: &[&str]) -> Result<Command> {
    let lock = std::fs::read_to_string("Cargo.lock").context("cannot read Cargo.lock")?;
    let aws_lc = version(&lock, AWS_LC).map(|version| format!("aws_lc_{}", version.replace('.', "_")));
    let mut cargo = shell::cargo();
    cargo.args(["clippy", "--locked", "--profile", check::PROFILE]);
    for name in CRATES {
        cargo.args(["--package", name]);
    }
    cargo.args(["--features", "azulejo-imaging/files"]);
    let compiler = empty_compiler()?;
    for target in targets {
        cargo.args(["--target", target]);
        let name = target.replace('-', "_");
        cargo.env(format!("CC_{name}"), &compiler);
        cargo.env(format!("AR_{name}"), &compiler);
        let mut said = |library: &str, what: &str| {
            cargo.arg("--config");
            cargo.arg(format!("target.{target}.{library}.{what}"));
        };
        for library in C_LIBRARIES {
            said(library, &format!("rustc-link-lib=[\"{library}\"]"));
        }
        if let Some(library) = &aws_lc {
            said(library, "rustc-link-lib=[\"crypto\"]");
            // Which of its bindings are compiled, and where its headers would be.
            said(library, &format!("rustc-cfg=[\"{}\"]", target.replace('-', "_")));
            said(library, "include=\"include\"");
        }
    }
    Ok(cargo)
}

/// Writes [`EMPTY_COMPILER`] into the target folder.
fn empty_compiler() -> Result<PathBuf> {
    let path = std::env::current_dir()?.join("target/empty-compiler");
    std::fs::write(&path, EMPTY_COMPILER).with_context(|| format!("cannot write {}", path.display()))?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755))?;
    Ok(path)
}

/// The version of a package in the text of a `Cargo.lock`.
fn version<'a>(lock: &'a str, package: &str) -> Option<&'a str> {
    let (_, rest) = lock.split_once(&format!("name = \"{package}\"\nversion = \""))?;
    rest.split('"').next()
}

/// Whether the compiler has the standard library of `target`, fetched by `rustup` if need be.
fn ensure(target: &str) -> bool {
    if has(target) {
        return true;
    }
    if !shell::is_installed("rustup") {
        return false;
    }
    shell::say(&format!("rustup target add {target}"));
    let mut rustup = Command::new("timeout");
    rustup.arg(PATIENCE.as_secs().to_string());
    rustup.args(["rustup", "target", "add", target]);
    // Whatever it says, the compiler knows.
    let _ = shell::run(&mut rustup);
    has(target)
}

/// Whether a program that does nothing compiles for it.
fn has(target: &str) -> bool {
    let mut rustc = Command::new("rustc");
    // A source on standard input, and what is made of it on standard output.
    rustc.args(["--target", target, "--crate-type=lib", "--emit=metadata"]);
    rustc.args(["-o", "-", "-"]);
    rustc
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::null());
    rustc.stderr(std::process::Stdio::null());
    rustc.status().is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_of_a_package_is_found() {
        let lock = "[[package]]\nname = \"a-b\"\nversion = \"1.0.0\"\n\n[[package]]\nname = \"b\"\nversion = \"0.47.0\"\n";
        assert_eq!(version(lock, "b"), Some("0.47.0"));
        assert_eq!(version(lock, "c"), None);
    }

    #[test]
    fn a_target_that_nobody_has_is_not_taken_for_one() {
        assert!(!has("m68k-apple-system7"));
    }
}
