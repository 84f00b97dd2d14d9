//! Looks whether the cluster answers and the topics are there; makes those that are missing; finds workers whose heartbeats do
//! not arrive.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use azulejo_engine::Event;
use azulejo_transport::probe::Probe;
use azulejo_transport::{WantedTopic, ensure_topics};

use super::Line;

/// How often the cluster is asked whether it is there.
const PAUSE: Duration = Duration::from_secs(2);
const PAUSE_AWAY: Duration = Duration::from_millis(250);
/// How often it is looked who is in the workers' group.
const MEMBERS: Duration = Duration::from_secs(10);
/// A member of the group of which nothing was heard for so long is silent.
const SILENCE: Duration = Duration::from_secs(30);

/// Looks until the engine ends. `heard` gives the ids of the workers that were heard of.
pub fn run(line: &Arc<Line>, heard: &dyn Fn() -> BTreeSet<String>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let probe = Probe::new(&line.kafka, "azulejo-server-probe");
    let (runtime, probe) = match (runtime, probe) {
        (Ok(runtime), Ok(probe)) => (runtime, probe),
        (Err(error), _) => panic!("cannot look after the broker: {error}"),
        (_, Err(error)) => panic!("cannot look after the broker: {error}"),
    };
    let wanted = WantedTopic::all(&line.topics, &line.results, &line.topic_settings);
    let names: Vec<&str> = wanted.iter().map(|topic| topic.name.as_str()).collect();
    let mut inspected = false;
    let mut told = String::new();
    let mut silent = Silent::default();
    let mut looked = Instant::now();
    while !line.is_stopping() {
        let missing = probe.missing(&names);
        let connected = match &missing {
            Ok(missing) if missing.is_empty() && inspected => Ok(()),
            Ok(missing) => {
                let made = runtime.block_on(ensure_topics(&line.kafka, &wanted, &line.topic_settings));
                made.map(|problems| {
                    inspected = true;
                    for name in &names {
                        match problems.iter().find(|problem| problem.topic == *name) {
                            Some(problem) => line.problems.set(name, &problem.sentence),
                            None => line.problems.clear(name),
                        };
                    }
                    if !missing.is_empty() {
                        tracing::info!(topics = missing.join(", "), "topics were missing");
                        line.made.fetch_add(1, Ordering::AcqRel);
                    }
                })
            }
            Err(trouble) => Err(trouble.reason.clone()),
        };
        if let Err(error) = &connected
            && *error != told
        {
            tracing::warn!(error, "no Kafka; jobs wait");
            told.clone_from(error);
        }
        let connected = connected.is_ok();
        if line.connected.swap(connected, Ordering::AcqRel) != connected {
            if connected {
                tracing::info!(broker = line.kafka.brokers, "connected to Kafka");
                told.clear();
            } else {
                tracing::warn!(broker = line.kafka.brokers, "Kafka is away; jobs wait");
            }
            (line.tell)(Event::Connected(connected));
        }
        if connected && looked.elapsed() > MEMBERS {
            looked = Instant::now();
            if let Some(members) = probe.members(&line.topics.worker_group) {
                silent.look(line, &members, &heard());
            }
        }
        line.nap(if connected { PAUSE } else { PAUSE_AWAY });
    }
}

/// Workers that are members of the group and whose heartbeats do not arrive: they would hold partitions, and get no tiles.
#[derive(Default)]
struct Silent {
    since: BTreeMap<String, Instant>,
}

impl Silent {
    fn look(&mut self, line: &Line, members: &[String], heard: &BTreeSet<String>) {
        let quiet: BTreeSet<&String> = members.iter().filter(|id| !heard.contains(*id)).collect();
        self.since.retain(|id, _| {
            let still = quiet.contains(id);
            if !still {
                line.problems.clear(&subject(id));
            }
            still
        });
        for id in quiet {
            let since = self.since.entry(id.clone()).or_insert_with(Instant::now);
            if since.elapsed() > SILENCE {
                line.problems.set(
                    &subject(id),
                    &format!(
                        "the worker '{id}' is in the group '{}' and no heartbeat of it arrives, so it gets no tiles: see its log; \
                         perhaps its clock is wrong, or it may not write to the topic '{}'",
                        line.topics.worker_group, line.topics.heartbeats
                    ),
                );
            }
        }
    }
}

fn subject(id: &str) -> String {
    format!("worker {id}")
}
