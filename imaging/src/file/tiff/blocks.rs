//! Any part of a TIFF whose pixels are not packed, read from where it lies in the file.

use std::sync::Arc;

use super::TiffFile;
use super::chunks::{Chunks, read_at};
use super::samples::undo;
use crate::file::FileError;
use crate::file::blocks::{Blocks, raster};
use crate::{Raster, Region};

/// How many bytes more than those that are needed may be read for the sake of one piece instead of a piece for each row.
const WORTH: usize = 4;

/// The pixels of a page, as they are stored.
pub(super) struct StoredBlocks {
    file: Arc<TiffFile>,
    chunks: Arc<Chunks>,
}

impl StoredBlocks {
    /// Of a page whose rows are stored plain; `None` of any other, and of one that is damaged, which who reads all of it notices.
    pub(super) fn of(file: &Arc<TiffFile>, chunks: &Arc<Chunks>) -> Option<Self> {
        (chunks.is_stored_plain() && chunks.are_whole(file)).then(|| Self {
            file: Arc::clone(file),
            chunks: Arc::clone(chunks),
        })
    }

    /// Copies what a chunk has of `region` to where that is in `pixels`.
    fn read_chunk(
        &self,
        (column, top): (u32, u32),
        region: Region,
        space: &mut Vec<u8>,
        pixels: &mut [u8],
    ) -> Result<(), FileError> {
        let (chunks, page) = (&self.chunks, &self.chunks.page);
        let pixel = chunks.pixel();
        let left = column * page.chunk.width;
        let (x0, x1) = (
            region.x.max(left),
            (region.right() as u32).min(left + chunks.width_of(column)),
        );
        let (y0, y1) = (
            region.y.max(top),
            (region.bottom() as u32).min(top.saturating_add(page.chunk.height)),
        );
        let stride = region.width as usize * pixel;
        let to = (y0 - region.y) as usize * stride + (x0 - region.x) as usize * pixel;
        let out = pixels[to..].chunks_mut(stride).take((y1 - y0) as usize);
        let (from, count) = ((x0 - left) as usize * pixel, (x1 - x0) as usize * pixel);
        let (offset, length) = chunks.place(column, top, 0)?;
        if offset == 0 && length == Some(0) {
            // Nothing is stored there: it is zero, as `pixels` is.
            return Ok(());
        }
        let row = page.stored_bytes(1) as usize;
        let offset = offset.saturating_add(u64::from(y0 - top) * row as u64);
        if row <= WORTH * count {
            space.resize(row * (y1 - y0) as usize, 0);
            read_at(&self.file, offset, space)?;
            for (stored, out) in space.chunks_exact(row).zip(out) {
                out[..count].copy_from_slice(&stored[from..from + count]);
                undo(page, self.file.big_endian, count, &mut out[..count]);
            }
            return Ok(());
        }
        for (y, out) in out.enumerate() {
            let place = offset.saturating_add((y * row + from) as u64);
            read_at(&self.file, place, &mut out[..count])?;
            undo(page, self.file.big_endian, count, &mut out[..count]);
        }
        Ok(())
    }
}

impl Blocks for StoredBlocks {
    fn read(&self, region: Region) -> Result<Raster, FileError> {
        let chunk = self.chunks.page.chunk;
        raster(region.size(), self.chunks.pixels.format, |pixels| {
            let mut space = Vec::new();
            let tops = region.y / chunk.height..(region.bottom() as u32).div_ceil(chunk.height);
            for top in tops {
                for column in region.x / chunk.width..(region.right() as u32).div_ceil(chunk.width) {
                    self.read_chunk((column, top * chunk.height), region, &mut space, pixels)?;
                }
            }
            Ok(())
        })
    }
}
