//! File in, recipe, file out, in bands of output rows with bounded memory.
//!
//! Where the bands need the input from top to bottom, a window of decoded rows slides along. Where they do not, as after
//! a turn, the decoded rows go to a temporary file first. The arithmetic is that of [`render`], so the result is the one
//! that tiles give.

use std::path::Path;

use super::scratch::Scratch;
use super::{Decoder, EncodeOptions, Encoder, FileError, FileKind, ImageInfo, Limits};
use crate::{PixelFormat, Raster, Recipe, Region, Size, render};

/// How to apply a recipe to a file.
#[derive(Debug, Clone, Default)]
pub struct ApplyOptions {
    /// What the input may ask for.
    pub limits: Limits,
    /// Format of the output; without it, that of the output's extension, else that of the input.
    pub kind: Option<FileKind>,
    /// How to write.
    pub encode: EncodeOptions,
    /// Where temporary files go; without it, beside the output.
    pub scratch: Option<std::path::PathBuf>,
}

/// How far [`apply_file`] is, in output rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ApplyProgress {
    /// Rows written.
    pub done: u32,
    /// Rows in all.
    pub total: u32,
}

/// What [`apply_file`] wrote.
#[derive(Debug, Clone, PartialEq)]
pub struct Applied {
    /// What the input was.
    pub input: ImageInfo,
    /// Format of the file written.
    pub kind: FileKind,
    /// Size of the result.
    pub size: Size,
    /// Pixel format of the result.
    pub format: PixelFormat,
    /// Length of the file written.
    pub bytes: u64,
}

/// Bytes of a band with what it needs of the input, about.
const BAND_BYTES: u64 = 4 << 20;
/// The same where the input lies in a temporary file and every row of a band is read in short pieces.
const TURNED_BAND_BYTES: u64 = 24 << 20;

/// Applies `recipe` to the image at `input`, turned upright, and writes the result to `output`. `progress` is told after
/// every band; when it answers `false` the work ends with an error. A file that is left half-written is removed.
///
/// # Errors
/// When the input cannot be read, the recipe does not fit it or the output cannot be written.
pub fn apply_file(
    recipe: &Recipe,
    input: &Path,
    output: &Path,
    options: &ApplyOptions,
    progress: &mut dyn FnMut(ApplyProgress) -> bool,
) -> Result<Applied, FileError> {
    let decoder = Decoder::open(input, &options.limits)?;
    let info = decoder.info().clone();
    let kind = options
        .kind
        .or_else(|| FileKind::from_path(output))
        .unwrap_or(info.kind);
    let recipe = info.orientation.recipe().then(recipe);
    let size = recipe
        .output_size(info.stored_size)
        .map_err(|error| FileError::recipe(&error))?;
    let format = recipe.output_format(info.format);
    let job = Job {
        recipe,
        image: info.stored_size,
        input_format: info.format,
        size,
        format,
    };
    let encoder = Encoder::create(output, kind, &options.encode, size, format, &info.metadata)?;
    let directory = options
        .scratch
        .as_deref()
        .or(output.parent())
        .filter(|path| !path.as_os_str().is_empty());
    let written = job.run(decoder, encoder, directory.unwrap_or(Path::new(".")), progress);
    match written {
        Ok(bytes) => Ok(Applied {
            input: info,
            kind,
            size,
            format,
            bytes,
        }),
        Err(error) => {
            // What is there is no image; the error says why.
            let _ = std::fs::remove_file(output);
            Err(error)
        }
    }
}

struct Job {
    recipe: Recipe,
    image: Size,
    input_format: PixelFormat,
    size: Size,
    format: PixelFormat,
}

impl Job {
    fn run(
        &self,
        decoder: Decoder,
        mut encoder: Encoder,
        directory: &Path,
        progress: &mut dyn FnMut(ApplyProgress) -> bool,
    ) -> Result<u64, FileError> {
        let bands = self.bands(self.band_rows(BAND_BYTES)?);
        let mut source = if self.is_sequential(&bands)? {
            Source::Window(Window::new(decoder, self.image, self.input_format))
        } else {
            Source::Scratch(fill_scratch(decoder, directory, self.image, self.input_format)?)
        };
        let bands = match source {
            Source::Window(_) => bands,
            Source::Scratch(_) => self.bands(self.band_rows(TURNED_BAND_BYTES)?),
        };
        for band in bands {
            let region = self.input_region(band)?;
            let (held, pixels) = match &mut source {
                Source::Window(window) => window.read(region)?,
                Source::Scratch(scratch) => (region, scratch.read(region)?),
            };
            let result = render(&self.recipe, self.image, held, &pixels, band);
            if let Source::Window(window) = &mut source {
                window.give_back(pixels);
            }
            let result = result.map_err(|error| FileError::recipe(&error))?;
            encoder.write_rows(result.bytes())?;
            let done = band.y + band.height;
            if !progress(ApplyProgress {
                done,
                total: self.size.height,
            }) {
                return Err(FileError::unsupported("stopped before the end"));
            }
        }
        if let Source::Window(window) = source {
            window.finish()?;
        }
        encoder.finish()
    }

