//! Waiting for Kafka and its topics. The server makes the topics; a worker that is started first waits for it rather
//! than make them with numbers of its own.

use std::time::Duration;

use azulejo_transport::Occasionally;
use azulejo_transport::probe::{Probe, Standing};
use tracing::{info, warn};

use crate::config::Settings;
use crate::drain::{Lifecycle, Stage};
use crate::monitor::Monitor;

const PAUSE: Duration = Duration::from_millis(200);

/// Returns true once every topic is there, false when the worker is to drain before that. What is refused for want of a right
/// is a trouble until it is not.
pub fn wait(probe: &Probe, settings: &Settings, life: &Lifecycle, monitor: &Monitor) -> bool {
    let troubles = monitor.troubles();
    let brokers = &settings.kafka.brokers;
    let topics = [
        settings.topics.tasks.as_str(),
        &settings.topics.heartbeats,
        &settings.topics.dead_letters,
        &settings.topics.control,
    ];
    let quiet = Occasionally::default();
    let mut waited = false;
    while life.stage() < Stage::Draining {
        monitor.pulse().turn();
        match probe.topics(&topics) {
            Ok(standings) => {
                let mut missing = Vec::new();
                for (topic, standing) in topics.iter().zip(&standings) {
                    match standing {
                        Standing::There { .. } => troubles.clear(topic),
                        Standing::Missing => missing.push(*topic),
                        Standing::Refused(trouble) => {
                            troubles.report(topic, &trouble.reason);
                        }
                    }
                }
                let all = standings
                    .iter()
                    .all(|standing| matches!(standing, Standing::There { .. }));
                if all {
                    if waited {
                        info!("Kafka at {brokers} is there, and so are the topics");
                    }
                    return true;
                }
                if !missing.is_empty() && quiet.now() {
                    info!("waiting for the server to make the topics {}", missing.join(", "));
                }
            }
            Err(trouble) if quiet.now() => {
                warn!("waiting for Kafka at {brokers}: {trouble}");
            }
            Err(_) => {}
        }
        waited = true;
        std::thread::sleep(PAUSE);
    }
    false
}
