//! What the tests need beside Rust: browsers for the pages, and kcat, a Kafka client that is not ours, for the broker's.
//! They are Debian's. What Debian has not goes to `target/tools`: see [`crate::tools`].

use std::process::{Command, Stdio};

use anyhow::{Result, bail};

use crate::{shell, tools};

/// A program and the Debian package that holds it.
type Program = (&'static str, &'static str);

const CHROMIUM: [Program; 2] = [("chromium", "chromium"), ("chromedriver", "chromium-driver")];
/// Not every system that has `apt-get` has these two; only the tests in them are left out then.
const WEBKIT: [Program; 2] = [("WebKitWebDriver", "webkit2gtk-driver"), ("Xvfb", "xvfb")];
/// Its driver is built: see [`tools::ensure_geckodriver`].
const FIREFOX: [Program; 1] = [("firefox-esr", "firefox-esr")];
const NPM: Program = ("npm", "npm");
const KAFKA: Program = ("kcat", "kcat");
/// Judges the manual pages of the command line.
const MANUALS: Program = ("mandoc", "mandoc");
/// Makes the networks of the tests on several machines.
const NETWORKS: Program = ("ip", "iproute2");
/// Counts instructions.
const VALGRIND: Program = ("valgrind", "valgrind");
/// For Apache Kafka.
const JAVA: [Program; 2] = [("java", "openjdk-17-jre-headless"), ("mvn", "maven")];
/// For tuspy, a client of uploads.
const PYTHON: Program = ("python3", "python3-venv");

/// Makes sure that the programs are there: installs Debian's packages when we may, otherwise says what to install.
/// Gives how the names of tests begin whose browser, or client of uploads, this system does not have at all.
pub fn ensure(browser: bool) -> Result<Vec<&'static str>> {
    let mut wanted = vec![KAFKA, PYTHON, MANUALS, NETWORKS];
    if browser {
        wanted.extend(CHROMIUM);
        if !tools::has_axe() {
            wanted.push(NPM);
        }
    }
    let mut skipped = Vec::new();
    let webkit = if browser { &WEBKIT[..] } else { &[] };
    if !missing(wanted.iter().chain(webkit)).is_empty() {
        let has_apt = shell::is_installed("apt-get");
        let may_install = has_apt && is_root();
        if may_install {
            shell::run(Command::new("apt-get").args(["update", "-qq"]))?;
        }
        let lacking = missing(webkit.iter());
        let unknown = lacking.into_iter().find(|package| has_apt && !is_known(package));
        if let Some(package) = unknown {
            shell::say(&format!(
                "SKIPPED: the tests in WebKitGTK: apt-get knows no {package}"
            ));
            skipped.push("browser_webkit_");
        } else {
            wanted.extend(webkit);
        }
        let packages = missing(wanted.iter());
        if !packages.is_empty() && !may_install {
            bail!("{}", advice(&packages));
        }
        install(&packages)?;
    }
    skipped.extend(tools::ensure_clients());
    if browser {
        tools::ensure_axe()?;
    }
    Ok(skipped)
}

/// Makes sure that Firefox and its driver are there. `false` where this system has no Firefox, which is said.
///
/// # Errors
/// When the driver cannot be built.
pub fn ensure_firefox() -> Result<bool> {
    if let Err(error) = ensure_programs("the tests in Firefox", &FIREFOX) {
        shell::say(&format!("SKIPPED: the tests in Firefox: {error:#}"));
        return Ok(false);
    }
    tools::ensure_geckodriver()?;
    Ok(true)
}

/// Makes sure that Java and Maven are there, for Apache Kafka.
pub fn ensure_java() -> Result<()> {
    ensure_programs("Apache Kafka", &JAVA)
}

/// Makes sure that valgrind is there.
pub fn ensure_valgrind() -> Result<()> {
    ensure_programs("counting instructions", &[VALGRIND])
}

fn ensure_programs(what: &str, programs: &[Program]) -> Result<()> {
    let packages = missing(programs.iter());
    if packages.is_empty() {
        return Ok(());
    }
    if !(shell::is_installed("apt-get") && is_root()) {
        bail!("{what} needs `apt-get install {}`", packages.join(" "));
    }
    shell::run(Command::new("apt-get").args(["update", "-qq"]))?;
    install(&packages)
}

/// Whether this user may make network namespaces and interfaces in them: one is made, and gone with the command.
pub fn can_make_machines() -> bool {
    let can = Command::new("unshare")
        .args(["--net", "ip", "tuntap", "add", "dev", "net0", "mode", "tun"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !can {
        shell::say(
            "SKIPPED: the tests on several machines: they need root, /dev/net/tun, unshare and ip (Debian: iproute2)",
        );
    }
    can
}

/// The packages of those programs that are not there.
fn missing<'a>(programs: impl Iterator<Item = &'a Program>) -> Vec<&'static str> {
    programs
        .filter(|(program, _)| !shell::is_installed(program))
        .map(|(_, package)| *package)
        .collect()
}

fn advice(packages: &[&str]) -> String {
    format!(
        "the tests need `apt-get install {}` (`cargo xtask test --no-browser` leaves the browsers out)",
        packages.join(" ")
    )
}

fn install(packages: &[&str]) -> Result<()> {
    if packages.is_empty() {
        return Ok(());
    }
    shell::say(&format!("installing {} for the tests", packages.join(" ")));
    let mut install = Command::new("apt-get");
    install
        .args(["install", "-y", "-qq", "--no-install-recommends"])
        .args(packages);
    if let Err(error) = shell::run(install.env("DEBIAN_FRONTEND", "noninteractive")) {
        bail!("{error:#}; {}", advice(packages));
    }
    Ok(())
}

/// Whether `apt-get` knows `package`.
fn is_known(package: &str) -> bool {
    Command::new("apt-cache")
        .args(["show", package])
        .output()
        .is_ok_and(|output| output.status.success() && !output.stdout.is_empty())
}

fn is_root() -> bool {
    Command::new("id")
        .arg("-u")
        .output()
        .is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}
