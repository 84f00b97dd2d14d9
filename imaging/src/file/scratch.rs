//! A raw image in a temporary file, for recipes that do not read from top to bottom.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use super::blocks::{Blocks, raster};
use super::source::read_exact_at;
use super::{Decoder, FileError};
use crate::{PixelFormat, Raster, Region, Size};

/// Width of a tile of the temporary file, and its height unless the image is very wide, pixels.
const TILE: u32 = 256;
/// Bytes of a row of tiles, which is in memory twice while it is written.
const BAND_BYTES: usize = 16 << 20;

/// An image on disk in tiles, row of tiles after row of tiles, in a file that disappears with it. A turn reads columns of the image:
/// of a tile these are one piece of the file, where they would be a piece for each row if rows were stored.
pub(super) struct Scratch {
    file: File,
    size: Size,
    format: PixelFormat,
    /// Rows of a tile, but for those at the bottom.
    rows: u32,
}

impl Scratch {
    /// Puts the whole image that `decoder` gives into a temporary file in `directory`. `tick` is told how many rows were added; its error
    /// ends the work.
    pub(super) fn fill(
        mut decoder: Decoder,
        directory: &Path,
        tick: &mut dyn FnMut(u32) -> Result<(), FileError>,
    ) -> Result<Self, FileError> {
        let (size, format) = (decoder.info().stored_size, decoder.info().format);
        let stride = size.width as usize * format.bytes_per_pixel();
        let mut scratch = Self {
            file: tempfile::tempfile_in(directory)?,
            size,
            format,
            rows: (BAND_BYTES / stride).clamp(1, TILE as usize) as u32,
        };
        let mut band = vec![0; stride * scratch.rows.min(size.height) as usize];
        let mut tiles = vec![0; band.len()];
        for top in (0..size.height).step_by(scratch.rows as usize) {
            let rows = scratch.rows.min(size.height - top);
            let length = stride * rows as usize;
            decoder.read_rows(&mut band[..length])?;
            scratch.in_tiles(&band[..length], &mut tiles[..length]);
            scratch.file.write_all(&tiles[..length])?;
            tick(rows)?;
        }
        Ok(scratch)
    }

    /// The rows of a row of tiles, tile after tile.
    fn in_tiles(&self, band: &[u8], tiles: &mut [u8]) {
        let pixel = self.format.bytes_per_pixel();
        let stride = self.size.width as usize * pixel;
        let mut rest = tiles;
        for left in (0..stride).step_by(TILE as usize * pixel) {
            let width = (TILE as usize * pixel).min(stride - left);
            let (tile, others) = rest.split_at_mut(width * (band.len() / stride));
            for (to, row) in tile.chunks_exact_mut(width).zip(band.chunks_exact(stride)) {
                to.copy_from_slice(&row[left..left + width]);
            }
            rest = others;
        }
    }

    /// Copies what the tile whose upper left pixel is (`left`, `top`) has of `region` to where that is in `pixels`.
    fn read_tile(
        &self,
        (left, top): (u32, u32),
        region: Region,
        tile: &mut Vec<u8>,
        pixels: &mut [u8],
    ) -> Result<(), FileError> {
        let pixel = self.format.bytes_per_pixel();
        let (width, height) = (
            TILE.min(self.size.width - left),
            self.rows.min(self.size.height - top),
        );
        let (x0, x1) = (region.x.max(left), (region.right() as u32).min(left + width));
        let (y0, y1) = (region.y.max(top), (region.bottom() as u32).min(top + height));
        let row = width as usize * pixel;
        tile.resize(row * (y1 - y0) as usize, 0);
        let place = u64::from(top) * u64::from(self.size.width)
            + u64::from(left) * u64::from(height)
            + u64::from(y0 - top) * u64::from(width);
        read_exact_at(&self.file, tile, place * pixel as u64)?;
        let from = (x0 - left) as usize * pixel;
        let count = (x1 - x0) as usize * pixel;
        let stride = region.width as usize * pixel;
        let to = (y0 - region.y) as usize * stride + (x0 - region.x) as usize * pixel;
        for (row, out) in tile.chunks_exact(row).zip(pixels[to..].chunks_mut(stride)) {
            out[..count].copy_from_slice(&row[from..from + count]);
        }
        Ok(())
    }
}

impl Blocks for Scratch {
    fn read(&self, region: Region) -> Result<Raster, FileError> {
        raster(region.size(), self.format, |pixels| {
            let mut tile = Vec::new();
            let tops = (region.y / self.rows * self.rows..region.bottom() as u32).step_by(self.rows as usize);
            for top in tops {
                let lefts = (region.x / TILE * TILE..region.right() as u32).step_by(TILE as usize);
                for left in lefts {
                    self.read_tile((left, top), region, &mut tile, pixels)?;
                }
            }
            Ok(())
        })
    }
}
