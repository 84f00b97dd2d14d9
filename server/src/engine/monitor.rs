//! Keeps the connections going: makes the topics, starts the readers once the broker answers, starts them again when
//! they give up, and looks after what happens by time alone: lost workers, overdue tiles, a broker that is away.

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use azulejo_protocol::kafka::ensure_topics;

use super::recovery;
use super::settings::Change;
use super::shared::Shared;
use super::{collector, heartbeats};

const TICK: Duration = Duration::from_millis(250);
/// How often the broker is asked whether it is there.
const PROBE: Duration = Duration::from_secs(2);
const PROBE_TIMEOUT: Duration = Duration::from_secs(4);
/// Pause before a reader that gave up is started again.
const RETRY: Duration = Duration::from_secs(1);

/// Starts the threads that look after time, the broker, the results and the heartbeats.
///
/// # Errors
/// The system gives no more threads.
pub fn start(shared: &Arc<Shared>) -> io::Result<Vec<JoinHandle<()>>> {
    let spawn = |name: &str, work: fn(&Arc<Shared>)| {
        let shared = shared.clone();
        std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || work(&shared))
    };
    Ok(vec![
        spawn("clock", clock)?,
        spawn("probe", probe)?,
        spawn("collect", |shared| {
            // Results are only taken once it is certain which tiles the scratch files have.
            recovery::verify_all(shared);
            keep_running(shared, "results", collector::run);
        })?,
        spawn("heartbeats", |shared| {
            keep_running(shared, "heartbeats", heartbeats::run)
        })?,
    ])
}

fn keep_running(shared: &Arc<Shared>, what: &str, reader: fn(&Arc<Shared>) -> anyhow::Result<()>) {
    while !shared.is_stopping() {
        if !shared.core().connected {
            std::thread::sleep(Duration::from_millis(50));
            continue;
        }
        if let Err(error) = reader(shared) {
            tracing::warn!(
                what,
                error = format!("{error:#}"),
                "cannot read from the broker; trying again"
            );
            nap(shared, RETRY);
        }
    }
}

fn nap(shared: &Shared, most: Duration) {
    let until = Instant::now() + most;
    while !shared.is_stopping() && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// What happens by time alone.
fn clock(shared: &Arc<Shared>) {
    let mut live = (0, 0);
    while !shared.is_stopping() {
        std::thread::sleep(TICK);
        let now = Instant::now();
        let (overdue, changed) = {
            let mut core = shared.core();
            let gone = core.workers.sweep(now);
            core.refresh_holders(now);
            let overdue = if core.open && core.connected {
                core.requeue_overdue(shared.config.tile_timeout, now)
            } else {
                0
            };
            let after = core.workers.live(now);
            let changed = gone || after != live;
            live = after;
            (overdue, changed)
        };
        if overdue > 0 {
            tracing::warn!(tiles = overdue, "results are overdue; the tiles are sent again");
        }
        if changed {
            shared.events.mark(Change::Workers);
            shared.events.mark(Change::Health);
        }
        shared.state.wake();
    }
}

/// Asks the broker now and then whether it is there, and makes topics that are missing.
fn probe(shared: &Arc<Shared>) {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return tracing::error!(%error, "cannot look after the broker"),
    };
    let mut told = String::new();
    while !shared.is_stopping() {
        // Topics are made before anything asks for one by name: a broker that makes topics by itself makes them too small.
        let mut connected = shared.core().connected && shared.outbox.reaches_broker(PROBE_TIMEOUT);
        if !connected {
            let config = &shared.config;
            let made = runtime.block_on(ensure_topics(
                &config.kafka,
                &config.topics,
                &config.topic_settings,
            ));
            connected = made.is_ok();
            if let Err(error) = made
                && error != told
            {
                tracing::warn!(%error, "no Kafka; jobs wait");
                told = error;
            }
        }
        let before = std::mem::replace(&mut shared.core().connected, connected);
        if before != connected {
            if connected {
                tracing::info!(broker = shared.config.kafka.brokers, "connected to Kafka");
                told.clear();
            }
            shared.events.mark(Change::Health);
            shared.state.wake();
        }
        nap(
            shared,
            if connected {
                PROBE
            } else {
                Duration::from_millis(250)
            },
        );
    }
}
