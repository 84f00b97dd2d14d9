//! The packages for Debian and what derives from it: server and worker.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use super::elf::Needs;
use super::files::{below, copy, copy_all, file_name, write, write_bytes};
use super::made::{Made, UNITS};
use super::scripts::{self, Unit};
use crate::{shell, site};

/// What a package holds.
pub struct Package {
    /// Its name.
    pub name: &'static str,
    programs: &'static [&'static str],
    units: &'static [Unit],
    /// Settings files in `/etc/azulejo`.
    settings: &'static [&'static str],
    /// Folders below `/var/lib/azulejo` that go with a purge.
    state: &'static [&'static str],
    /// The command `azulejo`, with its manual pages, and the site.
    has_command: bool,
    relations: &'static str,
    summary: &'static str,
    description: &'static str,
}

/// All of them.
pub const PACKAGES: [Package; 2] = [
    Package {
        name: "azulejo-server",
        programs: &["azulejo-server", "azulejo-broker", "azulejo"],
        units: &[
            Unit {
                file: "azulejo-server.service",
                enabled: true,
            },
            Unit {
                file: "azulejo-broker.service",
                enabled: false,
            },
        ],
        settings: &["server.env", "broker.env"],
        state: &["server", "broker"],
        has_command: true,
        relations: "Recommends: ca-certificates\nSuggests: azulejo-worker\n",
        summary: "image processing in tiles over Apache Kafka: server",
        description: "\
Azulejo hands images that are too large, or too many, for one machine to as\n\
many workers as there are, in tiles that go through Apache Kafka.\n.\n\
This package has the server with its pages, the command azulejo, and a small\n\
embedded broker for installations on one machine, which is not started unless\n\
asked for.\n",
    },
    Package {
        name: "azulejo-worker",
        programs: &["azulejo-worker"],
        units: &[
            Unit {
                file: "azulejo-worker.service",
                enabled: true,
            },
            Unit {
                file: "azulejo-worker@.service",
                enabled: false,
            },
        ],
        settings: &["worker.env"],
        state: &[],
        has_command: false,
        relations: "Recommends: ca-certificates\n",
        summary: "image processing in tiles over Apache Kafka: worker",
        description: "\
Azulejo hands images that are too large, or too many, for one machine to as\n\
many workers as there are, in tiles that go through Apache Kafka.\n.\n\
This package has the worker, which takes tiles from Kafka and renders them.\n",
    },
];

/// What lintian is told not to complain of, with the reason.
const OVERRIDES: &str = "\
# TLS towards Kafka and the database are built along, so that one package fits every release.\n\
NAME: embedded-library *\n\
NAME: statically-linked-binary *\n\
# Programs that are no commands explain themselves by --help.\n\
NAME: no-manual-page *\n\
# A password may come to stand in a settings file.\n\
NAME: non-standard-file-perm 0600 != 0644 [etc/azulejo/*]\n\
# Instances of a template are known to systemd alone.\n\
NAME: maintainer-script-calls-systemctl *\n\
# Made by the project itself, not uploaded to Debian.\n\
NAME: initial-upload-closes-no-bugs *\n\
NAME: wrong-section-according-to-package-name *\n";

impl Package {
    /// Makes `NAME_VERSION_ARCH.deb` in `folder`; gives its path.
    ///
    /// # Errors
    /// Something cannot be copied, or `dpkg-deb` fails.
    pub fn make(&self, made: &Made, folder: &Path) -> Result<PathBuf> {
        let root = made.stage.join(self.name);
        let mut programs = Vec::new();
        for name in self.programs {
            let program = made.program(name);
            copy(&program, &root.join("usr/bin").join(name), 0o755)?;
            programs.push(program);
        }
        if self.has_command {
            copy_all(&site::root(), &root.join("usr/share/azulejo/site"))?;
            for file in below(&made.share())? {
                let (from, to) = (made.share().join(&file), root.join("usr/share").join(&file));
                if file.starts_with("man") {
                    let name = format!("{}.gz", file_name(&to));
                    write_bytes(&to.with_file_name(name), &gzip(&fs::read(from)?)?, 0o644)?;
                } else {
                    copy(&from, &to, 0o644)?;
                }
            }
        }
        for unit in self.units {
            let from = Path::new(UNITS).join(unit.file);
            copy(&from, &root.join("usr/lib/systemd/system").join(unit.file), 0o644)?;
        }
        for name in self.settings {
            let text = made.settings.iter().find(|(file, _)| file == name);
            let (_, text) = text.with_context(|| format!("{name} was not made"))?;
            // A password may come to stand in it; systemd reads it as root.
            write(&root.join("etc/azulejo").join(name), text, 0o600)?;
        }
        self.documents(made, &root)?;
        let control = root.join("DEBIAN");
        let needs = Needs::of(programs.iter().map(PathBuf::as_path))?;
        write(
            &control.join("control"),
            &self.control(made, &needs, &root)?,
            0o644,
        )?;
        let conffiles: String = self
            .settings
            .iter()
            .map(|name| format!("/etc/azulejo/{name}\n"))
            .collect();
        write(&control.join("conffiles"), &conffiles, 0o644)?;
        write(&control.join("postinst"), &scripts::postinst(self.units), 0o755)?;
        write(&control.join("prerm"), &scripts::prerm(self.units), 0o755)?;
        write(
            &control.join("postrm"),
            &scripts::postrm(self.units, self.state),
            0o755,
        )?;
        write(&control.join("md5sums"), &sums(&root)?, 0o644)?;
        let package = folder.join(format!("{}_{}_{}.deb", self.name, made.version, architecture()));
        let mut build = Command::new("dpkg-deb");
        // Times later than this one become this one.
        build.env("SOURCE_DATE_EPOCH", made.epoch.to_string());
        build
            .args(["--build", "--root-owner-group"])
            .arg(&root)
            .arg(&package);
        touch_all(&root, made.epoch)?;
        shell::run(&mut build)?;
        Ok(package)
    }

