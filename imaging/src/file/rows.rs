//! The decoded input of one piece of the result after another: a window of rows that slides down the image.

use super::{Decoder, FileError};
use crate::{PixelFormat, Raster, Region, Size};

/// Called after every strip of rows that is decoded; an error ends the work.
pub(super) type Tick<'a> = dyn FnMut() -> Result<(), FileError> + 'a;

/// Bytes that are decoded between two calls of a [`Tick`], about.
const STRIP_BYTES: usize = 1 << 20;

/// The rows that the next pieces need, sliding down the image.
pub(super) struct Window {
    decoder: Decoder,
    width: u32,
    format: PixelFormat,
    stride: usize,
    /// The first row that is not decoded.
    next: u32,
    /// Rows above it that the next piece needs, too.
    kept: Vec<u8>,
    /// Buffers of pieces that are done.
    spare: Vec<Vec<u8>>,
}

impl Window {
    pub(super) fn new(decoder: Decoder, size: Size, format: PixelFormat) -> Self {
        Self {
            decoder,
            width: size.width,
            format,
            stride: size.width as usize * format.bytes_per_pixel(),
            next: 0,
            kept: Vec::new(),
            spare: Vec::new(),
        }
    }

    /// The whole rows that `region` covers, and which region they are. `following` is the first row that the piece after it
    /// needs; rows above `region` are gone.
    pub(super) fn read(
        &mut self,
        region: Region,
        following: u32,
        tick: &mut Tick<'_>,
    ) -> Result<(Region, Raster), FileError> {
        let stride = self.stride;
        let mut rows = self.spare.pop().unwrap_or_default();
        resize(&mut rows, region.height as usize * stride);
        let first = self.next - (self.kept.len() / stride) as u32;
        if region.y < first {
            return Err(FileError::damaged("rows are missing that were given away"));
        }
        let useless = ((region.y - first) as usize * stride).min(self.kept.len());
        let known = (self.kept.len() - useless).min(rows.len());
        rows[..known].copy_from_slice(&self.kept[useless..useless + known]);
        while self.next < region.y {
            let count = ((region.y - self.next) as usize).min(region.height as usize);
            self.decode(&mut rows[..count * stride], tick)?;
        }
        self.decode(&mut rows[known..], tick)?;
        let again = (following.max(region.y) - region.y) as usize * stride;
        // What was decoded for a piece before and lies below this one stays.
        let below = self.kept.split_off((useless + known).min(self.kept.len()));
        self.kept.clear();
        self.kept.extend_from_slice(rows.get(again..).unwrap_or_default());
        self.kept.extend_from_slice(&below);
        let held = Region::new(0, region.y, self.width, region.height);
        let raster =
            Raster::from_bytes(held.size(), self.format, rows).map_err(|error| FileError::recipe(&error))?;
        Ok((held, raster))
    }

    /// Takes back the memory of a piece's rows.
    pub(super) fn give_back(&mut self, raster: Raster) {
        self.spare.push(raster.into_bytes());
    }

    /// Reads what no piece needed, so that damage there is noticed too.
    pub(super) fn finish(mut self, height: u32, tick: &mut Tick<'_>) -> Result<(), FileError> {
        let mut strip = vec![0; self.stride * (STRIP_BYTES / self.stride).max(1)];
        while self.next < height {
            let count = ((height - self.next) as usize * self.stride).min(strip.len());
            self.decode(&mut strip[..count], tick)?;
        }
        Ok(())
    }

    /// Decodes the next rows, as many as `rows` has room for.
    fn decode(&mut self, rows: &mut [u8], tick: &mut Tick<'_>) -> Result<(), FileError> {
        let strip = self.stride * (STRIP_BYTES / self.stride).max(1);
        for rows in rows.chunks_mut(strip) {
            self.decoder.read_rows(rows)?;
            self.next += (rows.len() / self.stride) as u32;
            tick()?;
        }
        Ok(())
    }
}

/// Makes `buffer` that long; what is in it does not matter.
fn resize(buffer: &mut Vec<u8>, length: usize) {
    if buffer.capacity() < length {
        *buffer = vec![0; length];
    }
    buffer.resize(length, 0);
}
