//! The driver: holds the core, tells it what happens, and hands on what it wants done.
//!
//! Whoever has an event calls [`Driver::tell`], on its own thread: the core takes a few microseconds. The effects are handed to
//! the drivers under the same lock, so they are begun in the order in which the core gave them; handing on is always an
//! entry in a queue, never the work itself.

use std::collections::{BTreeSet, HashMap};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use azulejo_engine::{Core, Effect, Event, Send, StoreOp, Time, Transaction};
use azulejo_protocol::{JobId, Timestamp};
use tokio::sync::{oneshot, watch};

use super::api::events::Events;
use super::files::Files;
use super::kafka::collector::Judged;
use super::kafka::outbox::{Outbox, Parcel};
use super::problems::{Problems, Said};
use super::settings::Change;
use super::store::{Store, StoreError, ops};
use super::tell::Tell;

/// How often the core is told that time has passed.
const TICK: Duration = Duration::from_millis(200);

/// Everything that effects go to.
pub struct Drivers {
    /// Files of jobs.
    pub files: Arc<Files>,
    /// What is sent.
    pub outbox: Outbox,
    /// The collector.
    pub judged: Sender<Judged>,
    /// The database.
    pub store: Store,
    /// This server's topic of results.
    pub results: String,
    /// Whoever watches.
    pub events: Events,
}

/// Holds the core.
pub struct Driver {
    core: Mutex<Core>,
    began: Instant,
    drivers: Drivers,
    tell: Tell,
    problems: Problems,
    replies: Mutex<HashMap<u64, oneshot::Sender<bool>>>,
    lost: watch::Sender<Option<String>>,
}

impl Driver {
    /// Puts `core` to work. `tell` reaches this driver.
    pub fn new(core: Core, drivers: Drivers, tell: Tell, problems: Problems) -> Self {
        Self {
            core: Mutex::new(core),
            began: Instant::now(),
            drivers,
            tell,
            problems,
            replies: Mutex::default(),
            lost: watch::channel(None).0,
        }
    }

    /// What the drivers are.
    pub fn drivers(&self) -> &Drivers {
        &self.drivers
    }

    /// What does not work.
    pub fn problems(&self) -> &Problems {
        &self.problems
    }

    /// Time since the engine began, as the core counts it.
    pub fn now(&self) -> Time {
        self.began.elapsed()
    }

