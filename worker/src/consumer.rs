//! The consumer's thread: takes tasks from Kafka, hands them to the slots, moves offsets, drains at the end.
//!
//! # Backpressure
//!
//! At most one task per slot is in hand, and one more so that a slot that becomes free need not wait for this thread.
//! With no slot free nothing is polled; what librdkafka fetches ahead is bounded by its configuration. Only when all
//! slots stay busy for longer (huge tiles) are the partitions paused, so that polling, and with it the answer to a
//! rebalance, can go on. An inherited task waits until it has all slots for itself ([`crate::turns`]), and nothing is
//! polled in the meantime either. Pausing throws away what was fetched ahead, so it is not the everyday way.

use std::sync::Arc;
use std::time::{Duration, Instant};

use azulejo_protocol::TaskHeader;
use azulejo_protocol::record::Headers;
use azulejo_transport::members::members;
use azulejo_transport::probe::Probe;
use azulejo_transport::{Access, Class, GroupProtocol, Occasionally, Trouble, from_message};
use crossbeam_channel::Sender;
use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Message};
use tokio::sync::Notify;
use tracing::{debug, info, warn};

use crate::config::Settings;
use crate::drain::{Lifecycle, Stage};
use crate::ledger::Ledger;
use crate::membership::Group;
use crate::monitor::Monitor;
use crate::publisher::Publisher;
use crate::slots::Buffers;
use crate::task::Task;
use crate::topics;

/// How often a member under the newer protocol says what it subscribes to. The answer tells it which partitions to give up or to
/// take; left alone it would ask every 5 s, the least that a broker with default settings lets it, and a worker that joins or
/// comes back would wait for two such rounds.
const BEAT: Duration = Duration::from_secs(1);

/// A worker that was given nothing under the newer protocol asks this often whether it is a member: where there are more workers than
/// partitions, librdkafka does not say so by an empty share.
const STANDING_BY: Duration = Duration::from_secs(3);
/// A worker that is no member after this time goes on with the classic protocol: a coordinator that lacks the newer one gives no
/// answer at all.
const UNANSWERED: Duration = Duration::from_secs(30);
/// How long the coordinator has to say who is a member.
const MEMBERS: Duration = Duration::from_secs(2);

/// Pause before the group is joined again where a right is missing.
const AUTHORIZATION_PAUSE: Duration = Duration::from_secs(5);

/// Longest sleep in a poll: how soon a drain is noticed by a worker without work.
const POLL: Duration = Duration::from_millis(200);

/// All slots busy for so long: the partitions are paused so that polling can go on.
const PAUSE_AFTER: Duration = Duration::from_secs(1);

/// What the consumer's thread works with.
pub struct Intake {
    /// How to reach Kafka, and the names of the topics.
    pub settings: Settings,
    /// The account of tasks and offsets.
    pub ledger: Arc<Ledger>,
    /// Where tasks go. Closing it ends the slots.
    pub tasks: Sender<Task>,
    /// Where records go that do not parse.
    pub publisher: Publisher,
    /// Spare memory.
    pub buffers: Arc<Buffers>,
    /// The worker's life.
    pub life: Arc<Lifecycle>,
    /// The worker's account of itself.
    pub monitor: Arc<Monitor>,
    /// Told once Kafka and its topics are there.
    pub connected: Arc<Notify>,
    /// Trouble that passes is said now and then.
    pub quiet: Occasionally,
}

impl Intake {
    /// Works until the worker is asked to drain, then drains and leaves the group.
    ///
    /// # Errors
    /// A sentence, when Kafka is lost for good: a supervisor should start the worker anew.
    pub fn run(self, probe: Probe) -> Result<(), String> {
        if !topics::wait(&probe, &self.settings, &self.life, &self.monitor) {
            return Ok(());
        }
        self.connected.notify_one();
        let mut protocol = probe.protocol();
        drop(probe);
        info!(?protocol, group = self.settings.topics.worker_group, "joining");
        loop {
            let consumer = Group::new(&self.settings, &self.ledger, &self.life, &self.monitor)
                .join(&self.settings, protocol)
                .map_err(|error| format!("cannot join the group: {error}"))?;
            let Some(code) = self.work(&consumer, protocol) else {
                self.drain(&consumer);
                return Ok(());
            };
            // What it held is another member's, or comes again.
            self.ledger
                .release(&consumer, &self.ledger.partitions().0, Duration::ZERO);
            drop(consumer);
            match code {
                RDKafkaErrorCode::GroupAuthorizationFailed | RDKafkaErrorCode::TopicAuthorizationFailed => {
                    self.pause_for(AUTHORIZATION_PAUSE);
                }
                RDKafkaErrorCode::UnsupportedVersion
                | RDKafkaErrorCode::UnsupportedFeature
                | RDKafkaErrorCode::InvalidRequest
                    if protocol == GroupProtocol::Consumer =>
                {
                    warn!(
                        "the broker does not take this worker under the newer group protocol ({code}); going on with the classic one"
                    );
                    protocol = GroupProtocol::Classic;
                }
                code => return Err(format!("the consumer cannot go on: {code}")),
            }
        }
    }

