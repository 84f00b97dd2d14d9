//! Assembly: rows of tiles go to the encoder in order, as they become complete, while later ones are still out.
//!
//! A job has no thread of its own. When the core says that rows of tiles are complete, work is queued that takes the job's
//! encoder, feeds it as many rows as there are, and puts it back. After the last row the file is synced and gets its name by a
//! rename, and the core is told; only then the job is completed and its scratch files go.
//!
//! **Memory.** A row of tiles may be gigabytes: as wide as the image and as high as a tile. A tile lies row by row in scratch,
//! so a few rows of pixels at a time are put together from a piece of each tile ([`rows_at_a_time`]).

use std::fs::File;
use std::sync::Arc;
use std::time::Instant;

use azulejo_engine::Event;
use azulejo_imaging::file::{EncodeOptions, Encoder, FileError, FileErrorKind, Limits, probe_page};
use azulejo_protocol::{StageName, Timestamp};

use super::assembly::{Assembly, Part};
use super::desk::{BUG, Desk};
use super::pool::{Next, Work};
use super::run::Run;
use super::trouble::{self, STEP, Trouble};
use super::{disk, kind};
use crate::engine::store::{jobs, notes};

/// Bytes of rows that are put together at a time, about: reads of a useful length, also of narrow tiles.
const ROWS_BYTES: usize = 2 << 20;
/// Threads that compress a PNG or a TIFF. Strips and tiles in hand cost each of them a few megabytes.
const MAX_THREADS: usize = 4;

/// Rows of `stride` bytes that are put together at a time.
fn rows_at_a_time(stride: usize) -> u32 {
    u32::try_from(ROWS_BYTES / stride.max(1))
        .unwrap_or(u32::MAX)
        .max(1)
}

/// Work of encoding what is complete.
pub struct Assemble {
    run: Arc<Run>,
    desk: Desk,
    limits: Limits,
}

impl Assemble {
    /// Encodes what is complete of `run`.
    pub fn new(run: Arc<Run>, desk: Desk, limits: Limits) -> Self {
        Self { run, desk, limits }
    }

    /// Encodes for a while; whether nothing is left to do for now.
    fn assemble(&self, place: &mut Option<Assembly>) -> Result<bool, Trouble> {
        let run = &*self.run;
        let began = Instant::now();
        let assembly = match place {
            Some(assembly) => assembly,
            None => {
                self.note_start();
                place.insert(self.begin()?)
            }
        };
        while assembly.band < run.complete_bands() {
            if began.elapsed() > STEP {
                return Ok(false);
            }
            if run.is_stopped() {
                return Ok(true);
            }
            let band = assembly.band;
            encode_rows(run, assembly)?;
            if assembly.band > band {
                self.desk.tell(Event::BandEncoded {
                    job: run.spec.id(),
                    run: run.id,
                    band,
                });
            }
        }
        if assembly.band < run.spec.grid.rows() {
            return Ok(run.leave_assembly(assembly.band));
        }
        if let Some(assembly) = place.take() {
            // What the pixels decide is known now.
            self.note_output(&assembly);
            let bytes = finish(run, assembly)?;
            self.desk.tell(Event::Assembled {
                job: run.spec.id(),
                run: run.id,
                bytes,
            });
        }
        Ok(true)
    }

    /// Begins the result, and notes what it has no room for.
    fn begin(&self) -> Result<Assembly, Trouble> {
        let assembly = begin(&self.run, &self.limits)?;
        self.note_output(&assembly);
        Ok(assembly)
    }

    fn note_output(&self, assembly: &Assembly) {
        let (id, said) = (self.run.spec.id(), notes::bounded(assembly.encoder.left_out()));
        self.run.notes().output.clone_from(&said);
        self.desk.note(move |db| notes::put_output(db, id, &said));
    }

    fn note_start(&self) {
        let (id, at) = (self.run.spec.id(), Timestamp::now_utc());
        self.run.times().assemble_started = Some(at);
        self.desk
            .note(move |db| jobs::stage_started(db, id, StageName::Assemble, at));
    }
}

impl Work for Assemble {
    fn step(&mut self) -> Next {
        let run = self.run.clone();
        let Some(_working) = run.work() else {
            return Next::Done;
        };
        let mut place = run.assembly();
        let ended = self.assemble(&mut place);
        if ended.is_err() {
            // The result is begun anew.
            *place = None;
        }
        trouble::next(ended, "encoding", &run, &self.desk)
    }

