//! A proxy in front of a server: found, started, asked.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use azulejo_end2end::process::{must_succeed, tools_dir};
use azulejo_end2end::skipped;

/// The name by which clients know it.
pub const NAME: &str = "tiles.example";

/// The program `name` of this system, or one that is unpacked beside the tests' other tools: nothing is started or installed for it.
/// It answers to `version`. None, and a line that says so, where there is neither.
pub fn program(name: &str, version: &str) -> Result<Option<PathBuf>> {
    let works = |program: &Path| {
        Command::new(program)
            .arg(version)
            .output()
            .is_ok_and(|out| out.status.success())
    };
    let folder = tools_dir()?.join(name);
    let unpacked = ["usr/sbin", "usr/bin"].map(|place| folder.join(place).join(name));
    let installed = [PathBuf::from(name), Path::new("/usr/sbin").join(name)];
    let found = installed.iter().chain(&unpacked).find(|program| works(program));
    if let Some(program) = found {
        return Ok(Some(program.clone()));
    }
    fs::create_dir_all(&folder)?;
    let fetched = Command::new("apt-get")
        .args(["download", name])
        .current_dir(&folder)
        .output();
    if fetched.is_ok_and(|out| out.status.success()) {
        for package in fs::read_dir(&folder)?.flatten() {
            if package.path().extension().is_some_and(|end| end == "deb") {
                must_succeed(Command::new("dpkg").arg("-x").arg(package.path()).arg(&folder))?;
            }
        }
        if let Some(program) = unpacked.into_iter().find(|program| works(program)) {
            return Ok(Some(program));
        }
    }
    skipped(&format!(
        "{name} is not installed and cannot be fetched with apt-get: nothing is tried behind it"
    ));
    Ok(None)
}

/// Settings of the repository, from `deploy/proxy`, for the server at `server`.
pub fn deployed(file: &str, server: &str) -> Result<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../deploy/proxy")
        .join(file);
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    ensure!(text.contains("127.0.0.1:8000"), "{file} names no server");
    Ok(text.replace("127.0.0.1:8000", server))
}

/// A port that is free at this moment.
pub fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// A certificate for [`NAME`] and its key, in `folder`.
pub fn certificate(folder: &Path) -> Result<[PathBuf; 2]> {
    fs::create_dir_all(folder)?;
    let (certificate, key) = (folder.join("cert.pem"), folder.join("key.pem"));
    let mut openssl = Command::new("openssl");
    openssl.args(["req", "-x509", "-newkey", "ec", "-pkeyopt"]);
    openssl.args(["ec_paramgen_curve:P-256", "-nodes", "-days", "2"]);
    openssl.args(["-subj", &format!("/CN={NAME}")]);
    openssl.args(["-addext", &format!("subjectAltName=DNS:{NAME}")]);
    openssl.arg("-keyout").arg(&key).arg("-out").arg(&certificate);
    must_succeed(&mut openssl)?;
    Ok([certificate, key])
}

/// A running proxy. It ends with this.
pub struct Proxy {
    process: Child,
    /// What it writes, and its certificate.
    pub folder: PathBuf,
    /// Its port for plain http.
    pub http: u16,
    /// Its port for TLS.
    pub https: u16,
    /// Before the paths that are asked for.
    pub base: &'static str,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // Its workers end with it only when it is asked to.
        let _ = Command::new("kill").arg(self.process.id().to_string()).status();
        let _ = self.process.wait();
    }
}

impl Proxy {
    /// Starts it by `command`, and waits until it listens. What it says goes to `error.log` in `folder`.
    pub fn start(command: &mut Command, folder: &Path, [http, https]: [u16; 2]) -> Result<Self> {
        let log = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(folder.join("error.log"))?;
        let process = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .context("the proxy does not start")?;
        let proxy = Self {
            process,
            folder: folder.to_owned(),
            http,
            https,
            base: "",
        };
        let until = Instant::now() + Duration::from_secs(20);
        for port in [http, https] {
            while TcpStream::connect(("127.0.0.1", port)).is_err() {
                ensure!(
                    Instant::now() < until,
                    "the proxy does not listen: {}",
                    proxy.log()
                );
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        Ok(proxy)
    }

    /// What it has said.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.join("error.log")).unwrap_or_default()
    }

    /// curl, which finds this proxy under its public name, and the address of `path` there.
    pub fn curl(&self, is_tls: bool, path: &str) -> Command {
        let (scheme, port) = if is_tls {
            ("https", self.https)
        } else {
            ("http", self.http)
        };
        let mut curl = Command::new("curl");
        curl.args(["-sS", "--noproxy", "*", "--max-time", "120"])
            .arg("--cacert")
            .arg(self.folder.join("cert.pem"))
            .args(["--resolve", &format!("{NAME}:{port}:127.0.0.1")])
            .arg(format!("{scheme}://{NAME}:{port}{}{path}", self.base));
        curl
    }
}
