//! The workers as their heartbeats show them: who is live, which partitions of the tasks each holds, how fast it is.
//!
//! Pure state: time is a parameter. A worker that is silent for three of its intervals is lost and gets no more tiles;
//! after a few minutes it is forgotten. One that said goodbye goes within seconds. During a rebalance two workers may
//! claim the same partition for a moment: the one that claimed it last holds it.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use azulejo_protocol::{Heartbeat, Timestamp, WorkerInfo, WorkerState};

/// Silent for so many intervals: lost.
const LOST_AFTER_INTERVALS: f64 = 3.0;
const FORGET_LOST: Duration = Duration::from_secs(5 * 60);
const FORGET_STOPPED: Duration = Duration::from_secs(10);
const HISTORY: usize = 60;
/// Heartbeats come from outside: these bound what they can make the server keep.
const MAX_WORKERS: usize = 10_000;
const MAX_ID: usize = 128;
const MAX_SLOTS: u32 = 1024;
const MAX_PARTITIONS: usize = 10_000;
const MAX_TEXT: usize = 256;

/// A live worker with the partitions that tiles for it go to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Its id.
    pub worker: String,
    /// Tiles that it renders at a time.
    pub slots: u32,
    /// Partitions that it holds, none of which another one holds.
    pub partitions: Vec<i32>,
}

/// What became of the holder of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It lives, or ended in order.
    Fine,
    /// It is lost, unless it is heard of again.
    Silent,
    /// It died: it is back with a new life.
    Dead,
    /// It was silent for so long that nothing is known any more.
    Forgotten,
}

#[derive(Debug)]
struct Known {
    beat: Heartbeat,
    heard: Instant,
    /// Since when it claims each of its partitions.
    claims: HashMap<i32, Instant>,
    history: VecDeque<f32>,
    /// Tiles processed and when, as of the last entry of the history.
    counted: (u64, Instant),
    /// What it held when it died last, if it has: when it comes back it is younger, and had said no goodbye.
    died_with: HashMap<i32, Instant>,
}

impl Known {
    fn interval(&self) -> f64 {
        if (0.1..=600.0).contains(&self.beat.interval) {
            self.beat.interval
        } else {
            5.0
        }
    }

    fn state(&self, now: Instant) -> WorkerState {
        let silence = now.saturating_duration_since(self.heard).as_secs_f64();
        if self.beat.status != WorkerState::Stopped && silence > self.interval() * LOST_AFTER_INTERVALS {
            WorkerState::Lost
        } else {
            self.beat.status
        }
    }
}

/// Every worker known.
#[derive(Debug, Default)]
pub struct Workers {
    known: HashMap<String, Known>,
}

impl Workers {
    /// Takes in a heartbeat that was sent `age` ago. Says whether it is acceptable.
    pub fn hear(&mut self, mut beat: Heartbeat, age: Duration, now: Instant) -> bool {
        let id_ok = !beat.worker_id.is_empty() && beat.worker_id.len() <= MAX_ID;
        if !id_ok || (self.known.len() >= MAX_WORKERS && !self.known.contains_key(&beat.worker_id)) {
            return false;
        }
        beat.slots = beat.slots.clamp(1, MAX_SLOTS);
        beat.partitions.truncate(MAX_PARTITIONS);
        for text in [
            Some(&mut beat.host),
            Some(&mut beat.version),
            beat.current_task.as_mut(),
        ]
        .into_iter()
        .flatten()
        {
            if text.len() > MAX_TEXT {
                *text = text.chars().take(MAX_TEXT / 4).collect();
            }
        }
        let heard = now.checked_sub(age).unwrap_or(now);
        let known = self.known.entry(beat.worker_id.clone()).or_insert_with(|| Known {
            counted: (beat.tasks_processed, heard),
            beat: beat.clone(),
            heard,
            claims: HashMap::new(),
            history: VecDeque::new(),
            died_with: HashMap::new(),
        });
        if heard < known.heard {
            return true;
        }
        let mut claims = std::mem::take(&mut known.claims);
        if beat.uptime < known.beat.uptime {
            // What it holds now it has not held in its earlier life.
            let before = std::mem::take(&mut claims);
            if known.beat.status != WorkerState::Stopped {
                known.died_with = before;
            }
        }
        known.claims = beat
            .partitions
            .iter()
            .map(|p| (*p, claims.get(p).copied().unwrap_or(heard)))
            .collect();
        let (count, since) = known.counted;
        let span = heard.saturating_duration_since(since).as_secs_f32();
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
        known.heard = heard;
        known.beat = beat;
        true
    }

