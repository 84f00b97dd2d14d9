//! What the tests need beside Rust: a browser for the page's test, and kcat, a Kafka client that is not ours, for the
//! broker's. Both are Debian's.

use std::process::Command;

use anyhow::{Result, bail};

use crate::shell;

/// A program and the Debian package that holds it.
const BROWSER: [(&str, &str); 2] = [("chromium", "chromium"), ("chromedriver", "chromium-driver")];
const KAFKA: (&str, &str) = ("kcat", "kcat");

/// Makes sure that the programs are there: installs Debian's packages when we may, otherwise says what to install.
pub fn ensure(browser: bool) -> Result<()> {
    let wanted = BROWSER.iter().filter(|_| browser).chain([&KAFKA]);
    let missing: Vec<&str> = wanted
        .filter(|(program, _)| !shell::is_installed(program))
        .map(|(_, package)| *package)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let packages = missing.join(" ");
    let advice = format!(
        "the tests need `apt-get install {packages}` (`cargo xtask test --no-browser` leaves the browser out)"
    );
    if !shell::is_installed("apt-get") || !is_root() {
        bail!("{advice}");
    }
    shell::say(&format!("installing {packages} for the tests"));
    shell::run(Command::new("apt-get").args(["update", "-qq"]))?;
    let mut install = Command::new("apt-get");
    install
        .args(["install", "-y", "-qq", "--no-install-recommends"])
        .args(&missing);
    if let Err(error) = shell::run(install.env("DEBIAN_FRONTEND", "noninteractive")) {
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
