//! Waiting for Kafka and its topics. The server makes the topics; a worker that is started first waits for it rather
//! than make them with numbers of its own.

use std::time::Duration;

use azulejo_protocol::Topics;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use tracing::{info, warn};

use crate::drain::{Lifecycle, Stage};
use azulejo_transport::Occasionally;

const PAUSE: Duration = Duration::from_millis(200);

/// Returns true once every topic is there, false when the worker is to drain before that.
pub fn wait<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    brokers: &str,
    topics: &Topics,
    life: &Lifecycle,
) -> bool {
    let quiet = Occasionally::default();
    let mut waited = false;
    while life.stage() < Stage::Draining {
        match missing(consumer, topics) {
            Ok(missing) if missing.is_empty() => {
                if waited {
                    info!("Kafka at {brokers} is there, and so are the topics");
                }
                return true;
            }
            Ok(missing) if quiet.now() => {
                info!("waiting for the server to make the topics {}", missing.join(", "))
            }
            Err(error) if quiet.now() => warn!("waiting for Kafka at {brokers}: {error}"),
            Ok(_) | Err(_) => {}
        }
        waited = true;
        std::thread::sleep(PAUSE);
    }
    false
}

/// The topics that are not there. All are listed rather than asked for by name, which could make them.
fn missing<'a, C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    topics: &'a Topics,
) -> Result<Vec<&'a str>, rdkafka::error::KafkaError> {
    let metadata = consumer.fetch_metadata(None, Duration::from_secs(2))?;
    let there = |name: &str| {
        metadata
            .topics()
            .iter()
            .any(|topic| topic.name() == name && topic.error().is_none() && !topic.partitions().is_empty())
    };
    let wanted = [
        &topics.tasks,
        &topics.heartbeats,
        &topics.dead_letters,
        &topics.control,
    ];
    Ok(wanted
        .into_iter()
        .map(String::as_str)
        .filter(|name| !there(name))
        .collect())
}