    fn documents(&self, made: &Made, root: &Path) -> Result<()> {
        let folder = root.join("usr/share/doc").join(self.name);
        copy(Path::new("README.md"), &folder.join("README.md"), 0o644)?;
        let licence = fs::read_to_string("LICENSE").context("cannot read LICENSE")?;
        write(
            &folder.join("copyright"),
            &format!("Azulejo\n\n{licence}\nWhat is linked into it: LICENSES-THIRD-PARTY.gz\n"),
            0o644,
        )?;
        write_bytes(
            &folder.join("LICENSES-THIRD-PARTY.gz"),
            &gzip(made.third_party.as_bytes())?,
            0o644,
        )?;
        let history = fs::read("CHANGELOG.md").context("cannot read CHANGELOG.md")?;
        write_bytes(&folder.join("CHANGELOG.md.gz"), &gzip(&history)?, 0o644)?;
        let entry = format!(
            "{} ({}) unstable; urgency=medium\n\n  * See CHANGELOG.md.gz.\n\n -- {MAINTAINER}  {}\n",
            self.name,
            made.version,
            date(made.epoch)?
        );
        write_bytes(&folder.join("changelog.gz"), &gzip(entry.as_bytes())?, 0o644)?;
        let overrides = OVERRIDES.replace("NAME", self.name);
        write(
            &root.join("usr/share/lintian/overrides").join(self.name),
            &overrides,
            0o644,
        )
    }

    fn control(&self, made: &Made, needs: &Needs, root: &Path) -> Result<String> {
        let mut depends = needs.depends()?;
        // For the user.
        depends.insert(0, "adduser".to_owned());
        let mut bytes = 0;
        for file in below(root)? {
            // Each file takes whole blocks, as dpkg counts.
            bytes += fs::metadata(root.join(file))?.len().div_ceil(1024);
        }
        let mut text = String::new();
        let _ = write!(
            text,
            "Package: {}\nVersion: {}\nArchitecture: {}\nMaintainer: {MAINTAINER}\nInstalled-Size: {bytes}\n\
             Depends: {}\n{}Section: graphics\nPriority: optional\nDescription: {}\n{}",
            self.name,
            made.version,
            architecture(),
            depends.join(", "),
            self.relations,
            self.summary,
            self.description
                .lines()
                .map(|line| format!(" {line}\n"))
                .collect::<String>()
        );
        Ok(text)
    }
}

/// Who made it, in the form that Debian wants; an address that nobody has.
const MAINTAINER: &str = "The Azulejo maintainers <azulejo@example.invalid>";

/// Debian's name of the architecture.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

/// Compressed without name and time.
fn gzip(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?)
}

/// The date of `epoch` as a changelog says it.
fn date(epoch: u64) -> Result<String> {
    let output = Command::new("date")
        .args(["--utc", "--rfc-email", "--date", &format!("@{epoch}")])
        .output()
        .context("cannot start date")?;
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

/// The list by which `dpkg --verify` finds files that have changed.
fn sums(root: &Path) -> Result<String> {
    let listed: Vec<PathBuf> = below(root)?
        .into_iter()
        .filter(|file| !file.starts_with("DEBIAN") && !file.starts_with("etc"))
        .collect();
    let output = Command::new("md5sum")
        .current_dir(root)
        .args(&listed)
        .output()
        .context("cannot start md5sum")?;
    Ok(String::from_utf8(output.stdout)?)
}

/// Gives every file and folder the same time.
fn touch_all(root: &Path, epoch: u64) -> Result<()> {
    let mut find = Command::new("find");
    find.arg(root)
        .args(["-exec", "touch", "--no-dereference", "--date"]);
    shell::run(find.arg(format!("@{epoch}")).args(["{}", "+"]))
}

/// Runs lintian on `packages` where it is there; what it calls an error is one.
///
/// # Errors
/// It finds one.
pub fn check(packages: &[PathBuf]) -> Result<()> {
    if !shell::is_installed("lintian") {
        shell::say("SKIPPED: lintian is not installed");
        return Ok(());
    }
    shell::say(&format!(
        "lintian: {}",
        packages
            .iter()
            .map(|path| file_name(path))
            .collect::<Vec<_>>()
            .join(", ")
    ));
    let mut lintian = Command::new("lintian");
    lintian.args(["--fail-on", "error", "--tag-display-limit", "0", "--allow-root"]);
    shell::run(lintian.args(packages))
}

#[cfg(test)]
mod tests {
    use super::super::made::{SETTINGS, units};
    use super::*;

    #[test]
    fn every_unit_and_settings_file_is_in_one_package() {
        shell::enter_workspace().unwrap();
        let mut packed: Vec<&str> = PACKAGES
            .iter()
            .flat_map(|package| package.units)
            .map(|unit| unit.file)
            .collect();
        packed.sort_unstable();
        let found: Vec<String> = units().unwrap().iter().map(|path| file_name(path)).collect();
        assert_eq!(packed, found);
        let mut settings: Vec<&str> = PACKAGES
            .iter()
            .flat_map(|package| package.settings)
            .copied()
            .collect();
        settings.sort_unstable();
        let mut made: Vec<&str> = SETTINGS.iter().map(|(_, file, _)| *file).collect();
        made.sort_unstable();
        assert_eq!(settings, made);
    }

    #[test]
    fn a_changelog_has_the_date_of_the_sources() {
        assert_eq!(date(0).unwrap(), "Thu, 01 Jan 1970 00:00:00 +0000");
    }
}
