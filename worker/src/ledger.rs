//! Who owes what: tasks in slots, answers that are not acknowledged yet, and the offsets that follow from both.
//!
//! Only the consumer's thread changes the ledger: between two polls, and inside a poll when librdkafka calls for a
//! rebalance.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use azulejo_protocol::Topics;
use crossbeam_channel::Receiver;
use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::KafkaError;
use rdkafka::message::{Message, OwnedMessage};
use rdkafka::topic_partition_list::Offset;
use tracing::{debug, warn};

use crate::assignment::{Assignment, Ticket};
use crate::config::Settings;
use crate::publisher::{Event, Publisher};
use crate::task::Task;
use crate::trouble::Troubles;
use crate::turns::Turns;
use azulejo_transport::{Access, Class, Occasionally, Trouble, trouble};

/// Pauses before a refused answer is offered again, doubled with each refusal in a row.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// An answer for another topic than the installation's own `results` is given up after so long: its server may be gone
/// for good, and its topic with it, while other servers wait for this worker.
const FORSAKEN: Duration = Duration::from_secs(300);

/// An answer that was refused and is offered again later.
struct Delayed {
    due: Instant,
    ticket: Ticket,
    record: OwnedMessage,
}

/// The account of all tasks that were taken and not yet settled.
pub struct Ledger {
    state: Mutex<State>,
    events: Receiver<Event>,
    publisher: Publisher,
    topics: Topics,
    troubles: Arc<Troubles>,
    /// Who this worker is to the cluster.
    principal: String,
    quiet: Occasionally,
}

#[derive(Default)]
struct State {
    assignment: Assignment,
    /// Tasks handed to slots whose slot is not free again.
    in_slots: usize,
    turns: Turns,
    /// Tasks whose answer is not acknowledged.
    unanswered: usize,
    delayed: Vec<Delayed>,
    /// Refusals in a row, and since when, by the offset's ticket.
    refusals: HashMap<(i32, i64), (u32, Instant)>,
}

