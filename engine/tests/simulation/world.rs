//! The world around the core: a clock that jumps from one thing to the next, and everything that happens in between.

use std::collections::{BTreeMap, BTreeSet};

use azulejo_engine::{
    Accepted, Answer, Body, Core, DeliveryClass, Effect, Ending, Event, KnownTile, Plan, RunId, Send,
    Settings, StoreClass, Time, Transaction, Verdict, Written,
};
use azulejo_imaging::{PixelFormat, Size, TileGrid};
use azulejo_protocol::{ControlMessage, JobId, TileState};

use crate::faults::Faults;
use crate::kafka::{Kafka, Task};
use crate::random::Random;
use crate::store::{Store, StoredJob};
use crate::worker::{InHand, Worker};

/// A session of the group ends after this silence.
const SESSION: Time = Time::from_secs(6);
/// The least time that everything has to end in once faults have stopped, beside what its tiles take.
const GRACE: Time = Time::from_secs(4 * 3600);

/// Something that will happen.
#[derive(Debug, Clone)]
enum Action {
    /// The server of this life hears of something.
    Server(u32, Event),
    /// The store gets to a transaction.
    Commit(u32, Transaction, Vec<azulejo_engine::StoreOp>),
    /// The server reads results.
    Collect(u32),
    Tick(u32),
    Restart,
    Submit,
    Cancel,
    Retry,
    /// A worker takes and begins tasks.
    Work(usize),
    /// A worker of this life finishes a task.
    Finish(usize, u64, u64),
    Beat(usize, u64),
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
}

#[derive(Debug, Clone)]
struct Kind {
    poison: Option<u32>,
    impossible: Option<u32>,
    too_large: bool,
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
    next_batch: u64,
    verdicts: BTreeMap<u64, Vec<(JobId, u32)>>,
    positions: BTreeMap<i32, i64>,
    goal: BTreeMap<i32, i64>,
    results_made: u32,
    is_caught_up: bool,
    collecting: bool,
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
}

type Checked = Result<(), String>;

