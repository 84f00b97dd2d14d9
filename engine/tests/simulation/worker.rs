//! A worker as a small program: takes tasks of its partitions, renders, answers, commits the finished prefix.

use std::collections::{BTreeMap, BTreeSet};

use azulejo_engine::Time;
use azulejo_protocol::{Heartbeat, JobId, Timestamp, WorkerState};

use crate::kafka::{Member, Task};

/// One task in hand.
#[derive(Debug, Clone)]
pub struct InHand {
    pub task: Task,
    pub partition: i32,
    pub offset: i64,
    /// Which assignment it was taken under.
    pub generation: u64,
    /// Microseconds of work that it takes.
    pub micros: u64,
}

#[derive(Debug)]
pub struct Worker {
    pub id: String,
    /// Counts its lives; part of the instance.
    pub life: u64,
    pub number: usize,
    pub slots: usize,
    pub old: bool,
    pub alive: bool,
    /// It stands still until then.
    pub frozen_until: Time,
    pub hand: BTreeMap<u64, InHand>,
    pub next_hand: u64,
    /// The next offset to take of each partition that it holds.
    pub positions: BTreeMap<i32, i64>,
    /// Offsets taken and not finished, and the finished ones beyond them.
    pub open: BTreeMap<i32, BTreeSet<i64>>,
    pub finished: BTreeMap<i32, BTreeSet<i64>>,
    pub generation: u64,
    pub cancelled: BTreeSet<JobId>,
    /// The inherited task that it is about to render, or renders, alone.
    pub alone: Option<String>,
    pub done: u64,
    pub started: Time,
}

impl Worker {
    pub fn new(number: usize, id: String, slots: usize, old: bool) -> Self {
        Self {
            id,
            life: 1,
            number,
            slots,
            old,
            alive: true,
            frozen_until: Time::ZERO,
            hand: BTreeMap::new(),
            next_hand: 0,
            positions: BTreeMap::new(),
            open: BTreeMap::new(),
            finished: BTreeMap::new(),
            generation: 0,
            cancelled: BTreeSet::new(),
            alone: None,
            done: 0,
            started: Time::ZERO,
        }
    }

    pub fn instance(&self) -> String {
        format!("{}-{}", self.number, self.life)
    }

    pub fn member(&self) -> Member {
        (self.number, self.life)
    }

    pub fn acts(&self, now: Time) -> bool {
        self.alive && now >= self.frozen_until
    }

    /// The process ends; what was in hand is gone.
    pub fn die(&mut self) {
        self.alive = false;
        self.hand.clear();
        self.give_up_all();
        self.alone = None;
    }

    pub fn give_up_all(&mut self) {
        self.positions.clear();
        self.open.clear();
        self.finished.clear();
        self.generation += 1;
    }

    pub fn come_back(&mut self, now: Time) {
        self.alive = true;
        self.life += 1;
        self.started = now;
        self.cancelled.clear();
        self.frozen_until = now;
    }

    /// A task is finished: gives the offset to commit.
    pub fn finish(&mut self, in_hand: &InHand) -> Option<i64> {
        if in_hand.generation != self.generation {
            return None;
        }
        let open = self.open.get_mut(&in_hand.partition)?;
        open.remove(&in_hand.offset);
        let finished = self.finished.entry(in_hand.partition).or_default();
        finished.insert(in_hand.offset);
        let limit = open.first().copied().unwrap_or(i64::MAX);
        let last = finished.range(..limit).next_back().copied()?;
        finished.retain(|offset| *offset > last);
        Some(last + 1)
    }

    pub fn beat(&self, now: Time) -> Heartbeat {
        Heartbeat {
            worker_id: self.id.clone(),
            instance: self.instance(),
            status: if self.hand.is_empty() {
                WorkerState::Idle
            } else {
                WorkerState::Busy
            },
            tasks_processed: self.done,
            current_task: None,
            timestamp: Timestamp::UNIX_EPOCH,
            uptime: now.saturating_sub(self.started).as_secs_f64(),
            avg_processing_time: 0.0,
            tasks_per_minute: 0.0,
            slots: self.slots as u32,
            busy: self.hand.len() as u32,
            tasks_failed: 0,
            partitions: self.positions.keys().copied().collect(),
            memory_bytes: 0,
            interval: 1.0,
            host: String::new(),
            version: String::new(),
            versions: if self.old { vec![1] } else { vec![1, 2, 3] },
            alone: self.alone.clone(),
            trouble: None,
        }
    }
}