    fn panicked(&mut self) {
        trouble::fail(&self.run, &self.desk, BUG.to_owned());
    }
}

/// Encodes the next rows of pixels.
fn encode_rows(run: &Run, assembly: &mut Assembly) -> Result<(), Trouble> {
    let spec = &run.spec;
    let (grid, pixel) = (&spec.grid, spec.row.output_format.bytes_per_pixel());
    let first = assembly.band * grid.columns();
    let Some(left) = grid.region(first) else {
        return Err(Trouble::Reason(
            "there is no such row of tiles; this is a bug".into(),
        ));
    };
    let stride = spec.row.output_size.width as usize * pixel;
    let Assembly {
        encoder,
        piece,
        rows,
        top,
        band,
        ..
    } = assembly;
    let count = rows_at_a_time(stride).min(left.height - *top);
    rows.resize(stride * count as usize, 0);
    for region in (0..grid.columns()).filter_map(|column| grid.region(first + column)) {
        let width = region.width as usize * pixel;
        run.pixels
            .read_tile(region, *top, count, piece)
            .map_err(|error| Trouble::of_io("reading finished tiles", &error))?;
        let x = region.x as usize * pixel;
        for (row, pixels) in rows.chunks_exact_mut(stride).zip(piece.chunks_exact(width)) {
            row[x..x + width].copy_from_slice(pixels);
        }
    }
    encoder.write_rows(rows).map_err(|error| explain(&error))?;
    *top += count;
    if *top == left.height {
        (*band, *top) = (*band + 1, 0);
    }
    Ok(())
}

fn begin(run: &Run, limits: &Limits) -> Result<Assembly, Trouble> {
    let spec = &run.spec;
    // Profile and resolution carry over from the uploaded file.
    let info = probe_page(&spec.folder.original(), limits, spec.row.page).map_err(|error| explain(&error))?;
    let part = Part(spec.folder.unfinished_result(run.id));
    let encoding = kind::of_row(&spec.row.encoding)?;
    let options = EncodeOptions {
        threads: std::thread::available_parallelism().map_or(1, |cores| cores.get().min(MAX_THREADS)),
        ..EncodeOptions::from(encoding)
    };
    let encoder = Encoder::create(
        &part.0,
        encoding.kind(),
        &options,
        spec.row.output_size,
        spec.row.output_format,
        &info.metadata.after(&spec.recipe, info.stored_size),
    )
    .map_err(|error| explain(&error))?;
    Ok(Assembly {
        encoder,
        part,
        band: 0,
        top: 0,
        piece: Vec::new(),
        rows: Vec::new(),
    })
}

/// Ends the file and gives it its name; gives its length.
fn finish(run: &Run, assembly: Assembly) -> Result<u64, Trouble> {
    let spec = &run.spec;
    let Assembly { encoder, part, .. } = assembly;
    encoder.finish().map_err(|error| explain(&error))?;
    let result = spec
        .folder
        .result(kind::of_row(&spec.row.encoding)?.kind().extension());
    let bytes: std::io::Result<u64> = (|| {
        let file = File::open(&part.0)?;
        file.sync_all()?;
        std::fs::rename(&part.0, &result)?;
        File::open(spec.folder.path())?.sync_all()?;
        Ok(file.metadata()?.len())
    })();
    bytes.map_err(|error| Trouble::of_io("writing the result", &error))
}

fn explain(error: &FileError) -> Trouble {
    match error.kind() {
        FileErrorKind::Shortage => Trouble::Shortage(error.to_string()),
        FileErrorKind::DiskFull => Trouble::Reason(disk::explain(
            "writing the result",
            &std::io::ErrorKind::StorageFull.into(),
        )),
        _ => Trouble::Reason(format!("the result could not be encoded: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_put_together_at_a_time_is_bounded_however_wide_the_image(
            width in 1usize..=65_535, pixel in 1usize..=8, tile in 16usize..=4096
        ) {
            let stride = width * pixel;
            let count = rows_at_a_time(stride) as usize;
            prop_assert!(count >= 1);
            // The rows, and the piece of the widest tile.
            let bytes = (stride + tile.min(width) * pixel) * count;
            prop_assert!(bytes <= 4 << 20, "{bytes}");
        }
    }
}
