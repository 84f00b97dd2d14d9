//! One job under way: its tiles, and how far each step is.

use std::collections::BTreeMap;

use azulejo_protocol::job::WorkerShare;

use crate::effect::Ending;
use crate::event::Accepted;
use crate::rate::Rate;
use crate::tiles::{TilePhase, Tiles};
use crate::{Plan, RunId, Time, TryId};

/// Most workers whose shares of a job are counted one by one.
const MAX_SHARES: usize = 1000;

/// What is being done about a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobPhase {
    /// It waits for a place.
    Waiting,
    /// What an earlier run left is being read back.
    Checking,
    /// Its tiles are rendered.
    Rendering,
    /// It ends; its files are being left alone.
    Stopping(Ending),
    /// It ends; that is being stored.
    Ending(Ending),
}

impl JobPhase {
    /// Whether its ending has begun.
    pub const fn is_ending(&self) -> bool {
        matches!(self, Self::Stopping(_) | Self::Ending(_))
    }
}

/// A job under way.
#[derive(Debug)]
pub struct OpenJob {
    /// What is fixed about it.
    pub plan: Plan,
    /// Its run.
    pub run: RunId,
    /// What is being done about it.
    pub phase: JobPhase,
    /// Its tiles.
    pub tiles: Tiles,
    /// Rows of the input that are decoded.
    pub decoded_rows: u32,
    /// Rows of tiles that went to the encoder.
    pub encoded_bands: u32,
    /// Rows of tiles that the encoder was told of.
    pub offered_bands: u32,
    /// The result is being put in its place, or lies there.
    pub assembled: bool,
    /// No tile is sent before this time: workers have to hear first that the job goes on.
    pub not_before: Option<Time>,
    /// Whether tiles of an earlier run have to be read back.
    pub(crate) check: bool,
    /// Whether a cancellation has to be taken back.
    pub(crate) resume: bool,
    /// The first tile was sent.
    pub(crate) started: bool,
    /// Counts up with each tile drawn.
    pub mosaic_version: u64,
    /// The latest try of each tile that is out.
    pub(crate) out: BTreeMap<u32, TryId>,
    /// Questions that wait for its end.
    pub(crate) cancels: Vec<(u64, bool)>,
    /// A retry that came while this run's end was being stored.
    pub(crate) next: Option<Box<Accepted>>,
    /// When the job was accepted, its first tile sent, its latest one stored.
    pub(crate) accepted_at: Time,
    pub(crate) started_at: Time,
    pub(crate) rendered_at: Time,
    /// Whether it has had the fleet to itself, all of it and without trouble: then it shows what a job takes.
    pub(crate) is_undisturbed: bool,
    /// Bytes that each step works on for a tile, on the mean.
    pub(crate) work: Vec<f64>,
    rate: Rate,
    shares: BTreeMap<String, (u32, u64)>,
    micros: (u64, u64),
}

impl OpenJob {
    pub(crate) fn new(accepted: Accepted) -> Self {
        let grid = accepted.plan.grid;
        Self {
            tiles: Tiles::new(grid.columns(), grid.rows()),
            decoded_rows: if accepted.decoded {
                accepted.plan.stored_size.height
            } else {
                0
            },
            work: accepted.plan.mean_work(),
            accepted_at: Time::ZERO,
            started_at: Time::ZERO,
            rendered_at: Time::ZERO,
            is_undisturbed: !accepted.check && !accepted.decoded,
            plan: accepted.plan,
            run: accepted.run,
            phase: JobPhase::Waiting,
            encoded_bands: 0,
            offered_bands: 0,
            assembled: false,
            not_before: None,
            check: accepted.check,
            resume: accepted.resume,
            started: false,
            mosaic_version: 0,
            out: BTreeMap::new(),
            cancels: Vec::new(),
            next: None,
            rate: Rate::default(),
            shares: BTreeMap::new(),
            micros: (0, 0),
        }
    }

    /// What does not change with the pass of the job: `passed` is over.
    pub(crate) fn go_on_from(&mut self, passed: &mut Self) {
        // What is decoded is decoded; rows that one pass did not wait for are decoded by the next.
        if passed.is_decoded() {
            self.decoded_rows = passed.decoded_rows;
        }
        self.accepted_at = passed.accepted_at;
        self.not_before = passed.not_before;
        self.resume = passed.resume;
        self.mosaic_version = passed.mosaic_version;
        self.cancels = std::mem::take(&mut passed.cancels);
        self.next = passed.next.take();
        // What it takes to measure is not told apart from what it takes to render.
        self.is_undisturbed = false;
    }

