//! A job under way, in memory: the state of each tile, what may be sent next, how far each step is.
//!
//! Everything here can be rebuilt from the database and the job's files; a few bytes for each tile is all the memory
//! that grows with the image.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use azulejo_protocol::job::WorkerShare;
use azulejo_protocol::{Progress, TileState};

use super::rate::Rate;
use super::run::Run;
use super::store::jobs::StageTimes;
use super::store::tiles::TileRow;

/// Workers hear that a job goes on before its tiles reach them.
pub const RESUME_PAUSE: Duration = Duration::from_millis(500);

/// One tile.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cell {
    /// Where it stands.
    pub state: TileState,
    /// How often it was sent.
    pub attempt: u16,
    /// Error results so far.
    pub failures: u16,
}

/// What a result means to its job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The first pixels of this tile.
    Wanted,
    /// The tile is done or dead already, or this answers an earlier try.
    Duplicate,
}

/// A job under way.
#[derive(Debug)]
pub struct LiveJob {
    /// What its threads share.
    pub run: Arc<Run>,
    cells: Vec<Cell>,
    /// Every tile before it was sent at least once or is in `again`.
    cursor: u32,
    /// Tiles to be sent again: they go first.
    again: BTreeSet<u32>,
    done: u32,
    dead: u32,
    in_flight: u32,
    /// Tiles done in each row of the grid.
    bands: Vec<u32>,
    /// Rows of the grid that went to the encoder.
    pub encoded_bands: u32,
    /// Whether a thread is encoding.
    pub encoding: bool,
    /// Rows of the input that are decoded.
    pub decoded_rows: u32,
    /// No tile is sent before this time: workers have to hear first that the job goes on.
    pub not_before: Option<Instant>,
    /// Somebody is ending it: nothing more is sent or stored.
    pub ending: bool,
    /// When its steps were.
    pub times: StageTimes,
    /// Counts up with each tile drawn.
    pub mosaic_version: u64,
    rate: Rate,
    shares: HashMap<String, (u32, u64)>,
    micros: (u64, u64),
}

impl LiveJob {
    /// The job of `run` with what is known of its tiles.
    pub fn new(run: Arc<Run>, rows: &[TileRow]) -> Self {
        let grid = run.spec.grid;
        let row = &run.spec.row;
        let mut job = Self {
            cells: vec![Cell::default(); grid.len() as usize],
            cursor: 0,
            again: BTreeSet::new(),
            done: 0,
            dead: 0,
            in_flight: 0,
            bands: vec![0; grid.rows() as usize],
            encoded_bands: 0,
            encoding: false,
            decoded_rows: if row.decoded { row.stored_size.height } else { 0 },
            not_before: None,
            ending: false,
            times: row.times,
            mosaic_version: row.mosaic_version,
            rate: Rate::default(),
            shares: HashMap::new(),
            micros: (0, 0),
            run,
        };
        for row in rows {
            let Some(cell) = job.cells.get_mut(row.tile as usize) else {
                continue;
            };
            cell.attempt = row.attempt.min(u32::from(u16::MAX)) as u16;
            cell.failures = row.failures.min(u32::from(u16::MAX)) as u16;
            match row.state {
                TileState::Done => job.set_done(row.tile, row.worker.as_deref(), row.micros.unwrap_or(0)),
                TileState::Dead => {
                    cell.state = TileState::Dead;
                    job.dead += 1;
                }
                TileState::Queued | TileState::InFlight => {}
            }
        }
        job.mosaic_version = job.mosaic_version.max(u64::from(job.done));
        job
    }

    /// One tile.
    pub fn cell(&self, tile: u32) -> Option<Cell> {
        self.cells.get(tile as usize).copied()
    }

