//! The strips or tiles of a page: where they lie, and how their bytes become pixels.

use super::TiffFile;
use super::color::Pixels;
use super::samples::{spread, undo, unpack};
use crate::file::FileError;
use crate::header::tiff::page::tag;
use crate::header::tiff::{Codec, Directory, Page};

/// Strips or tiles in a file.
const MAX_CHUNKS: u64 = 1 << 23;

/// The chunks of a page.
pub(super) struct Chunks {
    pub(super) page: Page,
    pub(super) pixels: Pixels,
    /// Chunks beside each other.
    pub(super) across: u32,
    /// Chunks below each other.
    down: u32,
    offsets: Vec<u64>,
    /// Empty where the file does not say.
    lengths: Vec<u64>,
}

/// Memory that unpacking takes, to be used again.
#[derive(Default)]
pub(super) struct Workspace {
    packed: Vec<u8>,
    /// The rows of a chunk in each plane.
    planes: Vec<Vec<u8>>,
    values: Vec<u16>,
}

/// Rows of a chunk.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part {
    /// Which of those beside each other.
    pub(super) column: u32,
    /// The first row, counted from the top of the image.
    pub(super) top: u32,
    /// How many rows of the image.
    pub(super) rows: u32,
}

impl Chunks {
    pub(super) fn of(
        file: &mut TiffFile,
        directory: &Directory,
        page: Page,
        pixels: Pixels,
    ) -> Result<Self, FileError> {
        let across = page.size.width.div_ceil(page.chunk.width);
        let down = page.size.height.div_ceil(page.chunk.height);
        let count = u64::from(across) * u64::from(down) * page.planes() as u64;
        if count > MAX_CHUNKS {
            return Err(FileError::too_large(format!(
                "it has {count} strips or tiles; {MAX_CHUNKS} are allowed"
            )));
        }
        // Old writers put the places of tiles where those of strips are.
        let mut either = |tile: u16, strip: u16| {
            let tag = if page.tiled && directory.has(tile) {
                tile
            } else {
                strip
            };
            directory.numbers(file, tag, count)
        };
        let offsets = either(tag::TILE_OFFSETS, tag::STRIP_OFFSETS)?;
        let lengths = either(tag::TILE_LENGTHS, tag::STRIP_LENGTHS)?;
        if (offsets.len() as u64) < count {
            return Err(FileError::damaged(format!(
                "it has {count} strips or tiles and the places of {}",
                offsets.len()
            )));
        }
        Ok(Self {
            page,
            pixels,
            across,
            down,
            offsets,
            lengths,
        })
    }

    /// Bytes of a pixel of the result.
    pub(super) fn pixel(&self) -> usize {
        self.pixels.format.bytes_per_pixel()
    }

    /// Pixels of the image beside each other in the chunks of a column.
    pub(super) fn width_of(&self, column: u32) -> u32 {
        let left = column * self.page.chunk.width;
        self.page.chunk.width.min(self.page.size.width - left)
    }

    /// Whether rows as they are stored, in one plane and not packed, are rows of pixels but for the order of bytes.
    pub(super) fn is_stored_plain(&self) -> bool {
        matches!(self.page.codec, Codec::None)
            && !self.page.reversed
            && self.page.subsampling.is_none()
            && self.pixels.is_plain(&self.page)
    }

    /// Whether every chunk, not being packed, lies within the file as a whole.
    #[cfg(feature = "files")]
    pub(super) fn are_whole(&self, file: &TiffFile) -> bool {
        let page = &self.page;
        self.offsets.iter().enumerate().all(|(index, offset)| {
            let row = index as u64 / u64::from(self.across) % u64::from(self.down);
            let left = u64::from(page.size.height) - row * u64::from(page.chunk.height);
            let rows = match page.tiled {
                true => page.chunk.height,
                false => left.min(page.chunk.height.into()) as u32,
            };
            let is_empty = *offset == 0 && self.lengths.get(index) == Some(&0);
            is_empty || offset.saturating_add(page.stored_bytes(rows)) <= file.length
        })
    }

    /// Reads the pixels of `part` into `out`, whose rows are `stride` bytes apart. The whole height of a chunk but where strips can be
    /// read in parts ([`Page::is_cut`]).
    pub(super) fn read(
        &self,
        file: &TiffFile,
        part: Part,
        space: &mut Workspace,
        out: &mut [u8],
        stride: usize,
    ) -> Result<(), FileError> {
        let width = self.width_of(part.column) as usize * self.pixel();
        if self.is_stored_plain() && !self.page.tiled && stride == width {
            return self.read_stored(file, part, out);
        }
        let page = &self.page;
        // A tile is stored in full; a strip ends with the image.
        let stored_rows = if page.tiled { page.chunk.height } else { part.rows };
        let planes = page.planes();
        let Workspace {
            packed,
            planes: unpacked,
            values,
        } = space;
        unpacked.resize(planes, Vec::new());
        for (plane, out) in unpacked.iter_mut().enumerate() {
            self.unpack(file, part, plane, stored_rows, packed, out)?;
        }
        for (y, to) in out.chunks_mut(stride).take(part.rows as usize).enumerate() {
            let to = &mut to[..width];
            let row = |plane: &Vec<u8>| {
                let bytes = plane.len() / stored_rows as usize;
                y * bytes..(y + 1) * bytes
            };
            if self.pixels.is_plain(page) {
                let plane = &unpacked[0];
                to.copy_from_slice(&plane[row(plane)][..width]);
                continue;
            }
            if let Some(measured) = self.pixels.measured {
                for (index, plane) in unpacked.iter().enumerate() {
                    measured.unpack(&plane[row(plane)], to, (index, planes))?;
                }
                continue;
            }
            values.resize(width / self.pixel() * page.samples, 0);
            for (index, plane) in unpacked.iter().enumerate() {
                let place = (index, planes);
                unpack(page, self.pixels.meaning, &plane[row(plane)], values, place);
            }
            self.pixels.convert(values, page.samples, to)?;
        }
        Ok(())
    }

