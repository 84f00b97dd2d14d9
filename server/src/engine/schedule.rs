//! Which tile goes where, and when: the credit window, the turns of the jobs, the overdue.
//!
//! **Credits.** A live worker with S slots may have `2 S + 2` tiles outstanding: enough that it never waits for the
//! server, few enough that a cancelled job is gone at once and a dead worker leaves little behind. A tile is
//! outstanding from the moment it is taken until its result is *stored*, so the window also throttles the server itself.
//!
//! **Where to.** The partition is chosen here, not by a hash: the worker with the most room for its slots gets the tile,
//! on the one of its partitions with the fewest outstanding. Who holds which partition is what the heartbeats say.
//! Nobody live, or nobody with a partition: the tile waits.
//!
//! **Turns.** Jobs that are active take turns, one tile each. At most [`MAX_ACTIVE`] are active (decoded, with open files and a
//! mosaic in memory); the others wait in the order of their arrival.
//!
//! **Overdue.** Kafka gives the unfinished tiles of a dead worker to the next holder of the partition by itself. What still
//! gets lost (a broker that lost its log, a task skipped after a cancellation that was taken back) is found by time: a
//! tile is overdue when its result is not stored a while after the broker acknowledged the task *and* after its partition came
//! to its present holder. The while is the configured one, or more when tiles of this job take long; it doubles with each
//! resend of the tile, so a slow recipe cannot flood the workers with copies of itself. A resend is no failure. A tile that
//! workers die of is never answered and never overdue: see [`super::suspects`].

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use azulejo_protocol::JobId;

use super::live::{LiveJob, RESUME_PAUSE};
use super::run::Run;
use super::suspects::{Killer, Suspects};
use super::workers::{Holder, Workers};

/// Jobs that are decoded and rendered at the same time.
pub const MAX_ACTIVE: usize = 16;
/// Bytes of tasks outstanding in all: what a fresh consumer might have to fetch.
const MAX_OUTSTANDING_BYTES: u64 = 512 << 20;
const MAX_DOUBLINGS: u32 = 6;

/// A tile to be produced.
#[derive(Debug, Clone)]
pub struct Grant {
    /// Its job.
    pub run: Arc<Run>,
    /// Its index.
    pub tile: u32,
    /// Which try this is.
    pub attempt: u32,
    /// Where it goes.
    pub partition: i32,
    /// Names this try among all that are outstanding.
    pub ticket: u64,
}

/// A tile that was taken and whose result is not stored.
#[derive(Debug, Clone)]
struct Outstanding {
    ticket: u64,
    partition: i32,
    bytes: u64,
    taken: Instant,
    acknowledged: Option<Instant>,
}

/// Everything that changes while the engine runs, under one lock that is never held over input or output.
#[derive(Debug, Default)]
pub struct Core {
    jobs: HashMap<JobId, LiveJob>,
    /// Active jobs, the next one first.
    turns: VecDeque<JobId>,
    waiting: VecDeque<JobId>,
    outstanding: HashMap<(JobId, u32), Outstanding>,
    on_partition: HashMap<i32, u32>,
    bytes: u64,
    next_ticket: u64,
    /// How often a tile was overdue. An entry goes with its tile.
    resends: HashMap<(JobId, u32), u32>,
    /// Tiles that workers may die of.
    suspects: Suspects,
    holders: Vec<Holder>,
    /// The workers.
    pub workers: Workers,
    /// Whether the scratch files of jobs from before the start were checked: no job becomes active before.
    pub verified: bool,
    /// Whether tiles may be sent: results are read up to where they stood when the server started.
    pub open: bool,
    /// Whether the broker answers.
    pub connected: bool,
    /// Tiles stored in a second over all jobs.
    pub rate: super::rate::Rate,
}

impl Core {
    /// Adds a job.
    pub fn add(&mut self, job: LiveJob) {
        let id = job.run.spec.id();
        // An earlier run that has ended in the database may not have left yet.
        self.remove(id);
        self.jobs.insert(id, job);
        self.waiting.push_back(id);
    }

    /// Makes waiting jobs active as far as there is room; gives those that became it.
    pub fn activate(&mut self) -> Vec<Arc<Run>> {
        let mut started = Vec::new();
        while self.verified && self.turns.len() < MAX_ACTIVE {
            let Some(id) = self.waiting.pop_front() else { break };
            if let Some(job) = self.jobs.get(&id) {
                started.push(job.run.clone());
                self.turns.push_back(id);
            }
        }
        started
    }

