//! The core itself: what it knows, how it is driven, what may be asked of it.
//!
//! # Tour
//! Each kind of event has a file: [`jobs`] (a job comes, is cancelled, ends), [`files`] (rows are decoded, bands encoded),
//! [`sending`] (the next tile goes out; the broker took it or not), [`answers`] (results are read, written, stored),
//! [`clock`] (workers are heard and lost, tiles are overdue), [`deaths`] (what follows when a worker is lost), [`storing`]
//! (transactions and what follows from them), [`estimates`] (what is learned of costs, and how long the open jobs will take).

mod answers;
mod clock;
mod deaths;
mod estimates;
mod files;
mod jobs;
mod pending;
mod sending;
mod storing;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use azulejo_protocol::{JobId, record};

use crate::costs::Learner;
use crate::effect::Effect;
use crate::event::Event;
use crate::job::OpenJob;
use crate::lanes::Lanes;
use crate::ledger::ATTEMPT_POINTS;
use crate::rate::Rate;
use crate::window::{Stamp, Window};
use crate::workers::{Holder, WorkerKey, Workers};
use crate::{RunId, Time, Transaction, TryId};

/// How the core behaves.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// Attempts of a tile before it is given up; each is worth [`ATTEMPT_POINTS`].
    pub max_attempts: u32,
    /// An unanswered tile is sent again after this time at the earliest.
    pub tile_timeout: Time,
    /// Bytes of tasks outstanding in all: what a fresh consumer might have to fetch.
    pub max_outstanding_bytes: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_attempts: 3,
            tile_timeout: Time::from_secs(30),
            max_outstanding_bytes: 512 << 20,
        }
    }
}

/// A try that is out: sent, and its answer not stored.
#[derive(Debug)]
struct Out {
    job: JobId,
    run: RunId,
    tile: u32,
    partition: i32,
    bytes: u64,
    worker: WorkerKey,
    stamp: Stamp,
    sent: Time,
    /// When the broker acknowledged it.
    delivered: Option<Time>,
}

/// Why nothing is sent for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Hold {
    until: Time,
    pause: Time,
    /// What somebody has to change, if it will not pass by itself.
    reason: Option<String>,
}

/// The state machine.
#[derive(Debug)]
pub struct Core {
    settings: Settings,
    now: Time,
    jobs: BTreeMap<JobId, OpenJob>,
    lanes: Lanes,
    workers: Workers,
    holders: Vec<Holder>,
    windows: BTreeMap<WorkerKey, Window>,
    live: (u32, u32),
    out: BTreeMap<TryId, Out>,
    /// Those that lie on partitions of a worker that is lost, with that worker.
    stranded: BTreeMap<TryId, WorkerKey>,
    on_partition: BTreeMap<i32, u32>,
    bytes: u64,
    next_try: TryId,
    batches: BTreeMap<u64, pending::Batch>,
    transactions: BTreeMap<Transaction, pending::Pending>,
    next_transaction: Transaction,
    connected: bool,
    /// Since when workers can be heard: the cluster answers, and this process did not stand still.
    listening_since: Time,
    ticked: Option<Time>,
    caught_up: bool,
    hold: Option<Hold>,
    /// Jobs that are over, of which the workers have not been told because the cluster is away.
    unsaid: BTreeSet<JobId>,
    /// Jobs that ended without a result lately.
    over: VecDeque<JobId>,
    rate: Rate,
    costs: Learner,
    /// When costs were stored last, and whether something was learned since.
    costs_kept: Time,
    costs_changed: bool,
    effects: VecDeque<Effect>,
}

