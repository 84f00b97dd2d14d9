//! What the engine's threads share, and how a job ends.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, MutexGuard};
use std::time::{Duration, Instant};

use azulejo_protocol::{ControlMessage, JobId, Timestamp};

use super::events::Events;
use super::outbox::Outbox;
use super::pool::Pool;
use super::run::Run;
use super::schedule::Core;
use super::settings::{Change, EngineConfig};
use super::state::State;
use super::store::Store;
use super::store::jobs::{self, Ending};
use super::{assembler, decode};

/// Everything, once.
pub struct Shared {
    /// Settings.
    pub config: EngineConfig,
    /// Folder of the jobs' folders.
    pub jobs_dir: PathBuf,
    /// The database.
    pub store: Store,
    /// What changes, in memory.
    pub state: Arc<State>,
    /// Changes for whoever shows them.
    pub events: Events,
    /// The producer.
    pub outbox: Outbox,
    /// Threads that decode.
    pub decoders: Pool,
    /// Threads that encode.
    pub encoders: Pool,
    /// When the engine started.
    pub started: Instant,
    /// Whether the topics have to be made or looked for: at the start, and when a reader misses one.
    pub topics_wanted: AtomicBool,
    /// Partitions of the results that are read; 0 before the first time.
    pub result_partitions: AtomicUsize,
    /// Whether the results have more partitions than are read.
    pub results_grew: AtomicBool,
    stopping: AtomicBool,
}

impl Shared {
    /// Puts the parts together.
    #[expect(
        clippy::too_many_arguments,
        reason = "called once; a builder would only repeat the names"
    )]
    pub fn new(
        config: EngineConfig,
        jobs_dir: PathBuf,
        store: Store,
        state: Arc<State>,
        events: Events,
        outbox: Outbox,
        decoders: Pool,
        encoders: Pool,
    ) -> Self {
        Self {
            config,
            jobs_dir,
            store,
            state,
            events,
            outbox,
            decoders,
            encoders,
            started: Instant::now(),
            topics_wanted: AtomicBool::new(true),
            result_partitions: AtomicUsize::new(0),
            results_grew: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
        }
    }

    /// The state in memory. Never held over input or output.
    pub fn core(&self) -> MutexGuard<'_, Core> {
        self.state.core()
    }

    /// Whether the engine is shutting down.
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    /// Tells every thread to end.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
        self.state.wake();
    }

    /// Writes until it succeeds or the engine stops: for what must not get lost because the disk is full for a
    /// while. `None` when the engine stops first.
    pub fn write_surely<T, F>(&self, doing: &str, work: F) -> Option<T>
    where
        T: Send + 'static,
        F: Fn(&rusqlite::Connection) -> rusqlite::Result<T> + Clone + Send + 'static,
    {
        let mut pause = Duration::from_millis(50);
        loop {
            match self.store.write_blocking(work.clone()) {
                Ok(value) => return Some(value),
                Err(error) => {
                    tracing::error!(%error, doing, "the database does not take a write; trying again")
                }
            }
            if self.is_stopping() {
                return None;
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_secs(2));
        }
    }

    /// Fails the job of `run` with `reason`, unless that run has ended already. Blocks on the database.
    pub fn fail(self: &Arc<Self>, run: &Run, reason: &str) {
        tracing::warn!(job = %run.spec.id(), reason, "a job fails");
        self.end(
            run,
            Ending::Failed {
                reason: reason.to_owned(),
            },
        );
    }

    /// Ends the job of `run`; false when somebody else has, or the engine stops. Blocks on the database.
    ///
    /// Whoever sets `ending` first owns the ending. What is deleted before the commit can be made again should the process
    /// die in between; what is deleted after it is not needed any more. Workers hear of it after the commit, for a job that
    /// the next start goes on with must not be one that they skip, and before the run leaves the memory, for a retry waits
    /// for that: its word comes after this one.
    pub fn end(self: &Arc<Self>, run: &Run, ending: Ending) -> bool {
        let id = run.spec.id();
        let version = {
            let mut core = self.core();
            let Some(job) = core.job_of(run).filter(|job| !job.ending) else {
                return false;
            };
            job.ending = true;
            job.mosaic_version
        };
        run.stop();
        let completed = matches!(ending, Ending::Completed { .. });
        self.keep_mosaic(run);
        if !completed {
            run.spec.folder.remove_scratch(false);
        }
        let at = Timestamp::now_utc();
        let ended = self
            .write_surely("end a job", move |db| jobs::end(db, id, &ending, at, version))
            // The next start finds the job as it was before.
            .unwrap_or(false);
        if ended && !completed {
            self.outbox.control(&ControlMessage::Cancel { job: id });
        }
        self.core().remove_run(run);
        if completed && ended {
            run.spec.folder.remove_scratch(true);
        }
        self.activate();
        self.state.wake();
        self.changed(id);
        ended
    }

    /// Waits until an earlier run of the job, which has ended in the database, has left the memory. Blocks.
    pub fn wait_until_left(&self, id: JobId) {
        let mut core = self.core();
        while core.job(id).is_some() && !self.is_stopping() {
            core = self.state.wait(core, Duration::from_millis(50));
        }
    }

    /// Tells every worker that tiles of these jobs are wanted, whatever was said of them before.
    pub fn resume(&self, jobs: impl IntoIterator<Item = JobId>) {
        for job in jobs {
            self.outbox.control(&ControlMessage::Resume { job });
        }
    }

    /// Runs work for a job; a panic in it fails the job instead of leaving it under way for ever.
    pub fn guarded(self: &Arc<Self>, run: &Run, work: impl FnOnce()) {
        if catch_unwind(AssertUnwindSafe(work)).is_err() {
            self.fail(
                run,
                "the server met a bug while it worked on this image's file; its log says where",
            );
        }
    }

    /// Writes the mosaic of a job that ends beside its other files.
    fn keep_mosaic(&self, run: &Run) {
        let png = match run.canvas().as_mut() {
            Some(canvas) => canvas.png(),
            None => return,
        };
        let path = run.spec.folder.mosaic();
        let written = png
            .map_err(std::io::Error::other)
            .and_then(|bytes| std::fs::write(&path, bytes));
        if let Err(error) = written {
            tracing::warn!(path = %path.display(), %error, "cannot keep a job's mosaic");
            super::job::remove_if_there(&path);
        }
    }

    /// Makes waiting jobs active as far as there is room: they are decoded, or encoded when every tile is done.
    pub fn activate(self: &Arc<Self>) {
        let started = self.core().activate();
        for run in started {
            assembler::advance(self, &run);
            let wanted = self
                .core()
                .job_of(&run)
                .is_some_and(|job| !run.spec.row.decoded && !job.is_rendered());
            if wanted {
                let shared = self.clone();
                self.decoders
                    .submit(move || shared.guarded(&run, || decode::decode(&shared, &run)));
            }
        }
    }

    /// A job has changed.
    pub fn changed(&self, id: JobId) {
        self.events.mark(Change::Job(id));
        self.events.mark(Change::Health);
    }
}
