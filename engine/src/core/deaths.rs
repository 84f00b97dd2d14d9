//! A worker is lost: which tiles it may have died of, and who renders what it had in hand.
//!
//! **Blame.** A tile may kill the worker that renders it. Such a tile is never answered, and never overdue, because each holder
//! gets its time anew. So each death is noted of the tiles that the dead process held. A worker renders what was another's with
//! nothing else in hand, and says which tile it is about to begin; so after the first death the guilty tile is known for certain,
//! and the others that lay on the same partitions are not blamed.
//!
//! **Sent again.** Kafka gives the partitions of a dead worker to others by itself, when the session of the group is over: after
//! 6 s, or after 45 s with the newer protocol of groups. The server hears sooner that a worker is lost, and does not wait. A try
//! is *stranded* when the broker has it and nobody claims its partition but workers that are lost. As soon as another worker has
//! room, a stranded try is given up and its tile sent to that worker, before any other tile. The task names the lost process as
//! its holder, so that it is rendered alone. Until there is room, the try stays out: should the worker be heard of again, or
//! Kafka be quicker, nothing has happened.
//!
//! The earlier task stays in Kafka, and the next holder of its partition may render the tile once more. A tile is counted once.

use azulejo_protocol::{JobId, record};

use super::Core;
use crate::job::JobPhase;
use crate::ledger::{Ledger, MAX_RESENDS, Outcome};
use crate::tiles::TilePhase;
use crate::workers::{Fate, WorkerKey};
use crate::{RunId, TryId};

/// Said of a tile that was in hand when its worker was lost, together with others.
const LOST: &str = "the worker was lost before it answered";
/// Said of a tile whose workers are lost while it is the only one in hand.
const KILLER: &str = "the worker was lost with it: perhaps it needs more memory than a worker has";

impl Core {
    pub(super) fn follow(&mut self, fates: &[Fate]) {
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
        let ledger = job.tiles.ledger_mut(tile);
        ledger.note_death(worker, alone, all);
        let used_up = ledger.is_used_up(all);
        let error = if alone { KILLER } else { LOST };
        if used_up {
            if let Some(out) = job.out.get(&tile).copied() {
                self.release(out);
            }
            let outcome = Outcome::HolderDied { alone };
            return self.give_up(id, run, tile, &name, outcome, error);
        }
        self.keep_spent(id, tile, error);
    }

    /// A process that was taken for lost is heard of again: nobody died of anything.
    fn take_death_back(&mut self, worker: WorkerKey) {
        for job in self.jobs.values_mut().filter(|job| !job.phase.is_ending()) {
            job.tiles
                .ledgers_mut()
                .for_each(|ledger| ledger.take_back(worker));
        }
    }

    /// Looks again which tries are stranded, and with whom.
    pub(super) fn find_stranded(&mut self) {
        let orphans = self.workers.orphans();
        self.stranded.clear();
        if orphans.is_empty() {
            return;
        }
        let delivered = self.out.iter().filter(|(_, out)| out.delivered.is_some());
        self.stranded = delivered
            .filter_map(|(id, out)| Some((*id, *orphans.get(&out.partition)?)))
            .collect();
    }

    /// The stranded try that was sent first, of those whose tile may be sent again now, and the worker that was lost with it.
    pub(super) fn next_stranded(&self) -> Option<(TryId, WorkerKey)> {
        let all_read_more = self.may_send_version(record::LATEST);
        let may_go = |id: &TryId| {
            let Some(out) = self.out.get(id) else { return false };
            self.jobs.get(&out.job).is_some_and(|job| {
                job.run == out.run
                    && (all_read_more || job.plan.record_version() <= record::VERSION)
                    && job.may_send(self.now)
                    && job.tiles.phase(out.tile) == Some(TilePhase::Out)
                    && job.tiles.ledger(out.tile).map_or(0, Ledger::resends) < MAX_RESENDS
            })
        };
        self.stranded
            .iter()
            .find(|(id, _)| may_go(id))
            .map(|(id, lost)| (*id, *lost))
    }

    /// The try is given up, and its tile goes to another worker as one that `lost` may have died of.
    pub(super) fn resend(
        &mut self,
        id: TryId,
        lost: WorkerKey,
        worker: WorkerKey,
        partition: i32,
        outstanding: u32,
    ) {
        let name = match self.workers.instance(lost) {
            "" => self.workers.id(lost),
            instance => instance,
        }
        .to_owned();
        let Some(out) = self.release(id) else { return };
        let Some(job) = self.running(out.job, out.run) else {
            return;
        };
        job.is_undisturbed = false;
        job.tiles.ledger_mut(out.tile).resend(lost, &name);
        self.send(out.job, out.tile, worker, partition, outstanding);
    }
}

/// The job and the tile of a task `job/tile/attempt`.
fn named(task: &str) -> Option<(JobId, u32)> {
    let mut parts = task.split('/');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}
