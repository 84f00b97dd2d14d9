//! Membership in the workers' group: how it is joined, and how rebalances are answered.
//!
//! All workers are members of one consumer group: under the newer protocol (KIP-848) where the cluster has it, else under the
//! classic one ([`GroupProtocol`]). The broker's coordinator takes a member for dead when it has not heard of it for
//! the session time-out: 6 s under the classic protocol (librdkafka's own thread sends a heartbeat twice a second, however busy this
//! program is), and what the broker says under the newer one (45 s where nobody has changed it; the server does not wait for
//! that, but sends the tiles of a lost worker to others). Whenever a member comes or goes the group *rebalances*: each is told
//! its share anew. Partitions stay where they are as far as they can, and a member goes on working with those it keeps:
//!
//! 1. A member that has to give partitions up gets `Revoke` with just these. Until it has answered, their new owner
//!    waits, so [`Ledger::release`] settles what is under way in them and no more, within half the session time-out. Giving
//!    them up then commits their stored offsets, and the new owner reads on from there.
//! 2. It joins again, and the partitions given up are assigned: `Assign`, with only the additions. An empty `Assign` is an
//!    answer, too: there are more workers than partitions, and this one stands by. Under the newer protocol there is none then,
//!    and the consumer's thread asks the coordinator.
//! 3. A member that was taken for dead *lost* its partitions: they have a new owner already, so nothing is waited for.
//!
//! These calls arrive inside `poll`, on this thread.

use std::sync::Arc;
use std::time::Duration;

use azulejo_transport::GroupProtocol;
use azulejo_transport::client::{self as kafka_log, Occasionally};
use rdkafka::config::{FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext, Rebalance};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::{ClientContext, TopicPartitionList};
use tracing::{info, warn};

use crate::config::Settings;
use crate::drain::{Lifecycle, Stage};
use crate::ledger::Ledger;
use crate::monitor::Monitor;

/// How long the classic protocol waits for a member: the least that a broker with default settings lets it.
const SESSION: Duration = Duration::from_secs(6);

/// How often librdkafka asks the coordinator under the classic protocol: a member hears of a rebalance by the answer, and a worker
/// that joins waits for two rounds of it.
const HEARTBEAT: Duration = Duration::from_millis(500);

/// Answers rebalances.
pub struct Group {
    ledger: Arc<Ledger>,
    life: Arc<Lifecycle>,
    monitor: Arc<Monitor>,
    quiet: Occasionally,
    /// The group and the topic: troubles with these are over once there are partitions.
    subjects: [String; 2],
}

impl Group {
    /// A member that keeps its books in `ledger`.
    pub fn new(
        settings: &Settings,
        ledger: &Arc<Ledger>,
        life: &Arc<Lifecycle>,
        monitor: &Arc<Monitor>,
    ) -> Self {
        Self {
            ledger: Arc::clone(ledger),
            life: Arc::clone(life),
            monitor: Arc::clone(monitor),
            quiet: Occasionally::default(),
            subjects: [
                settings.topics.worker_group.clone(),
                settings.topics.tasks.clone(),
            ],
        }
    }

    /// A consumer in the workers' group, subscribed to `tasks`.
    ///
    /// # Errors
    /// When librdkafka does not take the settings.
    pub fn join(self, settings: &Settings, protocol: GroupProtocol) -> KafkaResult<BaseConsumer<Self>> {
        let mut config = settings.kafka.consumer(&settings.id);
        config.set("group.id", &settings.topics.worker_group);
        match protocol {
            GroupProtocol::Classic => config
                .set("group.protocol", "classic")
                .set("partition.assignment.strategy", "cooperative-sticky")
                .set("session.timeout.ms", SESSION.as_millis().to_string())
                .set("heartbeat.interval.ms", HEARTBEAT.as_millis().to_string()),
            // The broker decides on all of that.
            GroupProtocol::Consumer => config.set("group.protocol", "consumer"),
        };
        settings.kafka.apply(&mut config);
        let consumer = BaseConsumer::from_config_and_context(&config, self)?;
        consumer.subscribe(&[&settings.topics.tasks])?;
        Ok(consumer)
    }
}

impl ClientContext for Group {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        kafka_log::line(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        kafka_log::error(&self.quiet, &error, reason);
    }
}

impl ConsumerContext for Group {
    fn pre_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        if let Rebalance::Revoke(list) = rebalance {
            let partitions = numbers(list);
            let patience = if consumer.assignment_lost() {
                Duration::ZERO
            } else {
                SESSION / 2
            };
            self.ledger.release(consumer, &partitions, patience);
            info!(?partitions, "partitions given up");
        }
    }

    fn post_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        let assigned = if let Rebalance::Assign(list) = rebalance {
            Some(numbers(list))
        } else {
            None
        };
        if let Some(partitions) = &assigned {
            self.ledger.assign(partitions);
            info!(?partitions, "partitions taken");
            for subject in &self.subjects {
                self.monitor.troubles().clear(subject);
            }
        }
        if let Rebalance::Error(error) = rebalance {
            warn!("rebalance failed: {error}");
        }
        self.monitor.set_partitions(self.ledger.partitions().0);
        if assigned.is_some() {
            // Last, so that whoever was waiting for this sees the partitions.
            self.life.advance(Stage::Running);
        }
    }
}

fn numbers(list: &TopicPartitionList) -> Vec<i32> {
    list.elements()
        .iter()
        .map(|element| element.partition())
        .collect()
}
