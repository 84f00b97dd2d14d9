//! A bare Debian in a folder: packages are installed into it, and their units started there without systemd.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use azulejo_end2end::process::must_succeed;

/// A folder with a whole root has this file; it is written last.
const WHOLE: &str = ".azulejo-whole";

/// A root that packages are installed into; gone with the value.
pub struct Root(PathBuf);

impl Drop for Root {
    fn drop(&mut self) {
        // What is left is removed by the next run.
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl Root {
    /// A copy of a bare root, which debootstrap makes once.
    pub fn make(dist: &Path) -> Result<Self> {
        let release = fs::read_to_string("/etc/os-release")?;
        let codename = release
            .lines()
            .find_map(|line| line.strip_prefix("VERSION_CODENAME="));
        let codename = codename
            .context("/etc/os-release names no release")?
            .trim_matches('"');
        let bare = dist.join(codename);
        if !bare.join(WHOLE).is_file() {
            if bare.exists() {
                fs::remove_dir_all(&bare)?;
            }
            let mut debootstrap = Command::new("debootstrap");
            debootstrap.args(["--variant=minbase", codename]).arg(&bare);
            must_succeed(debootstrap.arg(mirror(&sources()?, codename)?))?;
            fs::write(bare.join(WHOLE), "")?;
        }
        let root = Self(dist.join("root"));
        if root.0.exists() {
            fs::remove_dir_all(&root.0)?;
        }
        must_succeed(
            Command::new("cp")
                .args(["--archive", "--reflink=auto"])
                .arg(&bare)
                .arg(&root.0),
        )?;
        Ok(root)
    }

    pub fn path(&self, path: &str) -> PathBuf {
        self.0.join(path.trim_start_matches('/'))
    }

    /// A command inside, as `user`, with nothing of this environment.
    pub fn command(&self, user: &str, words: &[&str]) -> Command {
        let mut command = Command::new("unshare");
        // The process that is started becomes the program itself, so that signals reach it.
        let script = "mount -t proc proc \"$1/proc\" && root=$1 user=$2 && shift 2 && exec chroot --userspec=\"$user\" \"$root\" \"$@\"";
        command
            .args(["--mount", "sh", "-c", script, "sh"])
            .arg(&self.0)
            .arg(user)
            .args(words)
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("LC_ALL", "C.UTF-8")
            .env("DEBIAN_FRONTEND", "noninteractive");
        command
    }

    /// Runs a command of root's inside; gives what it writes.
    pub fn run(&self, words: &[&str]) -> Result<String> {
        must_succeed(&mut self.command("root", words))
    }

    /// Adds a line to a settings file, as a person would.
    pub fn set(&self, file: &str, line: &str) -> Result<()> {
        let path = self.path(&format!("/etc/azulejo/{file}"));
        let mut file = File::options().append(true).open(&path)?;
        writeln!(file, "{line}")?;
        Ok(())
    }

    /// Takes away the sign of a comment before each default of a settings file: what it calls a default must be one. What it says of a
    /// cluster with users is left.
    pub fn set_defaults(&self, file: &str) -> Result<usize> {
        let path = self.path(&format!("/etc/azulejo/{file}"));
        let text = fs::read_to_string(&path)?;
        let (own, kafka) = text.split_once("\n# Every other variable").unwrap_or((&text, ""));
        let mut count = 0;
        let mut set = String::new();
        for line in own.lines() {
            let default = line.strip_prefix('#').filter(|rest| {
                let is_name = rest.starts_with(|c: char| c.is_ascii_uppercase());
                is_name && rest.split_once('=').is_some_and(|(_, value)| !value.is_empty())
            });
            count += usize::from(default.is_some());
            set.push_str(default.unwrap_or(line));
            set.push('\n');
        }
        fs::write(&path, format!("{set}\n# Every other variable{kafka}"))?;
        Ok(count)
    }

    /// Puts packages inside and installs them; what was changed in settings stays.
    pub fn install(&self, packages: &[PathBuf]) -> Result<String> {
        let mut words = vec![
            "apt-get",
            "install",
            "-y",
            "-o",
            "Dpkg::Options::=--force-confold",
        ];
        let mut inside = Vec::new();
        for package in packages {
            let name = package
                .file_name()
                .context("a package has a name")?
                .to_string_lossy()
                .into_owned();
            fs::copy(package, self.path(&format!("/tmp/{name}")))?;
            inside.push(format!("/tmp/{name}"));
        }
        words.extend(inside.iter().map(String::as_str));
        self.run(&words)
    }

    /// Starts the unit as systemd would, and waits until it says that it is ready.
    pub fn start(&self, unit: &str) -> Result<Service> {
        let path = self.path(&format!("/usr/lib/systemd/system/{unit}.service"));
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let all = |key: &str| -> Vec<String> {
            let lines = text
                .lines()
                .filter_map(|line| line.strip_prefix(key)?.strip_prefix('='));
            lines.map(str::to_owned).collect()
        };
        let one = |key: &str| all(key).pop().with_context(|| format!("{unit} has no {key}"));
        let user = one("User")?;
        let mut environment = all("Environment");
        for file in all("EnvironmentFile") {
            let path = self.path(file.trim_start_matches('-'));
            environment.extend(fs::read_to_string(&path)?.lines().map(str::to_owned));
        }
        for folders in all("StateDirectory") {
            for folder in folders.split_whitespace() {
                let folder = format!("/var/lib/{folder}");
                self.run(&[
                    "install",
                    "-d",
                    "-o",
                    &user,
                    "-g",
                    &user,
                    "-m",
                    &one("StateDirectoryMode")?,
                    &folder,
                ])?;
            }
        }
        let command = one("ExecStart")?;
        let words: Vec<&str> = command.split_whitespace().collect();
        let mut program = self.command(&user, &words);
        for line in environment.iter().filter(|line| !line.starts_with('#')) {
            if let Some((name, value)) = line.split_once('=') {
                program.env(name, value);
            }
        }
        Service::start(unit, program, &self.path(&format!("/tmp/{unit}.log")))
    }
}

/// A running program of a package; killed with the value.
pub struct Service {
    name: String,
    child: Child,
    log: PathBuf,
    /// What its ready line says behind `is ready: `.
    pub ready: String,
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Service {
    fn start(name: &str, mut command: Command, log: &Path) -> Result<Self> {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(log)?)
            .spawn()?;
        let output = child.stdout.take().context("stdout is piped")?;
        let mut service = Self {
            name: name.to_owned(),
            child,
            log: log.to_owned(),
            ready: String::new(),
        };
        let (sender, ready) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if let Some((_, rest)) = line.split_once(" is ready: ") {
                    // Nobody may wait any more.
                    let _ = sender.send(rest.to_owned());
                }
            }
        });
        service.ready = ready
            .recv_timeout(Duration::from_secs(60))
            .with_context(|| format!("{name} is not ready: {}", service.log()))?;
        Ok(service)
    }

    fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Stops it as systemd does.
    pub fn stop(mut self) -> Result<()> {
        must_succeed(Command::new("kill").arg("-TERM").arg(self.child.id().to_string()))?;
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(60) {
            if let Some(status) = self.child.try_wait()? {
                ensure!(
                    status.success(),
                    "{} ended with {status}: {}",
                    self.name,
                    self.log()
                );
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        bail!("{} does not end: {}", self.name, self.log())
    }
}

/// What apt is told of mirrors.
fn sources() -> Result<String> {
    let mut text = fs::read_to_string("/etc/apt/sources.list").unwrap_or_default();
    for entry in fs::read_dir("/etc/apt/sources.list.d").into_iter().flatten() {
        text.push_str("\n\n");
        text.push_str(&fs::read_to_string(entry?.path())?);
    }
    Ok(text)
}

/// The first mirror in `sources`, in either of apt's formats, that has this release of Debian itself.
pub fn mirror(sources: &str, codename: &str) -> Result<String> {
    let mut uri = None;
    for line in sources.lines() {
        let words: Vec<&str> = line
            .split_whitespace()
            .filter(|word| !word.starts_with('[') && !word.ends_with(']'))
            .collect();
        match words[..] {
            ["deb", address, suite, ..] if suite == codename => return Ok(address.to_owned()),
            ["URIs:", address, ..] => uri = Some(address),
            ["Suites:", ref suites @ ..] if suites.contains(&codename) => {
                return Ok(uri.context("suites without a mirror")?.to_owned());
            }
            _ => {}
        }
    }
    bail!("apt knows no mirror of {codename}")
}
