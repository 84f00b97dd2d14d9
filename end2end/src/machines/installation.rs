//! An installation of which each process is on a machine of its own: the server, workers, and three nodes of Apache Kafka. One
//! machine more is the client's.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use azulejo_access::{KeyFile, NewKey, Role};
use azulejo_apache_kafka::{Cluster as Kafka, Host, Options as KafkaOptions};
use serde_json::Value;
use tempfile::TempDir;
use time::OffsetDateTime;

use super::line::Quality;
use super::network::Network;
use crate::broker;
use crate::client::Client;
use crate::cluster::worker_id;
use crate::process::{Program, site_dir};

/// Workers.
pub const WORKERS: usize = 3;
/// Nodes of Apache Kafka: each topic has three copies, of which two have to take a record.
pub const BROKERS: usize = 3;
/// Where the server listens.
const PORT: u16 = 8000;

/// A machine, by what it is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The server's.
    Server,
    /// A worker's, counted from 0.
    Worker(usize),
    /// A node's of Apache Kafka, counted from 0.
    Broker(usize),
    /// That of whoever sends images.
    Client,
}

impl Place {
    /// All machines with a process of the installation.
    pub fn all() -> Vec<Self> {
        let workers = (0..WORKERS).map(Self::Worker);
        let brokers = (0..BROKERS).map(Self::Broker);
        std::iter::once(Self::Server)
            .chain(workers)
            .chain(brokers)
            .collect()
    }

    fn number(self) -> usize {
        match self {
            Self::Server => 0,
            Self::Client => 1,
            Self::Broker(index) => 2 + index,
            Self::Worker(index) => 2 + BROKERS + index,
        }
    }
}

/// A running installation. Dropping it kills every process; the machines go with them.
pub struct Installation {
    // Declared in the order in which they end.
    /// The workers, `kiln-01` and so on.
    pub workers: Vec<Program>,
    /// The server.
    pub server: Program,
    /// The nodes.
    pub kafka: Kafka,
    network: Arc<Network>,
    key: String,
    _folder: TempDir,
}

impl Installation {
    /// Starts it on lines as `quality` says, with more arguments of the server and an environment of the workers; returns when a
    /// job would succeed.
    ///
    /// # Errors
    /// A machine cannot be made, or a process does not start.
    pub fn start(quality: Quality, server_arguments: &[&str], environment: &[(&str, &str)]) -> Result<Self> {
        let network = Network::new(2 + u8::try_from(BROKERS + WORKERS)?, quality, 42)?;
        let machine = |place: Place| network.machine(place.number());
        let folder = tempfile::Builder::new().prefix("azulejo-machines-").tempdir()?;
        let hosts = (0..BROKERS).map(|index| {
            let machine = machine(Place::Broker(index));
            Host {
                address: machine.address(),
                through: machine.prefix(),
            }
        });
        let options = KafkaOptions {
            nodes: BROKERS,
            heap: 384,
            owned: true,
            hosts: hosts.collect(),
            ..KafkaOptions::default()
        };
        let jars = broker::installation()?;
        let path = folder.path().join("kafka");
        // From the client's machine, for this one does not reach them.
        let kafka = machine(Place::Client).run(|| Kafka::start_in(&jars, &path, &options))??;
        let addresses = kafka.address();
        let logs = folder.path().join("logs");
        let (site, data) = (site_dir()?, folder.path().join("server"));
        let (site, data) = (site.to_string_lossy(), data.to_string_lossy());
        let new = NewKey {
            name: "tests".to_owned(),
            owner: None,
            role: Role::Admin,
            expires_at: None,
        };
        let (key, _) = KeyFile::add(&folder.path().join("server"), new, OffsetDateTime::now_utc())?;
        let server = machine(Place::Server);
        let listen = format!("{}:{PORT}", server.address());
        let mut arguments = vec![
            "--listen",
            &listen,
            "--allow-remote",
            "--auth",
            "--kafka",
            &addresses,
        ];
        arguments.extend(["--public-host", &listen]);
        arguments.extend(["--data-dir", &data, "--site-root", &site]);
        arguments.extend(server_arguments);
        let server = server.run(|| Program::start("azulejo-server", &arguments, &logs))??;
        let mut workers = Vec::new();
        for index in 0..WORKERS {
            let id = worker_id(index);
            let listen = "127.0.0.1:0";
            let arguments = [
                "--kafka", &addresses, "--id", &id, "--listen", listen, "--slots", "1",
            ];
            let start = || Program::start_with("azulejo-worker", &arguments, environment, &logs);
            workers.push(machine(Place::Worker(index)).run(start)??);
        }
        let mut installation = Self {
            workers,
            server,
            kafka,
            network: Arc::new(network),
            key,
            _folder: folder,
        };
        installation.from_client(async |_, client| client.wait_until_ready(WORKERS).await)?;
        Ok(installation)
    }

