//! A job comes, gets a place, is cancelled, ends.

use azulejo_protocol::{JobId, TileState};

use super::Core;
use super::pending::Then;
use crate::RunId;
use crate::effect::{Effect, Ending, StoreOp};
use crate::event::{Accepted, KnownTile};
use crate::job::{JobPhase, OpenJob};

/// Jobs without a result that are remembered after their end.
const MAX_OVER: usize = 1000;

impl Core {
    pub(super) fn accept(&mut self, accepted: Accepted) {
        let id = accepted.plan.job;
        self.unsaid.remove(&id);
        self.over.retain(|other| *other != id);
        if let Some(earlier) = self.jobs.get_mut(&id) {
            // Its ending is stored, or the retry would not have been accepted, but this core has not been told yet.
            earlier.next = Some(Box::new(accepted));
            return;
        }
        let mut job = OpenJob::new(accepted);
        job.accepted_at = self.now;
        job.is_undisturbed &= self.jobs.is_empty() && self.live.1 > 0;
        self.disturb_all();
        // The place is for all of its passes.
        let later = job.plan.measure.map_or(0, |measure| measure.result_tiles);
        self.lanes.wait(id, job.tiles.total().max(later));
        self.jobs.insert(id, job);
        self.activate();
        self.changed(id);
    }

    /// Gives places to waiting jobs as far as there are any.
    pub(super) fn activate(&mut self) {
        while let Some(id) = self.lanes.activate() {
            let Some(job) = self.jobs.get_mut(&id) else {
                self.lanes.remove(id);
                continue;
            };
            if job.check {
                job.phase = JobPhase::Checking;
                let run = job.run;
                self.emit(Effect::Check { job: id, run });
            } else {
                self.begin(id);
            }
        }
    }

    /// What an earlier run left of the job is known.
    pub(super) fn checked(&mut self, id: JobId, run: RunId, tiles: &[KnownTile]) {
        let Some(job) = self
            .running(id, run)
            .filter(|job| job.phase == JobPhase::Checking)
        else {
            return;
        };
        for known in tiles {
            job.tiles
                .restore(known.tile, known.state, known.attempt, known.spent);
            if known.state == TileState::Done {
                job.count_done(known.worker.as_deref(), known.micros);
            }
        }
        if job.plan.measure.is_none() {
            job.mosaic_version = job.mosaic_version.max(u64::from(job.tiles.progress().completed));
        }
        let dead = tiles.iter().find(|known| known.state == TileState::Dead);
        if let Some(dead) = dead {
            let why = dead.error.as_deref().unwrap_or("no reason is known");
            let reason = format!("tile {} was given up: {why}", dead.tile);
            return self.end(id, run, Ending::Failed { reason });
        }
        self.begin(id);
    }

    /// The job has its place: its rows are decoded, its tiles sent.
    pub(super) fn begin(&mut self, id: JobId) {
        let Some(job) = self.jobs.get_mut(&id) else { return };
        job.phase = JobPhase::Rendering;
        let run = job.run;
        if !job.is_decoded() && !job.tiles.is_rendered() {
            self.emit(Effect::Decode { job: id, run });
        }
        self.offer_bands(id, run);
        self.changed(id);
    }

    pub(super) fn cancel(&mut self, id: JobId, ticket: u64) {
        let Some(job) = self.jobs.get_mut(&id) else {
            return self.emit(Effect::Reply { ticket, ended: false });
        };
        let first = !job.phase.is_ending();
        job.cancels.push((ticket, first));
        let run = job.run;
        if first {
            self.end(id, run, Ending::Cancelled);
        }
    }

    /// Begins the end of a job, unless it has begun: nothing more is sent or stored of it, its files are left alone, and then
    /// the ending is stored. Workers hear of it before it is stored: a task that kills its worker must not stay behind
    /// because the process died in between. Should it die then, the next start goes on with the job and takes it back.
    pub(super) fn end(&mut self, id: JobId, run: RunId, ending: Ending) {
        let Some(job) = self.running(id, run) else { return };
        let completed = matches!(ending, Ending::Completed { .. });
        job.phase = JobPhase::Stopping(ending);
        let out: Vec<_> = std::mem::take(&mut job.out).into_values().collect();
        for id in out {
            self.release(id);
        }
        if !completed {
            self.is_over(id);
        }
        self.emit(Effect::Stop {
            job: id,
            run,
            completed,
        });
    }

    /// Tiles of the job are not wanted any more, and workers are to hear of it.
    pub(super) fn is_over(&mut self, id: JobId) {
        if self.over.len() == MAX_OVER {
            self.over.pop_front();
        }
        self.over.push_back(id);
        self.unsaid.insert(id);
    }

    /// Nothing works on the job's files any more.
    pub(super) fn stopped(&mut self, id: JobId, run: RunId) {
        let Some(job) = self.jobs.get_mut(&id).filter(|job| job.run == run) else {
            return;
        };
        let JobPhase::Stopping(ending) = &job.phase else {
            return;
        };
        let ending = ending.clone();
        job.phase = JobPhase::Ending(ending.clone());
        let mosaic_version = job.mosaic_version;
        let op = StoreOp::End {
            job: id,
            ending,
            mosaic_version,
        };
        self.store(vec![op], Then::Left { job: id, run });
    }

    /// The job's ending is stored.
    pub(super) fn leave(&mut self, id: JobId, run: RunId) {
        let Some(job) = self.jobs.get(&id).filter(|job| job.run == run) else {
            return;
        };
        let JobPhase::Ending(ending) = &job.phase else {
            return;
        };
        let completed = matches!(ending, Ending::Completed { .. });
        let Some(job) = self.jobs.remove(&id) else { return };
        self.lanes.remove(id);
        self.emit(Effect::Left {
            job: id,
            run,
            completed,
        });
        for (ticket, ended) in job.cancels {
            self.emit(Effect::Reply { ticket, ended });
        }
        self.changed(id);
        if let Some(next) = job.next {
            self.accept(*next);
        }
        self.activate();
    }
}
