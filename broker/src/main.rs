//! The program `azulejo-broker`: settings from the command line and the environment, one broker, a clean end.

use std::io::{IsTerminal, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use azulejo_broker::{Broker, BrokerConfig, FsyncPolicy};
use clap::Parser;
use clap::builder::BoolishValueParser;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

/// An embedded single-node Kafka broker: for one machine, development and tests.
#[derive(Parser)]
#[command(version, about)]
struct Arguments {
    /// Address to listen on; port 0 takes a free one.
    #[arg(
        long,
        env = "AZULEJO_BROKER_LISTEN",
        default_value = "127.0.0.1:9092",
        value_name = "IP:PORT"
    )]
    listen: SocketAddr,

    /// Folder of everything that is kept.
    #[arg(long, env = "AZULEJO_BROKER_DATA_DIR", value_name = "DIR")]
    data_dir: PathBuf,

    /// Address that clients are told to connect to, if it is not the one that they have connected to.
    #[arg(long, env = "AZULEJO_BROKER_ADVERTISE", value_name = "HOST:PORT", value_parser = parse_host_port)]
    advertise: Option<(String, u16)>,

    /// Allow an address that other machines can reach. There is no authentication: whoever reaches it may do anything.
    #[arg(long, env = "AZULEJO_BROKER_ALLOW_REMOTE", value_parser = BoolishValueParser::new())]
    allow_remote: bool,

    /// When records are given to the disk: `system` (a power failure can cost the last half minute), a number of
    /// milliseconds (it can cost as much), or `always` (before each acknowledgement: nothing is lost, but slow). The end
    /// of the broker's process costs nothing in any case.
    #[arg(
        long,
        env = "AZULEJO_BROKER_FSYNC",
        default_value = "system",
        value_name = "POLICY"
    )]
    fsync: FsyncPolicy,

    /// Make no topics just because a client asks for them.
    #[arg(long, env = "AZULEJO_BROKER_NO_AUTO_CREATE", value_parser = BoolishValueParser::new())]
    no_auto_create: bool,

    /// Partitions of a topic that does not say how many.
    #[arg(long, env = "AZULEJO_BROKER_PARTITIONS", default_value_t = 1, value_name = "N",
          value_parser = clap::value_parser!(i32).range(1..=4096))]
    partitions: i32,

    /// Most connections at a time.
    #[arg(
        long,
        env = "AZULEJO_BROKER_MAX_CONNECTIONS",
        default_value_t = 4096,
        value_name = "N"
    )]
    max_connections: usize,

    /// Largest request taken, bytes.
    #[arg(long, env = "AZULEJO_BROKER_MAX_REQUEST_BYTES", default_value_t = 100 << 20, value_name = "BYTES")]
    max_request_bytes: usize,

    /// Leaves SIGTERM to the supervisor, which stops this program by SIGINT when its turn has come.
    #[arg(long, env = "AZULEJO_SUPERVISED", hide = true, value_parser = BoolishValueParser::new())]
    supervised: bool,

    /// Logs as JSON, one object per line. What is logged is up to RUST_LOG.
    #[arg(long, env = "AZULEJO_BROKER_LOG_JSON", value_parser = BoolishValueParser::new())]
    log_json: bool,
}

fn parse_host_port(text: &str) -> Result<(String, u16), String> {
    let split = text
        .rsplit_once(':')
        .and_then(|(host, port)| Some((host, port.parse().ok()?)));
    let found = split.filter(|(host, _)| !host.is_empty());
    found
        .map(|(host, port)| (host.to_owned(), port))
        .ok_or_else(|| format!("'{text}' is not HOST:PORT"))
}

fn main() -> ExitCode {
    match start(azulejo_settings::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // One sentence: the log may go elsewhere, and a backtrace helps nobody who mistyped a folder.
            let _ = writeln!(std::io::stderr(), "azulejo-broker: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn start(arguments: Arguments) -> anyhow::Result<()> {
    start_logging(arguments.log_json)?;
    raise_file_limit();
    if !arguments.listen.ip().is_loopback() {
        if !arguments.allow_remote {
            bail!(
                "{} can be reached by other machines, and this broker has no authentication: listen on 127.0.0.1, or \
                 say --allow-remote if the network is trusted",
                arguments.listen
            );
        }
        // Not by the log, which may be filtered: whoever starts it must see this.
        let _ = writeln!(
            std::io::stderr(),
            "azulejo-broker: no authentication: whoever reaches {} may read and write all",
            arguments.listen
        );
    }
    // More threads than a small machine has cores: one may wait for the disk while others serve.
    let threads = std::thread::available_parallelism().map_or(4, |cores| cores.get().max(4));
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .enable_all()
        .build()
        .context("cannot start threads")?
        .block_on(run(arguments))
}

fn start_logging(json: bool) -> anyhow::Result<()> {
    let text = match std::env::var("RUST_LOG") {
        Ok(text) if !text.trim().is_empty() => text,
        Ok(_) | Err(std::env::VarError::NotPresent) => "info".to_owned(),
        Err(error) => return Err(error).context("RUST_LOG"),
    };
    let filter = tracing_subscriber::EnvFilter::try_new(&text)
        .with_context(|| format!("RUST_LOG '{text}' is not a log filter; try info"))?;
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    if json {
        log.json().init()
    } else {
        log.init()
    }
    Ok(())
}

/// Every segment, index and connection is an open file; the usual soft limit of 1,024 is soon reached.
fn raise_file_limit() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::warn!(%error, "cannot raise the limit on open files");
    }
}

async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let mut config = BrokerConfig::new(arguments.data_dir);
    config.advertise = arguments.advertise;
    config.fsync = arguments.fsync;
    config.auto_create_topics = !arguments.no_auto_create;
    config.default_partitions = arguments.partitions;
    config.max_connections = arguments.max_connections;
    config.max_request_bytes = arguments.max_request_bytes;

    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
    let broker = tokio::task::spawn_blocking(move || Broker::open(config))
        .await
        .context("opening ended early")??;
    let listener = TcpListener::bind(arguments.listen)
        .await
        .with_context(|| format!("cannot listen on {}", arguments.listen))?;
    let (host, port) = broker.advertised(listener.local_addr().context("no local address")?);
    let mut out = std::io::stdout();
    // Clients take the last colon for the one in front of the port only if an IPv6 address is in brackets.
    let host = if host.contains(':') && !host.starts_with('[') {
        format!("[{host}]")
    } else {
        host
    };
    writeln!(out, "azulejo-broker is ready: {host}:{port}")
        .and_then(|()| out.flush())
        .context("cannot write")?;

    let stopping = broker.clone();
    let supervised = arguments.supervised;
    tokio::spawn(async move {
        // Under a supervisor SIGTERM means nothing: it reaches all processes of a unit at once, and the others still need the
        // broker to put down what they hold; the supervisor says SIGINT when they have.
        tokio::select! {
            _ = terminate.recv(), if !supervised => tracing::info!("SIGTERM: closing"),
            _ = interrupt.recv() => tracing::info!("SIGINT: closing"),
        }
        stopping.shutdown();
    });
    broker.serve(listener).await?;
    tracing::info!("closed");
    Ok(())
}
