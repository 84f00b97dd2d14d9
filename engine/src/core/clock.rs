//! Workers are heard and lost, the cluster comes and goes, tiles are overdue: what happens by time.
//!
//! **Overdue.** Kafka gives the unfinished tiles of a dead worker to the next holder of the partition by itself. What still
//! gets lost (a broker that lost its log, a task skipped after a cancellation that was taken back) is found by time: a tile is
//! overdue when its result is not stored a while after the broker acknowledged the task *and* after its partition came to
//! its present holder. The while is the configured one, or more when tiles of this job take long; it doubles with each time.
//!
//! **Deaths.** A tile may kill the worker that renders it. Such a tile is never answered, and never overdue, because each
//! holder gets its time anew. So each death is noted of the tiles that the dead process held. A worker renders what it
//! inherits one at a time and says which it is about to begin, so after the first death the guilty tile is known for certain,
//! and the others that lay on the same partitions are not blamed.

use std::collections::BTreeSet;

use azulejo_protocol::{ControlMessage, Heartbeat, JobId};

use super::Core;
use super::pending::Then;
use crate::effect::{Effect, StoreOp};
use crate::job::JobPhase;
use crate::ledger::Outcome;
use crate::tiles::TilePhase;
use crate::workers::{Fate, WorkerKey};
use crate::{RunId, Time, TryId};

const MAX_DOUBLINGS: u32 = 6;
/// A try of which nothing at all was heard from the producer after this time is taken for not delivered.
const NO_REPORT: Time = Time::from_secs(5 * 60);
/// Said of a tile that was in hand when its worker was lost, together with others.
const LOST: &str = "the worker was lost before it answered";
/// Said of a tile whose workers are lost while it is the only one in hand.
const KILLER: &str = "the worker was lost with it: perhaps it needs more memory than a worker has";

impl Core {
    pub(super) fn set_connected(&mut self, connected: bool) {
        if self.connected == connected {
            return;
        }
        self.connected = connected;
        if connected {
            self.connected_since = self.now;
            if self.hold.as_ref().is_some_and(|hold| hold.reason.is_none()) {
                self.hold = None;
            }
        }
        self.emit(Effect::HealthChanged);
    }

    pub(super) fn heard(&mut self, beat: Heartbeat, age: Time) {
        let worker = beat.worker_id.clone();
        let fates = self.workers.hear(beat, age, self.now);
        if let Some(pattern) = self.workers.give_pattern(&worker, self.now) {
            self.store(vec![StoreOp::Pattern { worker, pattern }], Then::Nothing);
        }
        self.refresh_holders();
        self.follow(&fates);
        self.emit(Effect::WorkersChanged);
        self.emit(Effect::HealthChanged);
    }

    pub(super) fn tick(&mut self) {
        if self.connected {
            let (fates, changed) = self.workers.sweep(self.connected_since, self.now);
            self.follow(&fates);
            if changed {
                self.emit(Effect::WorkersChanged);
                self.emit(Effect::HealthChanged);
            }
        }
        self.refresh_holders();
        if self.connected && self.caught_up {
            self.find_overdue();
        }
        self.retry_transactions();
        self.keep_costs();
    }

    /// Looks again at who holds which partition.
    fn refresh_holders(&mut self) {
        let now = self.now;
        self.holders = self.workers.holders(now);
        let live = self.workers.count(now);
        if live != self.live {
            self.live = live;
            self.disturb_all();
            self.emit(Effect::WorkersChanged);
            self.emit(Effect::HealthChanged);
        }
        for holder in &self.holders {
            if let Some(window) = self.windows.get_mut(&holder.key) {
                window.look(self.workers.slots(holder.key), now);
            }
        }
        let workers = &self.workers;
        self.windows.retain(|key, _| workers.knows(*key));
    }

    fn follow(&mut self, fates: &[Fate]) {
        for fate in fates {
            match fate {
                Fate::Died(worker) => self.note_death(*worker),
                Fate::Returned(worker) => self.take_death_back(*worker),
            }
        }
    }

    /// A process is lost: the tile of which it said that it was alone in hand is to blame, or else any that it can have held. Who
    /// holds its partitions by now says nothing: the next holder may be there before the death is known.
    fn note_death(&mut self, worker: WorkerKey) {
        if let Some(alone) = self.workers.alone(worker) {
            if let Some((job, tile)) = named(alone) {
                self.blame_alone(job, tile, worker);
            }
            return;
        }
        let held: Vec<TryId> = self
            .out
            .iter()
            .filter(|(_, out)| out.delivered.is_some() && self.workers.claims(worker, out.partition))
            .map(|(id, _)| *id)
            .collect();
        for id in held {
            let Some(out) = self.out.get(&id) else { continue };
            self.blame(out.job, out.run, out.tile, worker, false);
        }
    }

