//! Keeps the connections going: makes the topics, starts the readers once the broker answers, starts them again when
//! they give up, and looks after what happens by time alone: lost workers, overdue tiles, a broker that is away.

use std::collections::HashSet;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use azulejo_protocol::JobId;
use azulejo_transport::{WantedTopic, ensure_topics};
use rdkafka::consumer::{BaseConsumer, Consumer};

use super::quiet::Quiet;
use super::recovery;
use super::settings::Change;
use super::shared::Shared;
use super::{collector, heartbeats, outcome, trim};

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
        spawn("trim", trim::run)?,
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
            // Perhaps a topic is missing.
            shared.topics_wanted.store(true, Ordering::Release);
            nap(shared, RETRY);
        }
    }
}

/// Pauses for `most`, or until the engine stops.
pub fn nap(shared: &Shared, most: Duration) {
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
        let (overdue, killer, changed) = {
            let mut core = shared.core();
            let gone = core.workers.sweep(now);
            core.refresh_holders(now);
            let overdue = if core.open && core.connected {
                core.requeue_overdue(shared.config.tile_timeout, now)
            } else {
                Vec::new()
            };
            let killer = core.killer(shared.config.max_attempts, now);
            let after = core.workers.live(now);
            let changed = gone || after != live;
            live = after;
            (overdue, killer, changed)
        };
        if let Some((run, killer)) = killer {
            outcome::give_up(shared, &run, &killer);
        }
        if !overdue.is_empty() {
            tracing::warn!(
                tiles = overdue.len(),
                "results are overdue; the tiles are sent again"
            );
            let jobs: HashSet<JobId> = overdue.into_iter().map(|(job, _)| job).collect();
            shared.resume(jobs);
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
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    // A consumer's client: asking with a producer's would make a missing topic, with settings that nobody chose.
    let client = shared
        .config
        .kafka
        .client("azulejo-server-probe")
        .create_with_context::<_, BaseConsumer<Quiet>>(Quiet);
    let (runtime, client) = match (runtime, client) {
        (Ok(runtime), Ok(client)) => (runtime, client),
        (Err(error), _) => return tracing::error!(%error, "cannot look after the broker"),
        (_, Err(error)) => return tracing::error!(%error, "cannot look after the broker"),
    };
    let config = &shared.config;
    let mut told = String::new();
    while !shared.is_stopping() {
        let _ = client.poll(Duration::ZERO);
        let wanted = shared.topics_wanted.swap(false, Ordering::AcqRel);
        let connected = (!wanted && has_topics(&client, shared)) || {
            let wanted = WantedTopic::all(&config.topics, &config.topics.results, &config.topic_settings);
            match runtime.block_on(ensure_topics(&config.kafka, &wanted, &config.topic_settings)) {
                Ok(_) => has_topics(&client, shared),
                Err(error) => {
                    shared.topics_wanted.store(true, Ordering::Release);
                    if error != told {
                        tracing::warn!(%error, "no Kafka; jobs wait");
                        told = error;
                    }
                    false
                }
            }
        };
        if connected {
            look_for_partitions(&client, shared);
        }
        let before = std::mem::replace(&mut shared.core().connected, connected);
        if before != connected {
            if connected {
                tracing::info!(broker = config.kafka.brokers, "connected to Kafka");
                told.clear();
            } else {
                tracing::warn!(broker = config.kafka.brokers, "Kafka is away; jobs wait");
            }
            shared.events.mark(Change::Health);
            shared.state.wake();
        }
        let pause = if connected {
            PROBE
        } else {
            Duration::from_millis(250)
        };
        nap(shared, pause);
    }
}

/// Whether the broker answers and has the topic of tasks.
fn has_topics(client: &BaseConsumer<Quiet>, shared: &Shared) -> bool {
    let topic = &shared.config.topics.tasks;
    client
        .fetch_metadata(Some(topic), PROBE_TIMEOUT)
        .is_ok_and(|metadata| {
            metadata
                .topics()
                .iter()
                .all(|topic| topic.error().is_none() && !topic.partitions().is_empty())
        })
}

/// Has the results' reader start again when somebody gave the topic more partitions: nothing else would read them.
fn look_for_partitions(client: &BaseConsumer<Quiet>, shared: &Shared) {
    let topic = &shared.config.topics.results;
    let read = shared.result_partitions.load(Ordering::Acquire);
    let Ok(metadata) = client.fetch_metadata(Some(topic), PROBE_TIMEOUT) else {
        return;
    };
    let there = metadata
        .topics()
        .iter()
        .map(|topic| topic.partitions().len())
        .sum();
    if (1..there).contains(&read) {
        tracing::info!(
            read,
            there,
            "the topic of results has more partitions; reading all of them"
        );
        shared.results_grew.store(true, Ordering::Release);
    }
}
