//! A whole installation on free ports, in a folder of its own: the broker, the server and some workers. Its broker is the
//! embedded one, or the Apache Kafka that the environment names (see [`crate::broker`]), or one that the test gives.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Result, ensure};
use tempfile::TempDir;

use crate::broker::{self, Broker};
use crate::client::Client;
use crate::images::{self, Pixels};
use crate::process::{Program, bin_dir, command, site_dir};

/// What differs from one test to the next.
#[derive(Debug, Clone)]
pub struct ClusterOptions {
    /// Worker processes.
    pub workers: usize,
    /// Tiles that each renders at a time.
    pub slots: usize,
    /// More arguments of the server.
    pub server_arguments: Vec<String>,
    /// More arguments of each worker.
    pub worker_arguments: Vec<String>,
    /// Addresses of a Kafka that the test has made; its topics get a prefix.
    pub kafka: Option<String>,
    /// Environment of the server.
    pub server_environment: Vec<(String, String)>,
    /// Environment of each worker.
    pub worker_environment: Vec<(String, String)>,
}

impl Default for ClusterOptions {
    fn default() -> Self {
        Self {
            workers: 2,
            slots: 1,
            server_arguments: Vec::new(),
            worker_arguments: Vec::new(),
            kafka: None,
            server_environment: Vec::new(),
            worker_environment: Vec::new(),
        }
    }
}

/// A running installation. Dropping it kills every process and removes the folder.
pub struct Cluster {
    // Declared before the folder, so that processes end before their files go.
    /// The workers, in the order in which they were started.
    pub workers: Vec<Program>,
    /// The server; `None` while a test has it down.
    pub server: Option<Program>,
    /// The broker; `None` while a test has it down, and where the test has made it itself.
    pub broker: Option<Broker>,
    /// The folder of the programs that are started from now on; another version's where a test upgrades.
    pub programs: PathBuf,
    kafka: String,
    /// Before the names of topics and groups: several installations share an Apache Kafka.
    prefix: String,
    listen: String,
    /// Below which path of that address.
    base: String,
    options: ClusterOptions,
    folder: TempDir,
}

impl Cluster {
    /// Starts broker, server and workers; returns when a job would succeed.
    ///
    /// # Errors
    /// When one of them does not start.
    pub async fn start(options: ClusterOptions) -> Result<Self> {
        let mut cluster = Self::prepare(options)?;
        cluster.start_broker()?;
        cluster.start_server()?;
        for _ in 0..cluster.options.workers {
            cluster.start_worker()?;
        }
        cluster.client().wait_until_ready(cluster.options.workers).await?;
        Ok(cluster)
    }