    /// Forgets those whose time is over; says whether any went.
    pub fn sweep(&mut self, now: Instant) -> bool {
        let before = self.known.len();
        self.known.retain(|_, known| {
            let silence = now.saturating_duration_since(known.heard);
            silence
                < if known.beat.status == WorkerState::Stopped {
                    FORGET_STOPPED
                } else {
                    FORGET_LOST
                }
        });
        self.known.len() != before
    }

    /// The live worker that holds each partition, and since when.
    pub fn owners(&self, now: Instant) -> HashMap<i32, (Instant, &str)> {
        let mut owners: HashMap<i32, (Instant, &str)> = HashMap::new();
        for known in self.known.values().filter(|known| known.state(now).is_live()) {
            for (partition, since) in &known.claims {
                let claim = (*since, known.beat.worker_id.as_str());
                let owner = owners.entry(*partition).or_insert(claim);
                *owner = (*owner).max(claim);
            }
        }
        owners
    }

    /// What became of the worker that held `partition` since then. One that gave the partition up, or said goodbye, is fine.
    pub fn fate(&self, worker: &str, partition: i32, since: Instant, now: Instant) -> Fate {
        let Some(known) = self.known.get(worker) else {
            return Fate::Forgotten;
        };
        if known.died_with.get(&partition) == Some(&since) {
            Fate::Dead
        } else if known.state(now) == WorkerState::Lost && known.claims.get(&partition) == Some(&since) {
            Fate::Silent
        } else {
            Fate::Fine
        }
    }

    /// Live workers that hold partitions, in order of their ids.
    pub fn holders(&self, now: Instant) -> Vec<Holder> {
        let live = || self.known.values().filter(|known| known.state(now).is_live());
        let owners = self.owners(now);
        let mut holders: Vec<Holder> = live()
            .map(|known| {
                let mut partitions: Vec<i32> = known
                    .claims
                    .keys()
                    .copied()
                    .filter(|p| owners.get(p).is_some_and(|(_, id)| *id == known.beat.worker_id))
                    .collect();
                partitions.sort_unstable();
                Holder {
                    worker: known.beat.worker_id.clone(),
                    slots: known.beat.slots,
                    partitions,
                }
            })
            .filter(|holder| !holder.partitions.is_empty())
            .collect();
        holders.sort_by(|a, b| a.worker.cmp(&b.worker));
        holders
    }

    /// Since when a live worker holds each partition that one holds.
    pub fn held_since(&self, now: Instant) -> HashMap<i32, Instant> {
        let mut held: HashMap<i32, Instant> = HashMap::new();
        for known in self.known.values().filter(|known| known.state(now).is_live()) {
            for (partition, since) in &known.claims {
                let at = held.entry(*partition).or_insert(*since);
                *at = (*at).max(*since);
            }
        }
        held
    }

    /// Live workers and their slots.
    pub fn live(&self, now: Instant) -> (u32, u32) {
        let live = self.known.values().filter(|known| known.state(now).is_live());
        live.fold((0, 0), |(workers, slots), known| {
            (workers + 1, slots + known.beat.slots)
        })
    }