    /// The task may be one of an earlier run of the job, or of a job that is over: whatever it is, workers die of it.
    fn blame_alone(&mut self, id: JobId, tile: u32, worker: WorkerKey) {
        match self.jobs.get(&id) {
            Some(job) if job.phase == JobPhase::Rendering => {
                let run = job.run;
                self.blame(id, run, tile, worker, true);
            }
            Some(_) => {}
            // They have not heard that it is over. The job of another server is none of our business.
            None if self.over.contains(&id) => {
                self.unsaid.insert(id);
            }
            None => {}
        }
    }

    fn blame(&mut self, id: JobId, run: RunId, tile: u32, worker: WorkerKey, alone: bool) {
        let all = self.budget();
        let name = self.workers.id(worker).to_owned();
        let Some(job) = self.running(id, run) else { return };
        if !matches!(job.tiles.phase(tile), Some(TilePhase::Out | TilePhase::Queued)) {
            return;
        }
        let outcome = Outcome::HolderDied { alone };
        let ledger = job.tiles.ledger_mut(tile);
        ledger.note(outcome, all);
        let used_up = ledger.is_used_up(all);
        let error = if alone { KILLER } else { LOST };
        let out = job.out.get(&tile).copied();
        if used_up {
            if let Some(out) = out {
                self.release(out);
            }
            return self.give_up(id, run, tile, &name, outcome, error);
        }
        if let Some(out) = out.and_then(|out| self.out.get_mut(&out)) {
            out.deaths.push((worker, alone));
        }
        self.keep_spent(id, tile, error);
    }

    /// A process that was taken for lost is heard of again: nobody died of anything.
    fn take_death_back(&mut self, worker: WorkerKey) {
        let mut cleared = Vec::new();
        for out in self.out.values_mut() {
            let mut rest = Vec::new();
            for (key, alone) in std::mem::take(&mut out.deaths) {
                if key == worker {
                    cleared.push((out.job, out.run, out.tile, alone));
                } else {
                    rest.push((key, alone));
                }
            }
            out.deaths = rest;
        }
        for (job, run, tile, alone) in cleared {
            if let Some(job) = self.running(job, run) {
                job.tiles.ledger_mut(tile).take_back(alone);
            }
        }
    }

    fn find_overdue(&mut self) {
        let now = self.now;
        let timeout = self.settings.tile_timeout;
        let owners = self.workers.owners(now);
        let mut overdue = Vec::new();
        let mut unheard = Vec::new();
        for (id, out) in &self.out {
            let Some(job) = self.jobs.get(&out.job).filter(|job| job.run == out.run) else {
                continue;
            };
            if job.tiles.phase(out.tile) != Some(TilePhase::Out) {
                continue;
            }
            let Some(delivered) = out.delivered else {
                if now.saturating_sub(out.sent) > NO_REPORT {
                    unheard.push(*id);
                }
                continue;
            };
            // With no live worker on its partition nobody could have answered.
            let Some((since, _)) = owners.get(&out.partition) else {
                continue;
            };
            let patience = timeout.max(Time::from_micros(job.mean_micros().saturating_mul(16)));
            let doublings = job
                .tiles
                .ledger(out.tile)
                .map_or(0, |ledger| ledger.overdue())
                .min(MAX_DOUBLINGS);
            if now.saturating_sub(delivered.max(*since)) > patience * (1 << doublings) {
                overdue.push((*id, out.job));
            }
        }
        for id in unheard {
            self.again(
                id,
                Outcome::NotDelivered,
                "the producer did not say what became of it",
            );
        }
        let mut jobs: BTreeSet<JobId> = BTreeSet::new();
        for (id, job) in overdue {
            self.again(id, Outcome::Overdue, "no answer came in time");
            jobs.insert(job);
        }
        // Perhaps workers skip the tiles because of a cancellation that they never heard was taken back. The job pauses for a
        // moment so that they hear it first, though not more often than tiles can become overdue.
        for id in jobs {
            if let Some(job) = self.jobs.get_mut(&id)
                && !job.phase.is_ending()
                && job.not_before.is_none_or(|at| now > at + timeout)
            {
                job.resume = true;
            } else {
                self.emit(Effect::Control(ControlMessage::Resume { job: id }));
            }
        }
    }
}

/// The job and the tile of a task `job/tile/attempt`.
fn named(task: &str) -> Option<(JobId, u32)> {
    let mut parts = task.split('/');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}