    /// Takes a run out; nothing happens when its job has a newer one.
    pub fn remove_run(&mut self, run: &Run) {
        if self.job_of(run).is_some() {
            self.remove(run.spec.id());
        }
    }

    /// Takes a job out, with all that is outstanding of it.
    pub fn remove(&mut self, id: JobId) -> Option<LiveJob> {
        let job = self.jobs.remove(&id)?;
        job.run.stop();
        self.turns.retain(|other| *other != id);
        self.waiting.retain(|other| *other != id);
        self.resends.retain(|(other, _), _| *other != id);
        self.suspects.forget_job(id);
        let gone: Vec<u32> = self
            .outstanding
            .keys()
            .filter(|(other, _)| *other == id)
            .map(|(_, t)| *t)
            .collect();
        for tile in gone {
            self.release(id, tile);
        }
        Some(job)
    }

    /// The job `id`, if it is under way.
    pub fn job(&self, id: JobId) -> Option<&LiveJob> {
        self.jobs.get(&id)
    }

    /// The job `id`, if it is under way.
    pub fn job_mut(&mut self, id: JobId) -> Option<&mut LiveJob> {
        self.jobs.get_mut(&id)
    }

    /// The job of `run`, if that run still goes on.
    pub fn job_of(&mut self, run: &Run) -> Option<&mut LiveJob> {
        self.jobs
            .get_mut(&run.spec.id())
            .filter(|job| job.run.serial == run.serial)
    }

    /// Jobs under way.
    pub fn jobs(&self) -> impl Iterator<Item = &LiveJob> {
        self.jobs.values()
    }

    /// Looks again at who holds which partition. To be called when a heartbeat came and now and then.
    pub fn refresh_holders(&mut self, now: Instant) {
        self.holders = self.workers.holders(now);
    }

    /// The next tile to send, if there is one and room for it.
    pub fn next_grant(&mut self, now: Instant) -> Option<Grant> {
        if !self.open || !self.connected || self.bytes >= MAX_OUTSTANDING_BYTES {
            return None;
        }
        let partition = self.choose_partition()?;
        for _ in 0..self.turns.len() {
            let id = self.turns.pop_front()?;
            self.turns.push_back(id);
            let Some(job) = self.jobs.get_mut(&id) else {
                continue;
            };
            let Some((tile, attempt)) = job.take(now) else {
                continue;
            };
            let spec = &job.run.spec;
            let bytes = spec.tile_regions(tile).map_or(0, |(region, _)| {
                region.size().pixels() * spec.row.input_format.bytes_per_pixel() as u64
            });
            let run = job.run.clone();
            self.next_ticket += 1;
            let ticket = self.next_ticket;
            let entry = Outstanding {
                ticket,
                partition,
                bytes,
                taken: now,
                acknowledged: None,
            };
            self.outstanding.insert((id, tile), entry);
            *self.on_partition.entry(partition).or_default() += 1;
            self.bytes += bytes;
            return Some(Grant {
                run,
                tile,
                attempt,
                partition,
                ticket,
            });
        }
        None
    }

    fn choose_partition(&self) -> Option<i32> {
        let on = |partition: &i32| self.on_partition.get(partition).copied().unwrap_or(0);
        let (holder, _) = self
            .holders
            .iter()
            .map(|holder| (holder, holder.partitions.iter().map(on).sum::<u32>()))
            .filter(|(holder, load)| *load < credits(holder.slots))
            .min_by_key(|(holder, load)| u64::from(*load) * 1000 / u64::from(holder.slots.max(1)))?;
        holder
            .partitions
            .iter()
            .copied()
            .min_by_key(|partition| on(partition))
    }

    /// The broker has the task.
    pub fn acknowledged(&mut self, id: JobId, tile: u32, ticket: u64, now: Instant) {
        if let Some(entry) = self
            .outstanding
            .get_mut(&(id, tile))
            .filter(|entry| entry.ticket == ticket)
        {
            entry.acknowledged = Some(now);
        }
    }

    /// The task never reached the broker: the try does not count.
    pub fn not_sent(&mut self, id: JobId, tile: u32, ticket: u64) {
        if self
            .outstanding
            .get(&(id, tile))
            .is_some_and(|entry| entry.ticket == ticket)
        {
            self.release(id, tile);
            if let Some(job) = self.jobs.get_mut(&id) {
                job.requeue(tile, false);
            }
        }
    }

