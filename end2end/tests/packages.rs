//! What `cargo xtask dist` makes, in a bare Debian. The archive: a whole system as it is unpacked. The packages: installed, started
//! by the commands of their units, a job, brought up to date, removed, purged. It takes minutes the first time, so it runs by
//! `cargo xtask dist --try` and at night.
//!
//! There is no systemd in such a root: what it would do by a unit (folders, environment, user, command) is done here.

mod bare_root;

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, ensure};
use azulejo_end2end::process::{bin_dir, must_succeed};
use azulejo_end2end::{Client, images, skipped};
use bare_root::{Root, mirror};

const RECIPE: &str = "blur:sigma=2|sharpen";

#[test]
fn mirrors_are_read_in_both_formats_of_apt() -> Result<()> {
    let old = "# deb http://no/ x main\ndeb [signed-by=/k] http://a/debian x-updates main\ndeb [signed-by=/k] http://b/debian x main\n";
    ensure!(mirror(old, "x")? == "http://b/debian");
    let new = "Types: deb\nURIs: http://c/security\nSuites: x-security\n\nTypes: deb\nURIs: http://d/debian\nSuites: x x-updates\n";
    ensure!(mirror(new, "x")? == "http://d/debian");
    ensure!(mirror(new, "y").is_err());
    Ok(())
}

/// The packages, those of the server first; none where this system cannot try them, which `cargo xtask dist --try` takes for an
/// error.
fn packages(dist: &Path) -> Result<Option<Vec<PathBuf>>> {
    let mut found: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(dist).into_iter().flatten() {
        found.push(entry?.path());
    }
    found.retain(|path| path.extension().is_some_and(|extension| extension == "deb"));
    found.sort();
    let is_root = must_succeed(Command::new("id").arg("-u"))?.trim() == "0";
    let reason = if found.len() != 2 {
        "there are no packages: `cargo xtask dist`"
    } else if !is_root {
        "only root can make a root"
    } else if Command::new("debootstrap").arg("--version").output().is_err() {
        "debootstrap is not installed"
    } else {
        return Ok(Some(found));
    };
    ensure!(std::env::var_os("AZULEJO_TRY_PACKAGES").is_none(), "{reason}");
    skipped(&format!("packages in a bare root: {reason}"));
    Ok(None)
}

/// The same package in a later version, with other settings as it comes.
fn later(package: &Path, folder: &Path) -> Result<PathBuf> {
    let root = folder.join("later");
    must_succeed(
        Command::new("dpkg-deb")
            .arg("--raw-extract")
            .arg(package)
            .arg(&root),
    )?;
    let control = root.join("DEBIAN/control");
    let text = fs::read_to_string(&control)?;
    let changed: String = text
        .lines()
        .map(|line| {
            if line.starts_with("Version: ") {
                format!("{line}+later\n")
            } else {
                format!("{line}\n")
            }
        })
        .collect();
    fs::write(&control, changed)?;
    writeln!(
        File::options()
            .append(true)
            .open(root.join("etc/azulejo/server.env"))?,
        "# Another line."
    )?;
    let made = folder.join("later.deb");
    must_succeed(
        Command::new("dpkg-deb")
            .args(["--build", "--root-owner-group"])
            .arg(&root)
            .arg(&made),
    )?;
    Ok(made)
}

