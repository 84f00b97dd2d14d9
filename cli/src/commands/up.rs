//! `azulejo up`: the whole system on this machine.

use std::net::{SocketAddr, ToSocketAddrs as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::bail;
use clap::builder::BoolishValueParser;

use crate::output;
use crate::signals::Interrupts;
use crate::supervisor::stack::Plan;

/// A second signal so soon after the first is no impatience.
const GRACE: Duration = Duration::from_secs(2);

const AFTER_HELP: &str = "\
Prints one line on standard output, `azulejo is ready: http://...`, once a job would succeed; logs go to standard error, and \
so does the address of each part as it becomes ready: a worker's is that of its status page. \
Ctrl-C or SIGTERM stops workers, server and broker, in this order, and ends with 0; a second one, two seconds or more later, ends at once. A part that \
dies is started anew. Should this program itself be killed, the others end with it (on Linux).

Environment: KAFKA_* settings of librdkafka, KAFKA_TOPIC_PREFIX, TILE_SIZE, MIN_IMAGE_SIZE, HEARTBEAT_INTERVAL and others \
reach the programs that know them; see `azulejo-server --help` and `azulejo-worker --help`.";

/// Run the whole system on this machine: broker, server and workers.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Arguments {
    /// Where the server listens; port 0 takes any free port [default: 127.0.0.1:8000].
    #[arg(long, env = "AZULEJO_LISTEN", value_name = "HOST:PORT", value_parser = address)]
    listen: Option<SocketAddr>,

    /// Port of the server, when only that is to change.
    #[arg(long, env = "MASTER_PORT", value_name = "PORT", conflicts_with = "listen", value_parser = port)]
    port: Option<u16>,

    /// Worker processes, 1 to 64.
    #[arg(long, env = "AZULEJO_WORKERS", default_value_t = 2, value_name = "N", value_parser = workers)]
    workers: u16,

    /// Tiles that each worker renders at a time, 1 to 1024 [default: cores divided by workers, at least 1].
    #[arg(long, env = "WORKER_SLOTS", value_name = "N", value_parser = slots)]
    slots: Option<u16>,

    /// Folder for everything that is kept: the broker's log, jobs, images.
    #[arg(
        long,
        env = "AZULEJO_DATA_DIR",
        default_value = "azulejo-data",
        value_name = "DIR"
    )]
    data_dir: PathBuf,

    /// Use this Kafka instead of the embedded broker.
    #[arg(long, env = "KAFKA_BROKER", value_name = "HOST:PORT")]
    kafka: Option<String>,

    /// Folder of the built site [default: the server's own].
    #[arg(long, env = "AZULEJO_SITE", value_name = "DIR")]
    site_root: Option<PathBuf>,

    /// Allow --listen on an address that other machines reach. Needs --auth and --public-host.
    #[arg(long, env = "AZULEJO_ALLOW_REMOTE", value_parser = BoolishValueParser::new())]
    allow_remote: bool,

    /// Ask everybody for a key; `azulejo keys add` makes them in the folder `server` of --data-dir.
    #[arg(long, env = "AZULEJO_AUTH", value_parser = BoolishValueParser::new())]
    auth: bool,

    /// Answer to this host name beside localhost and IP addresses; several are separated by commas. Needed with --allow-remote.
    #[arg(
        long = "public-host",
        env = "AZULEJO_PUBLIC_HOST",
        value_name = "NAME[:PORT]",
        value_delimiter = ','
    )]
    public_hosts: Vec<String>,

    /// Do not show the logs of broker, server and workers.
    #[arg(long, short, env = "AZULEJO_QUIET", value_parser = BoolishValueParser::new())]
    quiet: bool,
}

fn address(text: &str) -> Result<SocketAddr, String> {
    let shape = "give HOST:PORT such as 127.0.0.1:8000 (also AZULEJO_LISTEN)";
    text.to_socket_addrs()
        .map_err(|error| format!("{error}; {shape}"))?
        .next()
        .ok_or_else(|| format!("it names no address; {shape}"))
}

fn port(text: &str) -> Result<u16, String> {
    number(text, 0, u16::MAX, "MASTER_PORT")
}

fn workers(text: &str) -> Result<u16, String> {
    number(text, 1, 64, "AZULEJO_WORKERS")
}

fn slots(text: &str) -> Result<u16, String> {
    number(text, 1, 1024, "WORKER_SLOTS")
}

/// clap names the flag of a wrong value; the variable, which may be where it came from, is ours to name.
fn number(text: &str, low: u16, high: u16, variable: &str) -> Result<u16, String> {
    text.parse()
        .ok()
        .filter(|number| (low..=high).contains(number))
        .ok_or_else(|| format!("a whole number from {low} to {high} (also {variable})"))
}

impl Arguments {
    fn plan(self) -> anyhow::Result<Plan> {
        let listen = match (self.listen, self.port) {
            (Some(listen), _) => listen,
            (None, port) => SocketAddr::from(([127, 0, 0, 1], port.unwrap_or(8000))),
        };
        let is_for_others = self.allow_remote && self.auth;
        if !listen.ip().is_loopback() && !is_for_others {
            bail!(
                "--listen {listen} is reachable from other machines: add --allow-remote if that is meant, and --auth, so that \
                 everybody is asked for a key"
            );
        }
        Ok(Plan {
            listen,
            workers: self.workers,
            slots: self.slots.unwrap_or_else(|| slots_per_worker(self.workers)),
            data_dir: self.data_dir,
            kafka: self.kafka,
            site_root: self.site_root,
            allow_remote: self.allow_remote,
            auth: self.auth,
            public_hosts: self.public_hosts,
            show_logs: !self.quiet,
            any_kafka_port: false,
        })
    }
}

/// The cores of this machine, shared among `workers`; at least 1.
pub fn slots_per_worker(workers: u16) -> u16 {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    u16::try_from(cores / usize::from(workers.max(1)))
        .unwrap_or(u16::MAX)
        .clamp(1, 1024)
}

/// Runs the command until it is told to stop.
///
/// # Errors
/// When a part cannot start.
pub async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let plan = arguments.plan()?;
    let mut interrupts = Interrupts::install()?;
    let stack = tokio::select! {
        stack = plan.start() => stack?,
        () = interrupts.next() => {
            // What was started so far ends with this process; nothing was promised yet.
            output::say("azulejo: stopped while starting");
            return Ok(ExitCode::SUCCESS);
        }
    };
    output::line(&format!("azulejo is ready: {}", stack.url()));
    interrupts.next().await;
    output::say(
        "azulejo: stopping: workers finish their tiles, then server and broker end (again: end at once)",
    );
    tokio::select! {
        well = stack.stop() => Ok(if well { ExitCode::SUCCESS } else { ExitCode::FAILURE }),
        () = interrupts.insisted(GRACE) => {
            output::say("azulejo: ended at once");
            Ok(ExitCode::FAILURE)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_this_machine_is_an_address() {
        let address = address("localhost:9000").unwrap();
        assert!(address.ip().is_loopback() && address.port() == 9000, "{address}");
    }

    #[test]
    fn every_worker_has_a_slot_however_many_there_are() {
        assert_eq!(slots_per_worker(64_000), 1);
        assert!(slots_per_worker(1) >= slots_per_worker(2));
    }
}
