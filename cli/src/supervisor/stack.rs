//! The whole system on one machine: broker, server and workers, started and stopped in order.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use futures::future::join_all;

use crate::client::{Access, Client, Refused, Server, Untrusted};
use crate::key::Credentials;
use crate::output;
use crate::supervisor::child::Program;
use crate::supervisor::keeper::{Keeper, START_PATIENCE};
use crate::supervisor::programs;

/// The port that Kafka clients expect.
const KAFKA_PORT: u16 = 9092;

/// How long a worker drains unless `AZULEJO_DRAIN_TIMEOUT` says otherwise.
const WORKER_DRAIN: Duration = Duration::from_secs(30);

/// What a worker may take beyond its drain: committing, leaving the group, saying goodbye; it gives up by itself after ten
/// seconds of that.
const WORKER_GRACE: Duration = Duration::from_secs(15);
const PATIENCE: Duration = Duration::from_secs(20);

/// How long all workers may take to be heard of. One is enough for a job.
const ALL_WORKERS: Duration = Duration::from_secs(5);

/// Server and broker leave SIGTERM to this program.
const SUPERVISED: &str = "--supervised";

/// What to run, and where.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Where the server listens.
    pub listen: SocketAddr,
    /// Worker processes.
    pub workers: u16,
    /// Tiles that each renders at a time.
    pub slots: u16,
    /// Folder for the broker's log and the server's files.
    pub data_dir: PathBuf,
    /// Kafka to use instead of the embedded broker.
    pub kafka: Option<String>,
    /// The built site.
    pub site_root: Option<PathBuf>,
    /// Whether others may reach the server.
    pub allow_remote: bool,
    /// Whether everybody is asked for a key.
    pub auth: bool,
    /// Names by which others reach it.
    pub public_hosts: Vec<String>,
    /// Whether the children's logs go to standard error.
    pub show_logs: bool,
    /// Whether the broker may take a port of its own, and where each part listens is nobody's business.
    pub any_kafka_port: bool,
}

/// The running system.
pub struct Stack {
    broker: Option<Keeper>,
    server: Keeper,
    workers: Vec<Keeper>,
    worker_patience: Duration,
}

impl Plan {
    /// Starts everything and waits until a job would succeed.
    ///
    /// # Errors
    /// When a part cannot start. Those that did are stopped again.
    pub async fn start(&self) -> anyhow::Result<Stack> {
        std::fs::create_dir_all(&self.data_dir)
            .with_context(|| format!("cannot make the folder {}", self.data_dir.display()))?;
        let data_dir = self.data_dir.canonicalize().context("the data folder")?;
        let worker = programs::find("azulejo-worker")?;
        let server = programs::find("azulejo-server")?;

        let (broker, kafka) = match &self.kafka {
            Some(kafka) => (None, kafka.clone()),
            None => {
                let broker = self
                    .broker(&data_dir)
                    .await
                    .context("the embedded broker cannot start")?;
                let address = broker.address().to_owned();
                (Some(broker), address)
            }
        };
        let mut arguments = pairs([
            ("--listen", self.listen.to_string()),
            ("--kafka", kafka.clone()),
            ("--data-dir", data_dir.join("server").display().to_string()),
        ]);
        arguments.push(SUPERVISED.into());
        if let Some(root) = &self.site_root {
            arguments.extend(pairs([("--site-root", root.display().to_string())]));
        }
        if self.allow_remote {
            arguments.push("--allow-remote".into());
        }
        if self.auth {
            arguments.push("--auth".into());
        }
        if !self.public_hosts.is_empty() {
            arguments.extend(pairs([("--public-host", self.public_hosts.join(","))]));
        }
        let server = match Keeper::start(self.program("server", &server, arguments), true).await {
            Ok(server) => {
                self.say_where("server", &with_scheme(server.address()));
                server
            }
            Err(error) => {
                stop(broker, PATIENCE).await;
                return Err(error.context(format!("the server cannot start on {}", self.listen)));
            }
        };
        let starts = (1..=self.workers).map(|number| {
            let arguments = pairs([
                ("--kafka", kafka.clone()),
                ("--listen", SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).to_string()),
                ("--slots", self.slots.to_string()),
            ]);
            let name = format!("worker {number}");
            let program = self.program(&name, &worker, arguments);
            async move {
                let keeper = Keeper::start(program, false).await?;
                // Its port is any free one, and its status page is found by this line alone.
                self.say_where(&name, &format!("http://{}", keeper.address()));
                anyhow::Ok(keeper)
            }
        });
        let mut stack = Stack {
            broker,
            server,
            workers: Vec::new(),
            worker_patience: worker_patience(std::env::var("AZULEJO_DRAIN_TIMEOUT").ok().as_deref()),
        };
        let mut failure = None;
        for result in join_all(starts).await {
            match result {
                Ok(keeper) => stack.workers.push(keeper),
                Err(error) => failure = Some(error),
            }
        }
        let outcome = match failure {
            Some(error) => Err(error.context("a worker cannot start")),
            None => stack.wait_until_well(self.workers).await,
        };
        if let Err(error) = outcome {
            stack.stop().await;
            return Err(error);
        }
        Ok(stack)
    }

    fn say_where(&self, name: &str, address: &str) {
        if !self.any_kafka_port {
            output::say(&format!("azulejo: {name} is ready at {address}"));
        }
    }

    fn program(&self, name: &str, path: &Path, arguments: Vec<String>) -> Program {
        Program {
            name: name.into(),
            path: path.to_owned(),
            arguments,
            show_log: self.show_logs,
        }
    }

    async fn broker(&self, data_dir: &Path) -> anyhow::Result<Keeper> {
        let usual = SocketAddr::from((Ipv4Addr::LOCALHOST, KAFKA_PORT));
        let free = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        // Asked beforehand, because a broker on the usual port is easier to look into with other tools.
        let taken = self.any_kafka_port || TcpListener::bind(usual).is_err();
        let listen = if taken { free } else { usual };
        let mut arguments = pairs([
            ("--listen", listen.to_string()),
            ("--data-dir", data_dir.join("broker").display().to_string()),
        ]);
        // The server makes the topics, with the partitions and sizes that they need; a topic made in passing has neither.
        arguments.extend(["--no-auto-create".into(), SUPERVISED.into()]);
        let program = self.program("broker", &programs::find("azulejo-broker")?, arguments);
        let broker = Keeper::start(program, true).await?;
        if taken && !self.any_kafka_port {
            output::say(&format!(
                "azulejo: port {KAFKA_PORT} is taken, the embedded broker listens on {}",
                broker.address()
            ));
        }
        self.say_where("broker", broker.address());
        Ok(broker)
    }
}

