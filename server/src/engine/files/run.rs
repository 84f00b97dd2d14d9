//! One run of a job: what everything that works on its files shares. A retried job gets a new run, so that whatever an old
//! one still does late is recognised and ignored.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use azulejo_engine::{Measure, Plan, RunId};
use azulejo_imaging::Region;
use bytes::Bytes;

use super::assembly::Assembly;
use super::job::JobSpec;
use super::mosaic::{self, Canvas};
use super::numbers::NumberFiles;
use super::pixels::{PixelStore, ScratchFiles};
use crate::engine::store::jobs::StageTimes;
use crate::engine::store::notes::Notes;

/// A job under way, as those who work on its files see it.
pub struct Run {
    /// The job.
    pub spec: JobSpec,
    /// Tells runs apart.
    pub id: RunId,
    /// Where its pixels lie.
    pub pixels: Box<dyn PixelStore>,
    stopped: AtomicBool,
    /// Steps of work under way.
    steps: AtomicU32,
    /// Rows of tiles that are complete.
    bands: AtomicU32,
    /// Whether the encoder is at work, or queued for it.
    assembling: AtomicBool,
    canvas: Mutex<Option<Canvas>>,
    /// The canvas as a PNG, and the version that it shows at least.
    picture: Mutex<Option<(u64, Bytes)>>,
    assembly: Mutex<Option<Assembly>>,
    next: Mutex<Option<Arc<Self>>>,
    /// The pass before it, which may still be at the end of its decoding.
    passed: Option<Weak<Self>>,
    times: Arc<Mutex<StageTimes>>,
    notes: Arc<Mutex<Notes>>,
}

impl std::fmt::Debug for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "run {} of job {}", self.id, self.spec.id())
    }
}

/// A step of work with a run's files, for as long as this lives.
pub struct Working<'a>(&'a Run);

impl Drop for Working<'_> {
    fn drop(&mut self) {
        self.0.steps.fetch_sub(1, Ordering::AcqRel);
    }
}

/// A run whose files stay as they are for as long as this lives, also when it is stopped.
pub struct Held(Arc<Run>);

impl std::ops::Deref for Held {
    type Target = Run;

    fn deref(&self) -> &Run {
        &self.0
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.steps.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Run {
    /// A new run of `spec`, with its pixels in scratch files.
    pub fn new(spec: JobSpec, id: RunId) -> Self {
        Self {
            pixels: match spec.measuring.clone() {
                Some(measuring) => Box::new(NumberFiles::new(spec.clone(), measuring)),
                None => Box::new(ScratchFiles::new(spec.clone())),
            },
            times: Arc::new(Mutex::new(spec.row.times)),
            notes: Arc::new(Mutex::new(spec.row.notes.clone())),
            spec,
            id,
            stopped: AtomicBool::new(false),
            steps: AtomicU32::new(0),
            bands: AtomicU32::new(0),
            assembling: AtomicBool::new(false),
            canvas: Mutex::new(None),
            picture: Mutex::new(None),
            assembly: Mutex::new(None),
            next: Mutex::new(None),
            passed: None,
        }
    }

    /// The pass of a job that follows when `passed` is over, which may still be at the end of its decoding: what is known of the steps
    /// and said of the files is the same.
    pub fn following(passed: &Arc<Self>, spec: JobSpec, id: RunId) -> Self {
        Self {
            times: passed.times.clone(),
            notes: passed.notes.clone(),
            passed: Some(Arc::downgrade(passed)),
            ..Self::new(spec, id)
        }
    }

    /// What the core has to know of it.
    pub fn plan(&self) -> Plan {
        let measuring = self.spec.measuring.as_ref();
        Plan {
            kind: self.spec.row.kind.clone(),
            job: self.spec.id(),
            recipe: self.spec.pass_recipe().clone(),
            grid: self.spec.tiles(),
            measure: measuring.map(|measuring| Measure {
                step: measuring.step,
                statistic: measuring.statistic,
                result_tiles: self.spec.grid.len(),
                result_bytes: self.spec.result_bytes(),
            }),
            stored_size: self.spec.row.stored_size,
            input_format: self.spec.row.input_format,
            output_format: measuring.map_or(self.spec.row.output_format, |measuring| measuring.format),
        }
    }

    /// Tells everybody who works on it to leave off.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
        if let Some(passed) = self.passed() {
            passed.stop();
        }
    }

    /// Whether it has ended.
    pub fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }

    /// Begins a step of work; `None` when the run has ended.
    pub fn work(&self) -> Option<Working<'_>> {
        self.steps.fetch_add(1, Ordering::AcqRel);
        let working = Working(self);
        (!self.is_stopped()).then_some(working)
    }

    /// Holds its files, which go at its end otherwise.
    pub fn hold(self: Arc<Self>) -> Held {
        self.steps.fetch_add(1, Ordering::AcqRel);
        Held(self)
    }

    /// Whether a step of work is under way, or its files are held.
    pub fn is_worked_on(&self) -> bool {
        self.steps.load(Ordering::Acquire) > 0 || self.passed().is_some_and(|passed| passed.is_worked_on())
    }

    fn passed(&self) -> Option<Arc<Self>> {
        self.passed.as_ref().and_then(Weak::upgrade)
    }

    /// Rows of tiles up to `bands` are complete. Says whether somebody has to be sent to encode them.
    pub fn offer_bands(&self, bands: u32) -> bool {
        self.bands.fetch_max(bands, Ordering::AcqRel);
        !self.assembling.swap(true, Ordering::AcqRel)
    }

    /// Rows of tiles that are complete.
    pub fn complete_bands(&self) -> u32 {
        self.bands.load(Ordering::Acquire)
    }

    /// The encoder has done `bands` rows and leaves off, unless there are more by now.
    pub fn leave_assembly(&self, bands: u32) -> bool {
        self.assembling.store(false, Ordering::Release);
        // Whoever offered more before this saw somebody at work.
        self.complete_bands() <= bands || self.assembling.swap(true, Ordering::AcqRel)
    }

    /// Stores the pixels of a finished tile and draws them into the mosaic.
    ///
    /// # Errors
    /// They cannot be stored.
    pub fn write_tile(&self, output: Region, pixels: &[u8]) -> std::io::Result<()> {
        self.pixels.write_tile(output, pixels)?;
        self.draw(output, pixels);
        Ok(())
    }

    /// Draws a tile into the mosaic; what was measured has no picture.
    pub fn draw(&self, output: Region, pixels: &[u8]) {
        if self.spec.measuring.is_some() {
            return;
        }
        self.canvas()
            .get_or_insert_with(|| Canvas::of(&self.spec))
            .draw(output, pixels);
    }

    /// The run that follows when this one, which measures, is over.
    pub fn set_next(&self, next: Arc<Self>) {
        *self.next.lock().unwrap_or_else(PoisonError::into_inner) = Some(next);
    }

    /// Takes what [`Run::set_next`] put there.
    pub fn take_next(&self) -> Option<Arc<Self>> {
        self.next.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// The encoder; `None` before the first row of tiles is complete.
    pub fn assembly(&self) -> MutexGuard<'_, Option<Assembly>> {
        self.assembly.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The mosaic; `None` before the first tile.
    pub fn canvas(&self) -> MutexGuard<'_, Option<Canvas>> {
        self.canvas.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The mosaic as a PNG, and its version: `wanted` at least, where the job is at version `now`. Blocks the thread while it is
    /// made, by this caller or another.
    ///
    /// # Errors
    /// It cannot be encoded.
    pub fn picture(&self, wanted: u64, now: u64) -> Result<(u64, Bytes), png::EncodingError> {
        // Held while it is made, so that whoever asks meanwhile gets the same.
        let mut picture = self.picture.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = picture.as_ref().filter(|(version, _)| *version >= wanted) {
            return Ok(known.clone());
        }
        // The collector goes on drawing on the canvas meanwhile.
        let snapshot = self.canvas().clone();
        let png = match snapshot {
            Some(canvas) => canvas.png()?,
            None => mosaic::empty(self.spec.row.output_size, self.spec.row.output_format)?,
        };
        Ok(picture.insert((now, png)).clone())
    }

    /// When its steps were.
    pub fn times(&self) -> MutexGuard<'_, StageTimes> {
        self.times.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is said of its files.
    pub fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::testing::plan;

    /// A dead letter is read while its job ends: without this it had no pixels on a slow machine.
    #[test]
    fn the_end_of_a_run_waits_for_whoever_holds_it() {
        let folder = tempfile::tempdir().unwrap();
        let run = Arc::new(Run::new(plan(folder.path(), 2, 1), 1));
        let held = run.clone().hold();
        run.stop();
        assert!(run.is_worked_on());
        drop(held);
        assert!(!run.is_worked_on());
    }

    #[test]
    fn a_picture_is_made_once_for_all_who_ask_for_the_same_version() {
        let folder = tempfile::tempdir().unwrap();
        let run = Run::new(plan(folder.path(), 2, 1), 1);
        let tile = |number| run.spec.grid.region(number).unwrap();
        run.draw(tile(0), &[9; 256]);
        let (version, first) = run.picture(1, 1).unwrap();
        run.draw(tile(1), &[9; 256]);
        let (again, second) = run.picture(1, 2).unwrap();
        assert_eq!((version, again), (1, 1));
        assert_eq!(first.as_ptr(), second.as_ptr(), "it was made twice");
        let (newer, third) = run.picture(2, 2).unwrap();
        assert_eq!(newer, 2);
        assert_ne!(first, third, "the second tile is not shown");
    }
}
