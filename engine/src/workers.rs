//! The workers as their heartbeats show them: who is live, which partitions of the tasks each holds, who died.
//!
//! A worker here is one process: its id and the instance that it drew when it started. A worker that is silent for three of its
//! intervals, or longer where its heartbeats come unevenly, is lost and gets no more tiles; after a few minutes it is forgotten.
//! One that said goodbye goes within seconds.
//! When a new instance of an id is heard, the earlier one is taken for dead at once; if that is heard of again, two processes
//! have the same id, and both are told apart and shown as such. During a rebalance two workers may claim the same partition
//! for a moment: the one that claimed it last holds it.
//!
//! While the cluster is away nobody can be heard, and that is nobody's death.

mod list;
mod patience;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use azulejo_protocol::{Heartbeat, Pattern, WorkerState, record};

use crate::Time;
use crate::patterns::Patterns;
use patience::Lateness;

const FORGET_LOST: Time = Time::from_secs(5 * 60);
const FORGET_STOPPED: Time = Time::from_secs(10);
const HISTORY: usize = 60;
/// Heartbeats come from outside: this bounds what they can make the server keep.
const MAX_WORKERS: usize = 10_000;

/// Names one worker process.
pub type WorkerKey = u32;

/// A live worker that tiles can be sent to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Which.
    pub key: WorkerKey,
    /// Partitions that it holds, none of which another one holds.
    pub partitions: Vec<i32>,
}

/// What a heartbeat or the time has brought to light.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// The process is lost.
    Died(WorkerKey),
    /// It was taken for lost, and is heard of again.
    Returned(WorkerKey),
}

#[derive(Debug)]
struct Known {
    beat: Heartbeat,
    heard: Time,
    lateness: Lateness,
    /// Since when it claims each of its partitions.
    claims: BTreeMap<i32, Time>,
    history: VecDeque<f32>,
    /// Tiles that it answered, and the microseconds that it says it took for them.
    answered: (u64, u64),
    /// Tiles processed and when, as of the last entry of the history.
    counted: (u64, Time),
    /// It was taken for lost.
    dead: bool,
    /// A later instance of the same id was heard.
    replaced: bool,
    /// It was heard of after a later instance of the same id.
    doubled: bool,
}

impl Known {
    fn is_silent(&self, since: Time, now: Time) -> bool {
        now.saturating_sub(self.heard.max(since)) > self.lateness.patience(interval(&self.beat))
    }

    fn state(&self, now: Time) -> WorkerState {
        let silent = self.is_silent(Time::ZERO, now);
        if self.beat.status != WorkerState::Stopped && (silent || self.replaced) {
            WorkerState::Lost
        } else {
            self.beat.status
        }
    }

    fn is_too_old(&self) -> bool {
        !self.beat.reads(record::VERSION)
    }
}

/// The time between two heartbeats of a worker, as it says.
fn interval(beat: &Heartbeat) -> Time {
    Time::from_secs_f64(beat.interval.clamp(0.1, 600.0))
}

/// The process of each id and instance.
type Keys = BTreeMap<(String, String), WorkerKey>;

/// The processes of the worker `id`, one for each instance.
fn processes<'a>(keys: &'a Keys, id: &'a str) -> impl Iterator<Item = WorkerKey> + 'a {
    keys.range((id.to_owned(), String::new())..)
        .take_while(move |((known, _), _)| known == id)
        .map(|(_, key)| *key)
}

/// Every worker known.
#[derive(Debug, Default)]
pub struct Workers {
    known: BTreeMap<WorkerKey, Known>,
    keys: Keys,
    next: WorkerKey,
    patterns: Patterns,
}