impl Stack {
    /// The server's address.
    pub fn url(&self) -> String {
        with_scheme(self.server.address())
    }

    /// A client for it.
    ///
    /// # Errors
    /// When the key in the environment is none, or the HTTP client cannot be made.
    pub fn client(&self) -> anyhow::Result<Client> {
        let server: Server = self.url().parse().map_err(anyhow::Error::msg)?;
        // Where it asks for keys, the environment has one.
        let access = Access {
            key: Credentials::default().key(&server).map_err(anyhow::Error::msg)?,
            roots: Vec::new(),
        };
        Client::new(server, &access)
    }

    /// Waits until Kafka is connected and workers are heard of: all of them, or after a while at least one.
    async fn wait_until_well(&self, workers: u16) -> anyhow::Result<()> {
        let client = self.client()?;
        let started = Instant::now();
        loop {
            let health = client.health().await;
            if let Ok(health) = &health
                && health.kafka_connected
                && (health.workers >= u32::from(workers)
                    || health.workers > 0 && started.elapsed() > ALL_WORKERS)
            {
                return Ok(());
            }
            // Without a key, and where its certificate is for another name than this address, all that is heard is that it is there.
            let error = health.as_ref().err();
            let refused = error.and_then(|error| error.downcast_ref::<Refused>());
            let is_guarded = refused.is_some_and(|refused| refused.status == 401);
            if is_guarded || error.is_some_and(|error| error.is::<Untrusted>()) {
                return Ok(());
            }
            if started.elapsed() > START_PATIENCE {
                match health {
                    Ok(health) => bail!(
                        "the system started but is not well: status {}, Kafka {} at {}, {} workers heard of",
                        health.status,
                        if health.kafka_connected {
                            "connected"
                        } else {
                            "away"
                        },
                        health.kafka_broker,
                        health.workers
                    ),
                    Err(error) => {
                        return Err(error.context("the system started but the server does not answer"));
                    }
                }
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Stops everything in order: workers finish the tiles they have, then the server, then the broker. Returns whether all
    /// ended well.
    pub async fn stop(self) -> bool {
        let workers = join_all(
            self.workers
                .into_iter()
                .map(|worker| worker.stop(self.worker_patience)),
        )
        .await;
        let server = self.server.stop(PATIENCE).await;
        let broker = stop(self.broker, PATIENCE).await;
        workers.into_iter().all(|well| well) && server && broker
    }
}

/// How long a worker may take to end: the time for its tiles that it reads from `AZULEJO_DRAIN_TIMEOUT` itself, and some.
/// A value that is wrong keeps the worker from starting, with the reason, so nothing is said of it here.
fn worker_patience(drain: Option<&str>) -> Duration {
    let drain = drain
        .and_then(|text| text.parse::<f64>().ok())
        .filter(|seconds| (1.0..=3600.0).contains(seconds))
        .map_or(WORKER_DRAIN, Duration::from_secs_f64);
    drain + WORKER_GRACE
}

async fn stop(keeper: Option<Keeper>, patience: Duration) -> bool {
    match keeper {
        Some(keeper) => keeper.stop(patience).await,
        None => true,
    }
}

fn pairs<const N: usize>(pairs: [(&str, String); N]) -> Vec<String> {
    pairs
        .into_iter()
        .flat_map(|(name, value)| [name.to_owned(), value])
        .collect()
}

/// An address as ready lines have it: those that speak HTTPS say so themselves.
fn with_scheme(address: &str) -> String {
    if address.contains("://") {
        address.to_owned()
    } else {
        format!("http://{address}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_are_given_the_time_that_their_own_setting_gives_them() {
        assert_eq!(worker_patience(None), WORKER_DRAIN + WORKER_GRACE);
        assert_eq!(
            worker_patience(Some("120.5")),
            Duration::from_millis(120_500) + WORKER_GRACE
        );
        for wrong in ["", "soon", "0", "-1", "NaN", "1e9"] {
            assert_eq!(
                worker_patience(Some(wrong)),
                WORKER_DRAIN + WORKER_GRACE,
                "{wrong}"
            );
        }
    }
}
