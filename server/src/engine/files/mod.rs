//! Everything that touches a job's files: decoding, scratch, mosaic, assembly, what an earlier run left.
//!
//! [`Files`] carries out what the core wants done with files and tells it what became of it. Work is done in steps on the
//! threads of a [`pool`]: [`decode`], [`check`], [`assemble`], [`stop`]. What a run of a job shares is its [`run::Run`], where its
//! pixels lie is behind the trait [`pixels::PixelStore`].

pub mod assemble;
pub mod assembly;
pub mod cached;
pub mod check;
pub mod decode;
pub mod desk;
pub mod disk;
pub mod job;
pub mod kind;
pub mod measured;
pub mod measuring;
pub mod merge;
pub mod mosaic;
pub mod numbers;
pub mod pixels;
pub mod pool;
pub mod region;
pub mod run;
pub mod runs;
pub mod stop;
pub mod sweep;
pub mod trouble;

use std::sync::Arc;

use azulejo_engine::RunId;
use azulejo_imaging::file::Limits;
use azulejo_protocol::JobId;

use super::store::Store;
use super::tell::Tell;
use super::threads::Alarm;
use assemble::Assemble;
use check::Check;
use decode::Decode;
use desk::Desk;
use job::JobSpec;
use merge::Merge;
use pool::Pool;
use run::Run;
use runs::Runs;
use stop::Stop;

/// Threads for decoding and checking, and for encoding.
const THREADS: usize = 2;
/// The files of the jobs under way.
pub struct Files {
    desk: Desk,
    limits: Limits,
    decoders: Pool,
    encoders: Pool,
    runs: Runs,
}

impl Files {
    /// Starts the threads.
    ///
    /// # Errors
    /// The system gives no more threads.
    pub fn start(tell: Tell, store: Store, limits: Limits, alarm: &Alarm) -> anyhow::Result<Self> {
        Ok(Self {
            desk: Desk { tell, store },
            limits,
            decoders: Pool::start("decode", THREADS, alarm)?,
            encoders: Pool::start("encode", THREADS, alarm)?,
            runs: Runs::default(),
        })
    }

    /// A new run of a job that the core is about to take up.
    pub fn open(&self, spec: JobSpec) -> Arc<Run> {
        self.runs.open(spec)
    }

    /// The run of a job, if it is under way.
    pub fn run(&self, job: JobId) -> Option<Arc<Run>> {
        self.runs.get(job)
    }

    /// This run of a job, if it is under way.
    pub fn this_run(&self, job: JobId, run: RunId) -> Option<Arc<Run>> {
        self.run(job).filter(|found| found.id == run)
    }

    /// The measuring pass `run` of a job is over: its next pass takes its place. Where it had not `decoded` all, because what it measures
    /// does not need all, it leaves off, and the next pass decodes.
    pub fn next_pass(&self, job: JobId, run: RunId, decoded: bool) {
        let passed = self.runs.follow(job, run);
        if !decoded && let Some(passed) = passed {
            passed.stop();
        }
    }

    /// Reads back what an earlier run left.
    pub fn check(&self, job: JobId, run: RunId) {
        if let Some(run) = self.this_run(job, run) {
            self.decoders.submit(Box::new(Check::new(run, self.desk.clone())));
        }
    }

    /// Decodes a job's file.
    pub fn decode(&self, job: JobId, run: RunId) {
        if let Some(run) = self.this_run(job, run) {
            self.decoders
                .submit(Box::new(Decode::new(run, self.desk.clone(), self.limits.clone())));
        }
    }

    /// Encodes rows of tiles up to `bands`; in a measuring pass, merges what was measured when they are all.
    pub fn assemble(&self, job: JobId, run: RunId, bands: u32) {
        let Some(run) = self.this_run(job, run) else {
            return;
        };
        if let Some(measuring) = &run.spec.measuring {
            if bands == measuring.grid.rows() {
                let merge = Merge::new(run.clone(), self.runs.clone(), self.desk.clone());
                self.encoders.submit(Box::new(merge));
            }
        } else if run.offer_bands(bands) {
            self.encoders.submit(Box::new(Assemble::new(
                run,
                self.desk.clone(),
                self.limits.clone(),
            )));
        }
    }

    /// Has everything that works on a job's files leave off.
    pub fn stop(&self, job: JobId, run: RunId, completed: bool) {
        if let Some(run) = self.this_run(job, run) {
            run.stop();
            self.encoders
                .submit(Box::new(Stop::new(run, self.desk.clone(), completed)));
        }
    }

    /// The job has left the core.
    pub fn leave(&self, job: JobId, run: RunId, completed: bool) {
        if let Some(run) = self.runs.remove(job, run)
            && completed
        {
            run.spec.folder.remove_scratch(true);
        }
    }

    /// Ends the threads after the steps that are under way. What was left off is taken up by the next start.
    pub fn close(&self) {
        self.runs.stop_all();
        self.decoders.close();
        self.encoders.close();
    }
}