impl Workers {
    /// Takes in a heartbeat, whose values are bounded, that was sent `age` ago. Gives what it brings to light.
    pub fn hear(&mut self, beat: Heartbeat, age: Time, now: Time) -> Vec<Fate> {
        let name = (beat.worker_id.clone(), beat.instance.clone());
        let heard = now.saturating_sub(age);
        let mut fates = Vec::new();
        let mut key = self.keys.get(&name).copied();
        // A worker that names no instance is a new one when it is younger than it was.
        if let Some(old) = key
            && beat.instance.is_empty()
            && self
                .known
                .get(&old)
                .is_some_and(|known| heard > known.heard && beat.uptime < known.beat.uptime)
        {
            key = None;
        }
        let key = match key {
            Some(key) => key,
            None if self.known.len() >= MAX_WORKERS => return fates,
            None => {
                self.next += 1;
                self.replace(&name.0, &mut fates);
                self.keys.insert(name, self.next);
                self.next
            }
        };
        let known = self.known.entry(key).or_insert_with(|| Known {
            counted: (beat.tasks_processed, heard),
            beat: beat.clone(),
            heard,
            lateness: Lateness::default(),
            claims: BTreeMap::new(),
            answered: (0, 0),
            history: VecDeque::new(),
            dead: false,
            replaced: false,
            doubled: false,
        });
        if heard < known.heard {
            return fates;
        }
        if known.replaced && heard > known.heard {
            known.replaced = false;
            known.doubled = true;
        }
        if known.dead {
            known.dead = false;
            fates.push(Fate::Returned(key));
        }
        let claims = std::mem::take(&mut known.claims);
        known.claims = beat
            .partitions
            .iter()
            .map(|partition| (*partition, claims.get(partition).copied().unwrap_or(heard)))
            .collect();
        let (count, since) = known.counted;
        let span = heard.saturating_sub(since).as_secs_f32();
        if beat.tasks_processed < count {
            known.counted = (beat.tasks_processed, heard);
        } else if span >= 1.0 {
            known
                .history
                .push_back((beat.tasks_processed - count) as f32 / span);
            if known.history.len() > HISTORY {
                known.history.pop_front();
            }
            known.counted = (beat.tasks_processed, heard);
        }
        known.lateness.arrived(age.is_zero(), interval(&beat), now);
        known.heard = heard;
        known.beat = beat;
        fates
    }

    /// A new instance of `id` is there: the earlier ones that said no goodbye are taken for dead.
    fn replace(&mut self, id: &str, fates: &mut Vec<Fate>) {
        let earlier = self
            .known
            .iter_mut()
            .filter(|(_, known)| known.beat.worker_id == id && known.beat.status != WorkerState::Stopped);
        for (key, known) in earlier {
            known.replaced = true;
            if !known.dead {
                known.dead = true;
                fates.push(Fate::Died(*key));
            }
        }
    }

    /// Until now nobody could be heard: how long it took to hear of a worker again says nothing of it.
    pub fn interrupted(&mut self) {
        for known in self.known.values_mut() {
            known.lateness.interrupted();
        }
    }

    /// Those who were silent for too long, given that nobody could be heard before `since`; and forgets those whose time is
    /// over. Says whether anything changed that is shown.
    pub fn sweep(&mut self, since: Time, now: Time) -> (Vec<Fate>, bool) {
        let mut fates = Vec::new();
        for (key, known) in &mut self.known {
            let live = known.beat.status != WorkerState::Stopped;
            if live && !known.dead && known.is_silent(since, now) {
                known.dead = true;
                fates.push(Fate::Died(*key));
            }
        }
        let before = self.known.len();
        self.known.retain(|_, known| {
            let over = if known.beat.status == WorkerState::Stopped {
                FORGET_STOPPED
            } else {
                FORGET_LOST
            };
            now.saturating_sub(known.heard) < over
        });
        if self.known.len() != before {
            let known = &self.known;
            self.keys.retain(|_, key| known.contains_key(key));
        }
        let changed = !fates.is_empty() || self.known.len() != before;
        (fates, changed)
    }

    fn live(&self, now: Time) -> impl Iterator<Item = (&WorkerKey, &Known)> {
        self.known
            .iter()
            .filter(move |(_, known)| known.state(now).is_live())
    }

    /// The live worker that holds each partition, and since when.
    pub fn owners(&self, now: Time) -> BTreeMap<i32, (Time, WorkerKey)> {
        let mut owners: BTreeMap<i32, (Time, WorkerKey)> = BTreeMap::new();
        for (key, known) in self.live(now) {
            for (partition, since) in &known.claims {
                let claim = (*since, *key);
                let owner = owners.entry(*partition).or_insert(claim);
                *owner = (*owner).max(claim);
            }
        }
        owners
    }

    /// The partitions that nobody claims but workers that are taken for dead, and which of them claimed each last. What lies on
    /// these is nobody's until the group gives them to another worker.
    pub fn orphans(&self) -> BTreeMap<i32, WorkerKey> {
        let mut orphans: BTreeMap<i32, (Time, WorkerKey)> = BTreeMap::new();
        for (key, known) in self.known.iter().filter(|(_, known)| known.dead) {
            for (partition, since) in &known.claims {
                let claim = (*since, *key);
                let orphan = orphans.entry(*partition).or_insert(claim);
                *orphan = (*orphan).max(claim);
            }
        }
        if !orphans.is_empty() {
            let others = self.known.values().filter(|known| !known.dead);
            for partition in others.flat_map(|known| known.claims.keys()) {
                orphans.remove(partition);
            }
        }
        orphans
            .into_iter()
            .map(|(partition, (_, key))| (partition, key))
            .collect()
    }