    /// Place and stored length of a chunk; without a length where the file does not say it.
    pub(super) fn place(&self, column: u32, top: u32, plane: usize) -> Result<(u64, Option<u64>), FileError> {
        let index = (plane as u64 * u64::from(self.down) + u64::from(top / self.page.chunk.height))
            * u64::from(self.across)
            + u64::from(column);
        let place = |list: &[u64]| list.get(index as usize).copied();
        let offset = place(&self.offsets)
            .ok_or_else(|| FileError::damaged("the place of a strip or tile is missing"))?;
        Ok((offset, place(&self.lengths)))
    }

    /// Whether `length` packed bytes can become `bytes`.
    fn check(&self, length: u64, bytes: u64) -> Result<(), FileError> {
        if self.page.codec.most(length) < bytes {
            return Err(FileError::damaged(format!(
                "a strip or tile of {bytes} bytes cannot be packed into {length}; send the whole file"
            )));
        }
        Ok(())
    }

    /// Reads whole rows of a strip that is not packed straight to where they belong.
    fn read_stored(&self, file: &TiffFile, part: Part, out: &mut [u8]) -> Result<(), FileError> {
        let (offset, length) = self.place(part.column, part.top, 0)?;
        let row = self.page.stored_bytes(1);
        let out = &mut out[..row as usize * part.rows as usize];
        if offset == 0 && length == Some(0) {
            out.fill(0);
            return Ok(());
        }
        let skipped = u64::from(part.top % self.page.chunk.height) * row;
        let offset = offset.saturating_add(skipped);
        self.check(file.length.saturating_sub(offset), out.len() as u64)?;
        read_at(file, offset, out)?;
        undo(&self.page, file.big_endian, row as usize, out);
        Ok(())
    }

    /// Unpacks a chunk, or the rows of it from the part's top on, in one plane.
    fn unpack(
        &self,
        file: &TiffFile,
        part: Part,
        plane: usize,
        rows: u32,
        packed: &mut Vec<u8>,
        out: &mut Vec<u8>,
    ) -> Result<(), FileError> {
        let page = &self.page;
        let (offset, length) = self.place(part.column, part.top, plane)?;
        let bytes = page.stored_bytes(rows);
        let spread_bytes = page.chunk.width as usize * 3 * rows as usize;
        if offset == 0 && length == Some(0) {
            // Nothing is stored there: it is zero.
            let bytes = page.subsampling.map_or(bytes as usize, |_| spread_bytes);
            resize(out, bytes);
            out.fill(0);
            return Ok(());
        }
        let skipped = u64::from(part.top % page.chunk.height) * page.stored_bytes(1);
        let offset = offset.saturating_add(if page.is_cut() { skipped } else { 0 });
        let left = file.length.saturating_sub(offset);
        let length = match page.codec {
            // The length of what is not packed follows from the size; some writers leave it out.
            Codec::None => left.min(bytes),
            // What cannot be packed grows, and a picture may bring other data.
            _ => left
                .min(length.unwrap_or(left))
                .min(bytes.saturating_mul(2).saturating_add(1 << 22)),
        };
        // Memory is touched only for data that can be that of the chunk.
        self.check(length, bytes)?;
        resize(out, bytes as usize);
        let reversed = page.reversed && page.codec.has_bit_order();
        if matches!(page.codec, Codec::None) && !reversed {
            read_at(file, offset, out)?;
        } else {
            resize(packed, length as usize);
            read_at(file, offset, packed)?;
            if reversed {
                packed.iter_mut().for_each(|byte| *byte = byte.reverse_bits());
            }
            page.codec.decode(packed, out, page.chunk, page.stored())?;
        }
        if let Some(subsampling) = page.subsampling {
            let mut wide = vec![0; spread_bytes];
            spread(out, subsampling, page.chunk.width as usize, &mut wide);
            *out = wide;
        } else {
            undo(page, file.big_endian, bytes as usize / rows as usize, out);
        }
        Ok(())
    }
}

/// Fills `bytes` from that place of the file; several threads may do so at once.
pub(super) fn read_at(file: &TiffFile, offset: u64, bytes: &mut [u8]) -> Result<(), FileError> {
    let end = offset.checked_add(bytes.len() as u64);
    if end.is_none_or(|end| end > file.length) {
        return Err(FileError::damaged(
            "it points beyond its end; send the whole file",
        ));
    }
    let read = file.source.read_exact_at(bytes, offset);
    read.map_err(|error| FileError::reading(&error))
}

/// Makes a buffer that long for data that fills it. Fresh memory from the system is zero without being touched, so data
/// that turns out to be damaged at once has cost nothing.
pub(super) fn resize(buffer: &mut Vec<u8>, length: usize) {
    if buffer.capacity() < length {
        *buffer = vec![0; length];
    }
    buffer.resize(length, 0);
}
