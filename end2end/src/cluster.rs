//! A whole installation on free ports, in a folder of its own: the broker, the server and some workers.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use tempfile::TempDir;

use crate::client::Client;
use crate::images::{self, Pixels};
use crate::process::{Program, bin_dir, command};

/// What differs from one test to the next.
#[derive(Debug, Clone)]
pub struct ClusterOptions {
    /// Worker processes.
    pub workers: usize,
    /// Tiles that each renders at a time.
    pub slots: usize,
    /// More arguments of the server.
    pub server_arguments: Vec<String>,
}

impl Default for ClusterOptions {
    fn default() -> Self {
        Self {
            workers: 2,
            slots: 1,
            server_arguments: Vec::new(),
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
    /// The broker; `None` while a test has it down.
    pub broker: Option<Program>,
    kafka: String,
    listen: String,
    options: ClusterOptions,
    folder: TempDir,
}

impl Cluster {
    /// Starts broker, server and workers; returns when a job would succeed.
    ///
    /// # Errors
    /// When one of them does not start.
    pub async fn start(options: ClusterOptions) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("azulejo-test-").tempdir()?;
        let mut cluster = Self {
            workers: Vec::new(),
            server: None,
            broker: None,
            kafka: "127.0.0.1:0".to_owned(),
            listen: "127.0.0.1:0".to_owned(),
            options,
            folder,
        };
        cluster.start_broker()?;
        cluster.start_server()?;
        for _ in 0..cluster.options.workers {
            cluster.start_worker()?;
        }
        cluster.client().wait_until_ready(cluster.options.workers).await?;
        Ok(cluster)
    }

    /// Two workers with a slot each.
    ///
    /// # Errors
    /// As [`Cluster::start`].
    pub async fn start_default() -> Result<Self> {
        Self::start(ClusterOptions::default()).await
    }

    /// Starts the broker, on the port that it had before.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start_broker(&mut self) -> Result<()> {
        let data = self.path("broker");
        let arguments = ["--listen", &self.kafka, "--data-dir", &data];
        let broker = Program::start("azulejo-broker", &arguments, &self.log_dir())?;
        self.kafka = broker.ready().to_owned();
        self.broker = Some(broker);
        Ok(())
    }

    /// Starts the server, on the port that it had before.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start_server(&mut self) -> Result<()> {
        let data = self.path("server");
        let site = std::env::var("AZULEJO_SITE").map_or_else(
            |_| bin_dir().map(|dir| dir.join("../site")),
            |site| Ok(PathBuf::from(site)),
        )?;
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
        ];
        arguments.extend(self.options.server_arguments.iter().map(String::as_str));
        let server = Program::start("azulejo-server", &arguments, &self.log_dir())?;
        self.listen = server.ready().trim_start_matches("http://").to_owned();
        self.server = Some(server);
        Ok(())
    }

    /// Starts one more worker.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start_worker(&mut self) -> Result<()> {
        let worker = self.worker(self.workers.len())?;
        self.workers.push(worker);
        Ok(())
    }

    /// Starts worker `index` again, under the name that it had.
    ///
    /// # Errors
    /// When it does not start.
    pub fn restart_worker(&mut self, index: usize) -> Result<()> {
        self.workers[index] = self.worker(index)?;
        Ok(())
    }

    fn worker(&self, index: usize) -> Result<Program> {
        let id = format!("kiln-{:02}", index + 1);
        let slots = self.options.slots.to_string();
        let arguments = [
            "--kafka",
            &self.kafka,
            "--id",
            &id,
            "--listen",
            "127.0.0.1:0",
            "--slots",
            &slots,
        ];
        Program::start("azulejo-worker", &arguments, &self.log_dir())
    }

    /// The REST API.
    pub fn client(&self) -> Client {
        Client::new(&self.url())
    }

    /// The server's address as a URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.listen)
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

    /// A path in the installation's folder; the server's data is in `server`, the broker's in `broker`.
    pub fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_string_lossy().into_owned()
    }

    fn log_dir(&self) -> PathBuf {
        self.folder.path().join("logs")
    }
}
