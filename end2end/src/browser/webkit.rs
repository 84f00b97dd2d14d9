//! WebKitGTK's own small browser, on a virtual display.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::json;

use super::processes::Driver;

/// `WebKitWebDriver` on `port` and a browser on `display` whose files are in `folder`.
pub(super) fn driver(port: u16, folder: &Path, display: &str) -> Result<Driver> {
    let browser = mini_browser().context("MiniBrowser is not there: install Debian's webkit2gtk-driver")?;
    let mut command = Command::new("WebKitWebDriver");
    command
        .arg(format!("--port={port}"))
        .env("DISPLAY", display)
        .env_remove("WAYLAND_DISPLAY")
        .env("HOME", folder)
        .env("XDG_RUNTIME_DIR", folder)
        // There is no graphics card, and nobody to read the screen to.
        .env("WEBKIT_DISABLE_COMPOSITING_MODE", "1")
        .env("LIBGL_ALWAYS_SOFTWARE", "1")
        .env("NO_AT_BRIDGE", "1")
        .env("GSETTINGS_BACKEND", "memory")
        // Its sandbox does not start as root or in a container. It sees no pages but ours.
        .env("WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS", "1");
    let capabilities = json!({
        "browserName": "MiniBrowser",
        "webkitgtk:browserOptions": { "binary": browser, "args": ["--automation"] },
    });
    Ok(Driver {
        command,
        capabilities,
    })
}

/// Debian keeps it out of the PATH, in the folder of its library.
fn mini_browser() -> Option<PathBuf> {
    let libraries = std::fs::read_dir("/usr/lib").ok()?;
    libraries
        .filter_map(|entry| Some(entry.ok()?.path().join("webkit2gtk-4.1/MiniBrowser")))
        .find(|path| path.is_file())
}
