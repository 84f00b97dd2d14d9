//! What becomes of a job's files: rows are decoded, rows of tiles are encoded, the result is there, something failed.

use azulejo_protocol::JobId;

use super::Core;
use crate::RunId;
use crate::effect::{Effect, Ending};
use crate::event::Accepted;
use crate::job::OpenJob;

impl Core {
    pub(super) fn rows_decoded(&mut self, id: JobId, run: RunId, rows: u32) {
        let Some(job) = self.running(id, run) else { return };
        job.decoded_rows = job.decoded_rows.max(rows.min(job.plan.stored_size.height));
        self.changed(id);
    }

    /// Tells the encoder of rows of tiles that have become complete.
    pub(super) fn offer_bands(&mut self, id: JobId, run: RunId) {
        let Some(job) = self.running(id, run) else { return };
        let bands = job.tiles.complete_bands();
        if bands > job.offered_bands {
            job.offered_bands = bands;
            self.emit(Effect::Assemble { job: id, run, bands });
        }
    }

    pub(super) fn band_encoded(&mut self, id: JobId, run: RunId, band: u32) {
        let Some(job) = self.running(id, run) else { return };
        job.encoded_bands = job.encoded_bands.max(band.saturating_add(1));
        self.changed(id);
    }

    pub(super) fn assembled(&mut self, id: JobId, run: RunId, bytes: u64) {
        let Some(job) = self.running(id, run) else { return };
        if !job.tiles.is_rendered() {
            return;
        }
        job.assembled = true;
        self.learn_job(id);
        self.end(id, run, Ending::Completed { output_bytes: bytes });
    }

    /// The measuring pass `run` is over, and the job goes on with the next one in the place that it has.
    pub(super) fn measured(&mut self, id: JobId, run: RunId, next: Accepted) {
        let Some(job) = self.running(id, run) else { return };
        if job.plan.measure.is_none() || !job.tiles.is_rendered() {
            return;
        }
        let out: Vec<_> = std::mem::take(&mut job.out).into_values().collect();
        for sent in out {
            self.release(sent);
        }
        let Some(job) = self.jobs.get_mut(&id) else { return };
        let mut passed = std::mem::replace(job, OpenJob::new(next));
        job.go_on_from(&mut passed);
        let decoded = job.is_decoded();
        self.emit(Effect::NextPass {
            job: id,
            run,
            decoded,
        });
        self.begin(id);
    }

    pub(super) fn files_failed(&mut self, id: JobId, run: RunId, reason: String) {
        self.end(id, run, Ending::Failed { reason });
    }
}