impl World {
    pub fn new(seed: u64, mutation: Mutation) -> Self {
        let mut random = Random::new(seed);
        let faults = Faults::of(&mut random);
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
            next_batch: 0,
            verdicts: BTreeMap::new(),
            positions: BTreeMap::new(),
            goal: BTreeMap::new(),
            results_made: 0,
            is_caught_up: false,
            collecting: false,
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
        };
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
        world
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
            self.now = at;
            self.events += 1;
            if self.now > end {
                return Err(self.what_hangs());
            }
            if self.events > 3_000_000 {
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

    fn what_hangs(&self) -> String {
        let mut text = String::from("a job does not end:");
        for (id, stored) in self.store.unfinished() {
            text.push_str(&format!(
                " {id} ({} tiles known of {})",
                stored.tiles.len(),
                stored.plan.grid.len()
            ));
            if let Some(job) = self.core.as_ref().and_then(|core| core.job(*id)) {
                text.push_str(&format!(
                    " {:?}, decoded {}, in flight {}, bands {} of {}",
                    job.step,
                    job.decoded_rows,
                    job.in_flight(),
                    job.encoded_bands,
                    job.tiles.bands()
                ));
            }
        }
        if let Some(core) = &self.core {
            text.push_str(&format!(
                "; workers {:?}, problems {:?}",
                core.loads(),
                core.problems()
            ));
        } else {
            text.push_str("; no server");
        }
        text
    }

    fn act(&mut self, action: Action) -> Checked {
        match action {
            Action::Server(life, event) if life == self.life => self.tell(event),
            Action::Commit(life, transaction, ops) => self.commit(life, transaction, &ops),
            Action::Collect(life) if life == self.life => self.collect(),
            Action::Tick(life) if life == self.life => {
                self.later(Time::from_millis(250), Action::Tick(life));
                self.connect()?;
                self.tell(Event::Tick)
            }
            Action::Server(..) | Action::Collect(_) | Action::Tick(_) => Ok(()),
            Action::Restart => self.restart(),
            Action::Submit => self.submit(),
            Action::Cancel => self.cancel(),
            Action::Retry => self.retry(),
            Action::Work(worker) => {
                self.work(worker);
                Ok(())
            }
            Action::Finish(worker, life, hand) => {
                self.finish(worker, life, hand);
                Ok(())
            }
            Action::Beat(worker, life) => self.beat(worker, life),
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

/// The server: the core, and a driver that may die between any two effects.
impl World {
    fn restart(&mut self) -> Checked {
        self.life += 1;
        self.started = self.now;
        let settings = Settings {
            tile_timeout: Time::from_secs(10),
            max_outstanding_bytes: 64 << 10,
            ..Settings::default()
        };
        self.core = Some(Core::new(settings));
        self.verdicts.clear();
        self.store_free = self.now;
        self.is_connected = false;
        self.is_caught_up = false;
        self.collecting = false;
        let life = self.life;
        self.say(|| format!("server starts, life {life}"));
        let unfinished: Vec<(JobId, Plan)> = self
            .store
            .unfinished()
            .map(|(id, stored)| (*id, stored.plan.clone()))
            .collect();
        self.later(Time::from_millis(1), Action::Tick(life));
        let over = self
            .store
            .jobs
            .iter()
            .filter(|(_, stored)| matches!(stored.ending, Some(Ending::Failed { .. } | Ending::Cancelled)))
            .map(|(id, _)| *id)
            .collect();
        self.tell(Event::Over(over))?;
        if self.core.is_none() {
            return Ok(());
        }
        for (id, plan) in unfinished {
            self.take_up(id, plan, true, true)?;
            if self.core.is_none() {
                return Ok(());
            }
        }
        Ok(())
    }

    fn take_up(&mut self, id: JobId, plan: Plan, check: bool, resume: bool) -> Checked {
        self.next_run += 1;
        let run = self.next_run;
        self.runs.insert(id, run);
        let decoded = check && self.random.one_in(2);
        self.tell(Event::Accepted(Box::new(Accepted {
            plan,
            run,
            decoded,
            check,
            resume,
        })))
    }

    /// The cluster is there or not; when it is there for the first time, the results and heartbeats are read.
    fn connect(&mut self) -> Checked {
        let there = !self.kafka.is_away(self.now);
        if there != self.is_connected {
            self.is_connected = there;
            self.tell(Event::Connected(there))?;
        }
        if there && !self.collecting && self.core.is_some() {
            self.collecting = true;
            self.assign();
            let heard: Vec<_> = self.heard.values().cloned().collect();
            for (at, beat) in heard {
                let age = self.now.saturating_sub(at);
                if age < Time::from_secs(60) {
                    self.tell(Event::Heard {
                        beat: Box::new(beat),
                        age,
                    })?;
                }
            }
            let life = self.life;
            self.later(Time::from_millis(1), Action::Collect(life));
        }
        Ok(())
    }

    fn assign(&mut self) {
        self.results_made = self.kafka.results_made;
        self.goal.clear();
        self.positions.clear();
        for (partition, log) in self.kafka.results.iter().enumerate() {
            let partition = partition as i32;
            let stored = self.store.positions.get(&partition).copied().unwrap_or(0);
            let position = if (log.first()..=log.end()).contains(&stored) {
                stored
            } else {
                log.first()
            };
            self.positions.insert(partition, position);
            self.goal.insert(partition, log.end());
        }
    }

    fn collect(&mut self) -> Checked {
        let life = self.life;
        self.later(self.ms(2, 10), Action::Collect(life));
        if self.kafka.is_away(self.now) {
            return Ok(());
        }
        if self.results_made != self.kafka.results_made {
            self.assign();
        }
        let mut answers = Vec::new();
        let mut moved = BTreeMap::new();
        for (partition, position) in &mut self.positions {
            let log = &self.kafka.results[*partition as usize];
            *position = (*position).max(log.first());
            while answers.len() < 16 {
                let Some(answer) = log.get(*position) else { break };
                answers.push(answer.clone());
                *position += 1;
                moved.insert(*partition, *position);
            }
        }
        if !moved.is_empty() {
            self.next_batch += 1;
            let wanted = answers.iter().map(|answer| (answer.job, answer.tile)).collect();
            self.verdicts.insert(self.next_batch, wanted);
            let event = Event::Read {
                batch: self.next_batch,
                positions: moved.into_iter().collect(),
                answers,
            };
            self.tell(event)?;
        }
        let goal = &self.goal;
        let caught_up = self
            .positions
            .iter()
            .all(|(partition, position)| goal.get(partition).is_none_or(|goal| position >= goal));
        if caught_up && !self.is_caught_up && self.life == life {
            self.is_caught_up = true;
            self.tell(Event::CaughtUp)?;
        }
        Ok(())
    }

    /// Tells the core of an event and carries out what it wants.
    fn tell(&mut self, event: Event) -> Checked {
        let now = self.now;
        if self.core.is_none() {
            return Ok(());
        }
        if self.verbose {
            let line = format!("{event:?}");
            self.say(|| line.chars().take(220).collect());
        }
        let Some(core) = &mut self.core else { return Ok(()) };
        core.handle(now, event);
        let mut effects = Vec::new();
        while let Some(effect) = core.poll_effect() {
            effects.push(effect);
        }
        self.check_room(&effects)?;
        for effect in effects {
            if self.strikes(self.faults.crash.saturating_mul(10)) {
                self.crash();
                return Ok(());
            }
            self.carry_out(effect)?;
        }
        Ok(())
    }

    fn crash(&mut self) {
        self.crashes += 1;
        self.core = None;
        self.life += 1;
        self.say(|| "server dies".to_owned());
        let after = self.ms(10, 2000);
        self.later(after, Action::Restart);
    }

    /// No worker has more than its window, and none has room while a tile waits.
    fn check_room(&mut self, effects: &[Effect]) -> Checked {
        let Some(core) = &mut self.core else { return Ok(()) };
        let sent = effects.iter().any(|effect| matches!(effect, Effect::Send(_)));
        let waits = core.has_sendable();
        if core.outstanding_bytes() > (64 << 10) + 256 {
            return Err(format!("{} bytes are outstanding", core.outstanding_bytes()));
        }
        for (worker, load, window) in core.loads() {
            if waits && load < window {
                return Err(format!("{worker} has {load} of {window} tiles while one waits"));
            }
        }
        if sent {
            let over: Vec<_> = core
                .loads()
                .into_iter()
                .filter(|(_, load, window)| load > window)
                .collect();
            // Partitions may have moved to a worker together with what lies on them; then it gets nothing more.
            let targets: BTreeSet<&str> = effects
                .iter()
                .filter_map(|effect| match effect {
                    Effect::Send(send) => Some(send.holder.as_str()),
                    _ => None,
                })
                .collect();
            for (worker, load, window) in over {
                let instances = self
                    .workers
                    .iter()
                    .filter(|one| one.id == worker)
                    .map(Worker::instance);
                for instance in instances {
                    if targets.contains(instance.as_str()) && !self.faults.same_id {
                        return Err(format!("{worker} was sent a tile and has {load} of {window}"));
                    }
                }
            }
        }
        Ok(())
    }

    fn carry_out(&mut self, effect: Effect) -> Checked {
        let life = self.life;
        if self.verbose {
            let line = format!("  -> {effect:?}");
            self.say(|| line.chars().take(200).collect());
        }
        match effect {
            Effect::Check { job, run } => {
                self.alive(run, "Check")?;
                let tiles = self.read_back(job);
                if self.mutation == Mutation::LoseCheck && self.random.one_in(4) {
                    return Ok(());
                }
                self.later(
                    self.ms(1, 300),
                    Action::Server(life, Event::Checked { job, run, tiles }),
                );
            }
            Effect::Decode { job, run } => {
                self.alive(run, "Decode")?;
                let height = self.store.jobs[&job].plan.stored_size.height;
                let step = height.div_ceil(4).max(1);
                let mut rows = 0;
                let mut after = Time::ZERO;
                while rows < height {
                    rows = (rows + step).min(height);
                    after += Time::from_millis(self.random.between(1, 100));
                    self.later(after, Action::Server(life, Event::RowsDecoded { job, run, rows }));
                }
            }
            Effect::Assemble { job, run, bands } => {
                self.alive(run, "Assemble")?;
                self.encode(job, run, bands)?;
            }
            Effect::Stop { job, run, .. } => {
                self.alive(run, "Stop")?;
                if self.mutation == Mutation::LoseStop && self.random.one_in(4) {
                    return Ok(());
                }
                self.later(self.ms(1, 20), Action::Server(life, Event::Stopped { job, run }));
            }
            Effect::Left { job, run, completed } => {
                self.alive(run, "Left")?;
                self.left.insert(run);
                if completed {
                    self.store.pixels.retain(|(other, _)| *other != job);
                }
            }
            Effect::Send(send) => self.send(&send)?,
            Effect::Control(word) => {
                let lost =
                    self.mutation == Mutation::LoseResume && matches!(word, ControlMessage::Resume { .. });
                if !lost && !self.kafka.is_away(self.now) {
                    self.control.push(word.clone());
                    for worker in 0..self.workers.len() {
                        let way = self.way();
                        self.later(way, Action::Word(worker, word.clone()));
                    }
                }
            }
            Effect::Judge { batch, verdicts } => self.write(batch, verdicts)?,
            Effect::Store { transaction, ops } => {
                let pause = Time::from_micros(self.random.between(100, 3000));
                self.store_free = self.store_free.max(self.now) + pause;
                let after = self.store_free - self.now;
                if self.mutation == Mutation::TellBeforeStoring {
                    self.later(Time::ZERO, Action::Server(life, Event::Stored(transaction)));
                }
                self.later(after, Action::Commit(life, transaction, ops));
            }
            Effect::Fatal(_) => self.crash(),
            Effect::DeadLetter { job, tile, error, .. } => self.buried(job, tile, &error)?,
            Effect::Reply { .. } | Effect::JobChanged(_) | Effect::WorkersChanged | Effect::HealthChanged => {
            }
        }
        Ok(())
    }

    /// Only the tile that kills its workers is blamed for their deaths.
    fn buried(&self, job: JobId, tile: u32, error: &str) -> Checked {
        let guilty = self.kinds.get(&job).is_some_and(|kind| kind.poison == Some(tile));
        let others_die = self.faults.worker_dies > 0 || self.faults.worker_freezes > 0;
        if error.contains("lost with it") && !guilty && !others_die && !self.faults.same_id {
            return Err(format!(
                "tile {tile} of {job} is blamed for the death of its workers"
            ));
        }
        Ok(())
    }

    /// A job fails only where something gives a reason to.
    fn ended(&self, job: JobId, ending: &Ending) -> Checked {
        let Ending::Failed { reason } = ending else {
            return Ok(());
        };
        let kind = &self.kinds[&job];
        let faults = &self.faults;
        let own = kind.poison.is_some() || kind.impossible.is_some() || kind.too_large;
        let given = [
            faults.store_refuses,
            faults.send_fails,
            faults.send_lost,
            faults.result_lost,
            faults.result_unusable,
            faults.tile_fails,
            faults.worker_dies,
            faults.worker_freezes,
            faults.forbidden,
            faults.topic_lost,
            faults.retention,
            faults.away,
            faults.write_fails,
        ];
        if !own && given.iter().all(|odds| *odds == 0) && !faults.old_worker {
            return Err(format!("{job} fails without a cause: {reason}"));
        }
        Ok(())
    }

    /// Nothing is done about a run that has left.
    fn alive(&self, run: RunId, what: &str) -> Checked {
        if self.left.contains(&run) {
            return Err(format!("{what} of run {run}, which has left"));
        }
        Ok(())
    }

    fn read_back(&mut self, job: JobId) -> Vec<KnownTile> {
        let pixels = &self.store.pixels;
        let Some(stored) = self.store.jobs.get_mut(&job) else {
            return Vec::new();
        };
        stored
            .tiles
            .retain(|tile, known| known.state != TileState::Done || pixels.contains(&(job, *tile)));
        stored.tiles.values().cloned().collect()
    }

    fn encode(&mut self, job: JobId, run: RunId, bands: u32) -> Checked {
        let life = self.life;
        let plan = &self.store.jobs[&job].plan;
        let (columns, rows) = (plan.grid.columns(), plan.grid.rows());
        let first = self.encoded.get(&run).copied().unwrap_or(0);
        if self.mutation == Mutation::LoseBands && first > 0 {
            return Ok(());
        }
        let mut after = Time::ZERO;
        for band in first..bands {
            for tile in band * columns..(band + 1) * columns {
                if !self.store.pixels.contains(&(job, tile)) {
                    return Err(format!(
                        "{job}: row {band} is encoded and tile {tile} has no pixels"
                    ));
                }
            }
            after += Time::from_millis(2);
            self.later(after, Action::Server(life, Event::BandEncoded { job, run, band }));
        }
        self.encoded.insert(run, bands);
        if bands == rows {
            let bytes = 1;
            self.later(
                after + Time::from_millis(5),
                Action::Server(life, Event::Assembled { job, run, bytes }),
            );
        }
        Ok(())
    }

    fn send(&mut self, send: &Send) -> Checked {
        self.alive(send.run, "Send")?;
        let life = self.life;
        let stored = &self.store.jobs[&send.job];
        if stored.ending.is_some() {
            return Err(format!(
                "tile {} of {} is sent after its end",
                send.tile, send.job
            ));
        }
        let count = self.sends.entry((send.job, stored.life, send.tile)).or_default();
        *count += 1;
        // Every try costs at least a point of 48, but for those of which the server was not told before it died.
        if *count > 49 + 2 * self.crashes {
            return Err(format!(
                "tile {} of {} is sent for the {count}th time",
                send.tile, send.job
            ));
        }
        let too_large = self.kinds.get(&send.job).is_some_and(|kind| kind.too_large);
        let failure = if self.kafka.is_away(self.now) {
            Some((Time::from_secs(5), DeliveryClass::Passing))
        } else if self.now < self.kafka.forbidden_until {
            Some((Time::from_millis(5), DeliveryClass::Installation))
        } else if too_large {
            Some((Time::from_millis(5), DeliveryClass::Record))
        } else if self.strikes(self.faults.send_fails) {
            Some((Time::from_millis(20), DeliveryClass::Passing))
        } else {
            None
        };
        if let Some((after, class)) = failure {
            if self.mutation == Mutation::LoseFailures {
                return Ok(());
            }
            let event = Event::NotDelivered {
                id: send.id,
                class,
                reason: format!("{class:?}"),
            };
            self.later(after, Action::Server(life, event));
            return Ok(());
        }
        let task = Task {
            job: send.job,
            tile: send.tile,
            attempt: send.attempt,
            holder: send.holder.clone(),
        };
        let times = if self.strikes(self.faults.send_lost) {
            0
        } else if self.strikes(self.faults.doubled) {
            2
        } else {
            1
        };
        for _ in 0..times {
            self.kafka.tasks[send.partition as usize].append(task.clone());
        }
        let way = self.way();
        self.later(way, Action::Server(life, Event::Delivered(send.id)));
        if let Some(holder) = self.kafka.assigned.get(&send.partition).copied() {
            self.later(way, Action::Work(holder));
        }
        Ok(())
    }

    fn write(&mut self, batch: u64, verdicts: Vec<Verdict>) -> Checked {
        let life = self.life;
        let named = self.verdicts.remove(&batch).unwrap_or_default();
        if named.len() != verdicts.len() {
            return Err(format!("{} verdicts on {} answers", verdicts.len(), named.len()));
        }
        let mut written = Vec::new();
        for (key, verdict) in named.into_iter().zip(verdicts) {
            let Verdict::Write { run } = verdict else { continue };
            self.alive(run, "Write")?;
            if self.strikes(self.faults.write_fails) {
                written.push(Written::NotNow("busy".to_owned()));
                continue;
            }
            if self.mutation != Mutation::LosePixels {
                self.store.pixels.insert(key);
            }
            written.push(Written::Yes(7));
        }
        self.later(
            Time::from_micros(500),
            Action::Server(life, Event::Written { batch, written }),
        );
        Ok(())
    }

    fn commit(&mut self, life: u32, transaction: Transaction, ops: &[azulejo_engine::StoreOp]) -> Checked {
        if life != self.life {
            return Ok(());
        }
        let refused = self.faults.store_refuses > 0
            && ops
                .iter()
                .any(|op| matches!(op, azulejo_engine::StoreOp::Tile { .. }))
            && self.strikes(self.faults.store_refuses);
        let event = if refused {
            Event::NotStored {
                transaction,
                class: StoreClass::Never,
                reason: "constraint".to_owned(),
            }
        } else if self.strikes(self.faults.store_busy) {
            Event::NotStored {
                transaction,
                class: StoreClass::Passing,
                reason: "busy".to_owned(),
            }
        } else {
            let ends = ops
                .iter()
                .any(|op| matches!(op, azulejo_engine::StoreOp::End { .. }));
            if !(self.mutation == Mutation::LoseEndings && ends) {
                self.store.commit(ops)?;
            }
            for op in ops {
                if let azulejo_engine::StoreOp::End { job, ending, .. } = op {
                    self.ended(*job, ending)?;
                    let name = match ending {
                        Ending::Completed { .. } => "completed",
                        Ending::Failed { .. } => "failed",
                        Ending::Cancelled => "cancelled",
                    };
                    *self.endings.entry(name).or_default() += 1;
                    if self.strikes(self.faults.retry) {
                        self.later(self.ms(10, 5000), Action::Retry);
                    }
                }
            }
            Event::Stored(transaction)
        };
        // The process may die between the commit and hearing of it.
        if self.strikes(self.faults.crash) {
            self.crash();
            return Ok(());
        }
        if self.mutation == Mutation::TellBeforeStoring {
            return Ok(());
        }
        self.tell(event)
    }
}

/// Those who use the server.
impl World {
    fn submit(&mut self) -> Checked {
        self.submitted += 1;
        let mut bytes = [0; 16];
        bytes[15] = self.submitted as u8;
        bytes[0] = 1;
        let id = JobId(uuid::Uuid::from_bytes(bytes));
        let tiles = self.random.between(1, self.faults.largest_job) as u32;
        let columns = self.random.between(1, u64::from(tiles).min(8)) as u32;
        let size = Size::new(columns * 8, tiles.div_ceil(columns) * 8);
        let plan = Plan {
            job: id,
            recipe: "invert".parse().expect("a recipe"),
            grid: TileGrid::new(size, 8),
            stored_size: size,
            input_format: PixelFormat::GRAY8,
            output_format: PixelFormat::GRAY8,
        };
        let total = plan.grid.len();
        let of = |odds: u64, random: &mut Random| {
            random
                .one_in(odds)
                .then(|| random.between(0, u64::from(total) - 1) as u32)
        };
        let kind = Kind {
            poison: of(self.faults.poison, &mut self.random),
            impossible: of(self.faults.impossible, &mut self.random),
            too_large: self.random.one_in(self.faults.too_large),
        };
        self.say(|| format!("submit {id}, {total} tiles, {kind:?}"));
        self.kinds.insert(id, kind);
        let stored = StoredJob {
            plan: plan.clone(),
            ending: None,
            tiles: BTreeMap::new(),
            life: 0,
        };
        self.store.jobs.insert(id, stored);
        if self.random.one_in(self.faults.cancel) {
            self.later(self.ms(1, 3000), Action::Cancel);
        }
        // Between the commit and the core the process may die.
        if self.core.is_some() && self.strikes(self.faults.crash) {
            self.crash();
        }
        if self.core.is_some() {
            self.take_up(id, plan, false, false)?;
        }
        Ok(())
    }

    fn cancel(&mut self) -> Checked {
        let jobs: Vec<JobId> = self.store.jobs.keys().copied().collect();
        let Some(job) = (!jobs.is_empty()).then(|| self.random.pick(&jobs)) else {
            return Ok(());
        };
        self.tickets += 1;
        let ticket = self.tickets;
        self.tell(Event::Cancel { job, ticket })
    }

    fn retry(&mut self) -> Checked {
        let ended: Vec<JobId> = self
            .store
            .jobs
            .iter()
            .filter(|(_, stored)| matches!(stored.ending, Some(Ending::Failed { .. } | Ending::Cancelled)))
            .map(|(id, _)| *id)
            .collect();
        if ended.is_empty() || self.core.is_none() {
            return Ok(());
        }
        let id = self.random.pick(&ended);
        let Some(stored) = self.store.jobs.get_mut(&id) else {
            return Ok(());
        };
        stored.ending = None;
        stored.life += 1;
        stored.tiles.retain(|_, known| known.state == TileState::Done);
        let plan = stored.plan.clone();
        self.take_up(id, plan, true, true)
    }
}

/// The workers, and the group that they form.
impl World {
    fn rebalance(&mut self) {
        let now = self.now;
        // Who does not act is out of the group once its session is over; that is when this runs for it.
        let members: Vec<usize> = (0..self.workers.len())
            .filter(|worker| self.workers[*worker].acts(now))
            .collect();
        self.group_dirty = false;
        let before = std::mem::take(&mut self.kafka.assigned);
        if members.is_empty() {
            return;
        }
        let partitions = self.kafka.tasks.len() as i32;
        for partition in 0..partitions {
            let holder = before
                .get(&partition)
                .copied()
                .filter(|holder| {
                    members.contains(holder) && partition as usize % members.len() < members.len()
                })
                .filter(|holder| members[partition as usize % members.len()] == *holder)
                .unwrap_or(members[partition as usize % members.len()]);
            self.kafka.assigned.insert(partition, holder);
        }
        for worker in 0..self.workers.len() {
            let mine: Vec<i32> = self
                .kafka
                .assigned
                .iter()
                .filter(|(_, holder)| **holder == worker)
                .map(|(partition, _)| *partition)
                .collect();
            let had: Vec<i32> = self.workers[worker].positions.keys().copied().collect();
            if mine != had {
                self.workers[worker].give_up_all();
                for partition in mine {
                    let log = &self.kafka.tasks[partition as usize];
                    let committed = self.kafka.committed.get(&partition).copied().unwrap_or(0);
                    let position = committed.clamp(log.first(), log.end());
                    self.workers[worker].positions.insert(partition, position);
                }
                let life = self.workers[worker].life;
                self.later(Time::from_millis(1), Action::Beat(worker, life));
            }
            self.later(Time::from_millis(1), Action::Work(worker));
        }
    }

    fn hear_word(&mut self, worker: usize, word: &ControlMessage) {
        match word {
            ControlMessage::Cancel { job } => {
                self.workers[worker].cancelled.insert(*job);
            }
            ControlMessage::Resume { job } => {
                self.workers[worker].cancelled.remove(job);
            }
        }
    }

    fn beat(&mut self, worker: usize, life: u64) -> Checked {
        let now = self.now;
        let this = &self.workers[worker];
        if this.life != life || !this.alive {
            return Ok(());
        }
        self.later(Time::from_secs(1), Action::Beat(worker, life));
        self.announce(worker)?;
        // A worker that wakes from standing still joins the group again.
        let holds = self.kafka.assigned.values().any(|holder| *holder == worker);
        if self.workers[worker].acts(now) && !holds && self.group_dirty {
            self.rebalance();
        }
        Ok(())
    }

    /// The worker says how it is.
    fn announce(&mut self, worker: usize) -> Checked {
        let now = self.now;
        if !self.workers[worker].acts(now) || self.kafka.is_away(now) {
            return Ok(());
        }
        let beat = self.workers[worker].beat(now);
        self.heard.insert(worker, (now, beat.clone()));
        let life = self.life;
        // They have the same key, so they come in the order in which they were sent.
        let last = self.arrivals.get(&worker).copied().unwrap_or_default();
        let way = self.way().max((last + Time::from_micros(1)).saturating_sub(now));
        self.arrivals.insert(worker, now + way);
        self.later(
            way,
            Action::Server(
                life,
                Event::Heard {
                    beat: Box::new(beat),
                    age: Time::ZERO,
                },
            ),
        );
        Ok(())
    }

    /// Takes tasks as far as there are slots.
    fn work(&mut self, worker: usize) {
        let now = self.now;
        if !self.workers[worker].acts(now) || self.kafka.is_away(now) {
            return;
        }
        while self.workers[worker].hand.len() < self.workers[worker].slots
            && self.workers[worker].alone.is_none()
        {
            let Some((partition, offset, task)) = self.next_task(worker) else {
                return;
            };
            let this = &mut self.workers[worker];
            let inherited = task.holder != this.instance();
            if inherited && !this.hand.is_empty() {
                // It is taken when nothing else is in hand.
                return;
            }
            this.positions.insert(partition, offset + 1);
            this.open.entry(partition).or_default().insert(offset);
            this.next_hand += 1;
            let hand = this.next_hand;
            let in_hand = InHand {
                task: task.clone(),
                partition,
                offset,
                generation: this.generation,
            };
            this.hand.insert(hand, in_hand);
            let life = this.life;
            let mut after = Time::from_micros(self.random.between(self.faults.work / 2, self.faults.work));
            if self.strikes(self.faults.slow) {
                after += Time::from_secs(self.random.between(1, 30));
            }
            if inherited {
                let name = format!("{}/{}/{}", task.job, task.tile, task.attempt);
                self.workers[worker].alone = Some(name);
                // The word is acknowledged before the work begins.
                let _ = self.announce(worker);
                after += self.way() + Time::from_millis(1);
            }
            self.later(after, Action::Finish(worker, life, hand));
        }
    }

    fn next_task(&self, worker: usize) -> Option<(i32, i64, Task)> {
        let this = &self.workers[worker];
        this.positions.iter().find_map(|(partition, position)| {
            let log = &self.kafka.tasks[*partition as usize];
            let position = (*position).max(log.first());
            let task = log.get(position)?;
            Some((*partition, position, task.clone()))
        })
    }

    fn finish(&mut self, worker: usize, life: u64, hand: u64) {
        let now = self.now;
        if self.workers[worker].life != life || !self.workers[worker].alive {
            return;
        }
        if !self.workers[worker].acts(now) || self.kafka.is_away(now) {
            let later = self.workers[worker].frozen_until.max(self.kafka.away_until) - now;
            return self.later(later + Time::from_millis(1), Action::Finish(worker, life, hand));
        }
        let Some(in_hand) = self.workers[worker].hand.get(&hand).cloned() else {
            return;
        };
        let task = &in_hand.task;
        let kind = self.kinds.get(&task.job).cloned();
        let poison = kind.as_ref().is_some_and(|kind| kind.poison == Some(task.tile));
        let skips = self.workers[worker].cancelled.contains(&task.job) || self.workers[worker].old;
        if (poison && !skips) || self.strikes(self.faults.worker_dies) {
            return self.kill(worker);
        }
        self.workers[worker].hand.remove(&hand);
        if self.workers[worker].alone.take().is_some() {
            let _ = self.announce(worker);
        }
        if !skips {
            self.workers[worker].done += 1;
            let impossible = kind.is_some_and(|kind| kind.impossible == Some(task.tile));
            let body = if impossible || self.strikes(self.faults.tile_fails) {
                Body::Error("it cannot be rendered".to_owned())
            } else if self.strikes(self.faults.result_unusable) {
                Body::Unusable("no format".to_owned())
            } else {
                let output = self.store.jobs[&task.job]
                    .plan
                    .grid
                    .region(task.tile)
                    .expect("a tile");
                Body::Pixels {
                    output,
                    format: PixelFormat::GRAY8,
                }
            };
            let answer = Answer {
                job: task.job,
                tile: task.tile,
                attempt: task.attempt,
                worker: self.workers[worker].id.clone(),
                micros: self.faults.work,
                body,
            };
            let partition = task.tile as usize % self.kafka.results.len();
            let times = if self.strikes(self.faults.result_lost) {
                0
            } else if self.strikes(self.faults.doubled) {
                2
            } else {
                1
            };
            for _ in 0..times {
                self.kafka.results[partition].append(answer.clone());
            }
        }
        if let Some(offset) = self.workers[worker].finish(&in_hand)
            && !self.strikes(self.faults.commit_lost)
        {
            self.kafka.committed.insert(in_hand.partition, offset);
        }
        if self.strikes(self.faults.worker_freezes) {
            let span = Time::from_secs(self.random.between(1, 40));
            self.workers[worker].frozen_until = now + span;
            self.say(|| format!("worker {worker} stands still for {span:?}"));
            if span > SESSION {
                // Its partitions go to others, and it comes back to the group later.
                self.group_dirty = true;
                self.later(SESSION, Action::Rebalance);
                self.later(span + Time::from_millis(500), Action::Rebalance);
            }
            self.later(span, Action::Work(worker));
        }
        self.later(Time::ZERO, Action::Work(worker));
    }

    fn kill(&mut self, worker: usize) {
        self.say(|| format!("worker {worker} dies"));
        self.workers[worker].die();
        self.group_dirty = true;
        self.later(SESSION, Action::Rebalance);
        let after = self.ms(500, 20_000);
        self.later(after, Action::ComeBack(worker));
    }

    /// What happens to the cluster by itself.
    fn mischief(&mut self) -> Checked {
        if !self.faulty() {
            // Everything is well from now on: a last look, so that nobody is left out of the group.
            self.group_dirty = true;
            self.later(Time::from_secs(60), Action::Rebalance);
            return Ok(());
        }
        self.later(Time::from_secs(1), Action::Mischief);
        let now = self.now;
        if self.strikes(self.faults.away) {
            self.kafka.away_until = now + Time::from_secs(self.random.between(1, 20));
            for worker in 0..self.workers.len() {
                let after = self.kafka.away_until - now + Time::from_millis(5);
                self.later(after, Action::Work(worker));
            }
        }
        if self.strikes(self.faults.topic_lost) {
            if self.random.one_in(2) {
                self.say(|| "the tasks are lost".to_owned());
                self.kafka.lose_tasks();
                for worker in &mut self.workers {
                    worker.give_up_all();
                }
                self.later(Time::from_millis(100), Action::Rebalance);
            } else {
                self.say(|| "the results are lost".to_owned());
                self.kafka.lose_results();
            }
        }
        if self.strikes(self.faults.retention) {
            for log in &mut self.kafka.tasks {
                log.trim(log.end() - self.random.between(0, 3) as i64);
            }
            for log in &mut self.kafka.results {
                log.trim(log.end() - self.random.between(0, 3) as i64);
            }
        }
        if self.strikes(self.faults.forbidden) {
            self.kafka.forbidden_until = now + Time::from_secs(self.random.between(1, 120));
        }
        Ok(())
    }
}
