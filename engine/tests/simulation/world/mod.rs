//! The world around the core: a clock that jumps from one thing to the next, and everything that happens in between.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use azulejo_engine::job::JobPhase;
use azulejo_engine::{
    Accepted, Answer, Body, Core, DeliveryClass, Effect, Ending, Event, KnownTile, Measure, Plan, RunId,
    Send, Settings, StoreClass, Time, Transaction, Verdict, Written,
};
use azulejo_imaging::{PixelFormat, Size, Statistic, TileGrid};
use azulejo_protocol::{ControlMessage, JobId, TileState};

use crate::faults::Faults;
use crate::kafka::{Kafka, Task};
use crate::random::Random;
use crate::store::{Store, StoredJob};
use crate::worker::{InHand, Worker};

/// The time between two ticks of the server.
const TICK: Time = Time::from_millis(250);
/// The least time that everything has to end in once faults have stopped, beside what its tiles take.
const GRACE: Time = Time::from_secs(4 * 3600);

mod checks;
mod effects;
mod fleet;
mod losses;
mod mischief;
mod server;
mod steady;
mod users;

/// Something that will happen.
#[derive(Debug, Clone)]
enum Action {
    /// The server of this life hears of something.
    Server(u32, Event),
    /// The store gets to a transaction.
    Commit(u32, Transaction, Vec<azulejo_engine::StoreOp>),
    /// The server reads results.
    Collect(u32),
    /// The server of this life merges what a run has measured.
    Merge(u32, JobId, RunId),
    Tick(u32),
    Restart,
    Submit,
    Cancel,
    Retry,
    /// A record of a task reaches its partition.
    Task(i32, Task),
    /// A record of a result reaches its partition; the topics were made so often when it was produced.
    Answer(i32, u32, Answer),
    /// A worker takes and begins tasks.
    Work(usize),
    /// A worker of this life finishes a task.
    Finish(usize, u64, u64),
    /// Time for the next heartbeat of a worker in this life.
    Beat(usize, u64),
    /// A worker in this life has news, and says so in between.
    Say(usize, u64),
    Word(usize, ControlMessage),
    ComeBack(usize),
    Rebalance,
    Mischief,
}

/// What a mutated driver does wrong, to see that the checks see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutation {
    None,
    /// `Stored` is told before the commit.
    TellBeforeStoring,
    /// Endings are not stored, though it is said so.
    LoseEndings,
    /// Cancellations are never taken back.
    LoseResume,
    /// Pixels are said to be written and are not.
    LosePixels,
    /// Failed deliveries are not reported.
    LoseFailures,
    /// Bands are never encoded twice, and never after a restart.
    LoseBands,
    /// `Stop` is not carried out.
    LoseStop,
    /// An answered check is lost.
    LoseCheck,
    /// The end of a measuring pass is not told.
    LosePass,
}

#[derive(Debug, Clone)]
struct Kind {
    poison: Option<u32>,
    impossible: Option<u32>,
    unusable: Option<u32>,
    unanswered: Option<u32>,
    unstorable: Option<u32>,
    too_large: bool,
}

/// How quick the server's own parts are, and what bounds them.
#[derive(Debug, Clone, Copy)]
struct Pace {
    tile_timeout: Time,
    max_outstanding_bytes: u64,
    /// Milliseconds between two reads of results, from and to; so many times that when there are none for long.
    collect: (u64, u64),
    rest: u64,
    /// Results in a read.
    read: usize,
    /// Microseconds of a transaction, from and to.
    store: (u64, u64),
    /// So much may happen before it is too much.
    events: u64,
}

const PACE: Pace = Pace {
    tile_timeout: Time::from_secs(10),
    max_outstanding_bytes: 64 << 10,
    collect: (2, 10),
    rest: 20,
    read: 16,
    store: (100, 3000),
    events: 3_000_000,
};

/// How much of the slots' time was spent at work while tiles waited to be sent.
#[derive(Debug, Clone, Copy, Default)]
struct Meter {
    /// Nothing is measured before this time.
    from: Time,
    slots: Time,
    busy: Time,
}

