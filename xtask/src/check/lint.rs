//! What is looked at and not compiled: format, circles, style. Clippy's lints are looked at as everything is built, see
//! [`compile`](crate::compile).

use anyhow::Result;

use crate::{circles, shell, style};

/// Looks at everything that is not run.
///
/// # Errors
/// At the first that does not keep its rules.
pub fn run() -> Result<()> {
    shell::say("format");
    shell::run(shell::cargo().args(["fmt", "--all", "--check"]))?;
    // A workspace of its own, which the line above does not reach.
    shell::run(shell::cargo().args(["fmt", "--check", "--manifest-path", "fuzz/Cargo.toml"]))?;
    shell::say("circles");
    circles::run()?;
    shell::say("style");
    style::check()
}