impl Core {
    /// A core that knows no job.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            now: Time::ZERO,
            jobs: BTreeMap::new(),
            lanes: Lanes::default(),
            workers: Workers::default(),
            holders: Vec::new(),
            windows: BTreeMap::new(),
            live: (0, 0),
            out: BTreeMap::new(),
            stranded: BTreeMap::new(),
            on_partition: BTreeMap::new(),
            bytes: 0,
            next_try: 0,
            batches: BTreeMap::new(),
            transactions: BTreeMap::new(),
            next_transaction: 0,
            connected: false,
            listening_since: Time::ZERO,
            ticked: None,
            caught_up: false,
            hold: None,
            unsaid: BTreeSet::new(),
            over: VecDeque::new(),
            rate: Rate::default(),
            costs: Learner::default(),
            costs_kept: Time::ZERO,
            costs_changed: false,
            effects: VecDeque::new(),
        }
    }

    /// Something happened at `now`, which must not be earlier than the time of the event before.
    pub fn handle(&mut self, now: Time, event: Event) {
        self.now = self.now.max(now);
        match event {
            Event::Accepted(accepted) => self.accept(*accepted),
            Event::Over(jobs) => jobs.into_iter().for_each(|job| self.is_over(job)),
            Event::Patterns(stored) => self.workers.restore_patterns(stored),
            Event::Costs(stored) => self.costs = Learner::from_json(&stored),
            Event::Cancel { job, ticket } => self.cancel(job, ticket),
            Event::Checked { job, run, tiles } => self.checked(job, run, &tiles),
            Event::RowsDecoded { job, run, rows } => self.rows_decoded(job, run, rows),
            Event::BandEncoded { job, run, band } => self.band_encoded(job, run, band),
            Event::Assembled { job, run, bytes } => self.assembled(job, run, bytes),
            Event::Measured { job, run, next } => self.measured(job, run, *next),
            Event::Stopped { job, run } => self.stopped(job, run),
            Event::FilesFailed { job, run, reason } => self.files_failed(job, run, reason),
            Event::Connected(connected) => self.set_connected(connected),
            Event::CaughtUp => self.caught_up = true,
            Event::Heard { beat, age } => self.heard(*beat, age),
            Event::Delivered(id) => self.delivered(id),
            Event::NotDelivered { id, class, reason } => self.not_delivered(id, class, &reason),
            Event::Read {
                batch,
                positions,
                answers,
            } => self.read(batch, positions, answers),
            Event::Written { batch, written } => self.written(batch, written),
            Event::Stored(transaction) => self.stored(transaction),
            Event::NotStored {
                transaction,
                class,
                reason,
            } => self.not_stored(transaction, class, &reason),
            Event::Tick => self.tick(),
        }
        self.fill();
    }

    /// The next thing to do.
    pub fn poll_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// Points of a tile's budget.
    pub fn budget(&self) -> u32 {
        self.settings.max_attempts.max(1).saturating_mul(ATTEMPT_POINTS)
    }

    /// The job, if it is under way.
    pub fn job(&self, id: JobId) -> Option<&OpenJob> {
        self.jobs.get(&id)
    }

    /// All jobs under way, in order of their ids.
    pub fn jobs(&self) -> impl Iterator<Item = (&JobId, &OpenJob)> {
        self.jobs.iter()
    }

    /// The workers.
    pub fn workers(&self) -> &Workers {
        &self.workers
    }

    /// Live workers that tiles can be sent to, and their slots.
    pub fn live(&self) -> (u32, u32) {
        self.live
    }

    /// Whether the cluster answers.
    pub fn is_connected(&self) -> bool {
        self.connected
    }

    /// Tiles outstanding, and the age of the oldest.
    pub fn lag(&self, now: Time) -> (u32, Time) {
        let oldest = self.out.values().map(|out| out.sent).min();
        let age = oldest.map_or(Time::ZERO, |sent| now.saturating_sub(sent));
        (self.out.len() as u32, age)
    }

    /// Bytes of tasks outstanding.
    pub fn outstanding_bytes(&self) -> u64 {
        self.bytes
    }

    /// Tiles stored in a second, over all jobs.
    pub fn tiles_per_second(&self, now: Time) -> f32 {
        self.rate.per_second(now)
    }

    /// What is wrong and does not pass by itself, as subject and sentence.
    pub fn problems(&self) -> Vec<(String, String)> {
        let mut problems = self.workers.problems(self.now);
        if let Some(reason) = self.hold.as_ref().and_then(|hold| hold.reason.clone()) {
            problems.push(("tasks".to_owned(), reason));
        }
        if let Some(worker) = self.workers.behind(record::LATEST, self.now)
            && let Some((id, job)) = self
                .jobs
                .iter()
                .find(|(_, job)| job.plan.record_version() > record::VERSION)
        {
            let version = job.plan.record_version();
            problems.push((
                format!("job {id}"),
                format!(
                    "it waits: its pixels or operations need version {version} of the records, which worker {worker} does not read; \
                     install version {} of the worker, or stop it",
                    env!("CARGO_PKG_VERSION")
                ),
            ));
        }
        problems
    }

    /// For each live worker that tiles can be sent to: its id, the tiles outstanding on its partitions, and how many it may
    /// have.
    pub fn loads(&self) -> Vec<(&str, u32, u32)> {
        self.holders
            .iter()
            .map(|holder| {
                (
                    self.workers.id(holder.key),
                    self.load(holder),
                    self.window(holder.key),
                )
            })
            .collect()
    }

    /// Whether a tile could be sent if there were room at a worker: something waits, and nothing is held back.
    pub fn has_sendable(&mut self) -> bool {
        if !self.may_send() || self.hold.is_some() {
            return false;
        }
        if self.next_stranded().is_some() {
            return true;
        }
        if !self.has_bytes() {
            return false;
        }
        let now = self.now;
        let active: Vec<JobId> = (0..self.lanes.active())
            .filter_map(|_| self.lanes.turn())
            .collect();
        active.into_iter().any(|id| {
            self.jobs
                .get_mut(&id)
                .is_some_and(|job| job.sendable(now).is_some())
        })
    }

    /// The job, if this run of it is under way and its ending has not begun.
    fn running(&mut self, job: JobId, run: RunId) -> Option<&mut OpenJob> {
        self.jobs
            .get_mut(&job)
            .filter(|job| job.run == run && !job.phase.is_ending())
    }

    fn emit(&mut self, effect: Effect) {
        self.effects.push_back(effect);
    }

    fn changed(&mut self, job: JobId) {
        self.emit(Effect::JobChanged(job));
        self.emit(Effect::HealthChanged);
    }
}