    fn input_region(&self, band: Region) -> Result<Region, FileError> {
        self.recipe
            .input_region(self.image, band)
            .map_err(|error| FileError::recipe(&error))
    }

    /// Rows of a band such that the band and what it needs take about `budget` bytes.
    fn band_rows(&self, budget: u64) -> Result<u32, FileError> {
        let middle = self.size.height / 2;
        let mut rows = 512.min(self.size.height);
        while rows > 16 {
            let band = Region::new(0, middle.min(self.size.height - rows), self.size.width, rows);
            let input = self.input_region(band)?.size().pixels() * self.input_format.bytes_per_pixel() as u64;
            let output = band.size().pixels() * self.format.bytes_per_pixel() as u64;
            if input + output <= budget {
                break;
            }
            rows /= 2;
        }
        Ok(rows.max(1))
    }

    fn bands(&self, rows: u32) -> Vec<Region> {
        let starts = (0..self.size.height).step_by(rows as usize);
        starts
            .map(|y| Region::new(0, y, self.size.width, rows.min(self.size.height - y)))
            .collect()
    }

    /// Whether every band needs input that begins at or below what the band before it needs, and little of it.
    fn is_sequential(&self, bands: &[Region]) -> Result<bool, FileError> {
        let mut top = 0;
        for band in bands {
            let region = self.input_region(*band)?;
            let bytes = u64::from(region.height)
                * u64::from(self.image.width)
                * self.input_format.bytes_per_pixel() as u64;
            if region.y < top || (bytes > 16 * BAND_BYTES && bands.len() > 1) {
                return Ok(false);
            }
            top = region.y;
        }
        Ok(true)
    }
}

enum Source {
    Window(Window),
    Scratch(Scratch),
}

fn fill_scratch(
    mut decoder: Decoder,
    directory: &Path,
    size: Size,
    format: PixelFormat,
) -> Result<Scratch, FileError> {
    let mut scratch = Scratch::new(directory, size, format)?;
    let mut strip = Vec::new();
    while decoder.next_rows(&mut strip)?.is_some() {
        scratch.append(&strip)?;
    }
    Ok(scratch)
}

/// The rows that the next bands need, sliding down the image.
struct Window {
    decoder: Decoder,
    width: u32,
    format: PixelFormat,
    stride: usize,
    /// First row in `rows`.
    top: u32,
    rows: Vec<u8>,
    strip: Vec<u8>,
}

impl Window {
    fn new(decoder: Decoder, size: Size, format: PixelFormat) -> Self {
        let stride = size.width as usize * format.bytes_per_pixel();
        Self {
            decoder,
            width: size.width,
            format,
            stride,
            top: 0,
            rows: Vec::new(),
            strip: Vec::new(),
        }
    }

    /// Whole rows that cover `region`, and which region they are. The rows are lent: [`Window::give_back`] returns them.
    fn read(&mut self, region: Region) -> Result<(Region, Raster), FileError> {
        let drop_rows = (region.y.saturating_sub(self.top) as usize * self.stride).min(self.rows.len());
        self.rows.drain(..drop_rows);
        self.top += (drop_rows / self.stride) as u32;
        while u64::from(self.top) + ((self.rows.len() / self.stride) as u64) < region.bottom() {
            if self.decoder.next_rows(&mut self.strip)?.is_none() {
                return Err(FileError::damaged("rows are missing at the end"));
            }
            self.rows.extend_from_slice(&self.strip);
            // Rows above the region are of no use any more.
            let useless = (region.y.saturating_sub(self.top) as usize * self.stride).min(self.rows.len());
            self.rows.drain(..useless);
            self.top += (useless / self.stride) as u32;
        }
        let held = Region::new(0, self.top, self.width, (self.rows.len() / self.stride) as u32);
        let rows = std::mem::take(&mut self.rows);
        let raster =
            Raster::from_bytes(held.size(), self.format, rows).map_err(|error| FileError::recipe(&error))?;
        Ok((held, raster))
    }

    fn give_back(&mut self, raster: Raster) {
        self.rows = raster.into_bytes();
    }

    /// Reads what no band needed, so that damage there is noticed too.
    fn finish(mut self) -> Result<(), FileError> {
        while self.decoder.next_rows(&mut self.strip)?.is_some() {}
        Ok(())
    }
}
