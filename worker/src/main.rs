//! `azulejo-worker`: reads the settings, runs one [`azulejo_worker::Worker`], ends it cleanly on a signal.

use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use anyhow::Context as _;
use azulejo_worker::Worker;
use azulejo_worker::config::{Arguments, Settings};
use azulejo_worker::drain::{Signals, Stage};
use tracing::info;
use tracing_subscriber::EnvFilter;

/// Beyond the drain's own time-out: committing, leaving the group and the last heartbeat.
const GRACE: Duration = Duration::from_secs(10);

/// A stop is often told twice at once, such as by systemd to all processes of a unit and by their supervisor: a second
/// signal so soon after the first is no impatience.
const PATIENCE_OF_SENDERS: Duration = Duration::from_secs(2);

fn main() -> anyhow::Result<()> {
    let arguments: Arguments = azulejo_settings::parse();
    let filter = log_filter().unwrap_or_else(|error| {
        eprintln!("error: {error}");
        std::process::exit(2)
    });
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .init();
    azulejo_transport::limits::raise_file_limit();
    let environment =
        std::env::vars_os().filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)));
    let settings = arguments.settings(environment).unwrap_or_else(|error| {
        eprintln!("error: {error}");
        std::process::exit(2)
    });
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("cannot start the runtime")?
        .block_on(run(settings))
}

/// What `RUST_LOG` says. A filter that cannot be read is refused: silence where somebody looks for a cause is worse than no
/// start.
fn log_filter() -> Result<EnvFilter, String> {
    let text = match std::env::var("RUST_LOG") {
        Ok(text) if !text.trim().is_empty() => text,
        Ok(_) | Err(std::env::VarError::NotPresent) => "info".to_owned(),
        Err(error) => return Err(format!("RUST_LOG: {error}; try info")),
    };
    EnvFilter::try_new(&text)
        .map_err(|error| format!("RUST_LOG '{text}' is not a log filter: {error}; try info"))
}

async fn run(settings: Settings) -> anyhow::Result<()> {
    let patience = settings.drain_timeout + GRACE;
    info!(
        id = settings.id,
        kafka = settings.kafka.brokers,
        slots = settings.slots,
        "starting"
    );
    let worker = Worker::start(settings).await?;
    let life = worker.life().clone();
    let (id, address) = (worker.id().to_owned(), worker.address());
    tokio::spawn({
        let life = life.clone();
        async move {
            life.reached(Stage::Running).await;
            // The last stage is also reached by a worker that never joined the group: it is not ready.
            if life.stage() == Stage::Running {
                announce(&id, address);
            }
        }
    });
    let asked = worker.drain_handle();
    let mut signals = Signals::new().context("cannot wait for signals")?;
    tokio::spawn(async move {
        info!("{}: draining", signals.next().await);
        asked.drain();
        tokio::select! {
            () = signals.insisted(PATIENCE_OF_SENDERS) => tracing::warn!("second signal: ending at once"),
            () = tokio::time::sleep(patience) => tracing::error!("the drain did not end, giving up"),
        }
        std::process::exit(1);
    });
    worker.ended().await.context("the worker ended")?;
    info!("stopped");
    Ok(())
}

/// The line that a supervisor waits for, on standard output, where nothing else goes.
fn announce(id: &str, address: std::net::SocketAddr) {
    let mut out = std::io::stdout().lock();
    // A closed standard output only means that nobody waits for the line.
    let _ = writeln!(out, "azulejo-worker is ready: {id} http://{address}").and_then(|()| out.flush());
}