    /// All of them, live ones first, then by id.
    pub fn list(&self, now: Instant, wall: Timestamp) -> Vec<WorkerInfo> {
        let mut list: Vec<WorkerInfo> = self
            .known
            .values()
            .map(|known| {
                let beat = &known.beat;
                let status = known.state(now);
                WorkerInfo {
                    worker_id: beat.worker_id.clone(),
                    last_heartbeat: wall - now.saturating_duration_since(known.heard),
                    tasks_processed: beat.tasks_processed,
                    current_task: beat.current_task.clone().filter(|_| status.is_live()),
                    status,
                    uptime: beat.uptime,
                    avg_processing_time: beat.avg_processing_time,
                    tasks_per_minute: beat.tasks_per_minute,
                    rate_history: known.history.iter().copied().collect(),
                    slots: beat.slots,
                    busy: if status.is_live() { beat.busy } else { 0 },
                    tasks_failed: beat.tasks_failed,
                    partitions: beat.partitions.clone(),
                    memory_bytes: beat.memory_bytes,
                    host: beat.host.clone(),
                    version: beat.version.clone(),
                    instance: beat.instance.clone(),
                    versions: beat.versions.clone(),
                    note: None,
                }
            })
            .collect();
        list.sort_by(|a, b| {
            let rank = |worker: &WorkerInfo| (!worker.status.is_live(), worker.worker_id.clone());
            rank(a).cmp(&rank(b))
        });
        list
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub fn beat(worker: &str, slots: u32, partitions: &[i32]) -> Heartbeat {
        Heartbeat {
            worker_id: worker.to_owned(),
            status: WorkerState::Idle,
            tasks_processed: 0,
            current_task: None,
            timestamp: Timestamp::UNIX_EPOCH,
            uptime: 1.0,
            avg_processing_time: 0.0,
            tasks_per_minute: 0.0,
            slots,
            busy: 0,
            tasks_failed: 0,
            partitions: partitions.to_vec(),
            memory_bytes: 0,
            interval: 5.0,
            host: String::new(),
            version: String::new(),
            instance: String::new(),
            versions: azulejo_protocol::record::READABLE.to_vec(),
            alone: None,
            trouble: None,
        }
    }

    const NONE: Duration = Duration::ZERO;

    #[test]
    fn a_silent_worker_is_lost_and_then_forgotten() {
        let start = Instant::now();
        let mut workers = Workers::default();
        assert!(workers.hear(beat("a", 2, &[0, 1]), NONE, start));
        assert_eq!(workers.live(start + Duration::from_secs(14)), (1, 2));
        let later = start + Duration::from_secs(16);
        assert_eq!(workers.live(later), (0, 0));
        assert!(workers.holders(later).is_empty());
        assert_eq!(
            workers.list(later, Timestamp::UNIX_EPOCH)[0].status,
            WorkerState::Lost
        );
        assert!(!workers.sweep(later));
        assert!(workers.sweep(start + Duration::from_secs(301)));
    }

    #[test]
    fn a_worker_that_said_goodbye_goes_within_seconds() {
        let start = Instant::now();
        let mut workers = Workers::default();
        workers.hear(beat("a", 2, &[0]), NONE, start);
        workers.hear(
            Heartbeat {
                status: WorkerState::Stopped,
                ..beat("a", 2, &[])
            },
            NONE,
            start,
        );
        assert_eq!(workers.live(start), (0, 0));
        assert!(workers.sweep(start + Duration::from_secs(11)));
    }

    #[test]
    fn a_partition_claimed_twice_belongs_to_the_later_claim() {
        let start = Instant::now();
        let mut workers = Workers::default();
        workers.hear(beat("a", 1, &[0, 1]), NONE, start);
        let later = start + Duration::from_secs(2);
        workers.hear(beat("b", 1, &[1]), NONE, later);
        workers.hear(beat("a", 1, &[0, 1]), NONE, later + Duration::from_secs(1));
        let holders = workers.holders(later + Duration::from_secs(1));
        assert_eq!(holders[0].partitions, [0]);
        assert_eq!(holders[1].partitions, [1]);
    }

    #[test]
    fn the_history_has_one_rate_a_heartbeat_and_survives_a_restart_of_the_worker() {
        let start = Instant::now();
        let mut workers = Workers::default();
        for step in 0..100u64 {
            let processed = if step < 50 { step * 10 } else { (step - 50) * 10 };
            let now = start + Duration::from_secs(step * 5);
            let beat = Heartbeat {
                tasks_processed: processed,
                uptime: step as f64,
                ..beat("a", 1, &[])
            };
            workers.hear(beat, NONE, now);
        }
        let list = workers.list(start + Duration::from_secs(500), Timestamp::UNIX_EPOCH);
        assert_eq!(list[0].rate_history.len(), HISTORY);
        assert!(list[0].rate_history.iter().all(|rate| (*rate - 2.0).abs() < 0.01));
    }

    #[test]
    fn hostile_heartbeats_are_bounded() {
        let now = Instant::now();
        let mut workers = Workers::default();
        assert!(!workers.hear(beat(&"x".repeat(129), 1, &[]), NONE, now));
        assert!(!workers.hear(beat("", 1, &[]), NONE, now));
        assert!(workers.hear(beat("a", u32::MAX, &[]), NONE, now));
        assert_eq!(workers.live(now), (1, MAX_SLOTS));
    }
}
