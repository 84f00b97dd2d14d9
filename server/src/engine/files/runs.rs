//! The runs of the jobs under way, by job.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use azulejo_engine::RunId;
use azulejo_protocol::JobId;

use super::job::JobSpec;
use super::run::Run;

/// The runs under way, and what the next one is called. Cheap to clone.
#[derive(Clone, Default)]
pub struct Runs {
    open: Arc<Mutex<HashMap<JobId, Arc<Run>>>>,
    last: Arc<AtomicU64>,
}

impl Runs {
    /// A new run of a job, in the place of an earlier one.
    pub fn open(&self, spec: JobSpec) -> Arc<Run> {
        let run = Arc::new(Run::new(spec, self.next_id()));
        self.all().insert(run.spec.id(), run.clone());
        run
    }

    /// A run that is to take the place of `passed` when the core has agreed, see [`Runs::follow`].
    pub fn prepare(&self, passed: &Arc<Run>, spec: JobSpec) -> Arc<Run> {
        let next = Arc::new(Run::following(passed, spec, self.next_id()));
        passed.set_next(next.clone());
        next
    }

    /// Puts the run that was prepared for it in the place of the run `passed`; gives that one.
    pub fn follow(&self, job: JobId, passed: RunId) -> Option<Arc<Run>> {
        let mut all = self.all();
        let next = all
            .get(&job)
            .filter(|run| run.id == passed)
            .and_then(|run| run.take_next())?;
        all.insert(job, next)
    }

    /// The run of a job, if it is under way.
    pub fn get(&self, job: JobId) -> Option<Arc<Run>> {
        self.all().get(&job).cloned()
    }

    /// Takes out this run of a job.
    pub fn remove(&self, job: JobId, run: RunId) -> Option<Arc<Run>> {
        let mut all = self.all();
        if all.get(&job).is_some_and(|found| found.id == run) {
            return all.remove(&job);
        }
        None
    }

    /// Tells everybody who works on a run to leave off.
    pub fn stop_all(&self) {
        for run in self.all().values() {
            run.stop();
        }
    }

    fn next_id(&self) -> RunId {
        self.last.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn all(&self) -> MutexGuard<'_, HashMap<JobId, Arc<Run>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
