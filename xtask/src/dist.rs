//! What goes to other machines: an archive for any Linux and packages for Debian, in `target/dist`. The same sources, compiler
//! and date make the same bytes.
//!
//! - [`elf`]: which glibc and libraries the programs need. [`settings`]: the files in `/etc/azulejo`. [`licences`]: of all that is
//!   linked.
//! - [`made`]: programs and texts, before they are packed. [`files`]: written with the same rights by whoever builds.
//! - [`archive`], [`package`], [`scripts`]: the archive, the packages, what these do when they are installed and removed.
//! - [`linters`]: what looks at the files of `deploy` in the tests.

mod archive;
mod elf;
mod files;
mod licences;
pub mod linters;
mod made;
mod package;
mod scripts;
mod settings;

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::Args;

use self::elf::Needs;
use self::files::file_name;
use self::made::Made;
use crate::{programs, shell, site};

/// What to make.
#[derive(Args, Default)]
pub struct Options {
    /// Take site and programs as they are in the target folder.
    #[arg(long)]
    no_build: bool,
    /// Install the packages in a bare root made by debootstrap, run a job there, bring them up to date, purge them, and have
    /// systemd start, stop and kill their units; needs root.
    #[arg(long = "try")]
    attempt: bool,
    /// Fetch what looks at the files of deploy in the tests, and make nothing.
    #[arg(long)]
    linters: bool,
}

/// Where it all goes.
pub fn folder() -> PathBuf {
    shell::target_dir().join("dist")
}

/// Makes all of it.
#[expect(clippy::print_stdout, reason = "what was made is what this command is for")]
pub fn run(options: &Options) -> Result<()> {
    if options.linters {
        linters::ensure(true);
        return Ok(());
    }
    if !options.no_build {
        site::build(false)?;
        programs::build()?;
    }
    let folder = folder();
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let made = Made::in_folder(&folder)?;
    let programs = made.programs();
    let needs = Needs::of(programs.iter().map(PathBuf::as_path))?;
    let mut results = vec![archive::make(&made, &folder)?];
    if shell::is_installed("dpkg-deb") {
        for package in &package::PACKAGES {
            results.push(package.make(&made, &folder)?);
        }
        package::check(&results[1..])?;
    } else {
        shell::say("SKIPPED: the packages, for there is no dpkg-deb here");
    }
    let names: Vec<PathBuf> = results.iter().map(|file| file_name(file).into()).collect();
    archive::sums(&folder, &names)?;
    fs::remove_dir_all(&made.stage)?;
    for file in results.iter().chain([&folder.join("SHA256SUMS")]) {
        println!(
            "{} ({} KiB)",
            file.display(),
            fs::metadata(file)?.len().div_ceil(1024)
        );
    }
    println!(
        "needs glibc {} or newer (Debian 12, Ubuntu 22.04, Red Hat Enterprise Linux 9), {}",
        needs.glibc,
        needs.depends()?.join(", ")
    );
    if options.attempt {
        attempt()?;
    }
    Ok(())
}

/// Tries the packages in a bare root, and on a machine that systemd boots; the tests of the whole do it.
fn attempt() -> Result<()> {
    install_tools();
    let mut cargo = shell::cargo();
    cargo.args([
        "test",
        "--locked",
        "--release",
        "--package",
        "azulejo-end2end",
        "--test",
        "packages",
        "--test",
        "guide",
    ]);
    cargo.args(["--", "--ignored", "--test-threads=1", "--nocapture"]);
    // What cannot be tried is no success of this command.
    shell::run(cargo.env("AZULEJO_TRY_PACKAGES", "must"))
}

/// Installs what makes roots and boots them, where we may.
pub fn install_tools() {
    linters::install_debian(&["debootstrap"]);
    if !shell::is_installed("systemd-nspawn") {
        linters::install_debian(&["systemd-container"]);
    }
}
