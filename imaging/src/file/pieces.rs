//! Reads, computes and writes the pieces of a result.

use std::path::Path;
use std::sync::Arc;

use super::blocks::Blocks;
use super::cut::{Input, Plan, Work};
use super::pool::{Job, Pool};
use super::rows::Window;
use super::scratch::Scratch;
use super::{ApplyProgress, Decoder, Encoder, FileError};
use crate::{Raster, Region, render};

/// Makes the whole result; gives the length of the file and sentences on what it does not keep.
pub(super) fn run(
    work: Arc<Work>,
    plan: Plan,
    decoder: Decoder,
    encoder: Encoder,
    scratch: &Path,
    progress: &mut dyn FnMut(ApplyProgress) -> bool,
) -> Result<(u64, Vec<String>), FileError> {
    let mut progress = Progress {
        done: 0,
        total: work.size.height.into(),
        tell: progress,
    };
    let mut pool = Pool::new(plan.threads);
    let mut sink = Sink {
        encoder,
        width: work.size.width,
        pixel: work.format.bytes_per_pixel(),
        band: Vec::new(),
        written: 0,
    };
    match plan.input {
        Input::Rows => {
            let window = Window::new(decoder, work.image, work.input_format);
            run_rows(&work, plan, window, &mut pool, &mut sink, &mut progress)?;
        }
        Input::Blocks => {
            let blocks: Arc<dyn Blocks> = match decoder.blocks() {
                Some(blocks) => blocks.into(),
                None => {
                    progress.total += u64::from(work.image.height);
                    let scratch = Scratch::fill(decoder, scratch, &mut |rows| progress.add(rows.into()))?;
                    Arc::new(scratch)
                }
            };
            run_blocks(&work, plan, &blocks, &mut pool, &mut sink, &mut progress)?;
        }
    }
    let encoder = sink.encoder;
    // Some of it is known when the last row is written.
    let left_out = encoder.left_out().to_vec();
    Ok((encoder.finish()?, left_out))
}

fn run_rows(
    work: &Arc<Work>,
    plan: Plan,
    mut window: Window,
    pool: &mut Pool<Piece>,
    sink: &mut Sink,
    progress: &mut Progress<'_>,
) -> Result<(), FileError> {
    let mut bands = work.bands(plan.piece.height).peekable();
    let mut done = Vec::new();
    while let Some(band) = bands.next() {
        let needed = work.input_region(band)?;
        let following = match bands.peek() {
            Some(next) => work.input_region(*next)?.y,
            None => work.image.height,
        };
        let (held, pixels) = window.read(needed, following, &mut || progress.still_wanted())?;
        let piece = Piece {
            work: Arc::clone(work),
            input: PieceInput::Rows(held, pixels),
            output: band,
        };
        pool.submit(piece, &mut |piece| {
            done.extend(sink.put(piece, progress)?);
            Ok(())
        })?;
        done.drain(..).for_each(|rows| window.give_back(rows));
    }
    pool.finish(&mut |piece| sink.put(piece, progress).map(drop))?;
    window.finish(work.image.height, &mut || progress.still_wanted())
}

fn run_blocks(
    work: &Arc<Work>,
    plan: Plan,
    blocks: &Arc<dyn Blocks>,
    pool: &mut Pool<Piece>,
    sink: &mut Sink,
    progress: &mut Progress<'_>,
) -> Result<(), FileError> {
    for band in work.bands(plan.piece.height) {
        for x in (0..band.width).step_by(plan.piece.width as usize) {
            let width = plan.piece.width.min(band.width - x);
            let piece = Piece {
                work: Arc::clone(work),
                input: PieceInput::Blocks(Arc::clone(blocks)),
                output: Region::new(x, band.y, width, band.height),
            };
            pool.submit(piece, &mut |piece| sink.put(piece, progress).map(drop))?;
            progress.still_wanted()?;
        }
    }
    pool.finish(&mut |piece| sink.put(piece, progress).map(drop))
}

/// A piece of the result that is to be computed.
struct Piece {
    work: Arc<Work>,
    input: PieceInput,
    output: Region,
}

enum PieceInput {
    /// The pixels of a region of the image that has all that is needed.
    Rows(Region, Raster),
    /// What to read from.
    Blocks(Arc<dyn Blocks>),
}

/// A piece that is computed.
struct Rendered {
    output: Region,
    pixels: Raster,
    /// The memory of its input, to be used again.
    input: Option<Raster>,
}

impl Job for Piece {
    type Done = Rendered;

    fn run(self) -> Result<Rendered, FileError> {
        let Self { work, input, output } = self;
        let (region, pixels, is_lent) = match input {
            PieceInput::Rows(region, pixels) => (region, pixels, true),
            PieceInput::Blocks(blocks) => {
                let region = work.input_region(output)?;
                (region, blocks.read(region)?, false)
            }
        };
        let result = render(&work.recipe, work.image, region, &pixels, output);
        Ok(Rendered {
            output,
            pixels: result.map_err(|error| FileError::recipe(&error))?,
            input: is_lent.then_some(pixels),
        })
    }
}

/// Where computed pieces go.
struct Sink {
    encoder: Encoder,
    /// Width of the result, pixels.
    width: u32,
    /// Bytes of a pixel.
    pixel: usize,
    /// Rows that pieces side by side fill.
    band: Vec<u8>,
    /// Rows written.
    written: u64,
}

impl Sink {
    /// Takes the next piece: from left to right, then downwards. Gives back the memory of its input.
    fn put(&mut self, piece: Rendered, progress: &mut Progress<'_>) -> Result<Option<Raster>, FileError> {
        let Rendered {
            output,
            pixels,
            input,
        } = piece;
        if output.width == self.width {
            self.encoder.write_rows(pixels.bytes())?;
        } else {
            let stride = self.width as usize * self.pixel;
            self.band.resize(stride * output.height as usize, 0);
            let at = output.x as usize * self.pixel;
            for (y, row) in self.band.chunks_exact_mut(stride).enumerate() {
                row[at..at + pixels.stride()].copy_from_slice(pixels.row(y as u32));
            }
            if output.right() < self.width.into() {
                return Ok(input);
            }
            self.encoder.write_rows(&self.band)?;
        }
        let rows = output.bottom() - self.written;
        self.written += rows;
        progress.add(rows)?;
        Ok(input)
    }
}

struct Progress<'a> {
    done: u64,
    total: u64,
    tell: &'a mut dyn FnMut(ApplyProgress) -> bool,
}

impl Progress<'_> {
    /// That so many rows more are read or written.
    fn add(&mut self, rows: u64) -> Result<(), FileError> {
        self.done += rows;
        self.still_wanted()
    }

    fn still_wanted(&mut self) -> Result<(), FileError> {
        let (done, total) = (self.done, self.total);
        if (self.tell)(ApplyProgress { done, total }) {
            Ok(())
        } else {
            Err(FileError::unsupported("stopped before the end"))
        }
    }
}