    /// Does `work` on the client's machine, with a client of the server.
    ///
    /// # Errors
    /// Those of `work`.
    pub fn from_client<T: Send>(
        &mut self,
        work: impl AsyncFnOnce(&mut Self, Client) -> Result<T> + Send,
    ) -> Result<T> {
        let (network, key) = (Arc::clone(&self.network), self.key.clone());
        let address = network.machine(Place::Server.number()).address();
        let result = network.machine(Place::Client.number()).run(|| {
            // Its threads are where the one is that makes them.
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .enable_all()
                .build()?;
            let client = Client::with_key(&format!("http://{address}:{PORT}"), &key)?;
            runtime.block_on(work(self, client))
        })?;
        result.with_context(|| self.logs())
    }

    /// The last lines of what all processes said.
    fn logs(&mut self) -> String {
        let programs = self.workers.iter().chain([&self.server]);
        let mut tails: Vec<String> = programs.map(Program::log_tail).collect();
        tails.extend((0..BROKERS).map(|index| self.kafka.node(index).log_tail()));
        tails.join("\n")
    }

    /// The network.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// From now on nothing arrives between `a` and `b`.
    pub fn cut(&self, a: Place, b: Place) {
        self.network.cut(a.number(), b.number());
    }

    /// From now on nothing that `from` sends arrives at `to`, while what `to` sends arrives.
    pub fn cut_one_way(&self, from: Place, to: Place) {
        self.network.cut_one_way(from.number(), to.number());
    }

    /// From now on nothing arrives between `place` and any other machine.
    pub fn isolate(&self, place: Place) {
        for other in Place::all() {
            if other != place {
                self.cut(place, other);
            }
        }
    }

    /// Fails when a process has ended: none is started again by this value, so that all are the ones that it started.
    ///
    /// # Errors
    /// Says which, with the end of its log.
    pub fn must_run(&mut self, what: &str) -> Result<()> {
        for program in self.workers.iter_mut().chain([&mut self.server]) {
            ensure!(
                program.is_running(),
                "{what}: a program has ended\n{}",
                program.log_tail()
            );
        }
        for index in 0..BROKERS {
            let node = self.kafka.node(index);
            ensure!(node.is_running(), "{what}: a node has ended\n{}", node.log_tail());
        }
        Ok(())
    }
}

/// What the server says of worker `index`.
///
/// # Errors
/// It says nothing.
pub async fn worker(client: &Client, index: usize) -> Result<Value> {
    let workers = client.get("/workers").await?.json;
    let id = worker_id(index);
    let found = workers.as_array().and_then(|list| {
        let mut list = list.iter();
        list.find(|worker| worker["worker_id"] == id.as_str())
    });
    Ok(found.cloned().unwrap_or(Value::Null))
}

/// Whether worker `index` is there and has partitions.
///
/// # Errors
/// The server does not say.
pub async fn has_partitions(client: &Client, index: usize) -> Result<bool> {
    let worker = worker(client, index).await?;
    let is_live = worker["status"] == "idle" || worker["status"] == "busy";
    let partitions = worker["partitions"].as_array();
    Ok(is_live && partitions.is_some_and(|list| !list.is_empty()))
}

/// Waits until every worker has partitions.
///
/// # Errors
/// It takes longer than `limit`.
pub async fn wait_for_partitions(client: &Client, limit: Duration) -> Result<()> {
    client
        .wait_for("partitions of every worker", limit, async |client| {
            for index in 0..WORKERS {
                if !has_partitions(client, index).await? {
                    return Ok(None);
                }
            }
            Ok(Some(()))
        })
        .await
}
