//! The worker's settings: flags, their environment variables, and the checks that name a wrong value.

use std::net::{SocketAddr, ToSocketAddrs as _};
use std::time::Duration;

use azulejo_protocol::Topics;
use azulejo_transport::KafkaSettings;
use clap::Parser;
use clap::builder::BoolishValueParser;
use uuid::Uuid;

/// Where the status page listens unless something else is asked for.
pub const DEFAULT_LISTEN: &str = "127.0.0.1:8002";

const AFTER_HELP: &str = "\
Every other environment variable KAFKA_SOME_NAME is handed to librdkafka as the setting some.name, for example \
KAFKA_SECURITY_PROTOCOL, KAFKA_SASL_USERNAME, KAFKA_SSL_CA_LOCATION. RUST_LOG sets what is logged (default: info).

SIGTERM or SIGINT drains: the worker takes no new tile, finishes those it has, commits its offsets, leaves the group \
and ends with 0. A second signal two seconds or more after the first ends it at once; its unfinished tiles go to other workers.

Exit codes: 0 ended on request, 1 could not start or lost Kafka for good, 2 a wrong setting.";

/// Renders tiles: takes them from Kafka, applies their recipe, sends the result back.
#[derive(Debug, Clone, Parser)]
#[command(name = "azulejo-worker", version, after_help = AFTER_HELP)]
pub struct Arguments {
    /// Kafka, HOST:PORT; several separated by commas; wins over KAFKA_BOOTSTRAP_SERVERS [default: 127.0.0.1:9092].
    #[arg(long, env = "KAFKA_BROKER", value_name = "HOST:PORT")]
    pub kafka: Option<String>,

    /// What the names of topics and group begin with, for several installations on one cluster.
    #[arg(long, env = "KAFKA_TOPIC_PREFIX", default_value = "", value_name = "PREFIX", value_parser = prefix)]
    pub topic_prefix: String,

    /// This worker's name, unique among all workers [default: worker-HOST-8 random digits].
    #[arg(long, env = "WORKER_ID", value_name = "NAME", value_parser = worker_id)]
    pub id: Option<String>,

    /// Where the status page listens; port 0 takes any free port [default: 127.0.0.1:8002, or a free port when that is
    /// taken].
    #[arg(long, env = "AZULEJO_WORKER_LISTEN", value_name = "HOST:PORT", value_parser = address)]
    pub listen: Option<SocketAddr>,

    /// Port of the status page, when only that is to change.
    #[arg(long, env = "WORKER_PORT", value_name = "PORT", conflicts_with = "listen", value_parser = port)]
    pub port: Option<u16>,

    /// Tiles rendered at a time, 1 to 1024 [default: the number of cores].
    #[arg(long, env = "WORKER_SLOTS", value_name = "N", value_parser = slots)]
    pub slots: Option<u16>,

    /// Seconds between heartbeats, 0.1 to 60. The server takes a worker for lost that is silent for three of them.
    #[arg(
        long,
        env = "HEARTBEAT_INTERVAL",
        default_value = "1",
        value_name = "SECONDS",
        allow_negative_numbers = true,
        value_parser = interval
    )]
    pub heartbeat_interval: Duration,

    /// Seconds that a drain may take before what is left is given up to other workers, 1 to 3600.
    #[arg(
        long,
        env = "AZULEJO_DRAIN_TIMEOUT",
        default_value = "30",
        value_name = "SECONDS",
        allow_negative_numbers = true,
        value_parser = drain
    )]
    pub drain_timeout: Duration,

    /// Allow --listen on an address that other machines reach. The status page has no authentication.
    #[arg(long, env = "AZULEJO_ALLOW_REMOTE", value_parser = BoolishValueParser::new())]
    pub allow_remote: bool,
}

/// Checked settings.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How to reach Kafka.
    pub kafka: KafkaSettings,
    /// Names of topics and group.
    pub topics: Topics,
    /// The worker's id.
    pub id: String,
    /// A UUID of this process, which tells it from another one with the same id.
    pub instance: String,
    /// Where the status page listens.
    pub listen: SocketAddr,
    /// Whether a free port may be taken when `listen` is in use.
    pub listen_fallback: bool,
    /// Tiles rendered at a time.
    pub slots: usize,
    /// Time between heartbeats.
    pub heartbeat_interval: Duration,
    /// Longest time a drain may take.
    pub drain_timeout: Duration,
}

impl Settings {
    /// Settings for `kafka` with every default, an id of its own and a status page on a free port.
    pub fn new(kafka: KafkaSettings) -> Self {
        Self {
            kafka,
            topics: Topics::default(),
            id: default_id(),
            instance: Uuid::new_v4().to_string(),
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            listen_fallback: false,
            slots: cores(),
            heartbeat_interval: Duration::from_secs(1),
            drain_timeout: Duration::from_secs(30),
        }
    }
}

