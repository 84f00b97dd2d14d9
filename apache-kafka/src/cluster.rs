//! One node or several on loopback, or each at an address of its own, each broker and controller at once, in one folder.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};

use crate::certificate::Certificate;
use crate::install::Installation;
use crate::options::{Options, behind, ports, read_ports};
use crate::process::Process;
use crate::properties::{self, ADMIN, Ports};

/// How long a node may take to be there. Generous: the machine may be busy, and a killed node recovers its log.
const READY_WITHIN: Duration = Duration::from_secs(120);
const STOP_WITHIN: Duration = Duration::from_secs(60);
/// Any text of 22 characters of base64 is an id.
const CLUSTER_ID: &str = "YXp1bGVqby1hcGFjaGUta2";

struct Node {
    folder: PathBuf,
    ports: Ports,
    /// As in [`crate::Host`].
    through: Vec<String>,
    process: Process,
}

/// A cluster.
pub struct Cluster {
    installation: Installation,
    folder: PathBuf,
    nodes: Vec<Node>,
    heap: u32,
    /// Whether its nodes end with this value.
    owned: bool,
}

impl Cluster {
    /// Makes one in `folder`, in place of what was there, and starts it.
    ///
    /// # Errors
    /// A node does not start; with the end of its log.
    pub fn start_in(installation: &Installation, folder: &Path, options: &Options) -> Result<Self> {
        ensure!((1..=9).contains(&options.nodes), "a cluster has 1 to 9 nodes");
        let folder = std::path::absolute(folder)?;
        if folder.exists() {
            Self::open(installation, &folder)?.stop()?;
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&folder)?;
        let certificate = options
            .sasl
            .then(|| Certificate::in_folder(&folder))
            .transpose()?;
        let ports = ports(options)?;
        let mut users = Vec::new();
        if options.sasl {
            users.push((ADMIN, ADMIN));
            users.extend(options.users.iter().map(|name| (name.as_str(), name.as_str())));
        }
        std::thread::scope(|scope| {
            let format = |index: usize| -> Result<()> {
                let node = folder.join(format!("node-{}", index + 1));
                fs::create_dir_all(&node)?;
                let own = ports[index];
                fs::write(
                    node.join("ports"),
                    format!("{} {} {} {}", own.plain, own.controller, own.sasl, own.address),
                )?;
                let path = node.join("node.properties");
                let data = node.join("data");
                let text = properties::of_node(index, &ports, &data, certificate.as_ref(), &options.settings);
                fs::write(&path, text)?;
                installation.format(CLUSTER_ID, &path, &users)
            };
            let nodes: Vec<_> = (0..ports.len())
                .map(|index| scope.spawn(move || format(index)))
                .collect();
            nodes.into_iter().try_for_each(|node| {
                node.join()
                    .map_err(|_| anyhow::anyhow!("formatting a node panicked"))?
            })
        })?;
        let mut cluster = Self::open(installation, &folder)?;
        cluster.heap = options.heap;
        cluster.owned = options.owned;
        for (node, host) in cluster.nodes.iter_mut().zip(&options.hosts) {
            node.through.clone_from(&host.through);
        }
        cluster.start()?;
        Ok(cluster)
    }

