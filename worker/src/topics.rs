//! Waiting for Kafka and its topics. The server makes the topics; a worker that is started first waits for it rather
//! than make them with numbers of its own.

use std::time::Duration;

use azulejo_transport::{Access, Class, GroupProbe, Occasionally, Trouble};
use tracing::{info, warn};

use crate::config::Settings;
use crate::drain::{Lifecycle, Stage};
use crate::trouble::Troubles;

const PAUSE: Duration = Duration::from_millis(200);
/// How long the cluster has for an answer about a topic.
const PATIENCE: Duration = Duration::from_secs(2);

/// Returns true once every topic is there, false when the worker is to drain before that.
pub fn wait(probe: &GroupProbe, settings: &Settings, life: &Lifecycle, troubles: &Troubles) -> bool {
    let brokers = &settings.kafka.brokers;
    let topics = &settings.topics;
    let principal = settings.kafka.principal();
    let quiet = Occasionally::default();
    let mut waited = false;
    let all = [
        topics.tasks.as_str(),
        &topics.heartbeats,
        &topics.dead_letters,
        &topics.control,
    ];
    let mut wanted = all.to_vec();
    while life.stage() < Stage::Draining {
        match probe.missing(&wanted, PATIENCE) {
            Ok(missing) if missing.is_empty() => {
                for topic in all {
                    troubles.clear(topic);
                }
                if waited {
                    info!("Kafka at {brokers} is there, and so are the topics");
                }
                return true;
            }
            Ok(missing) => {
                if quiet.now() {
                    info!("waiting for the server to make the topics {}", missing.join(", "));
                }
                // Those that are there are not asked for again.
                wanted = missing;
            }
            Err((topic, error)) => {
                let access = Access {
                    principal: &principal,
                    right: "Describe",
                    topic,
                    group: "",
                };
                let trouble = Trouble::of(&error, access, None);
                if trouble.class == Class::Installation {
                    troubles.report(topic, &trouble.reason);
                } else if quiet.now() {
                    warn!("waiting for Kafka at {brokers}: {trouble}");
                }
            }
        }
        waited = true;
        std::thread::sleep(PAUSE);
    }
    false
}