    /// Live workers that can read this version's records and hold partitions.
    pub fn holders(&self, now: Time) -> Vec<Holder> {
        let mut holders: BTreeMap<WorkerKey, Vec<i32>> = BTreeMap::new();
        for (partition, (_, key)) in self.owners(now) {
            if self.known.get(&key).is_some_and(|known| !known.is_too_old()) {
                holders.entry(key).or_default().push(partition);
            }
        }
        holders
            .into_iter()
            .map(|(key, partitions)| Holder { key, partitions })
            .collect()
    }

    /// A live worker that does not read records of `version`, of those that tiles can be sent to. Partitions go from one worker to
    /// another, so nothing of that version is sent as long as there is one.
    pub fn behind(&self, version: u32, now: Time) -> Option<&str> {
        self.live(now)
            .map(|(_, known)| known)
            .find(|known| !known.is_too_old() && !known.beat.reads(version))
            .map(|known| known.beat.worker_id.as_str())
    }

    /// The worker `id` answered a tile that it rendered for so many microseconds. Where two processes have that id nobody knows
    /// which of them it was.
    pub fn answered(&mut self, id: &str, micros: u64) {
        let is_here = |key: &WorkerKey| self.known.get(key).is_some_and(|known| !known.replaced);
        let here: Vec<WorkerKey> = processes(&self.keys, id).filter(is_here).take(2).collect();
        if let [key] = here[..]
            && let Some(known) = self.known.get_mut(&key)
        {
            known.answered = (known.answered.0 + 1, known.answered.1.saturating_add(micros));
        }
    }

    /// The ids of those of which something is heard.
    pub fn ids(&self, now: Time) -> BTreeSet<String> {
        self.known
            .values()
            .filter(|known| known.state(now) != WorkerState::Lost)
            .map(|known| known.beat.worker_id.clone())
            .collect()
    }

    /// The tile patterns that an earlier process stored.
    pub fn restore_patterns(&mut self, stored: Vec<(String, Pattern)>) {
        self.patterns.restore(stored);
    }

    /// Sees to it that `id`, which was just heard, has a tile pattern; gives it when it is to be stored.
    pub fn give_pattern(&mut self, id: &str, now: Time) -> Option<Pattern> {
        let is_known = |id: &str| processes(&self.keys, id).next().is_some();
        is_known(id)
            .then(|| self.patterns.hear(id, is_known, now))
            .flatten()
    }

    /// The tile pattern of worker `id`; `None` when it is not remembered.
    pub fn pattern(&self, id: &str) -> Option<Pattern> {
        self.patterns.of(id)
    }

    /// How a worker is called.
    pub fn id(&self, key: WorkerKey) -> &str {
        self.known.get(&key).map_or("", |known| &known.beat.worker_id)
    }

    /// The instance of a worker, as its heartbeats name it.
    pub fn instance(&self, key: WorkerKey) -> &str {
        self.known.get(&key).map_or("", |known| &known.beat.instance)
    }

    /// Tiles that it renders at a time.
    pub fn slots(&self, key: WorkerKey) -> u32 {
        self.known.get(&key).map_or(1, |known| known.beat.slots.max(1))
    }

    /// Whether it is known at all.
    pub fn knows(&self, key: WorkerKey) -> bool {
        self.known.contains_key(&key)
    }

    /// Whether it held `partition` as of its last heartbeat.
    pub fn claims(&self, key: WorkerKey, partition: i32) -> bool {
        self.known
            .get(&key)
            .is_some_and(|known| known.claims.contains_key(&partition))
    }

    /// The task `job/tile/attempt` that it said it renders with nothing else in hand.
    pub fn alone(&self, key: WorkerKey) -> Option<&str> {
        self.known.get(&key)?.beat.alone.as_deref()
    }

    /// Live workers and their slots, of those that tiles can be sent to.
    pub fn count(&self, now: Time) -> (u32, u32) {
        self.live(now)
            .filter(|(_, known)| !known.is_too_old())
            .fold((0, 0), |(workers, slots), (_, known)| {
                (workers + 1, slots + known.beat.slots)
            })
    }
}

#[cfg(test)]
#[path = "workers_tests.rs"]
mod tests;