    /// The one in `folder`, whether its nodes run or not. None of its nodes ends with this value. One that is started again is
    /// started without what its [`crate::Host`] put before its command line.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn open(installation: &Installation, folder: &Path) -> Result<Self> {
        let folder = std::path::absolute(folder)?;
        let mut nodes = Vec::new();
        loop {
            let node = folder.join(format!("node-{}", nodes.len() + 1));
            let Ok(text) = fs::read_to_string(node.join("ports")) else {
                break;
            };
            let Some(ports) = read_ports(&text) else {
                bail!("{} does not name ports", node.join("ports").display());
            };
            nodes.push(Node {
                ports,
                through: Vec::new(),
                process: Process::in_folder(&node),
                folder: node,
            });
        }
        Ok(Self {
            installation: installation.clone(),
            folder,
            nodes,
            heap: Options::default().heap,
            owned: false,
        })
    }

    /// Starts those of its nodes that do not run, and waits until all are there.
    ///
    /// # Errors
    /// A node does not start; with the end of its log.
    pub fn start(&mut self) -> Result<()> {
        ensure!(
            !self.nodes.is_empty(),
            "there is no cluster in {}",
            self.folder.display()
        );
        for index in 0..self.nodes.len() {
            self.launch(index)?;
        }
        (0..self.nodes.len()).try_for_each(|index| self.wait_for(index))
    }

    /// Starts node `index`, counted from 0, if it does not run, and waits until it is there.
    ///
    /// # Errors
    /// It does not start; with the end of its log.
    pub fn start_node(&mut self, index: usize) -> Result<()> {
        self.launch(index)?;
        self.wait_for(index)
    }

    fn launch(&mut self, index: usize) -> Result<()> {
        let node = &mut self.nodes[index];
        if node.process.is_running() {
            return Ok(());
        }
        let heap = format!("-Xmx{}m", self.heap);
        let mut command = self
            .installation
            .java(&[&heap, "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20"]);
        command
            .arg("-Dorg.slf4j.simpleLogger.defaultLogLevel=warn")
            // What the authorizer refuses is in the log.
            .arg("-Dorg.slf4j.simpleLogger.log.kafka.authorizer.logger=info")
            .arg("kafka.Kafka")
            .arg(node.folder.join("node.properties"));
        node.process.start(behind(&node.through, command))
    }

    fn wait_for(&mut self, index: usize) -> Result<()> {
        let node = &mut self.nodes[index];
        let address = SocketAddr::from((node.ports.address, node.ports.plain));
        let start = Instant::now();
        // A node listens once it has caught up with its cluster.
        while TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_err() {
            ensure!(
                node.process.is_running(),
                "node {} of Apache Kafka has ended\n{}",
                index + 1,
                node.process.log_tail()
            );
            ensure!(
                start.elapsed() < READY_WITHIN,
                "node {} of Apache Kafka is not there after {READY_WITHIN:?}\n{}",
                index + 1,
                node.process.log_tail()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    /// The process of node `index`, counted from 0.
    pub fn node(&mut self, index: usize) -> &mut Process {
        &mut self.nodes[index].process
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// How many nodes it has.
    pub fn nodes(&self) -> usize {
        self.nodes.len()
    }

    /// Asks all nodes to end and waits for it.
    ///
    /// # Errors
    /// One cannot be ended.
    pub fn stop(&mut self) -> Result<()> {
        // The last of the controllers waits for the others: all are asked at once.
        std::thread::scope(|scope| {
            let ending: Vec<_> = self
                .nodes
                .iter_mut()
                .map(|node| scope.spawn(|| node.process.stop(STOP_WITHIN)))
                .collect();
            ending.into_iter().try_for_each(|node| {
                node.join()
                    .map_err(|_| anyhow::anyhow!("ending a node panicked"))?
            })
        })
    }

    /// Addresses for clients without authentication, separated by commas.
    pub fn address(&self) -> String {
        self.addresses(|ports| ports.plain)
    }

    /// Addresses of the listeners with SASL over TLS.
    pub fn sasl_address(&self) -> String {
        self.addresses(|ports| ports.sasl)
    }

    fn addresses(&self, port: impl Fn(&Ports) -> u16) -> String {
        let addresses: Vec<String> = self
            .nodes
            .iter()
            .map(|node| format!("{}:{}", node.ports.address, port(&node.ports)))
            .collect();
        addresses.join(",")
    }

    /// The environment variables by which a program of Azulejo is `user`, whose password is its name.
    pub fn variables(&self, user: &str) -> Vec<(String, String)> {
        let ca = self.folder.join("ca.pem");
        [
            ("KAFKA_SECURITY_PROTOCOL", "sasl_ssl"),
            ("KAFKA_SASL_MECHANISM", "SCRAM-SHA-512"),
            ("KAFKA_SASL_USERNAME", user),
            ("KAFKA_SASL_PASSWORD", user),
            ("KAFKA_SSL_CA_LOCATION", &ca.to_string_lossy()),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
    }

    /// Whether there is a listener with SASL.
    pub fn has_sasl(&self) -> bool {
        self.folder.join("ca.pem").is_file()
    }

    /// Runs one of Kafka's tools against it, as a user who may everything; gives its output.
    ///
    /// # Errors
    /// As [`Installation::tool`].
    pub fn tool(&self, name: &str, arguments: &[&str]) -> Result<String> {
        let address = self.address();
        let mut all = vec!["--bootstrap-server", &address];
        all.extend(arguments);
        self.installation.tool(name, &all)
    }

    /// The node, counted from 0, that is the active controller.
    ///
    /// # Errors
    /// The cluster does not say.
    pub fn controller(&self) -> Result<usize> {
        let text = self.tool("kafka-metadata-quorum", &["describe", "--status"])?;
        let leader = text.lines().find_map(|line| line.strip_prefix("LeaderId:"));
        let id: usize = leader
            .with_context(|| format!("no LeaderId in: {text}"))?
            .trim()
            .parse()?;
        id.checked_sub(1).context("node ids count from 1")
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if !self.owned {
            return;
        }
        for node in &mut self.nodes {
            if std::thread::panicking() {
                eprintln!("{}", node.process.log_tail());
            }
            // It may have ended already.
            let _ = node.process.kill_9();
        }
    }
}