    /// The tile has an answer: it is outstanding no more, and its resends are forgotten. What answers an earlier run of the
    /// job says nothing of the tile that is out now.
    pub fn settle(&mut self, run: &Run, tile: u32) {
        if self.job_of(run).is_some() {
            self.release(run.spec.id(), tile);
            self.resends.remove(&(run.spec.id(), tile));
            self.suspects.forget((run.spec.id(), tile));
        }
    }

    /// The tile is outstanding no more.
    fn release(&mut self, id: JobId, tile: u32) {
        let Some(entry) = self.outstanding.remove(&(id, tile)) else {
            return;
        };
        self.bytes -= entry.bytes;
        if let Some(count) = self.on_partition.get_mut(&entry.partition) {
            *count -= 1;
            if *count == 0 {
                self.on_partition.remove(&entry.partition);
            }
        }
    }

    /// When an outstanding tile was taken.
    pub fn taken(&self, id: JobId, tile: u32) -> Option<Instant> {
        self.outstanding.get(&(id, tile)).map(|entry| entry.taken)
    }

    /// Puts overdue tiles back into the queue and gives them. Workers are to be told that their jobs go on: perhaps they
    /// skip them because of a cancellation that they never heard was taken back. The jobs pause for a moment so that they
    /// hear it first, though not more often than tiles can become overdue.
    pub fn requeue_overdue(&mut self, timeout: Duration, now: Instant) -> Vec<(JobId, u32)> {
        let held = self.workers.held_since(now);
        let overdue: Vec<(JobId, u32)> = self
            .outstanding
            .iter()
            .filter(|((id, tile), entry)| {
                let Some(acknowledged) = entry.acknowledged else {
                    return false;
                };
                // With no live worker on its partition nobody could have answered.
                let Some(since) = held.get(&entry.partition) else {
                    return false;
                };
                let slow = self.jobs.get(id).map_or(0, |job| job.mean_micros());
                let patience = timeout.max(Duration::from_micros(slow.saturating_mul(16)));
                let doublings = self
                    .resends
                    .get(&(*id, *tile))
                    .copied()
                    .unwrap_or(0)
                    .min(MAX_DOUBLINGS);
                now.saturating_duration_since(acknowledged.max(*since)) > patience * (1 << doublings)
            })
            .map(|(key, _)| *key)
            .collect();
        for (id, tile) in &overdue {
            self.release(*id, *tile);
            *self.resends.entry((*id, *tile)).or_default() += 1;
            if let Some(job) = self.jobs.get_mut(id) {
                job.requeue(*tile, true);
                if job.not_before.is_none_or(|at| now > at + timeout) {
                    job.not_before = Some(now + RESUME_PAUSE);
                }
            }
        }
        overdue
    }

    /// The tile to give up now because workers die of it, at least `limit` of them so far; with the run that it belongs to. To
    /// be called now and then.
    pub fn killer(&mut self, limit: u32, now: Instant) -> Option<(Arc<Run>, Killer)> {
        let owners = self.workers.owners(now);
        // While the broker is away nobody is heard of, and that is nobody's death.
        if owners.is_empty() || !self.connected {
            return None;
        }
        for (tile, entry) in &self.outstanding {
            if entry.acknowledged.is_some()
                && let Some((since, worker)) = owners.get(&entry.partition)
            {
                self.suspects.see(*tile, worker, entry.partition, *since);
            }
        }
        let sent = |tile: &(JobId, u32)| self.outstanding.get(tile).map(|entry| entry.taken);
        let killer = self.suspects.killer(limit, &self.workers, now, sent)?;
        let run = self.jobs.get(&killer.job)?.run.clone();
        Some((run, killer))
    }

    /// Tiles outstanding over all jobs, and the age of the oldest.
    pub fn lag(&self, now: Instant) -> (u32, Duration) {
        let oldest = self.outstanding.values().map(|entry| entry.taken).min();
        let age = oldest.map_or(Duration::ZERO, |taken| now.saturating_duration_since(taken));
        (self.outstanding.len() as u32, age)
    }
}

/// Tiles that a live worker may have outstanding.
pub fn credits(slots: u32) -> u32 {
    2 * slots + 2
}

#[cfg(test)]
#[path = "schedule_tests.rs"]
mod tests;
