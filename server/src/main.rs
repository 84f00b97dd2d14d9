//! The server program: `azulejo-server`.
//!
//! # Tour
//! Settings are read and checked first ([`azulejo_server::config`]). The engine starts next and goes on with the jobs
//! that an earlier run left; then the pages are served, whether the broker is there yet or not. Once it answers, one
//! line on standard output says that a job would get somewhere. SIGTERM or SIGINT end it all in order: the listener
//! closes, live streams end, requests under way finish, the engine puts down what it holds.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context;
use azulejo_server::config::{Arguments, Config};
use azulejo_server::engine::Engine;
use azulejo_server::server::Server;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

/// Rendering a page waits for the blocking pool while it holds a worker thread, so there are a few even on one core.
const LEAST_THREADS: usize = 4;

fn main() -> ExitCode {
    let arguments: Arguments = azulejo_settings::parse();
    if let Err(error) = log_to_stderr(&arguments) {
        eprintln!("azulejo-server: {error:#}");
        return ExitCode::from(2);
    }
    let config = match arguments.check(std::env::vars_os().filter_map(text)) {
        Ok(config) => config,
        Err(error) => {
            eprintln!("azulejo-server: {error:#}");
            return ExitCode::from(2);
        }
    };
    // Each connection, each client of Kafka's and each job under way has open files.
    azulejo_transport::limits::raise_file_limit();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(cores.max(LEAST_THREADS))
        .enable_all()
        .build();
    let result = match runtime {
        Ok(runtime) => {
            let result = runtime.block_on(run(config));
            // What still blocks a thread now is not waited for.
            runtime.shutdown_timeout(Duration::from_secs(1));
            result
        }
        Err(error) => Err(error).context("cannot start the threads"),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("azulejo-server: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(config: Config) -> anyhow::Result<()> {
    let shutdown = CancellationToken::new();
    stop_on_signals(shutdown.clone(), config.supervised)?;
    if !config.listen.ip().is_loopback() && config.tls.is_none() {
        tracing::warn!(
            "listening on {} without TLS: keys and images can be read on the way, unless a proxy or a private network encrypts \
             them",
            config.listen
        );
    }
    let kafka = config.kafka.brokers.clone();
    let server = Server::start(config, shutdown.clone()).await?;
    tracing::info!("serving {}", server.url());
    tokio::spawn(say_when_ready(
        server.engine().clone(),
        server.url(),
        kafka,
        shutdown,
    ));
    server.run().await?;
    tracing::info!("stopped");
    Ok(())
}

/// Prints the ready line once the broker answers, and says in the log why it takes long.
async fn say_when_ready(engine: Engine, url: String, kafka: String, shutdown: CancellationToken) {
    let mut complain_at = Instant::now() + Duration::from_secs(3);
    while !shutdown.is_cancelled() {
        if engine.health().kafka_connected {
            let mut out = std::io::stdout().lock();
            // Nobody may be reading, which changes nothing.
            let _ = writeln!(out, "azulejo-server is ready: {url}").and_then(|()| out.flush());
            return;
        }
        if Instant::now() >= complain_at {
            tracing::warn!(
                "the broker at {kafka} does not answer yet; pages work, jobs wait for it (KAFKA_BROKER)"
            );
            complain_at = Instant::now() + Duration::from_secs(30);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// A stop is often told twice at once, such as by systemd to all processes of a unit and by their supervisor.
const PATIENCE_OF_SENDERS: Duration = Duration::from_secs(2);

/// Cancels `shutdown` on SIGTERM or SIGINT. Another one, not sooner than two seconds after the first, ends the program at once.
/// Under a supervisor SIGTERM means nothing: it reaches all processes of a unit at once, and workers have to put their tiles
/// down before the server goes; the supervisor says SIGINT when that is so.
fn stop_on_signals(shutdown: CancellationToken, supervised: bool) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot catch SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot catch SIGINT")?;
    tokio::spawn(async move {
        let mut first = None;
        loop {
            let name = tokio::select! {
                _ = terminate.recv() => "SIGTERM",
                _ = interrupt.recv() => "SIGINT",
            };
            if supervised && name == "SIGTERM" {
                tracing::debug!("SIGTERM is left to the supervisor");
                continue;
            }
            match first {
                None => {
                    tracing::info!("{name}: stopping");
                    shutdown.cancel();
                    first = Some(Instant::now());
                }
                Some(first) if first.elapsed() >= PATIENCE_OF_SENDERS => {
                    tracing::warn!("{name} again: ending at once");
                    std::process::exit(1);
                }
                Some(_) => {}
            }
        }
    });
    Ok(())
}

fn log_to_stderr(arguments: &Arguments) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&arguments.log).with_context(|| {
        format!(
            "--log (RUST_LOG) '{}' is not a log filter; try info",
            arguments.log
        )
    })?;
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    if arguments.log_json {
        log.json().init();
    } else {
        log.init();
    }
    Ok(())
}

/// A variable as text; one that is no text is none of ours.
fn text(pair: (std::ffi::OsString, std::ffi::OsString)) -> Option<(String, String)> {
    Some((pair.0.into_string().ok()?, pair.1.into_string().ok()?))
}
