//! Headless Firefox.

use std::path::Path;
use std::process::Command;

use anyhow::{Result, bail};
use serde_json::json;

use super::Driver;
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
            // What lands in the console goes to the driver's log: the pages', not the browser's own.
            "devtools.console.stdout.content": true,
            "devtools.console.stdout.chrome": false,
            "browser.dom.window.dump.enabled": true,
        } },
    });
    Ok(Driver {
        command,
        capabilities,
    })
}

/// The lines of the driver's log that are errors and warnings of a page.
pub(super) fn console_errors(log: &str) -> impl Iterator<Item = String> {
    let starts = ["console.error:", "console.warn:", "JavaScript error: http"];
    log.lines()
        .filter(move |line| starts.iter().any(|start| line.starts_with(start)))
        .map(ToOwned::to_owned)
}
