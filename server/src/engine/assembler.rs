//! Assembly: rows of tiles go to the encoder in order, as they become complete, while later ones are still out.
//!
//! A job has no thread of its own. Whoever stores a tile calls [`advance`]; when the next row of tiles is complete, a thread of the
//! encoders' pool takes the job's encoder, feeds it as many rows as there are, and puts it back. After the last row the file
//! is synced, gets its name by a rename, and only then the job is completed and its scratch files go.
//!
//! **Memory.** A row of tiles may be gigabytes: as wide as the image and as high as a tile. A tile lies row by row in scratch,
//! so a few rows of pixels at a time are put together from a piece of each tile ([`rows_at_a_time`]).

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;

use azulejo_imaging::file::{EncodeOptions, Encoder, FileErrorKind, probe};
use azulejo_protocol::health::IntakeLimits;
use azulejo_protocol::{StageName, Timestamp};

use super::job::remove_if_there;
use super::run::Run;
use super::shared::Shared;
use super::store::jobs::{self, Ending};
use super::{disk, kind};

/// Bytes of rows that are put together at a time, about: reads of a useful length, also of narrow tiles.
const ROWS_BYTES: usize = 2 << 20;
/// Threads that compress a PNG. Strips in hand cost each of them a few megabytes.
const MAX_THREADS: usize = 4;

/// An encoder between two visits.
pub struct Assembly {
    encoder: Encoder,
    part: Part,
    /// A piece of a tile as it lies in scratch, and rows of pixels. Used again and again.
    piece: Vec<u8>,
    rows: Vec<u8>,
}

/// The unfinished result. It goes when the encoder is given up; once it was renamed, nothing is found.
struct Part(PathBuf);

impl Drop for Part {
    fn drop(&mut self) {
        remove_if_there(&self.0);
    }
}

/// Rows of `stride` bytes that are put together at a time.
fn rows_at_a_time(stride: usize) -> u32 {
    u32::try_from(ROWS_BYTES / stride.max(1))
        .unwrap_or(u32::MAX)
        .max(1)
}

/// Has the next rows of tiles encoded, if they are complete and nobody is at it.
pub fn advance(shared: &Arc<Shared>, run: &Arc<Run>) {
    {
        let mut core = shared.core();
        let Some(job) = core.job_of(run) else { return };
        if job.ending || job.encoding || !job.next_band_ready() {
            return;
        }
        job.encoding = true;
    }
    let (pool, run) = (shared.clone(), run.clone());
    shared
        .encoders
        .submit(move || pool.guarded(&run, || work(&pool, &run)));
}

fn work(shared: &Arc<Shared>, run: &Arc<Run>) {
    let mut place = run.assembly();
    loop {
        let band = {
            let mut core = shared.core();
            let Some(job) = core.job_of(run) else {
                *place = None;
                return;
            };
            if job.ending || shared.is_stopping() {
                *place = None;
                return;
            }
            if job.all_bands_encoded() {
                break;
            }
            if !job.next_band_ready() {
                // Under the same lock as whoever completes the next row, so neither can miss the other.
                job.encoding = false;
                return;
            }
            job.encoded_bands
        };
        if let Err(reason) = encode_band(shared, run, &mut place, band) {
            *place = None;
            return shared.fail(run, &reason);
        }
        if let Some(job) = shared.core().job_of(run) {
            job.encoded_bands = band + 1;
        }
    }
    let assembly = place.take();
    drop(place);
    let finished = assembly
        .ok_or_else(|| "the result has no rows; this is a bug".to_owned())
        .and_then(|assembly| finish(run, assembly));
    match finished {
        Ok(output_bytes) => {
            if !shared.end(run, Ending::Completed { output_bytes }) {
                tracing::info!(job = %run.spec.id(), "a result came too late: the job had ended");
            }
        }
        Err(reason) => shared.fail(run, &reason),
    }
}