pub struct World {
    pub random: Random,
    pub faults: Faults,
    pub now: Time,
    mutation: Mutation,
    agenda: BTreeMap<(Time, u64), Action>,
    sequence: u64,
    core: Option<Core>,
    life: u32,
    started: Time,
    crashes: u32,
    next_run: RunId,
    runs: BTreeMap<JobId, RunId>,
    left: BTreeSet<RunId>,
    encoded: BTreeMap<RunId, u32>,
    /// The runs that follow when measuring passes are over.
    passes: BTreeMap<RunId, RunId>,
    /// Measuring passes that were merged.
    pub merged: u32,
    next_batch: u64,
    /// What each batch of answers names: job, tile, and the step that was measured.
    verdicts: BTreeMap<u64, Vec<(JobId, u32, Option<u32>)>>,
    positions: BTreeMap<i32, i64>,
    goal: BTreeMap<i32, i64>,
    results_made: u32,
    is_caught_up: bool,
    collecting: bool,
    /// Reads in a row that gave no results.
    quiet_reads: u64,
    store_free: Time,
    pub store: Store,
    pub kafka: Kafka,
    workers: Vec<Worker>,
    kinds: BTreeMap<JobId, Kind>,
    submitted: u64,
    control: Vec<ControlMessage>,
    heard: BTreeMap<usize, (Time, azulejo_protocol::Heartbeat)>,
    /// When the last heartbeat of each worker arrives.
    arrivals: BTreeMap<usize, Time>,
    sends: BTreeMap<(JobId, u32, u32), u32>,
    tickets: u64,
    is_connected: bool,
    pub log: Vec<String>,
    pub verbose: bool,
    pub events: u64,
    pub endings: BTreeMap<&'static str, u32>,
    group_dirty: bool,
    pub losses: losses::Losses,
    pace: Pace,
    meter: Option<Meter>,
    /// Tiles of the jobs that will be submitted; when there are none left, chance decides.
    sizes: VecDeque<u32>,
    /// When each job was submitted, and when it ended.
    pub lives: BTreeMap<JobId, (Time, Option<Time>)>,
}

type Checked = Result<(), String>;

impl World {
    pub fn new(seed: u64, mutation: Mutation) -> Self {
        let mut random = Random::new(seed);
        let faults = Faults::of(&mut random);
        Self::of(random, faults, mutation)
    }

    fn of(random: Random, faults: Faults, mutation: Mutation) -> Self {
        let mut world = Self {
            kafka: Kafka::new(faults.task_partitions, faults.result_partitions),
            workers: Vec::new(),
            random,
            faults,
            now: Time::ZERO,
            mutation,
            agenda: BTreeMap::new(),
            sequence: 0,
            core: None,
            life: 0,
            started: Time::ZERO,
            crashes: 0,
            next_run: 0,
            runs: BTreeMap::new(),
            left: BTreeSet::new(),
            encoded: BTreeMap::new(),
            passes: BTreeMap::new(),
            merged: 0,
            next_batch: 0,
            verdicts: BTreeMap::new(),
            positions: BTreeMap::new(),
            goal: BTreeMap::new(),
            results_made: 0,
            is_caught_up: false,
            collecting: false,
            quiet_reads: 0,
            store_free: Time::ZERO,
            store: Store::default(),
            kinds: BTreeMap::new(),
            submitted: 0,
            control: Vec::new(),
            heard: BTreeMap::new(),
            arrivals: BTreeMap::new(),
            sends: BTreeMap::new(),
            tickets: 0,
            is_connected: false,
            log: Vec::new(),
            verbose: false,
            events: 0,
            endings: BTreeMap::new(),
            group_dirty: true,
            losses: losses::Losses::default(),
            pace: PACE,
            meter: None,
            sizes: VecDeque::new(),
            lives: BTreeMap::new(),
        };
        if world.random.one_in(4) {
            // Sixteen tiles.
            world.pace.max_outstanding_bytes = 1 << 10;
        }
        world.begin();
        world
    }

    /// Whoever is there comes to life.
    fn begin(&mut self) {
        let world = self;
        for number in 0..world.faults.workers as usize {
            let id = if world.faults.same_id && number < 2 {
                "twin".to_owned()
            } else {
                format!("worker-{number}")
            };
            let slots = world.random.between(1, 4) as usize;
            // The first is never of another version: somebody must be able to do the work.
            let old = world.faults.old_worker && number == 1;
            world.workers.push(Worker::new(number, id, slots, old));
            world.later(world.ms(1, 50), Action::Beat(number, 1));
        }
        world.later(Time::ZERO, Action::Rebalance);
        world.later(Time::ZERO, Action::Restart);
        for _ in 0..world.faults.jobs {
            let at = Time::from_millis(world.random.between(0, 10_000));
            world.later(at, Action::Submit);
        }
        world.later(Time::from_secs(1), Action::Mischief);
    }