    /// An installation of which nothing runs yet.
    ///
    /// # Errors
    /// There is no room for its folder.
    pub fn prepare(options: ClusterOptions) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("azulejo-test-").tempdir()?;
        let is_shared = options.kafka.is_some() || !broker::is_embedded();
        Ok(Self {
            workers: Vec::new(),
            server: None,
            broker: None,
            programs: bin_dir()?,
            kafka: options.kafka.clone().unwrap_or_else(|| "127.0.0.1:0".to_owned()),
            prefix: if is_shared { fresh_prefix() } else { String::new() },
            listen: "127.0.0.1:0".to_owned(),
            base: String::new(),
            options,
            folder,
        })
    }

    /// Two workers with a slot each.
    ///
    /// # Errors
    /// As [`Cluster::start`].
    pub async fn start_default() -> Result<Self> {
        Self::start(ClusterOptions::default()).await
    }

    /// Starts the broker, on the port that it had before, unless the test has made it.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start_broker(&mut self) -> Result<()> {
        if self.options.kafka.is_some() {
            return Ok(());
        }
        if let Some(mut cluster) = broker::shared()? {
            cluster.start()?;
            self.kafka = cluster.address();
            self.broker = Some(Broker::Apache(cluster));
            return Ok(());
        }
        let data = self.path("broker");
        let arguments = ["--listen", &self.kafka, "--data-dir", &data];
        let broker = Program::start(&self.program("azulejo-broker"), &arguments, &self.log_dir())?;
        self.kafka = broker.ready().to_owned();
        self.broker = Some(Broker::Embedded(broker));
        Ok(())
    }

    /// Starts the server, on the port that it had before.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start_server(&mut self) -> Result<()> {
        let data = self.path("server");
        let site = site_dir()?;
        let site = site.to_string_lossy();
        let mut arguments = vec![
            "--listen",
            &self.listen,
            "--kafka",
            &self.kafka,
            "--data-dir",
            &data,
            "--site-root",
            &site,
            "--topic-prefix",
            &self.prefix,
        ];
        arguments.extend(self.options.server_arguments.iter().map(String::as_str));
        let environment = pairs(&self.options.server_environment);
        let program = self.program("azulejo-server");
        let server = Program::start_with(&program, &arguments, &environment, &self.log_dir())?;
        let place = server.ready().trim_start_matches("http://");
        let end = place.find('/').unwrap_or(place.len());
        (self.listen, self.base) = (place[..end].to_owned(), place[end..].to_owned());
        self.server = Some(server);
        Ok(())
    }

    /// Starts one more worker.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start_worker(&mut self) -> Result<()> {
        let worker = self.worker(self.workers.len(), Program::start_with)?;
        self.workers.push(worker);
        Ok(())
    }

    /// Starts one more worker and does not wait until it is ready.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn spawn_worker(&mut self) -> Result<()> {
        let worker = self.worker(self.workers.len(), Program::spawn)?;
        self.workers.push(worker);
        Ok(())
    }

    /// Starts worker `index` again, under the name that it had.
    ///
    /// # Errors
    /// When it does not start.
    pub fn restart_worker(&mut self, index: usize) -> Result<()> {
        self.workers[index] = self.worker(index, Program::start_with)?;
        Ok(())
    }

    fn worker(&self, index: usize, start: Start) -> Result<Program> {
        let id = worker_id(index);
        let slots = self.options.slots.to_string();
        let mut arguments = vec![
            "--kafka",
            &self.kafka,
            "--id",
            &id,
            "--listen",
            "127.0.0.1:0",
            "--slots",
            &slots,
            "--topic-prefix",
            &self.prefix,
        ];
        arguments.extend(self.options.worker_arguments.iter().map(String::as_str));
        let environment = pairs(&self.options.worker_environment);
        let program = self.program("azulejo-worker");
        start(&program, &arguments, &environment, &self.log_dir())
    }

    fn program(&self, name: &str) -> String {
        self.programs.join(name).to_string_lossy().into_owned()
    }

    /// The REST API.
    pub fn client(&self) -> Client {
        Client::new(&self.url())
    }

    /// The server's address as a URL.
    pub fn url(&self) -> String {
        format!("http://{}{}", self.listen, self.base)
    }

    /// What `azulejo apply` makes of `file`, on this machine alone. The input stays at `in.EXTENSION`.
    ///
    /// # Errors
    /// When it fails.
    pub fn apply(&self, recipe: &str, file: &[u8], extension: &str) -> Result<Pixels> {
        let (from, to) = (self.path(&format!("in.{extension}")), self.path("applied.png"));
        std::fs::write(&from, file)?;
        let output = command("azulejo")?
            .args(["apply", recipe, &from, &to, "--force"])
            .output()?;
        ensure!(
            output.status.success(),
            "apply {recipe}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        images::decode(&std::fs::read(&to)?)
    }

    /// The broker's address.
    pub fn kafka(&self) -> &str {
        &self.kafka
    }

    /// What the names of its topics and groups begin with.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// A path in the installation's folder; the server's data is in `server`, the broker's in `broker`.
    pub fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_string_lossy().into_owned()
    }

    fn log_dir(&self) -> PathBuf {
        self.folder.path().join("logs")
    }
}

/// The id of worker `index`, counted from 0.
pub fn worker_id(index: usize) -> String {
    format!("kiln-{:02}", index + 1)
}

/// How a program is started.
type Start = fn(&str, &[&str], &[(&str, &str)], &Path) -> Result<Program>;

fn pairs(environment: &[(String, String)]) -> Vec<(&str, &str)> {
    environment
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect()
}

/// A prefix that no other installation of any test has.
fn fresh_prefix() -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(1);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    format!("test-{}-{number}-", std::process::id())
}