    fn is_member(&self, consumer: &BaseConsumer<Group>) -> bool {
        let Settings { id, topics, .. } = &self.settings;
        members(consumer.client(), &topics.worker_group, MEMBERS).is_some_and(|members| members.contains(id))
    }

    /// Waits, or until the worker is asked to drain.
    fn pause_for(&self, time: Duration) {
        let until = Instant::now() + time;
        while Instant::now() < until && self.life.stage() < Stage::Draining {
            self.monitor.pulse().turn();
            std::thread::sleep(POLL);
        }
    }

    /// Works until the worker is asked to drain: `None`; or until the group does not have it any more, with the reason.
    fn work(&self, consumer: &BaseConsumer<Group>, protocol: GroupProtocol) -> Option<RDKafkaErrorCode> {
        let Settings { topics, slots, .. } = &self.settings;
        let capacity = slots + 1;
        let mut full = Fullness::default();
        let joined = Instant::now();
        let mut said = joined;
        let mut asked = joined;
        while self.life.stage() < Stage::Draining {
            self.monitor.pulse().turn();
            if protocol == GroupProtocol::Consumer
                && self.life.stage() < Stage::Running
                && asked.elapsed() > STANDING_BY
            {
                asked = Instant::now();
                if self.is_member(consumer) {
                    info!("there are no partitions for this worker: it stands by");
                    self.life.advance(Stage::Running);
                } else if joined.elapsed() > UNANSWERED {
                    return Some(RDKafkaErrorCode::UnsupportedFeature);
                }
            }
            if protocol == GroupProtocol::Consumer && said.elapsed() > BEAT {
                said = Instant::now();
                if let Err(error) = consumer.subscribe(&[&topics.tasks]) {
                    debug!("the subscription is not said again: {error}");
                }
            }
            self.ledger.settle(consumer);
            self.hand_out(capacity);
            let room = self.ledger.has_room(capacity);
            full.adjust(consumer, &self.ledger, &topics.tasks, room);
            if !room {
                self.ledger.wait(consumer, POLL);
                if !full.paused() {
                    continue;
                }
            }
            match consumer.poll(if room { POLL } else { Duration::ZERO }) {
                Some(Ok(record)) => self.take(&record),
                Some(Err(error)) => {
                    self.tell(&error);
                    if let KafkaError::MessageConsumptionFatal(code) = error {
                        return Some(code);
                    }
                }
                None => {}
            }
        }
        None
    }

