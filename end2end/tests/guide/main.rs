//! The packages on a machine on which systemd runs, installed by the lines of docs/install.md as they stand there: the units with all
//! that confines them take a job through restarts and deaths, and stop in order. It takes minutes the first time, so it runs by
//! `cargo xtask dist --try` and at night.

#![expect(clippy::print_stdout, reason = "what it measures is shown by --nocapture")]

mod machine;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use azulejo_end2end::process::{bin_dir, must_succeed};
use azulejo_end2end::{images, skipped};
use machine::Machine;

const INSTALL: &str = include_str!("../../../docs/install.md");
const SEVERAL: &str = include_str!("../../../docs/several-machines.md");
/// Some ten seconds of work for two slots.
const RECIPE: &str = "blur:sigma=8|median:radius=3";
/// How long a restart may take: a drain ends what a worker has.
const RESTART_WITHIN: Duration = Duration::from_secs(10);
const SOON: Duration = Duration::from_secs(30);

/// The first lines to be typed in the section `heading` of a page.
fn lines<'a>(page: &'a str, heading: &str) -> Result<&'a str> {
    let (_, section) = page
        .split_once(&format!("\n## {heading}\n"))
        .with_context(|| format!("there is no section {heading}"))?;
    let section = section.split("\n## ").next().unwrap_or(section);
    let (_, block) = section.split_once("\n```sh\n").context("no lines to type")?;
    Ok(block.split("\n```").next().unwrap_or(block))
}

#[test]
fn pages_have_lines_to_type() -> Result<()> {
    let typed = lines(INSTALL, "Debian and Ubuntu")?;
    ensure!(
        typed.starts_with("apt install ./azulejo-server_") && typed.contains("azulejo health"),
        "{typed}"
    );
    let version = format!("_{}_amd64.deb", env!("CARGO_PKG_VERSION"));
    for page in [INSTALL, SEVERAL] {
        ensure!(
            page.contains(&version),
            "a page names packages of another version"
        );
    }
    ensure!(lines(INSTALL, "Nowhere").is_err());
    Ok(())
}

/// The packages, if this system can try them; `cargo xtask dist --try` takes it for an error when it cannot.
fn packages(dist: &Path) -> Result<Option<Vec<PathBuf>>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dist).into_iter().flatten() {
        found.push(entry?.path());
    }
    found.retain(|path| path.extension().is_some_and(|extension| extension == "deb"));
    found.sort();
    let is_root = must_succeed(Command::new("id").arg("-u"))?.trim() == "0";
    let lacking = ["systemd-nspawn", "debootstrap"]
        .into_iter()
        .find(|name| Command::new(name).arg("--version").output().is_err());
    let reason = if found.len() != 2 {
        "there are no packages: `cargo xtask dist`".to_owned()
    } else if !is_root {
        "only root can boot a machine".to_owned()
    } else if let Some(name) = lacking {
        format!("{name} is not installed")
    } else {
        return Ok(Some(found));
    };
    ensure!(std::env::var_os("AZULEJO_TRY_PACKAGES").is_none(), "{reason}");
    skipped(&format!("packages on a machine with systemd: {reason}"));
    Ok(None)
}

/// Types `lines`, which must succeed within `limit`; says how long they took.
fn timed(machine: &Machine, lines: &str, limit: Duration) -> Result<()> {
    let begun = Instant::now();
    machine.run(lines)?;
    println!("{:.1} s: {lines}", begun.elapsed().as_secs_f32());
    ensure!(begun.elapsed() < limit, "{lines} took {:?}", begun.elapsed());
    Ok(())
}

#[test]
#[ignore = "minutes, root, systemd-nspawn and a mirror of Debian"]
fn units_take_a_job_through_restarts_and_deaths() -> Result<()> {
    let dist = std::path::absolute(bin_dir()?.join("../dist"))?;
    let Some(packages) = packages(&dist)? else {
        return Ok(());
    };
    let machine = Machine::boot(&dist)?;
    for package in &packages {
        let name = package
            .file_name()
            .context("a package has a name")?
            .to_string_lossy();
        fs::copy(package, machine.path(&format!("/root/{name}")))?;
    }
    // As it stands on the page; a person answers yes.
    let typed = lines(INSTALL, "Debian and Ubuntu")?.replace("apt install ", "apt-get install -y ");
    machine.run(&typed)?;
    machine.run("systemctl is-active azulejo-broker azulejo-server azulejo-worker")?;

    let input = images::photo(4096, 4096, 5);
    fs::write(machine.path("/root/in.png"), images::png(&input)?)?;
    machine.run(&format!("azulejo apply '{RECIPE}' in.png here.png"))?;
    machine.run(&format!(
        "systemd-run --quiet --unit=sending --working-directory=/root azulejo submit --recipe '{RECIPE}' -o sent.png in.png"
    ))?;
    let under_way = "azulejo jobs --status processing | grep -q in.png";
    machine.wait(under_way, SOON)?;
    timed(
        &machine,
        "systemctl restart azulejo-server azulejo-worker",
        RESTART_WITHIN,
    )?;
    machine.wait("azulejo health", SOON)?;
    timed(&machine, "systemctl restart azulejo-broker", RESTART_WITHIN)?;
    for unit in ["azulejo-worker", "azulejo-server", "azulejo-broker"] {
        machine.run(&format!("systemctl kill --signal=KILL --kill-who=main {unit}"))?;
        machine.wait(
            &format!("[ $(systemctl show -P NRestarts {unit}) = 1 ] && systemctl is-active {unit}"),
            SOON,
        )?;
    }
    machine.wait("azulejo health && [ -s sent.png ]", Duration::from_secs(180))?;
    let read = |name: &str| images::decode(&fs::read(machine.path(name))?);
    read("/root/sent.png")?.must_equal(&read("/root/here.png")?, "through the units, and here")?;

    // What confines them is in force.
    for unit in ["azulejo-worker", "azulejo-server", "azulejo-broker"] {
        machine.run(&format!(
            "p=/proc/$(systemctl show -P MainPID {unit}); grep -qx 'Seccomp:\t2' $p/status && grep -qx 'NoNewPrivs:\t1' $p/status \
             && grep -q ' / ro,' $p/mountinfo && [ $(stat -c %U $p) = azulejo ]"
        ))?;
    }

    timed(&machine, "systemctl stop azulejo-worker", RESTART_WITHIN)?;
    timed(
        &machine,
        "systemctl stop azulejo-server azulejo-broker",
        RESTART_WITHIN,
    )?;
    let failed = machine.run("systemctl --failed --no-legend --plain")?;
    ensure!(failed.is_empty(), "a stop in order is a failure: {failed}");

    // A wrong setting is said once, and not tried again.
    machine.run("echo TILE_SIZE=many >>/etc/azulejo/server.env; systemctl start azulejo-server || true")?;
    machine.wait(
        "[ $(systemctl show -P ExecMainStatus azulejo-server) = 2 ] && systemctl is-failed azulejo-server",
        SOON,
    )?;
    machine
        .run("journalctl -u azulejo-server | grep -q 'TILE_SIZE'")
        .map(drop)
}
