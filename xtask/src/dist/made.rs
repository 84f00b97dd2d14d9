//! Programs and texts that archive and packages have in common, before they are packed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use super::{files, licences, settings};
use crate::{shell, site};

/// Where the units are.
pub const UNITS: &str = "deploy/systemd";
/// A program, its settings file and the unit that says its defaults.
pub const SETTINGS: [(&str, &str, &str); 3] = [
    ("azulejo-server", "server.env", "azulejo-server.service"),
    ("azulejo-broker", "broker.env", "azulejo-broker.service"),
    ("azulejo-worker", "worker.env", "azulejo-worker.service"),
];
const PROGRAMS: [&str; 4] = ["azulejo", "azulejo-server", "azulejo-worker", "azulejo-broker"];

/// What archive and packages have in common.
pub struct Made {
    /// The version of the workspace.
    pub version: &'static str,
    /// The time that everything in them has, seconds since 1970.
    pub epoch: u64,
    /// A folder to put things together in.
    pub stage: PathBuf,
    /// Settings files, with their text.
    pub settings: Vec<(&'static str, String)>,
    /// The licences of what is linked.
    pub third_party: String,
}

impl Made {
    /// Puts programs and texts together in a folder of `folder`.
    ///
    /// # Errors
    /// Something is not built, or its licences are not to be had.
    pub fn in_folder(folder: &Path) -> Result<Self> {
        let stage = folder.join("stage");
        if stage.exists() {
            fs::remove_dir_all(&stage)?;
        }
        let mut made = Self {
            version: env!("CARGO_PKG_VERSION"),
            epoch: epoch()?,
            stage,
            settings: Vec::new(),
            third_party: licences::third_party()?,
        };
        let release = shell::target_dir().join("release");
        for name in PROGRAMS {
            let program = made.program(name);
            files::copy(&release.join(name), &program, 0o755)?;
            shell::run(Command::new("strip").arg("--strip-unneeded").arg(&program))?;
        }
        made.help_of_the_command()?;
        ensure!(
            site::root().join("pkg/azulejo_bg.wasm").is_file(),
            "{} is not built",
            site::root().display()
        );
        for (program, file, unit) in SETTINGS {
            let path = Path::new(UNITS).join(unit);
            let unit =
                fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
            made.settings
                .push((file, settings::file(&made.program(program), &unit)?));
        }
        Ok(made)
    }

    /// Manual pages and what shells complete by, in [`Self::share`].
    fn help_of_the_command(&self) -> Result<()> {
        let azulejo = self.program("azulejo");
        let pages = self.share().join("man/man1");
        fs::create_dir_all(&pages)?;
        shell::run(Command::new(&azulejo).args(["man", "--dir"]).arg(&pages))?;
        for (shell, file) in [
            ("bash", "bash-completion/completions/azulejo"),
            ("zsh", "zsh/vendor-completions/_azulejo"),
            ("fish", "fish/vendor_completions.d/azulejo.fish"),
        ] {
            let output = Command::new(&azulejo).args(["completions", shell]).output()?;
            ensure!(output.status.success(), "azulejo completions {shell} failed");
            files::write(
                &self.share().join(file),
                &String::from_utf8(output.stdout)?,
                0o644,
            )?;
        }
        Ok(())
    }

    /// What goes to `/usr/share` with the command.
    pub fn share(&self) -> PathBuf {
        self.stage.join("share")
    }

    /// A program of that name, without its symbols.
    pub fn program(&self, name: &str) -> PathBuf {
        self.stage.join("programs").join(name)
    }

    /// All of them.
    pub fn programs(&self) -> Vec<PathBuf> {
        PROGRAMS.iter().map(|name| self.program(name)).collect()
    }
}

/// The unit files, sorted.
///
/// # Errors
/// Their folder cannot be read.
pub fn units() -> Result<Vec<PathBuf>> {
    Ok(files::below(Path::new(UNITS))?
        .into_iter()
        .map(|file| Path::new(UNITS).join(file))
        .collect())
}

/// The date of the sources: `SOURCE_DATE_EPOCH`, else that of the commit.
fn epoch() -> Result<u64> {
    if let Ok(text) = std::env::var("SOURCE_DATE_EPOCH") {
        return text
            .parse()
            .with_context(|| format!("SOURCE_DATE_EPOCH is {text}, not a number of seconds"));
    }
    let output = Command::new("git").args(["log", "-1", "--format=%ct"]).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    text.ok().and_then(|text| text.parse().ok()).context(
        "git does not say when the sources were committed: set SOURCE_DATE_EPOCH to seconds since 1970",
    )
}