    /// Says what keeps tasks from coming, where it does not pass by itself also in heartbeats and on the status page.
    fn tell(&self, error: &KafkaError) {
        let Settings { kafka, topics, .. } = &self.settings;
        let principal = kafka.principal();
        let subject = match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::GroupAuthorizationFailed) => &topics.worker_group,
            _ => &topics.tasks,
        };
        let access = Access::new(&principal, "Read", &topics.tasks).in_group(&topics.worker_group);
        let trouble = Trouble::of(error, access, None);
        if trouble.class == Class::Installation {
            self.monitor.troubles().report(subject, &trouble.reason);
            self.monitor.announce();
        } else if self.quiet.now() {
            warn!("Kafka: {trouble}; trying again");
        } else {
            debug!("Kafka: {trouble}");
        }
    }

    fn take(&self, record: &BorrowedMessage<'_>) {
        let Some(ticket) = self.ledger.open(record.partition(), record.offset()) else {
            return;
        };
        self.monitor.troubles().clear(&self.settings.topics.tasks);
        let value = record.payload().unwrap_or_default();
        let headers = from_message(record.headers());
        match self.read(&headers, value) {
            Ok(header) => {
                let holder = header.holder.as_deref();
                self.ledger.wait_for_slot(Task {
                    inherited: holder.is_some_and(|holder| holder != self.settings.instance),
                    header,
                    pixels: self.buffers.copy(value),
                    ticket,
                });
            }
            Err(error) => {
                warn!(
                    partition = record.partition(),
                    offset = record.offset(),
                    "a record of '{}' cannot be read and goes to '{}': {error}",
                    self.settings.topics.tasks,
                    self.settings.topics.dead_letters
                );
                if let Some(origin) = headers.origin() {
                    self.publisher.dead_letter(record, &error, None);
                    self.publisher.refusal(&origin, &error, ticket);
                } else {
                    self.publisher.dead_letter(record, &error, Some(ticket));
                }
            }
        }
    }

    /// Reads a task and checks what can be checked without its pixels.
    fn read(&self, headers: &Headers<'_>, value: &[u8]) -> Result<TaskHeader, String> {
        let header = TaskHeader::from_headers(headers).map_err(|error| error.to_string())?;
        header.check_value(value).map_err(|error| error.to_string())?;
        let topics = &self.settings.topics;
        if let Some(wanted) = &header.results
            && !topics.accepts_results(wanted)
        {
            return Err(format!(
                "header 'results' has the value '{wanted}': answers go to '{results}' or a topic whose name begins with \
                 '{results}-'",
                results = topics.results
            ));
        }
        Ok(header)
    }

    /// Hands the tasks to the slots whose turn it is.
    fn hand_out(&self, capacity: usize) {
        while let Some(task) = self.ledger.next_for_slot(capacity) {
            // The slots live until this sender is gone.
            let _ = self.tasks.send(task);
        }
    }

    /// Finishes what is in hand, commits, leaves the group. What is not finished in time is another worker's.
    fn drain(&self, consumer: &BaseConsumer<Group>) {
        let deadline = Instant::now() + self.settings.drain_timeout;
        let (partitions, _) = self.ledger.partitions();
        pause(consumer, &self.settings.topics.tasks, &partitions);
        self.ledger.put_back(None);
        info!(tiles = self.ledger.unanswered(), "draining");
        while self.ledger.unanswered() > 0 {
            self.monitor.pulse().turn();
            if Instant::now() >= deadline {
                warn!(
                    tiles = self.ledger.unanswered(),
                    "the drain took too long; other workers get what is left"
                );
                break;
            }
            self.ledger.wait(consumer, POLL);
            // For the sake of rebalances. A record that comes now is not opened in the ledger: it stays in the topic.
            let _ = consumer.poll(Duration::ZERO);
        }
        match consumer.commit_consumer_state(CommitMode::Sync) {
            Ok(()) | Err(KafkaError::ConsumerCommit(RDKafkaErrorCode::NoOffset)) => {}
            Err(error) => {
                warn!("the last offsets are not committed, some tiles will be rendered twice: {error}")
            }
        }
    }
}

/// Whether the slots have been busy for so long that the partitions are paused.
#[derive(Default)]
struct Fullness {
    since: Option<Instant>,
    /// Generation of the assignment that is paused.
    paused: Option<u64>,
}

impl Fullness {
    fn paused(&self) -> bool {
        self.paused.is_some()
    }

    fn adjust(&mut self, consumer: &BaseConsumer<Group>, ledger: &Ledger, topic: &str, room: bool) {
        if room {
            self.since = None;
            if self.paused.take().is_some() {
                let (partitions, _) = ledger.partitions();
                if let Err(error) = consumer.resume(&list(topic, &partitions)) {
                    warn!("cannot resume partitions {partitions:?}: {error}");
                }
            }
            return;
        }
        if self.since.get_or_insert_with(Instant::now).elapsed() < PAUSE_AFTER {
            return;
        }
        let (partitions, generation) = ledger.partitions();
        if self.paused != Some(generation) {
            pause(consumer, topic, &partitions);
            self.paused = Some(generation);
        }
    }
}

fn list(topic: &str, partitions: &[i32]) -> TopicPartitionList {
    let mut list = TopicPartitionList::with_capacity(partitions.len());
    for partition in partitions {
        list.add_partition(topic, *partition);
    }
    list
}

fn pause(consumer: &BaseConsumer<Group>, topic: &str, partitions: &[i32]) {
    if let Err(error) = consumer.pause(&list(topic, partitions)) {
        warn!("cannot pause partitions {partitions:?}: {error}");
    }
}
