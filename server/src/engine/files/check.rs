//! What an earlier run of a job left: which tiles are done, and whether their pixels are really there.
//!
//! SQLite says which tiles are done; whether their pixels are in scratch is checked by the checksum that was stored with each,
//! because a power cut may have kept the one and lost the other. What does not match is rendered again. The same pass
//! draws the mosaic. It is done when the job's turn comes, in steps, so a start does not take longer with more scratch.

use std::sync::Arc;
use std::time::Instant;

use azulejo_engine::{Event, KnownTile};
use azulejo_protocol::TileState;

use super::desk::{BUG, Desk};
use super::disk;
use super::job::JobSpec;
use super::mosaic::Canvas;
use super::pixels::{PixelStore, ScratchFiles};
use super::pool::{Next, Work};
use super::run::Run;
use super::trouble::{self, STEP, Trouble};
use crate::engine::store::StoreError;
use crate::engine::store::tiles::{self, TileRow};

/// The check of one job.
pub struct Check {
    run: Arc<Run>,
    desk: Desk,
    rows: Option<Vec<TileRow>>,
    next: usize,
    lost: Vec<u32>,
    pixels: Vec<u8>,
}

impl Check {
    /// Checks what there is of `run`.
    pub fn new(run: Arc<Run>, desk: Desk) -> Self {
        Self {
            run,
            desk,
            rows: None,
            next: 0,
            lost: Vec::new(),
            pixels: Vec::new(),
        }
    }

    /// Checks for a while; whether it is done.
    fn check(&mut self) -> Result<bool, StoreError> {
        let id = self.run.spec.id();
        let rows = match &self.rows {
            Some(rows) => rows,
            None => {
                let rows = self.desk.store.read_blocking(move |db| tiles::of_job(db, id))?;
                self.rows.insert(rows)
            }
        };
        let began = Instant::now();
        while let Some(row) = rows.get(self.next) {
            if began.elapsed() > STEP {
                return Ok(false);
            }
            if row.state == TileState::Done
                && !is_there(&self.run.spec, &*self.run.pixels, row, &mut self.pixels)
            {
                self.lost.push(row.tile);
            } else if row.state == TileState::Done
                && let Some(output) = self.run.spec.tiles().region(row.tile)
            {
                self.run.draw(output, &self.pixels);
            }
            self.next += 1;
        }
        Ok(true)
    }

    fn finish(&mut self) -> Result<(), StoreError> {
        let (id, run) = (self.run.spec.id(), self.run.id);
        let lost = std::mem::take(&mut self.lost);
        if !lost.is_empty() {
            tracing::warn!(job = %id, tiles = lost.len(), "pixels are missing on disk; rendering these tiles again");
            let gone = lost.clone();
            self.desk
                .store
                .write_blocking(move |db| tiles::forget(db, id, &gone))?;
        }
        let rows = self.rows.take().unwrap_or_default();
        let tiles = rows
            .into_iter()
            .filter(|row| lost.binary_search(&row.tile).is_err())
            .map(known)
            .collect();
        self.desk.tell(Event::Checked { job: id, run, tiles });
        Ok(())
    }
}

fn known(row: TileRow) -> KnownTile {
    KnownTile {
        tile: row.tile,
        state: row.state,
        attempt: row.attempt,
        spent: row.spent,
        worker: row.worker,
        micros: row.micros.unwrap_or(0),
        error: row.error,
    }
}

/// Whether the pixels of a done tile are what they were; then they are in `pixels`.
fn is_there(spec: &JobSpec, store: &dyn PixelStore, row: &TileRow, pixels: &mut Vec<u8>) -> bool {
    let Some(output) = spec.tiles().region(row.tile) else {
        return false;
    };
    store.read_tile(output, 0, output.height, pixels).is_ok() && row.checksum == Some(crc32fast::hash(pixels))
}

/// The mosaic of the tiles among `rows` whose pixels are there, of a job that is not under way.
pub fn mosaic_of(spec: &JobSpec, rows: &[TileRow]) -> Option<Canvas> {
    // What was measured has no picture.
    if spec.measuring.is_some() || !spec.folder.tiles().is_file() {
        return None;
    }
    let store = ScratchFiles::new(spec.clone());
    let mut pixels = Vec::new();
    let mut canvas = None;
    for row in rows.iter().filter(|row| row.state == TileState::Done) {
        if let Some(output) = spec.grid.region(row.tile)
            && is_there(spec, &store, row, &mut pixels)
        {
            canvas
                .get_or_insert_with(|| Canvas::of(spec))
                .draw(output, &pixels);
        }
    }
    canvas
}

impl Work for Check {
    fn step(&mut self) -> Next {
        let run = self.run.clone();
        let Some(_working) = run.work() else {
            return Next::Done;
        };
        let done = match self.check() {
            Ok(true) => self.finish().map(|()| true),
            other => other,
        };
        let done = done.map_err(|error| Trouble::of_store("what was done of it cannot be read", &error));
        trouble::next(done, "checking", &run, &self.desk)
    }

    fn panicked(&mut self) {
        trouble::fail(&self.run, &self.desk, BUG.to_owned());
    }
}

/// Whether a job that was decoded still has its rows in scratch.
pub fn is_decoded(spec: &JobSpec) -> bool {
    spec.row.decoded && disk::length(&spec.folder.source()) == Some(spec.source_bytes())
}