/// Unpacks the archive and has everybody's whole system of it render a picture, which is compared with `azulejo apply`.
fn try_archive(root: &Root, dist: &Path) -> Result<()> {
    let name = format!(
        "azulejo-{}-{}-linux-gnu",
        env!("CARGO_PKG_VERSION"),
        std::env::consts::ARCH
    );
    must_succeed(
        Command::new("sha256sum")
            .args(["--check", "--quiet", "SHA256SUMS"])
            .current_dir(dist),
    )?;
    let opt = root.path("/opt");
    let mut unpack = Command::new("tar");
    must_succeed(
        unpack
            .arg("-xzf")
            .arg(dist.join(format!("{name}.tar.gz")))
            .arg("-C")
            .arg(&opt),
    )?;
    must_succeed(
        Command::new("sha256sum")
            .args(["--check", "--quiet", "SHA256SUMS"])
            .current_dir(opt.join(&name)),
    )?;
    ensure!(opt.join(&name).join("LICENSES-THIRD-PARTY").is_file());
    let azulejo = format!("/opt/{name}/bin/azulejo");
    let words = [
        azulejo.as_str(),
        "bench",
        "--sizes",
        "1024",
        "--recipe",
        "blur",
        "--verify",
    ];
    let said = must_succeed(&mut root.command("nobody", &words))?;
    ensure!(said.contains("1024"), "{said}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "minutes, root and a mirror of Debian"]
async fn packages_install_work_are_brought_up_to_date_and_go() -> Result<()> {
    let dist = std::path::absolute(bin_dir()?.join("../dist"))?;
    let Some(packages) = packages(&dist)? else {
        return Ok(());
    };
    let root = Root::make(&dist)?;
    try_archive(&root, &dist)?;
    root.install(&packages)?;
    ensure!(
        root.path("/usr/share/man/man1/azulejo-submit.1.gz").is_file(),
        "no manual pages"
    );

    let wanted = root.path("/etc/systemd/system/multi-user.target.wants");
    for (unit, enabled) in [
        ("azulejo-server", true),
        ("azulejo-worker", true),
        ("azulejo-broker", false),
    ] {
        ensure!(
            wanted.join(format!("{unit}.service")).is_symlink() == enabled,
            "{unit}"
        );
    }
    ensure!(
        root.run(&["dpkg", "--verify"])?.is_empty(),
        "files differ from their packages"
    );
    let mode = fs::metadata(root.path("/etc/azulejo/worker.env"))?
        .permissions()
        .mode()
        & 0o777;
    ensure!(mode == 0o600, "passwords can be read by others: {mode:o}");

    for file in ["server.env", "broker.env", "worker.env"] {
        ensure!(root.set_defaults(file)? >= 3, "{file} has no defaults");
    }
    root.set("broker.env", "AZULEJO_BROKER_LISTEN=127.0.0.1:0")?;
    root.set("server.env", "AZULEJO_LISTEN=127.0.0.1:0")?;
    root.set("worker.env", "AZULEJO_WORKER_LISTEN=127.0.0.1:0")?;
    let broker = root.start("azulejo-broker")?;
    for file in ["server.env", "worker.env"] {
        root.set(file, &format!("KAFKA_BROKER={}", broker.ready))?;
    }
    let server = root.start("azulejo-server")?;
    let worker = root.start("azulejo-worker")?;
    let client = Client::new(&server.ready);
    client.wait_until_ready(1).await?;
    ensure!(
        client.get("/pkg/azulejo.js").await?.status == 200,
        "the site is not found"
    );

    let input = images::photo(1024, 1024, 3);
    fs::write(root.path("/tmp/in.png"), images::png(&input)?)?;
    root.run(&[
        "azulejo",
        "submit",
        "--server",
        &server.ready,
        "--recipe",
        RECIPE,
        "-o",
        "/tmp/sent.png",
        "/tmp/in.png",
    ])?;
    root.run(&["azulejo", "apply", RECIPE, "/tmp/in.png", "/tmp/here.png"])?;
    let read = |name: &str| images::decode(&fs::read(root.path(name))?);
    read("/tmp/sent.png")?.must_equal(&read("/tmp/here.png")?, "through the packages, and here")?;
    ensure!(read("/tmp/sent.png")? != input, "nothing was done");

    for service in [worker, server, broker] {
        service.stop()?;
    }
    let kept = root.path("/var/lib/azulejo/server");
    ensure!(fs::read_dir(&kept)?.count() > 0, "the server kept nothing");

    // Whoever disables a unit and changes settings finds both as they were.
    // As `systemctl disable` does it.
    fs::remove_file(wanted.join("azulejo-server.service"))?;
    let settings = fs::read_to_string(root.path("/etc/azulejo/server.env"))?;
    let folder = tempfile::tempdir()?;
    root.install(&[later(&packages[0], folder.path())?])?;
    let version = root.run(&[
        "dpkg-query",
        "--show",
        "--showformat=${Version}",
        "azulejo-server",
    ])?;
    ensure!(version.ends_with("+later"), "{version}");
    ensure!(
        fs::read_to_string(root.path("/etc/azulejo/server.env"))? == settings,
        "settings were lost"
    );
    ensure!(
        !wanted.join("azulejo-server.service").exists(),
        "a disabled unit was enabled"
    );
    let broker = root.start("azulejo-broker")?;
    broker.stop()?;

    root.run(&["dpkg", "--remove", "azulejo-server", "azulejo-worker"])?;
    ensure!(!root.path("/usr/bin/azulejo-server").exists() && !root.path("/usr/share/azulejo").exists());
    ensure!(
        kept.is_dir() && root.path("/etc/azulejo/server.env").is_file(),
        "a removal took what is kept"
    );
    root.run(&["dpkg", "--purge", "azulejo-server", "azulejo-worker"])?;
    for path in [
        "/etc/azulejo",
        "/var/lib/azulejo",
        "/usr/share/doc/azulejo-server",
    ] {
        ensure!(!root.path(path).exists(), "{path} is left");
    }
    let left = root.run(&["find", "/etc/systemd", "/var/lib/systemd", "-name", "azulejo*"])?;
    ensure!(left.is_empty(), "units are left: {left}");
    Ok(())
}
