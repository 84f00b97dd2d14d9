//! A machine on which systemd is process 1: a container by systemd-nspawn, over a root that debootstrap makes once.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use azulejo_end2end::process::must_succeed;
use tempfile::TempDir;

/// What a machine has beside the smallest system.
const PACKAGES: &str = "systemd-sysv,dbus,adduser,curl,ca-certificates,iproute2,procps";
/// A folder with a whole root has this file; it is written last.
const WHOLE: &str = ".azulejo-whole";
/// Mounts what the container sees and becomes systemd-nspawn. Namespaces of its own: nothing is left mounted after it. The group of
/// processes is one of the second hierarchy alone, as systemd has it on a machine of its own.
const BOOT: &str = r#"set -e
umount --recursive /sys/fs/cgroup
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mkdir -p "/sys/fs/cgroup/$3"
echo $$ >"/sys/fs/cgroup/$3/cgroup.procs"
mount -t overlay overlay -o "lowerdir=$1,upperdir=$2/upper,workdir=$2/work" "$2/root"
exec systemd-nspawn --quiet --register=no --keep-unit --private-network --link-journal=no --resolv-conf=off \
    --console=read-only --machine="$3" --directory="$2/root" --boot"#;

/// A machine; stopped, and gone with all that was written on it, with the value.
pub struct Machine {
    nspawn: Child,
    name: String,
    /// Its process 1, as this system numbers it.
    first: String,
    _folder: TempDir,
}

impl Drop for Machine {
    fn drop(&mut self) {
        // It shuts down in order when it is told to, and otherwise at once.
        let _ = Command::new("kill").arg(self.nspawn.id().to_string()).status();
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(30) && matches!(self.nspawn.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(100));
        }
        let _ = self.nspawn.kill();
        let _ = self.nspawn.wait();
        // Its group of processes is left empty, wherever the second hierarchy is mounted.
        for root in ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"] {
            let _ = Command::new("find")
                .arg(Path::new(root).join(&self.name))
                .args(["-depth", "-type", "d", "-exec", "rmdir", "{}", ";"])
                .stderr(Stdio::null())
                .status();
        }
    }
}

impl Machine {
    /// Boots one; `dist` keeps the root that it is made of.
    pub fn boot(dist: &Path) -> Result<Self> {
        let base = base(dist)?;
        let folder = tempfile::Builder::new().prefix("machine-").tempdir_in(dist)?;
        for name in ["upper", "work", "root"] {
            fs::create_dir(folder.path().join(name))?;
        }
        let name = format!("azulejo-{}", std::process::id());
        let log = folder.path().join("log");
        let mut unshare = Command::new("unshare");
        unshare
            .args(["--mount", "--propagation", "private", "sh", "-c", BOOT, "sh"])
            .arg(&base)
            .arg(folder.path())
            .arg(&name);
        let said = File::create(&log)?;
        unshare
            .stdin(Stdio::null())
            .stdout(said.try_clone()?)
            .stderr(said);
        // `unshare` and the shell become systemd-nspawn, whose child is process 1.
        let nspawn = unshare.spawn().context("cannot start unshare")?;
        let children = format!("/proc/{0}/task/{0}/children", nspawn.id());
        let mut machine = Self {
            nspawn,
            name,
            first: String::new(),
            _folder: folder,
        };
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(60) {
            let ended = machine.nspawn.try_wait()?;
            let said = || fs::read_to_string(&log).unwrap_or_default();
            ensure!(ended.is_none(), "the machine does not boot: {}", said());
            let found = fs::read_to_string(&children).unwrap_or_default();
            if let Some(first) = found.split_whitespace().next() {
                first.clone_into(&mut machine.first);
                if machine
                    .run("systemctl is-system-running")
                    .is_ok_and(|said| said == "running\n")
                {
                    return Ok(machine);
                }
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        bail!(
            "systemd does not get to the end of its start: {}",
            fs::read_to_string(&log)?
        )
    }

    /// Where `path` of the machine is on this system.
    pub fn path(&self, path: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root{path}", self.first))
    }

    /// Runs lines as root types them in its own folder: every one must succeed. Gives what they write.
    pub fn run(&self, lines: &str) -> Result<String> {
        let mut nsenter = Command::new("nsenter");
        nsenter
            .args(["--target", &self.first, "--all", "--wdns=/root", "env", "-i"])
            .args([
                "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                "HOME=/root",
            ])
            .args([
                "LC_ALL=C.UTF-8",
                "DEBIAN_FRONTEND=noninteractive",
                "bash",
                "-e",
                "-c",
                lines,
            ]);
        must_succeed(&mut nsenter)
    }

    /// Waits until `lines` succeed.
    pub fn wait(&self, lines: &str, limit: Duration) -> Result<String> {
        let begun = Instant::now();
        loop {
            match self.run(lines) {
                Err(error) if begun.elapsed() > limit => return Err(error),
                Err(_) => std::thread::sleep(Duration::from_millis(200)),
                Ok(said) => return Ok(said),
            }
        }
    }
}

/// The root that machines are made of.
fn base(dist: &Path) -> Result<PathBuf> {
    // The mirror and release that apt itself uses.
    let mut targets = Command::new("apt-get");
    targets.args([
        "indextargets",
        "--format",
        "$(REPO_URI) $(CODENAME)",
        "Created-By: Packages",
    ]);
    let targets = must_succeed(&mut targets)?;
    let first = targets.lines().next().and_then(|line| line.split_once(' '));
    let (mirror, codename) = first.context("apt knows no mirror: apt-get update")?;
    let base = dist.join(format!("booted-{codename}"));
    if !base.join(WHOLE).is_file() {
        if base.exists() {
            fs::remove_dir_all(&base)?;
        }
        let mut debootstrap = Command::new("debootstrap");
        debootstrap.args(["--variant=minbase", "--include", PACKAGES, codename]);
        must_succeed(debootstrap.arg(&base).arg(mirror))?;
        fs::write(base.join(WHOLE), "")?;
    }
    Ok(base)
}