    /// The core, to look at. Never held over input or output.
    pub fn core(&self) -> MutexGuard<'_, Core> {
        match self.core.lock() {
            Ok(core) => core,
            // A panic in the core leaves it in a state that nobody foresaw: the process ends, and the next start goes on
            // from what is stored.
            Err(poisoned) => {
                self.end_process("the engine's core met a bug; its log says where");
                poisoned.into_inner()
            }
        }
    }

    /// Whether nobody holds the core at this moment.
    pub fn is_free(&self) -> bool {
        self.core.try_lock().is_ok()
    }

    /// Tells the core of an event and hands on what it wants done.
    pub fn tell(&self, event: Event) {
        let mut core = self.core();
        // Taken under the lock, so that the core's time does not go back.
        core.handle(self.now(), event);
        while let Some(effect) = core.poll_effect() {
            self.hand_on(effect);
        }
    }

    fn hand_on(&self, effect: Effect) {
        let Drivers {
            files,
            outbox,
            judged,
            store,
            results,
            events,
        } = &self.drivers;
        match effect {
            Effect::Check { job, run } => files.check(job, run),
            Effect::Decode { job, run } => files.decode(job, run),
            Effect::Assemble { job, run, bands } => files.assemble(job, run, bands),
            Effect::NextPass { job, run, decoded } => files.next_pass(job, run, decoded),
            Effect::Stop { job, run, completed } => files.stop(job, run, completed),
            Effect::Left { job, run, completed } => files.leave(job, run, completed),
            Effect::Send(send) => outbox.send(Parcel::Tile(send)),
            Effect::Control(word) => outbox.send(Parcel::Word(word)),
            Effect::DeadLetter {
                job,
                run,
                tile,
                attempt,
                worker,
                error,
            } => {
                let send = Send {
                    id: 0,
                    job,
                    run,
                    tile,
                    attempt,
                    partition: 0,
                    holder: String::new(),
                };
                tracing::warn!(%job, tile, attempt, worker, error, "a tile is given up");
                // The job ends next.
                if let Some(run) = files.this_run(job, run) {
                    let run = run.hold();
                    outbox.send(Parcel::Dead {
                        run,
                        send,
                        worker,
                        error,
                    });
                }
            }
            // The collector ends with the engine.
            Effect::Judge { batch, verdicts } => drop(judged.send((batch, verdicts))),
            Effect::Store { transaction, ops } => self.store(store, results, transaction, ops),
            Effect::Reply { ticket, ended } => {
                let reply = self.replies().remove(&ticket);
                if let Some(reply) = reply {
                    // Whoever asked may have gone away.
                    let _ = reply.send(ended);
                }
            }
            Effect::JobChanged(job) => events.mark(Change::Job(job)),
            Effect::WorkersChanged => events.mark(Change::Workers),
            Effect::HealthChanged => events.mark(Change::Health),
            Effect::CostsChanged => events.mark(Change::Costs),
            Effect::Fatal(reason) => self.end_process(&reason),
        }
    }

    fn store(&self, store: &Store, results: &str, transaction: Transaction, asked: Vec<StoreOp>) {
        let now = Timestamp::now_utc();
        for op in &asked {
            self.note_time(op, now);
        }
        let (tell, results) = (self.tell.clone(), results.to_owned());
        let lost = self.lost.clone();
        store.write_then(
            move |db| ops::apply(db, &results, &asked, now),
            move |result| match result {
                Ok(()) => tell(Event::Stored(transaction)),
                Err(StoreError::Closed) => {}
                Err(error) => {
                    tracing::error!(%error, "the database does not take a write");
                    if lost.borrow().is_none() {
                        tell(Event::NotStored {
                            transaction,
                            class: error.class(),
                            reason: error.to_string(),
                        });
                    }
                }
            },
        );
    }

    /// The times of a job's steps are shown from memory while it is under way.
    fn note_time(&self, op: &StoreOp, now: Timestamp) {
        let run = |job: &JobId| self.drivers.files.run(*job);
        match op {
            StoreOp::MeasureStarted(job) => {
                if let Some(run) = run(job) {
                    run.times().measure_started.get_or_insert(now);
                }
            }
            StoreOp::TilesStarted(job) => {
                if let Some(run) = run(job) {
                    run.times().tiles_started.get_or_insert(now);
                }
            }
            StoreOp::TilesFinished(job) => {
                if let Some(run) = run(job) {
                    run.times().tiles_finished = Some(now);
                }
            }
            StoreOp::Position { .. }
            | StoreOp::Tile { .. }
            | StoreOp::Pattern { .. }
            | StoreOp::Costs(_)
            | StoreOp::End { .. } => {}
        }
    }

    fn replies(&self) -> MutexGuard<'_, HashMap<u64, oneshot::Sender<bool>>> {
        self.replies.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where the answer to the question `ticket` will arrive.
    pub fn reply(&self, ticket: u64) -> oneshot::Receiver<bool> {
        let (sender, receiver) = oneshot::channel();
        self.replies().insert(ticket, sender);
        receiver
    }

    /// The process has to be started anew, because of `reason`.
    pub fn end_process(&self, reason: &str) {
        self.lost.send_if_modified(|lost| {
            let first = lost.is_none();
            lost.get_or_insert_with(|| reason.to_owned());
            first
        });
    }

    /// Waits until the engine cannot go on in this process, and says why.
    pub async fn lost(&self) -> String {
        let mut lost = self.lost.subscribe();
        loop {
            let reason = lost.borrow_and_update().clone();
            match reason {
                Some(reason) => return reason,
                None if lost.changed().await.is_ok() => {}
                None => std::future::pending().await,
            }
        }
    }

    /// Tells the core again and again that time has passed, until `is_over`.
    pub fn tick(&self, nap: impl Fn(Duration), is_over: impl Fn() -> bool) {
        let mut said = Said::default();
        while !is_over() {
            nap(TICK);
            self.tell(Event::Tick);
            let problems = self.core().problems();
            said.follow(problems);
        }
    }

    /// The ids of the workers that are heard of.
    pub fn heard(&self) -> BTreeSet<String> {
        let now = self.now();
        self.core().workers().ids(now)
    }
}
