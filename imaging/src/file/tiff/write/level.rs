//! A picture of the pyramid while its rows come: what is not yet cut, and the row that waits for the one below it.

use super::halve;
use crate::file::FileError;
use crate::{PixelFormat, Size};

pub(super) struct Level {
    pub size: Size,
    pub chunk: Size,
    pub tiled: bool,
    format: PixelFormat,
    /// The number that stands for no data.
    no_data: Option<f64>,
    /// Rows of the row of tiles, or of the strip, that is being filled.
    rows: Vec<u8>,
    missing_rows: u32,
    /// The upper row of a pair whose lower row is to come.
    upper: Option<Vec<u8>>,
}

impl Level {
    pub(super) fn new(
        size: Size,
        chunk: Size,
        tiled: bool,
        format: PixelFormat,
        no_data: Option<f64>,
    ) -> Self {
        let width = if tiled { chunk.width } else { size.width };
        Self {
            size,
            chunk: Size::new(width, chunk.height),
            tiled,
            format,
            no_data,
            rows: Vec::new(),
            missing_rows: size.height,
            upper: None,
        }
    }

    fn stride(&self) -> usize {
        self.size.width as usize * self.format.bytes_per_pixel()
    }

    /// Takes the next row; whether what is held is to be cut now.
    pub(super) fn take(&mut self, row: &[u8]) -> bool {
        self.rows.extend_from_slice(row);
        self.missing_rows = self.missing_rows.saturating_sub(1);
        self.missing_rows == 0 || self.rows.len() >= self.chunk.height as usize * self.stride()
    }

    /// Hands out what is held in chunks, with their sizes. A tile is full: beyond the image its last pixels are repeated, which
    /// packs well and keeps JPEG's ringing out of the image.
    pub(super) fn cut(
        &mut self,
        put: &mut dyn FnMut(Vec<u8>, Size) -> Result<(), FileError>,
    ) -> Result<(), FileError> {
        let (stride, pixel) = (self.stride(), self.format.bytes_per_pixel());
        if !self.tiled {
            let rows = std::mem::take(&mut self.rows);
            let count = (rows.len() / stride) as u32;
            return put(rows, Size::new(self.size.width, count));
        }
        let width = self.chunk.width as usize;
        let height = self.chunk.height as usize;
        for left in (0..self.size.width as usize).step_by(width) {
            let count = width.min(self.size.width as usize - left);
            let mut tile = Vec::with_capacity(width * height * pixel);
            for row in self.rows.chunks_exact(stride) {
                let part = &row[left * pixel..(left + count) * pixel];
                tile.extend_from_slice(part);
                let last = &part[part.len() - pixel..];
                (count..width).for_each(|_| tile.extend_from_slice(last));
            }
            while tile.len() < width * height * pixel {
                tile.extend_from_within(tile.len() - width * pixel..);
            }
            put(tile, self.chunk)?;
        }
        self.rows.clear();
        Ok(())
    }

    /// The row of the picture half as large that `row` completes. The last row stands for two where there is no other.
    pub(super) fn halve(&mut self, row: &[u8]) -> Option<Vec<u8>> {
        match self.upper.take() {
            Some(upper) => Some(halve::rows(&upper, row, self.format, self.no_data)),
            None if self.missing_rows == 0 => Some(halve::rows(row, row, self.format, self.no_data)),
            None => {
                self.upper = Some(row.to_vec());
                None
            }
        }
    }
}
