//! Reads, computes and writes or counts the pieces of a result.

use std::path::Path;
use std::sync::Arc;

use super::blocks::Blocks;
use super::cut::{Input, Plan, Work};
use super::pool::{Job, Pool};
use super::progress::Progress;
use super::rows::Window;
use super::scratch::Scratch;
use super::{Decoder, Encoder, FileError};
use crate::{Histogram, Raster, Region, Statistic, render};

/// Writes the whole result; gives the length of the file and sentences on what it does not keep.
pub(super) fn write(
    work: &Arc<Work>,
    plan: Plan,
    decoder: Decoder,
    encoder: Encoder,
    scratch: &Path,
    progress: &mut Progress<'_>,
) -> Result<(u64, Vec<String>), FileError> {
    let mut written = Written {
        encoder,
        width: work.size.width,
        pixel: work.format.bytes_per_pixel(),
        band: Vec::new(),
        rows: 0,
    };
    run(work, plan, decoder, scratch, &mut written, progress)?;
    let encoder = written.encoder;
    // Some of it is known when the last row is written.
    let left_out = encoder.left_out().to_vec();
    Ok((encoder.finish()?, left_out))
}

/// Counts the whole result.
pub(super) fn count(
    work: &Arc<Work>,
    plan: Plan,
    decoder: Decoder,
    statistic: Statistic,
    scratch: &Path,
    progress: &mut Progress<'_>,
) -> Result<Histogram, FileError> {
    let mut counted = Counted {
        width: work.size.width,
        no_data: work.recipe.no_data(),
        sum: Histogram::empty(work.format, statistic),
    };
    run(work, plan, decoder, scratch, &mut counted, progress)?;
    Ok(counted.sum)
}

/// Makes all pieces of the result, each once.
fn run<S: Sink>(
    work: &Arc<Work>,
    plan: Plan,
    decoder: Decoder,
    scratch: &Path,
    sink: &mut S,
    progress: &mut Progress<'_>,
) -> Result<(), FileError> {
    let mut pool = Pool::new(plan.threads);
    match plan.input {
        Input::Rows => {
            let window = Window::new(decoder, work.image, work.input_format);
            run_rows(work, plan, window, &mut pool, sink, progress)
        }
        Input::Blocks => {
            let blocks: Arc<dyn Blocks> = match decoder.blocks() {
                Some(blocks) => blocks.into(),
                None => {
                    progress.expect(work.image.height.into());
                    let scratch = Scratch::fill(decoder, scratch, &mut |rows| progress.add(rows.into()))?;
                    Arc::new(scratch)
                }
            };
            run_blocks(work, plan, &blocks, &mut pool, sink, progress)
        }
    }
}

fn run_rows<S: Sink>(
    work: &Arc<Work>,
    plan: Plan,
    mut window: Window,
    pool: &mut Pool<Piece<S::Maker>>,
    sink: &mut S,
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
            maker: sink.maker(),
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

fn run_blocks<S: Sink>(
    work: &Arc<Work>,
    plan: Plan,
    blocks: &Arc<dyn Blocks>,
    pool: &mut Pool<Piece<S::Maker>>,
    sink: &mut S,
    progress: &mut Progress<'_>,
) -> Result<(), FileError> {
    for band in work.bands(plan.piece.height) {
        for x in (0..band.width).step_by(plan.piece.width as usize) {
            let width = plan.piece.width.min(band.width - x);
            let piece = Piece {
                work: Arc::clone(work),
                input: PieceInput::Blocks(Arc::clone(blocks)),
                output: Region::new(x, band.y, width, band.height),
                maker: sink.maker(),
            };
            pool.submit(piece, &mut |piece| sink.put(piece, progress).map(drop))?;
            progress.still_wanted()?;
        }
    }
    pool.finish(&mut |piece| sink.put(piece, progress).map(drop))
}

/// What becomes of the pixels of a piece, on the thread that computes them.
trait Maker: Send + 'static {
    /// What that is.
    type Made: Send + 'static;

    fn make(self, pixels: Raster) -> Self::Made;
}