impl Arguments {
    /// Checks what clap could not: the listener against `--allow-remote` and the `KAFKA_*` variables in `environment`.
    ///
    /// # Errors
    /// A sentence that names the setting and what it may be.
    pub fn settings(
        self,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Settings, String> {
        let kafka = KafkaSettings::from_environment(self.kafka, environment)?;
        let default: SocketAddr = SocketAddr::from(([127, 0, 0, 1], 8002));
        let listen = match (self.listen, self.port) {
            (Some(listen), _) => listen,
            (None, Some(port)) => SocketAddr::new(default.ip(), port),
            (None, None) => default,
        };
        if !listen.ip().is_loopback() && !self.allow_remote {
            return Err(format!(
                "--listen {listen} is reachable from other machines and the status page has no authentication: \
                 listen on 127.0.0.1, or add --allow-remote"
            ));
        }
        Ok(Settings {
            kafka,
            topics: Topics::with_prefix(&self.topic_prefix),
            id: self.id.unwrap_or_else(default_id),
            instance: Uuid::new_v4().to_string(),
            listen,
            listen_fallback: self.listen.is_none() && self.port.is_none(),
            slots: self.slots.map_or_else(cores, usize::from),
            heartbeat_interval: self.heartbeat_interval,
            drain_timeout: self.drain_timeout,
        })
    }
}

fn prefix(text: &str) -> Result<String, String> {
    Topics::check_prefix(text).map(|()| text.to_owned())
}

fn worker_id(text: &str) -> Result<String, String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | ':' | '@');
    if (1..=128).contains(&text.len()) && text.chars().all(allowed) {
        return Ok(text.to_owned());
    }
    Err("1 to 128 letters, digits, '.', '_', '-', ':' and '@' (also WORKER_ID)".into())
}

fn address(text: &str) -> Result<SocketAddr, String> {
    let shape = "give HOST:PORT such as 127.0.0.1:8002 (also AZULEJO_WORKER_LISTEN)";
    text.to_socket_addrs()
        .map_err(|error| format!("{error}; {shape}"))?
        .next()
        .ok_or_else(|| format!("it names no address; {shape}"))
}

fn port(text: &str) -> Result<u16, String> {
    text.parse()
        .map_err(|_| "a whole number from 0 to 65535 (also WORKER_PORT)".into())
}

fn slots(text: &str) -> Result<u16, String> {
    match text.parse() {
        Ok(slots) if (1..=1024).contains(&slots) => Ok(slots),
        _ => Err("a whole number from 1 to 1024 (also WORKER_SLOTS)".into()),
    }
}

/// The server forgets a worker that it has not heard of for five minutes, and looks only so far back when it starts: an
/// interval must leave room for several heartbeats in that time.
fn interval(text: &str) -> Result<Duration, String> {
    seconds(text, 0.1, 60.0).map_err(|range| format!("{range} (also HEARTBEAT_INTERVAL)"))
}

fn drain(text: &str) -> Result<Duration, String> {
    seconds(text, 1.0, 3600.0).map_err(|range| format!("{range} (also AZULEJO_DRAIN_TIMEOUT)"))
}

fn seconds(text: &str, least: f64, most: f64) -> Result<Duration, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (least..=most).contains(&seconds) => Ok(Duration::from_secs_f64(seconds)),
        _ => Err(format!("a number of seconds from {least} to {most}")),
    }
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Name of this machine.
pub fn host() -> String {
    gethostname::gethostname().to_string_lossy().into_owned()
}

fn default_id() -> String {
    let host: String = host()
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-') {
                c
            } else {
                '-'
            }
        })
        .take(64)
        .collect();
    format!("worker-{host}-{}", &Uuid::new_v4().simple().to_string()[..8])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Settings, String> {
        let arguments = std::iter::once("azulejo-worker").chain(arguments.iter().copied());
        Arguments::try_parse_from(arguments)
            .map_err(|error| error.to_string())?
            .settings([])
    }

    #[test]
    fn defaults_are_those_of_one_machine() {
        let settings = parse(&[]).unwrap();
        assert_eq!(settings.kafka.brokers, "127.0.0.1:9092");
        assert_eq!(settings.listen.to_string(), DEFAULT_LISTEN);
        assert!(settings.listen_fallback);
        assert!(settings.slots >= 1);
        assert!(settings.id.starts_with("worker-"));
        assert_eq!(settings.heartbeat_interval, Duration::from_secs(1));
    }

    #[test]
    fn a_wrong_value_is_an_error_that_names_the_setting() {
        for (arguments, name) in [
            (["--slots", "0"], "--slots"),
            (["--slots", "many"], "--slots"),
            (["--heartbeat-interval", "-1"], "--heartbeat-interval"),
            (["--heartbeat-interval", "NaN"], "--heartbeat-interval"),
            (
                ["--heartbeat-interval", "61"],
                "0.1 to 60 (also HEARTBEAT_INTERVAL)",
            ),
            (["--drain-timeout", "3601"], "AZULEJO_DRAIN_TIMEOUT"),
            (["--port", "abc"], "WORKER_PORT"),
            (["--slots", "1025"], "WORKER_SLOTS"),
            (["--listen", "nowhere"], "AZULEJO_WORKER_LISTEN"),
            (["--id", "a b"], "--id"),
            (["--id", ""], "--id"),
            (["--topic-prefix", "a/b"], "--topic-prefix"),
            (["--listen", "nowhere"], "--listen"),
            (["--kafka", " "], "--kafka"),
        ] {
            let error = parse(&arguments).unwrap_err();
            assert!(error.contains(name), "{arguments:?}: {error}");
        }
    }

    #[test]
    fn a_listener_for_other_machines_needs_a_word() {
        assert!(
            parse(&["--listen", "0.0.0.0:1"])
                .unwrap_err()
                .contains("--allow-remote")
        );
        assert!(parse(&["--listen", "0.0.0.0:1", "--allow-remote"]).is_ok());
        let by_name = parse(&["--listen", "localhost:9001"]).unwrap().listen;
        assert!(by_name.ip().is_loopback() && by_name.port() == 9001, "{by_name}");
    }

    #[test]
    fn worker_port_sets_only_the_port() {
        let settings = parse(&["--port", "9000"]).unwrap();
        assert_eq!(settings.listen.to_string(), "127.0.0.1:9000");
        assert!(
            !settings.listen_fallback,
            "a port that was asked for is not exchanged for another"
        );
    }
}