    /// The states of all tiles, in order.
    pub fn states(&self) -> impl Iterator<Item = TileState> + '_ {
        self.cells.iter().map(|cell| cell.state)
    }

    /// Tiles by state.
    pub fn progress(&self) -> Progress {
        let total = self.cells.len() as u32;
        Progress {
            total,
            pending: total - self.done - self.dead,
            completed: self.done,
            failed: self.dead,
        }
    }

    /// Tiles at workers or on their way.
    pub fn in_flight(&self) -> u32 {
        self.in_flight
    }

    /// The next tile to send and whether its input is decoded; `None` when every tile was sent.
    fn next(&mut self) -> Option<u32> {
        if let Some(tile) = self.again.first() {
            return Some(*tile);
        }
        while let Some(cell) = self.cells.get(self.cursor as usize) {
            if cell.state == TileState::Queued {
                return Some(self.cursor);
            }
            self.cursor += 1;
        }
        None
    }

    /// Takes the next tile that can be sent now: it becomes in flight, with one more try.
    pub fn take(&mut self, now: Instant) -> Option<(u32, u32)> {
        if self.ending || self.not_before.is_some_and(|at| now < at) {
            return None;
        }
        let tile = self.next()?;
        if self.decoded_rows < self.run.spec.row.stored_size.height {
            let (region, _) = self.run.spec.tile_regions(tile)?;
            if region.bottom() > u64::from(self.decoded_rows) {
                return None;
            }
        }
        self.again.remove(&tile);
        let cell = &mut self.cells[tile as usize];
        cell.state = TileState::InFlight;
        cell.attempt = cell.attempt.saturating_add(1);
        self.in_flight += 1;
        Some((tile, u32::from(cell.attempt)))
    }

    /// A tile in flight goes back to the queue. `sent` says whether the try counts.
    pub fn requeue(&mut self, tile: u32, sent: bool) {
        if let Some(cell) = self.cells.get_mut(tile as usize)
            && cell.state == TileState::InFlight
        {
            cell.state = TileState::Queued;
            if !sent {
                cell.attempt = cell.attempt.saturating_sub(1);
            }
            self.in_flight -= 1;
            self.again.insert(tile);
        }
    }

    /// What the pixels of `tile` mean. Any try's pixels are as good as another's: rendering is deterministic.
    pub fn judge_pixels(&self, tile: u32) -> Verdict {
        match self.cell(tile) {
            Some(cell) if !self.ending && matches!(cell.state, TileState::Queued | TileState::InFlight) => {
                Verdict::Wanted
            }
            _ => Verdict::Duplicate,
        }
    }

    /// What an error result for try `attempt` of `tile` means. Only the latest try, while it is out, counts: a task that
    /// Kafka delivered twice does not use up two tries.
    pub fn judge_error(&self, tile: u32, attempt: u32) -> Verdict {
        match self.cell(tile) {
            Some(cell)
                if !self.ending
                    && cell.state == TileState::InFlight
                    && u32::from(cell.attempt) == attempt =>
            {
                Verdict::Wanted
            }
            _ => Verdict::Duplicate,
        }
    }

    /// The pixels of `tile` are stored.
    pub fn stored(&mut self, tile: u32, worker: &str, micros: u64, now: Instant) {
        if self.judge_pixels(tile) == Verdict::Duplicate {
            return;
        }
        if self.cells[tile as usize].state == TileState::InFlight {
            self.in_flight -= 1;
        }
        self.again.remove(&tile);
        self.set_done(tile, Some(worker), micros);
        self.rate.add(1, now);
        self.mosaic_version += 1;
    }

    fn set_done(&mut self, tile: u32, worker: Option<&str>, micros: u64) {
        let cell = &mut self.cells[tile as usize];
        if cell.state == TileState::Done {
            return;
        }
        cell.state = TileState::Done;
        self.done += 1;
        self.bands[(tile / self.run.spec.grid.columns()) as usize] += 1;
        self.micros = (self.micros.0 + 1, self.micros.1.saturating_add(micros));
        if let Some(worker) = worker {
            let share = self.shares.entry(worker.to_owned()).or_default();
            *share = (share.0 + 1, share.1.saturating_add(micros));
        }
    }

    /// Counts an error result; says whether the tile is dead now that it failed `max` times.
    pub fn failed(&mut self, tile: u32, max: u32) -> bool {
        let Some(cell) = self.cells.get_mut(tile as usize) else {
            return false;
        };
        if cell.state != TileState::InFlight {
            return false;
        }
        cell.failures = cell.failures.saturating_add(1);
        if u32::from(cell.failures) < max {
            self.requeue(tile, true);
            return false;
        }
        cell.state = TileState::Dead;
        self.in_flight -= 1;
        self.dead += 1;
        true
    }

    /// The tile is dead, however few tries it had; false when it has an answer already.
    pub fn give_up(&mut self, tile: u32) -> bool {
        if self.judge_pixels(tile) == Verdict::Duplicate {
            return false;
        }
        if self.cells[tile as usize].state == TileState::InFlight {
            self.in_flight -= 1;
        }
        self.again.remove(&tile);
        self.cells[tile as usize].state = TileState::Dead;
        self.dead += 1;
        true
    }

    /// Whether every tile is done.
    pub fn is_rendered(&self) -> bool {
        self.done as usize == self.cells.len()
    }

    /// Whether the next row of tiles for the encoder is complete.
    pub fn next_band_ready(&self) -> bool {
        self.bands
            .get(self.encoded_bands as usize)
            .is_some_and(|done| *done == self.run.spec.grid.columns())
    }

    /// Whether every row of tiles went to the encoder.
    pub fn all_bands_encoded(&self) -> bool {
        self.encoded_bands as usize == self.bands.len()
    }

    /// Tiles in a second, over the last few seconds.
    pub fn tiles_per_second(&self, now: Instant) -> f32 {
        self.rate.per_second(now)
    }

    /// Estimate of the time until the last tile, seconds.
    pub fn seconds_left(&self, now: Instant) -> Option<f32> {
        let rate = self.tiles_per_second(now);
        (rate > 0.0).then(|| self.progress().pending as f32 / rate)
    }

    /// Mean rendering time of a tile, microseconds; 0 while none is known.
    pub fn mean_micros(&self) -> u64 {
        self.micros.1.checked_div(self.micros.0).unwrap_or(0)
    }

    /// What each worker did, most first.
    pub fn shares(&self) -> Vec<WorkerShare> {
        let mut shares: Vec<WorkerShare> = self
            .shares
            .iter()
            .map(|(worker, (tiles, micros))| WorkerShare {
                worker_id: worker.clone(),
                tiles: *tiles,
                mean_ms: *micros as f32 / 1000.0 / (*tiles).max(1) as f32,
            })
            .collect();
        shares.sort_by(|a, b| b.tiles.cmp(&a.tiles).then_with(|| a.worker_id.cmp(&b.worker_id)));
        shares
    }

    /// Bytes of disk that it will still take up.
    pub fn bytes_to_come(&self) -> u64 {
        let spec = &self.run.spec;
        let share = |bytes: u64, left: u64, all: u64| {
            (u128::from(bytes) * u128::from(left) / u128::from(all.max(1))) as u64
        };
        let height = u64::from(spec.row.stored_size.height);
        let source = share(
            spec.source_bytes(),
            height.saturating_sub(u64::from(self.decoded_rows)),
            height,
        );
        let tiles = share(
            spec.result_bytes(),
            u64::from(self.progress().pending),
            self.cells.len() as u64,
        );
        source + tiles + spec.result_bytes()
    }
}