/// Where computed pieces go.
trait Sink {
    /// What is done with each before.
    type Maker: Maker;

    fn maker(&self) -> Self::Maker;

    /// Takes the next piece: from left to right, then downwards. Gives back the memory of its input.
    fn put(
        &mut self,
        piece: Rendered<<Self::Maker as Maker>::Made>,
        progress: &mut Progress<'_>,
    ) -> Result<Option<Raster>, FileError>;
}

/// A piece of the result that is to be computed.
struct Piece<M> {
    work: Arc<Work>,
    input: PieceInput,
    output: Region,
    maker: M,
}

enum PieceInput {
    /// The pixels of a region of the image that has all that is needed.
    Rows(Region, Raster),
    /// What to read from.
    Blocks(Arc<dyn Blocks>),
}

/// A piece that is computed.
struct Rendered<T> {
    output: Region,
    made: T,
    /// The memory of its input, to be used again.
    input: Option<Raster>,
}

impl<M: Maker> Job for Piece<M> {
    type Done = Rendered<M::Made>;

    fn run(self) -> Result<Self::Done, FileError> {
        let Self {
            work,
            input,
            output,
            maker,
        } = self;
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
            made: maker.make(result.map_err(|error| FileError::recipe(&error))?),
            input: is_lent.then_some(pixels),
        })
    }
}

/// The file that is written.
struct Written {
    encoder: Encoder,
    /// Width of the result, pixels.
    width: u32,
    /// Bytes of a pixel.
    pixel: usize,
    /// Rows that pieces side by side fill.
    band: Vec<u8>,
    /// Rows written.
    rows: u64,
}

/// Leaves the pixels as they are.
struct Pixels;

impl Maker for Pixels {
    type Made = Raster;

    fn make(self, pixels: Raster) -> Raster {
        pixels
    }
}

impl Sink for Written {
    type Maker = Pixels;

    fn maker(&self) -> Pixels {
        Pixels
    }

    fn put(
        &mut self,
        piece: Rendered<Raster>,
        progress: &mut Progress<'_>,
    ) -> Result<Option<Raster>, FileError> {
        let Rendered { output, made, input } = piece;
        if output.width == self.width {
            self.encoder.write_rows(made.bytes())?;
        } else {
            let stride = self.width as usize * self.pixel;
            self.band.resize(stride * output.height as usize, 0);
            let at = output.x as usize * self.pixel;
            for (y, row) in self.band.chunks_exact_mut(stride).enumerate() {
                row[at..at + made.stride()].copy_from_slice(made.row(y as u32));
            }
            if output.right() < self.width.into() {
                return Ok(input);
            }
            self.encoder.write_rows(&self.band)?;
        }
        let rows = output.bottom() - self.rows;
        self.rows += rows;
        progress.add(rows)?;
        Ok(input)
    }
}

/// What has been counted.
struct Counted {
    /// Width of the result, pixels.
    width: u32,
    /// The number that stands for no data in it.
    no_data: Option<f64>,
    sum: Histogram,
}

/// Counts the pixels.
struct Count {
    no_data: Option<f64>,
    statistic: Statistic,
}

impl Maker for Count {
    type Made = Histogram;

    fn make(self, pixels: Raster) -> Histogram {
        Histogram::of(&pixels, self.no_data, self.statistic)
    }
}

impl Sink for Counted {
    type Maker = Count;

    fn maker(&self) -> Count {
        Count {
            no_data: self.no_data,
            statistic: self.sum.statistic(),
        }
    }

    fn put(
        &mut self,
        piece: Rendered<Histogram>,
        progress: &mut Progress<'_>,
    ) -> Result<Option<Raster>, FileError> {
        let merged = self.sum.merge(&piece.made);
        merged.map_err(|error| FileError::recipe(&error))?;
        if piece.output.right() == self.width.into() {
            progress.add(piece.output.height.into())?;
        }
        Ok(piece.input)
    }
}
