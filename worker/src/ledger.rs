//! Who owes what: tasks in slots, answers that are not acknowledged yet, and the offsets that follow from both.
//!
//! Only the consumer's thread changes the ledger: between two polls, and inside a poll when librdkafka calls for a
//! rebalance.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crossbeam_channel::Receiver;
use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Message, OwnedMessage};
use rdkafka::topic_partition_list::Offset;
use tracing::{debug, warn};

use crate::assignment::{Assignment, Ticket};
use crate::kafka_log::Occasionally;
use crate::publisher::{Event, Publisher};

/// Answers that the broker refused in a row before the worker gives up and lets its supervisor start it anew.
const MAX_REFUSALS: u32 = 20;

/// Pause after a refusal, so that a broker that refuses at once is not asked thousands of times a second.
const REFUSAL_PAUSE: Duration = Duration::from_millis(250);

/// The account of all tasks that were taken and not yet settled.
pub struct Ledger {
    state: Mutex<State>,
    events: Receiver<Event>,
    publisher: Publisher,
    topic: String,
    quiet: Occasionally,
}

#[derive(Default)]
struct State {
    assignment: Assignment,
    /// Tasks handed to slots whose slot is not free again.
    in_slots: usize,
    /// Tasks whose answer is not acknowledged.
    unanswered: usize,
    refusals: u32,
    fatal: Option<String>,
}

impl Ledger {
    /// An empty account for the partitions of `topic`.
    pub fn new(topic: &str, events: Receiver<Event>, publisher: Publisher) -> Self {
        Self {
            state: Mutex::default(),
            events,
            publisher,
            topic: topic.to_owned(),
            quiet: Occasionally::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens an account for a record. `None` when its partition is not held.
    pub fn open(&self, partition: i32, offset: i64) -> Option<Ticket> {
        let mut state = self.state();
        let ticket = state.assignment.start(partition, offset)?;
        state.unanswered += 1;
        Some(ticket)
    }

    /// A task goes to a slot.
    pub fn enter_slot(&self) {
        self.state().in_slots += 1;
    }

    /// Tasks that are in slots or wait for one.
    pub fn in_slots(&self) -> usize {
        self.state().in_slots
    }

    /// Tasks whose answer is not acknowledged.
    pub fn unanswered(&self) -> usize {
        self.state().unanswered
    }

    /// The partitions held, and a number that changes with them.
    pub fn partitions(&self) -> (Vec<i32>, u64) {
        let state = self.state();
        (state.assignment.partitions(), state.assignment.generation())
    }

    /// Why the worker cannot go on, once that is so.
    pub fn fatal(&self) -> Option<String> {
        self.state().fatal.clone()
    }

    /// Partitions were given to this worker.
    pub fn assign(&self, partitions: &[i32]) {
        self.state().assignment.assign(partitions.iter().copied());
    }

    /// Partitions are about to be taken away: settles what is under way in them, for at most `patience`, and closes
    /// them. What is not settled by then is another worker's; its result, if it still comes, is a harmless duplicate.
    pub fn release<C: ConsumerContext>(
        &self,
        consumer: &BaseConsumer<C>,
        partitions: &[i32],
        patience: Duration,
    ) {
        let deadline = Instant::now() + patience;
        loop {
            let unfinished = self.state().assignment.unfinished_in(partitions);
            let left = deadline.saturating_duration_since(Instant::now());
            if unfinished == 0 {
                break;
            }
            if left.is_zero() {
                warn!("{unfinished} tiles of revoked partitions {partitions:?} are left to their new owner");
                break;
            }
            self.wait(consumer, left);
        }
        self.state().assignment.revoke(partitions);
    }

    /// Settles every event that is there, without waiting.
    pub fn settle<C: ConsumerContext>(&self, consumer: &BaseConsumer<C>) {
        while let Ok(event) = self.events.try_recv() {
            self.take(consumer, event);
        }
    }

    /// Waits for an event, at most `timeout`, and settles it and all that came with it.
    pub fn wait<C: ConsumerContext>(&self, consumer: &BaseConsumer<C>, timeout: Duration) {
        if let Ok(event) = self.events.recv_timeout(timeout) {
            self.take(consumer, event);
            self.settle(consumer);
        }
    }

    fn take<C: ConsumerContext>(&self, consumer: &BaseConsumer<C>, event: Event) {
        match event {
            Event::SlotFree => self.state().in_slots -= 1,
            Event::Answered(ticket) => {
                let next = {
                    let mut state = self.state();
                    state.unanswered -= 1;
                    state.refusals = 0;
                    state.assignment.finish(ticket)
                };
                if let Some(next) = next {
                    self.store(consumer, ticket.partition, next);
                }
            }
            Event::Undelivered {
                ticket,
                record,
                error,
            } => self.undelivered(ticket, *record, &error),
        }
    }

    fn store<C: ConsumerContext>(&self, consumer: &BaseConsumer<C>, partition: i32, next: i64) {
        let mut offsets = TopicPartitionList::with_capacity(1);
        let stored = offsets
            .add_partition_offset(&self.topic, partition, Offset::Offset(next))
            .and_then(|()| consumer.store_offsets(&offsets));
        if let Err(error) = stored {
            // The partition was lost between the check and here: its new owner reads from the last commit.
            debug!(partition, next, "offset not stored: {error}");
        }
    }

    /// A result that librdkafka gave up on is offered again: until its answer is out, the task's offset stays.
    fn undelivered(&self, ticket: Ticket, record: OwnedMessage, error: &KafkaError) {
        let code = error.rdkafka_error_code();
        if code == Some(RDKafkaErrorCode::MessageSizeTooLarge)
            && record.payload().is_some_and(|v| !v.is_empty())
        {
            // The topic takes less than Azulejo's records may have: trying again cannot help, saying so can.
            let bytes = record.payload().map_or(0, <[u8]>::len);
            let reason = format!("the topic '{}' refuses a record of {bytes} bytes", record.topic());
            return self.publisher.without_value(record, &reason, ticket);
        }
        let fatal = code == Some(RDKafkaErrorCode::Fatal);
        // A time-out means that the broker is away, which may take as long as it takes.
        let refused = code != Some(RDKafkaErrorCode::MessageTimedOut);
        let refusals = {
            let mut state = self.state();
            state.refusals += u32::from(refused);
            if fatal || state.refusals > MAX_REFUSALS {
                state
                    .fatal
                    .get_or_insert_with(|| format!("results cannot be delivered: {error}"));
                return;
            }
            state.refusals
        };
        if self.quiet.now() {
            warn!(refusals, "a result was not delivered, sending it again: {error}");
        }
        if refused {
            std::thread::sleep(REFUSAL_PAUSE);
        }
        self.publisher.again(record, ticket);
    }
}