fn encode_band(
    shared: &Arc<Shared>,
    run: &Run,
    place: &mut Option<Assembly>,
    band: u32,
) -> Result<(), String> {
    let assembly = match place {
        Some(assembly) => assembly,
        None => {
            note_start(shared, run);
            place.insert(begin(run, &shared.config.limits)?)
        }
    };
    let trouble = |error: &std::io::Error| disk::explain("reading finished tiles", error);
    let spec = &run.spec;
    let (grid, pixel) = (&spec.grid, spec.row.output_format.bytes_per_pixel());
    let first = band * grid.columns();
    let Some(left) = grid.region(first) else {
        return Err("there is no such row of tiles; this is a bug".into());
    };
    let stride = spec.row.output_size.width as usize * pixel;
    let file = run.tiles().map_err(|error| trouble(&error))?;
    let Assembly {
        encoder, piece, rows, ..
    } = assembly;
    let step = rows_at_a_time(stride);
    let mut top = 0;
    while top < left.height {
        let count = step.min(left.height - top);
        rows.resize(stride * count as usize, 0);
        for region in (0..grid.columns()).filter_map(|column| grid.region(first + column)) {
            let width = region.width as usize * pixel;
            piece.resize(width * count as usize, 0);
            let from = spec.result_offset(region) + u64::from(top) * width as u64;
            file.read_exact_at(piece, from).map_err(|error| trouble(&error))?;
            let x = region.x as usize * pixel;
            for (row, pixels) in rows.chunks_exact_mut(stride).zip(piece.chunks_exact(width)) {
                row[x..x + width].copy_from_slice(pixels);
            }
        }
        encoder.write_rows(rows).map_err(|error| explain(&error))?;
        top += count;
    }
    Ok(())
}

fn note_start(shared: &Arc<Shared>, run: &Run) {
    let (id, at) = (run.spec.id(), Timestamp::now_utc());
    if let Some(job) = shared.core().job_of(run) {
        job.times.assemble_started = Some(at);
    }
    let noted = shared
        .store
        .write_blocking(move |db| jobs::stage_started(db, id, StageName::Assemble, at));
    if let Err(error) = noted {
        tracing::warn!(job = %id, %error, "cannot note when encoding started");
    }
}

fn begin(run: &Run, limits: &IntakeLimits) -> Result<Assembly, String> {
    let spec = &run.spec;
    // Profile and resolution carry over from the uploaded file.
    let info = probe(&spec.folder.original(), &kind::limits(limits)).map_err(|error| error.to_string())?;
    let part = Part(spec.folder.unfinished_result(run.serial));
    let options = EncodeOptions {
        threads: std::thread::available_parallelism().map_or(1, |cores| cores.get().min(MAX_THREADS)),
        ..EncodeOptions::default()
    };
    let encoder = Encoder::create(
        &part.0,
        kind::of_name(&spec.row.result_kind)?,
        &options,
        spec.row.output_size,
        spec.row.output_format,
        &info.metadata.after(&spec.recipe),
    )
    .map_err(|error| explain(&error))?;
    Ok(Assembly {
        encoder,
        part,
        piece: Vec::new(),
        rows: Vec::new(),
    })
}

/// Ends the file and gives it its name; gives its length.
fn finish(run: &Run, assembly: Assembly) -> Result<u64, String> {
    let spec = &run.spec;
    let Assembly { encoder, part, .. } = assembly;
    encoder.finish().map_err(|error| explain(&error))?;
    let trouble = |error: &std::io::Error| disk::explain("writing the result", error);
    let result = spec
        .folder
        .result(kind::of_name(&spec.row.result_kind)?.extension());
    let bytes = (|| {
        let file = File::open(&part.0)?;
        file.sync_all()?;
        std::fs::rename(&part.0, &result)?;
        File::open(spec.folder.path())?.sync_all()?;
        Ok(file.metadata()?.len())
    })()
    .map_err(|error| trouble(&error))?;
    Ok(bytes)
}

fn explain(error: &azulejo_imaging::file::FileError) -> String {
    match error.kind() {
        FileErrorKind::DiskFull => {
            disk::explain("writing the result", &std::io::ErrorKind::StorageFull.into())
        }
        _ => format!("the result could not be encoded: {error}"),
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