impl Ledger {
    /// An empty account for the partitions of `tasks`.
    pub fn new(
        settings: &Settings,
        events: Receiver<Event>,
        publisher: Publisher,
        troubles: Arc<Troubles>,
    ) -> Self {
        Self {
            state: Mutex::default(),
            events,
            publisher,
            topics: settings.topics.clone(),
            troubles,
            principal: settings.kafka.principal(),
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

    /// A task waits for a slot.
    pub fn wait_for_slot(&self, task: Task) {
        self.state().turns.add(task);
    }

    /// The task that goes to a slot now, of which there are `capacity`.
    pub fn next_for_slot(&self, capacity: usize) -> Option<Task> {
        let mut state = self.state();
        let busy = state.in_slots;
        let task = state.turns.next(busy, capacity)?;
        state.in_slots += 1;
        Some(task)
    }

    /// Whether a task more can be taken from Kafka: a slot is free for it, and answers go out.
    pub fn has_room(&self, capacity: usize) -> bool {
        let state = self.state();
        state.turns.room(state.in_slots, capacity) && state.delayed.len() < capacity
    }

    /// Leaves the tasks that wait for a slot to whoever holds their partition next, those of `partitions` or all.
    pub fn put_back(&self, partitions: Option<&[i32]>) {
        let mut state = self.state();
        let back = state
            .turns
            .take_back(|task| partitions.is_none_or(|which| which.contains(&task.ticket.partition)));
        for task in &back {
            state.assignment.put_back(task.ticket);
        }
        state.unanswered -= back.len();
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
        self.put_back(Some(partitions));
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

    /// Settles every event that is there, without waiting, and offers refused answers again whose time has come.
    pub fn settle<C: ConsumerContext>(&self, consumer: &BaseConsumer<C>) {
        let now = Instant::now();
        let due: Vec<Delayed> = self
            .state()
            .delayed
            .extract_if(.., |delayed| delayed.due <= now)
            .collect();
        for Delayed { ticket, record, .. } in due {
            self.publisher.again(record, ticket);
        }
        while let Ok(event) = self.events.try_recv() {
            self.take(consumer, event);
        }
    }

    /// Waits for an event, at most `timeout`, and settles it and all that came with it.
    pub fn wait<C: ConsumerContext>(&self, consumer: &BaseConsumer<C>, timeout: Duration) {
        let due = self.state().delayed.iter().map(|delayed| delayed.due).min();
        let timeout = due.map_or(timeout, |due| {
            timeout.min(due.saturating_duration_since(Instant::now()))
        });
        if let Ok(event) = self.events.recv_timeout(timeout) {
            self.take(consumer, event);
        }
        self.settle(consumer);
    }

    fn take<C: ConsumerContext>(&self, consumer: &BaseConsumer<C>, event: Event) {
        match event {
            Event::SlotFree => self.state().in_slots -= 1,
            Event::Answered(ticket) => self.answered(consumer, ticket),
            Event::Undelivered {
                ticket,
                record,
                error,
            } => {
                if !self.undelivered(ticket, *record, &error) {
                    self.answered(consumer, ticket);
                }
            }
        }
    }

    fn answered<C: ConsumerContext>(&self, consumer: &BaseConsumer<C>, ticket: Ticket) {
        let next = {
            let mut state = self.state();
            state.unanswered -= 1;
            state.refusals.remove(&(ticket.partition, ticket.offset));
            state.assignment.finish(ticket)
        };
        if let Some(next) = next {
            self.store(consumer, ticket.partition, next);
        }
    }

    fn store<C: ConsumerContext>(&self, consumer: &BaseConsumer<C>, partition: i32, next: i64) {
        let mut offsets = TopicPartitionList::with_capacity(1);
        let stored = offsets
            .add_partition_offset(&self.topics.tasks, partition, Offset::Offset(next))
            .and_then(|()| consumer.store_offsets(&offsets));
        if let Err(error) = stored {
            // The partition was lost between the check and here: its new owner reads from the last commit.
            debug!(partition, next, "offset not stored: {error}");
        }
    }

    /// A result that librdkafka gave up on is offered again: until its answer is out, the task's offset stays. Returns
    /// false when it is given up.
    fn undelivered(&self, ticket: Ticket, record: OwnedMessage, error: &KafkaError) -> bool {
        let has_value = record.payload().is_some_and(|value| !value.is_empty());
        let bytes = record.payload().map(<[u8]>::len);
        let access = Access::new(&self.principal, "Write", record.topic());
        let trouble = Trouble::of(error, access, bytes);
        match trouble.class {
            Class::Record if has_value => {
                // The topic takes less than Azulejo's records may have: trying again cannot help, saying so can.
                self.publisher.without_value(record, &trouble.reason, ticket);
                true
            }
            // The broker is away, which may take as long as it takes.
            Class::Passing | Class::Fatal if !trouble::is_missing(error) => {
                if self.quiet.now() {
                    warn!("a result was not delivered, sending it again: {error}");
                }
                self.later(ticket, record, FIRST_PAUSE);
                true
            }
            // A topic that is not there may be that of a server that is gone.
            Class::Record | Class::Installation | Class::Passing | Class::Fatal => {
                self.troubles.report(record.topic(), &trouble.reason);
                self.refused(ticket, record)
            }
        }
    }

    fn later(&self, ticket: Ticket, record: OwnedMessage, pause: Duration) {
        self.state().delayed.push(Delayed {
            due: Instant::now() + pause,
            ticket,
            record,
        });
    }

    /// Offers a refused answer again, after a pause that grows with each refusal. Returns false when it is given up.
    fn refused(&self, ticket: Ticket, record: OwnedMessage) -> bool {
        let (refusals, since) = {
            let mut state = self.state();
            let refusals = state
                .refusals
                .entry((ticket.partition, ticket.offset))
                .or_insert((0, Instant::now()));
            refusals.0 += 1;
            *refusals
        };
        if record.topic() != self.topics.results && since.elapsed() > FORSAKEN {
            warn!("an answer for the topic '{}' is given up", record.topic());
            return false;
        }
        let pause = FIRST_PAUSE
            .saturating_mul(1 << (refusals - 1).min(10))
            .min(LONGEST_PAUSE);
        self.later(ticket, record, pause);
        true
    }
}
