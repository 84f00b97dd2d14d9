//! What is learned of costs, and how long the jobs under way will take.

use azulejo_protocol::{Costs, JobId};

use super::Core;
use super::pending::Then;
use crate::Time;
use crate::costs::Finished;
use crate::effect::{Effect, StoreOp};
use crate::job::OpenJob;

/// Least time between two storings of what was learned.
const KEEP_EVERY: Time = Time::from_secs(2);

impl Core {
    /// What work costs, as far as it was measured.
    pub fn costs(&self) -> Costs {
        self.costs.costs()
    }

    /// Estimate of the seconds until the jobs under way are done; `None` when nothing is known of one of them or nobody works.
    pub fn queue_seconds(&self) -> Option<f64> {
        let slots = self.live.1;
        if self.jobs.is_empty() {
            return Some(0.0);
        }
        if slots == 0 {
            return None;
        }
        let costs = self.costs();
        let busy = costs.busy_slots(slots);
        self.jobs.values().map(|job| left(job, &costs, busy)).sum()
    }

    /// A tile was rendered for so many microseconds, as its worker says.
    pub(super) fn learn_tile(&mut self, id: JobId, tile: u32, micros: u64) {
        // Measuring takes time that is no step's.
        if let Some(job) = self.jobs.get(&id)
            && job.plan.measure.is_none()
            && let Some(work) = job.plan.work(tile)
        {
            self.costs
                .learn_tile(&job.plan.recipe, &work, micros as f64 / 1e3);
            self.costs_changed = true;
        }
    }

    /// A job has its result: what it took is learned, if nothing else was going on.
    pub(super) fn learn_job(&mut self, id: JobId) {
        let slots = self.live.1;
        let Some(job) = self.jobs.get(&id).filter(|job| job.is_undisturbed) else {
            return;
        };
        self.costs.learn_job(&Finished {
            kind: &job.plan.kind,
            bytes: job.plan.load(&job.work).bytes,
            tiles: job.tiles.total(),
            slots,
            rendered: job.rendered_micros() as f64 / 1e6,
            rendering: job.rendered_at.saturating_sub(job.started_at).as_secs_f64(),
            wall: self.now.saturating_sub(job.accepted_at).as_secs_f64(),
        });
        self.costs_changed = true;
    }

    /// The jobs under way share the fleet, or it is not what it was.
    pub(super) fn disturb_all(&mut self) {
        for job in self.jobs.values_mut() {
            job.is_undisturbed = false;
        }
    }

    /// Stores what was learned, and has it told, now and then.
    pub(super) fn keep_costs(&mut self) {
        if self.costs_changed && self.now.saturating_sub(self.costs_kept) >= KEEP_EVERY {
            self.costs_changed = false;
            self.costs_kept = self.now;
            let text = self.costs.to_json();
            self.store(vec![StoreOp::Costs(text)], Then::Nothing);
            self.emit(Effect::CostsChanged);
        }
    }
}

/// Seconds that a job still takes where so many slots work at a time. What its own tiles took says more than what others did.
fn left(job: &OpenJob, costs: &Costs, busy: f64) -> Option<f64> {
    let progress = job.tiles.progress();
    let tile_ms = match job.mean_micros() {
        0 => costs.tile(&job.plan.recipe, &job.work)?,
        micros => micros as f64 / 1e3,
    };
    let around = costs.around(&job.plan.kind);
    let share = f64::from(progress.pending) / f64::from(progress.total.max(1));
    let megabytes = job.plan.load(&job.work).bytes / 1e6;
    Some(f64::from(progress.pending) * tile_ms / 1e3 / busy + around.seconds_per_megabyte * megabytes * share)
}
