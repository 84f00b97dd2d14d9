//! Headless Firefox.

use std::path::Path;
use std::process::Command;

use anyhow::{Result, bail};
use serde_json::json;

use super::processes::Driver;
use crate::process::tools_dir;

/// Geckodriver on `port` and a Firefox whose profile is in `folder`.
pub(super) fn driver(port: u16, folder: &Path) -> Result<Driver> {
    let program = tools_dir()?.join("bin/geckodriver");
    if !program.is_file() {
        bail!(
            "{} is not there: run the tests by `cargo xtask test`, which installs it",
            program.display()
        );
    }
    let mut command = Command::new(program);
    command
        .args(["--port", &port.to_string(), "--websocket-port", "0"])
        .arg("--profile-root")
        .arg(folder)
        // As root, Firefox wants a home that is root's.
        .env("HOME", folder)
        .env("MOZ_CRASHREPORTER_DISABLE", "1");
    let capabilities = json!({
        "browserName": "firefox",
        "moz:firefoxOptions": { "binary": "/usr/bin/firefox-esr", "args": ["-headless"], "prefs": {
            // Uncaught errors go to the driver's log.
            "browser.dom.window.dump.enabled": true,
        } },
    });
    Ok(Driver {
        command,
        capabilities,
    })
}

/// The lines of the driver's log that tell of errors that a page did not catch. What the browser itself writes there has
/// other addresses.
pub(super) fn uncaught_errors(log: &str) -> impl Iterator<Item = String> {
    log.lines()
        .filter(|line| line.starts_with("JavaScript error: http"))
        .map(ToOwned::to_owned)
}