    fn ms(&self, low: u64, high: u64) -> Time {
        // A cheap spread that needs no state.
        let spread = self.sequence.wrapping_mul(0x9e37_79b9) % (high - low + 1);
        Time::from_millis(low + spread)
    }

    fn later(&mut self, after: Time, action: Action) {
        self.sequence += 1;
        self.agenda.insert((self.now + after, self.sequence), action);
    }

    fn faulty(&self) -> bool {
        self.now < self.faults.until
    }

    /// Whether a fault of these odds occurs now.
    fn strikes(&mut self, odds: u64) -> bool {
        self.faulty() && self.random.one_in(odds)
    }

    fn way(&mut self) -> Time {
        let way = self.faults.way / 2;
        Time::from_micros(way + self.random.between(0, way / 4))
    }

    fn say(&mut self, what: impl FnOnce() -> String) {
        if self.verbose {
            let line = format!("{:>12.6} {}", self.now.as_secs_f64(), what());
            self.log.push(line);
        }
    }

    /// Lives until every job has ended.
    ///
    /// # Errors
    /// The promise that was broken.
    pub fn live(&mut self) -> Checked {
        let end = self.faults.until + GRACE;
        while let Some(((at, _), action)) = self.agenda.pop_first() {
            self.measure(at);
            self.now = at;
            self.events += 1;
            if self.now > end {
                return Err(self.what_hangs());
            }
            if self.events > self.pace.events {
                return Err("too much happens: something is done again and again".to_owned());
            }
            self.act(action)?;
            let quiet = !self.faulty() && self.submitted == self.faults.jobs;
            if quiet && self.store.unfinished().next().is_none() && self.is_idle() {
                return Ok(());
            }
        }
        Err("nothing happens any more".to_owned())
    }

    fn is_idle(&self) -> bool {
        self.core
            .as_ref()
            .is_some_and(|core| core.jobs().next().is_none())
    }

    fn act(&mut self, action: Action) -> Checked {
        match action {
            Action::Server(life, event) if life == self.life => self.tell(event),
            Action::Commit(life, transaction, ops) => self.commit(life, transaction, &ops),
            Action::Collect(life) if life == self.life => self.collect(),
            Action::Merge(life, job, run) if life == self.life => self.merge(job, run),
            Action::Tick(life) if life == self.life => {
                self.later(TICK, Action::Tick(life));
                self.connect()?;
                self.tell(Event::Tick)?;
                self.check_losses()
            }
            Action::Server(..) | Action::Collect(_) | Action::Merge(..) | Action::Tick(_) => Ok(()),
            Action::Restart => self.restart(),
            Action::Submit => self.submit(),
            Action::Cancel => self.cancel(),
            Action::Retry => self.retry(),
            Action::Task(partition, task) => {
                self.kafka.tasks[partition as usize].append(task);
                if let Some((holder, _)) = self.kafka.assigned.get(&partition).copied() {
                    self.work(holder);
                }
                Ok(())
            }
            Action::Answer(partition, made, answer) => {
                if made == self.kafka.results_made {
                    self.kafka.results[partition as usize].append(answer);
                }
                Ok(())
            }
            Action::Work(worker) => {
                self.work(worker);
                Ok(())
            }
            Action::Finish(worker, life, hand) => self.finish(worker, life, hand),
            Action::Beat(worker, life) => self.beat(worker, life),
            Action::Say(worker, life) if life == self.workers[worker].life => self.announce(worker),
            Action::Say(..) => Ok(()),
            Action::Word(worker, word) => {
                self.hear_word(worker, &word);
                Ok(())
            }
            Action::ComeBack(worker) => {
                let now = self.now;
                self.workers[worker].come_back(now);
                let life = self.workers[worker].life;
                // As a real one does, it reads back what was said of late.
                for word in self.control.clone() {
                    self.hear_word(worker, &word);
                }
                self.later(Time::from_millis(1), Action::Beat(worker, life));
                self.later(Time::from_millis(500), Action::Rebalance);
                Ok(())
            }
            Action::Rebalance => {
                self.rebalance();
                Ok(())
            }
            Action::Mischief => self.mischief(),
        }
    }
}
