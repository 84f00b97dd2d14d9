//! The browser that the page's test drives: Debian's chromium and chromium-driver.

use std::process::Command;

use anyhow::{Result, bail};

use crate::shell;

const PROGRAMS: [&str; 2] = ["chromium", "chromedriver"];

/// Makes sure that the browser is there: installs Debian's packages when we may, otherwise says what to install.
pub fn ensure() -> Result<()> {
    if PROGRAMS.iter().all(|program| shell::is_installed(program)) {
        return Ok(());
    }
    let advice = "the page's test needs a browser: `apt-get install chromium chromium-driver` \
                  (or run `cargo xtask test --no-browser` to leave that test out)";
    if !shell::is_installed("apt-get") || !is_root() {
        bail!("{advice}");
    }
    shell::say("installing chromium and chromium-driver for the page's test");
    shell::run(Command::new("apt-get").args(["update", "-qq"]))?;
    let install = [
        "install",
        "-y",
        "-qq",
        "--no-install-recommends",
        "chromium",
        "chromium-driver",
    ];
    if let Err(error) = shell::run(
        Command::new("apt-get")
            .args(install)
            .env("DEBIAN_FRONTEND", "noninteractive"),
    ) {
        bail!("{error:#}; {advice}");
    }
    Ok(())
}

fn is_root() -> bool {
    Command::new("id")
        .arg("-u")
        .output()
        .is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}
