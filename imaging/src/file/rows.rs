//! The decoded input of one piece of the result after another: a window of rows that slides down the image, or a temporary
//! file for recipes that do not read from top to bottom.

use std::path::Path;

use super::scratch::Scratch;
use super::{Decoder, FileError};
use crate::{PixelFormat, Raster, Region, Size};

/// Called after every strip of rows that is decoded; an error ends the work.
pub(super) type Tick<'a> = dyn FnMut(u32) -> Result<(), FileError> + 'a;

/// Puts the whole image into a temporary file.
pub(super) fn fill_scratch(
    mut decoder: Decoder,
    directory: &Path,
    size: Size,
    format: PixelFormat,
    tick: &mut Tick<'_>,
) -> Result<Scratch, FileError> {
    let mut scratch = Scratch::new(directory, size, format)?;
    let mut strip = Vec::new();
    while let Some(span) = decoder.next_rows(&mut strip)? {
        scratch.append(&strip)?;
        tick(span.y + span.rows)?;
    }
    Ok(scratch)
}

/// The rows that the next bands need, sliding down the image.
pub(super) struct Window {
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
    pub(super) fn new(decoder: Decoder, size: Size, format: PixelFormat) -> Self {
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
    pub(super) fn read(
        &mut self,
        region: Region,
        tick: &mut Tick<'_>,
    ) -> Result<(Region, Raster), FileError> {
        self.drop_above(region.y);
        while u64::from(self.top) + self.held() < region.bottom() {
            let Some(span) = self.decoder.next_rows(&mut self.strip)? else {
                return Err(FileError::damaged("rows are missing at the end"));
            };
            // Room for what is needed and one strip more, and not for twice as much.
            if self.rows.capacity() < self.rows.len() + self.strip.len() {
                let all = region.height as usize * self.stride + self.strip.len();
                let more = all.saturating_sub(self.rows.len()).max(self.strip.len());
                self.rows.reserve_exact(more);
            }
            self.rows.extend_from_slice(&self.strip);
            self.drop_above(region.y);
            tick(span.y + span.rows)?;
        }
        let held = Region::new(0, self.top, self.width, self.held() as u32);
        let rows = std::mem::take(&mut self.rows);
        let raster =
            Raster::from_bytes(held.size(), self.format, rows).map_err(|error| FileError::recipe(&error))?;
        Ok((held, raster))
    }

    pub(super) fn give_back(&mut self, raster: Raster) {
        self.rows = raster.into_bytes();
    }

    /// Reads what no band needed, so that damage there is noticed too.
    pub(super) fn finish(mut self, tick: &mut Tick<'_>) -> Result<(), FileError> {
        while let Some(span) = self.decoder.next_rows(&mut self.strip)? {
            tick(span.y + span.rows)?;
        }
        Ok(())
    }

    fn held(&self) -> u64 {
        (self.rows.len() / self.stride) as u64
    }

    /// Forgets the rows above `y`.
    fn drop_above(&mut self, y: u32) {
        let useless = (y.saturating_sub(self.top) as usize * self.stride).min(self.rows.len());
        self.rows.drain(..useless);
        self.top += (useless / self.stride) as u32;
    }
}
