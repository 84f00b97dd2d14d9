//! Format, circles, style, and the lints of what is compiled for the browser. The rest is linted as it is built, see
//! [`programs`](super::programs).

use anyhow::Result;

use super::PROFILE;
use super::times::Times;
use crate::{circles, shell, style};

/// Looks at everything that is not run.
///
/// # Errors
/// At the first that does not keep its rules.
pub fn run(times: &mut Times) -> Result<()> {
    times.step("format, circles, style", look)?;
    times.step("lints for the browser", || {
        for arguments in [
            &["--package", "azulejo-app", "--features", "hydrate"][..],
            &["--package", "azulejo-preview"],
        ] {
            let browser = ["--target", "wasm32-unknown-unknown"];
            clippy(&[&browser[..], arguments].concat())?;
        }
        Ok(())
    })
}

fn look() -> Result<()> {
    shell::say("format");
    shell::run(shell::cargo().args(["fmt", "--all", "--check"]))?;
    // A workspace of its own, which the line above does not reach.
    shell::run(shell::cargo().args(["fmt", "--check", "--manifest-path", "fuzz/Cargo.toml"]))?;
    shell::say("circles");
    circles::run()?;
    shell::say("style");
    style::check()
}

fn clippy(arguments: &[&str]) -> Result<()> {
    shell::say("lints");
    let mut cargo = shell::cargo();
    // In the profile that is built afterwards: macros and the C libraries (OpenSSL alone takes minutes) are compiled once.
    cargo.args(["clippy", "--locked", "--profile", PROFILE]);
    cargo.args(arguments);
    shell::run(cargo.args(["--", "--deny", "warnings"]))
}