    /// Whether it is known which of its tiles are done: not before what an earlier run left was read back.
    pub fn is_known(&self) -> bool {
        !self.check || !matches!(self.phase, JobPhase::Waiting | JobPhase::Checking)
    }

    /// Whether all rows of the input are decoded.
    pub fn is_decoded(&self) -> bool {
        self.decoded_rows >= self.plan.stored_size.height
    }

    /// Tiles sent and not stored.
    pub fn in_flight(&self) -> u32 {
        self.tiles.count(TilePhase::Out) + self.tiles.count(TilePhase::Settling)
    }

    /// Whether any of its tiles can be sent now.
    pub(crate) fn may_send(&self, now: Time) -> bool {
        self.phase == JobPhase::Rendering && self.not_before.is_none_or(|at| now >= at)
    }

    /// The next tile that can be sent now.
    pub(crate) fn sendable(&mut self, now: Time) -> Option<u32> {
        if !self.may_send(now) {
            return None;
        }
        let tile = self.tiles.next_queued()?;
        if !self.is_decoded() {
            let (region, _) = self.plan.regions(tile)?;
            if region.bottom() > u64::from(self.decoded_rows) {
                return None;
            }
        }
        Some(tile)
    }

    /// The pixels of a tile are stored.
    pub(crate) fn count_done(&mut self, worker: Option<&str>, micros: u64) {
        self.micros = (self.micros.0 + 1, self.micros.1.saturating_add(micros));
        if let Some(worker) = worker
            && (self.shares.len() < MAX_SHARES || self.shares.contains_key(worker))
        {
            let share = self.shares.entry(worker.to_owned()).or_default();
            *share = (share.0 + 1, share.1.saturating_add(micros));
        }
    }

    pub(crate) fn count_rate(&mut self, tiles: u32, now: Time) {
        self.rate.add(tiles, now);
    }

    /// Tiles in a second, over the last few seconds.
    pub fn tiles_per_second(&self, now: Time) -> f32 {
        self.rate.per_second(now)
    }

    /// Estimate of the time until the last tile, seconds.
    pub fn seconds_left(&self, now: Time) -> Option<f32> {
        let rate = self.tiles_per_second(now);
        (rate > 0.0).then(|| self.tiles.progress().pending as f32 / rate)
    }

    /// Mean rendering time of a tile, microseconds; 0 while none is known.
    pub fn mean_micros(&self) -> u64 {
        self.micros.1.checked_div(self.micros.0).unwrap_or(0)
    }

    /// Microseconds that its tiles were rendered, as the workers say.
    pub(crate) fn rendered_micros(&self) -> u64 {
        self.micros.1
    }

    /// What each worker did, most first; the patterns are left to whoever knows the workers.
    pub fn shares(&self) -> Vec<WorkerShare> {
        let mut shares: Vec<WorkerShare> = self
            .shares
            .iter()
            .map(|(worker, (tiles, micros))| WorkerShare {
                worker_id: worker.clone(),
                tiles: *tiles,
                mean_ms: *micros as f32 / 1000.0 / (*tiles).max(1) as f32,
                pattern: None,
            })
            .collect();
        shares.sort_by(|a, b| b.tiles.cmp(&a.tiles).then_with(|| a.worker_id.cmp(&b.worker_id)));
        shares
    }

    /// Bytes of disk that it will still take up.
    pub fn bytes_to_come(&self) -> u64 {
        let share = |bytes: u64, left: u32, all: u32| {
            (u128::from(bytes) * u128::from(left) / u128::from(all.max(1))) as u64
        };
        let height = self.plan.stored_size.height;
        let source = share(
            self.plan.source_bytes(),
            height.saturating_sub(self.decoded_rows),
            height,
        );
        if let Some(measure) = self.plan.measure {
            return source + measure.result_bytes.saturating_mul(2);
        }
        let progress = self.tiles.progress();
        let tiles = share(self.plan.result_bytes(), progress.pending, progress.total);
        source + tiles + self.plan.result_bytes()
    }
}
