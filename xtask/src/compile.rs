//! Compiling by cargo, with Clippy's lints on what is compiled where that is asked for.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::shell;

/// What has cargo compile the workspace, and not its dependencies, with Clippy's compiler, which is the compiler with more lints:
/// `cargo clippy` would have everything compiled a second time.
pub const LINTING: [(&str, &str); 1] = [("RUSTC_WORKSPACE_WRAPPER", "clippy-driver")];

/// Runs `cargo ARGUMENTS`, with lints or without, and shows `see` each of cargo's messages.
///
/// # Errors
/// When something does not compile, when it does with a warning and `lints` are asked for, or that of `see`.
pub fn run(arguments: &[&str], lints: bool, mut see: impl FnMut(&Value) -> Result<()>) -> Result<()> {
    let mut cargo = shell::cargo();
    cargo.args(arguments);
    cargo.args(["--locked", "--message-format=json"]);
    if lints {
        cargo.envs(LINTING);
    }
    let shown = shell::show(&cargo);
    let mut child = cargo
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start `{shown}`"))?;
    let output = child.stdout.take().context("stdout is piped")?;
    let mut warnings = 0;
    for line in BufReader::new(output).lines() {
        let Ok(message) = serde_json::from_str::<Value>(&line?) else {
            // What a build script or the compiler says outside the messages.
            continue;
        };
        see(&message)?;
        warnings += u32::from(is_warning(&message));
    }
    let status = child.wait()?;
    if !status.success() {
        bail!("`{shown}` failed ({status})");
    }
    if lints && warnings > 0 {
        bail!("{warnings} warnings of the compiler and of Clippy, above");
    }
    Ok(())
}

/// Shows what the compiler says; whether it is a warning.
fn is_warning(message: &Value) -> bool {
    if message["reason"] != "compiler-message" {
        return false;
    }
    if let Some(said) = message["message"]["rendered"].as_str() {
        eprint!("{said}");
    }
    message["message"]["level"] == "warning"
}
