//! The reader: from chunks to rows of pixels.

use super::codec::Codec;
use super::color::Pixels;
use super::geo;
use super::ifd::{Directory, TiffFile};
use super::numbers::{self, Measured};
use super::page::{self, Chosen, Page, tag};
use super::samples::{spread, undo, unpack};
use crate::file::reader::ImageReader;
use crate::file::source::Source;
use crate::file::{FileError, FileKind, ImageInfo, Limits, Metadata, Orientation};

/// Reads a page of a TIFF from top to bottom.
pub(in crate::file) struct TiffReader {
    file: TiffFile,
    page: Page,
    pixels: Pixels,
    places: Places,
    stride: usize,
    /// Decoded rows that have not been given out.
    rows: Vec<u8>,
    given: usize,
    /// The first row that is not decoded.
    next: u32,
    packed: Vec<u8>,
    /// A chunk of each plane.
    planes: Vec<Vec<u8>>,
    values: Vec<u16>,
    has_exif: bool,
    notes: Vec<String>,
}

/// Where the chunks lie in the file.
struct Places {
    offsets: Vec<u64>,
    /// Empty where the file does not say.
    lengths: Vec<u64>,
    across: u32,
    down: u32,
}

/// Bytes that are looked at of the number that stands for no data.
const MAX_NO_DATA: u64 = 64;
/// Strips or tiles in a file.
const MAX_CHUNKS: u64 = 1 << 23;
/// Bytes that are read at once of a strip that is not packed.
const CUT_BYTES: u64 = 1 << 20;

impl TiffReader {
    pub(in crate::file) fn open(
        source: Source,
        length: u64,
        limits: &Limits,
        chosen: Option<u32>,
    ) -> Result<(ImageInfo, Self), FileError> {
        let (mut file, first) = TiffFile::open(source, length)?;
        let Chosen {
            directory,
            number,
            count,
            smaller,
        } = page::choose(&mut file, first, chosen)?;
        let page = Page::of(&mut file, &directory, limits)?;
        let mut metadata = metadata(&mut file, &directory, limits);
        let pixels = Pixels::of(&mut file, &directory, &page, metadata.icc.as_deref())?;
        let places = Places::of(&mut file, &directory, &page)?;
        let mut notes = Vec::new();
        if count > 1 {
            let why = if chosen.is_none() {
                ", the first of the largest,"
            } else {
                ""
            };
            let others = if smaller + 1 == count {
                "smaller copies of it"
            } else {
                "left out"
            };
            notes.push(format!(
                "the file has {count} pages; page {number}{why} is read, and the others are {others}"
            ));
        }
        notes.extend(pixels.notes.iter().cloned());
        if directory.has(tag::ICC) && metadata.icc.is_none() {
            notes.push("the ICC profile is left out: it is damaged or too large".to_owned());
        }
        let no_data = directory.text(&mut file, tag::GDAL_NODATA, MAX_NO_DATA);
        match no_data.as_deref().and_then(numbers::no_data) {
            Some(value) if pixels.keeps_numbers(&page) => metadata.no_data = Some(value),
            Some(value) => notes.push(format!(
                "that {value} stands for no data is left out: it does not in the colours that were made of the numbers, or beside alpha"
            )),
            None => {}
        }
        if pixels.is_converted() {
            // The profile is about what was stored.
            metadata.icc = None;
        }
        let orientation = directory.number(&mut file, tag::ORIENTATION).ok().flatten();
        let info = ImageInfo {
            kind: FileKind::Tiff,
            stored_size: page.size,
            format: pixels.format,
            orientation: Orientation::from_tag(orientation.and_then(|tag| tag.try_into().ok()).unwrap_or(1)),
            metadata,
        };
        let mut reader = Self {
            stride: page.size.width as usize * pixels.format.bytes_per_pixel(),
            file,
            page,
            pixels,
            places,
            rows: Vec::new(),
            given: 0,
            next: 0,
            packed: Vec::new(),
            planes: Vec::new(),
            values: Vec::new(),
            has_exif: directory.has(tag::EXIF),
            notes,
        };
        if reader.pixels.measured.is_some_and(Measured::is_conditional) {
            while reader.next < reader.page.size.height {
                reader.decode()?;
            }
            reader.next = 0;
            reader.rows.clear();
        }
        Ok((info, reader))
    }

    /// Rows that are decoded at once from row `top` on.
    fn band_rows(&self, top: u32) -> u32 {
        let chunk = self.page.chunk.height;
        if !self.page.is_cut() {
            return chunk;
        }
        let row = self
            .page
            .stored_bytes(1)
            .saturating_mul(self.page.planes() as u64);
        let most = CUT_BYTES / row.max(1);
        (chunk - top % chunk).min(most.clamp(1, u32::MAX.into()) as u32)
    }

    /// Decodes the next row of chunks, or the next part of a strip.
    fn decode(&mut self) -> Result<(), FileError> {
        let (size, chunk) = (self.page.size, self.page.chunk);
        let top = self.next;
        if top >= size.height {
            return Err(FileError::damaged("rows are missing at the end"));
        }
        let height = self.band_rows(top).min(size.height - top);
        // A tile is stored in full; a strip ends with the image.
        let stored_rows = if self.page.tiled { chunk.height } else { height };
        let planes = self.page.planes();
        resize(&mut self.rows, self.stride * height as usize);
        self.planes.resize(planes, Vec::new());
        let pixel = self.pixels.format.bytes_per_pixel();
        for column in 0..self.places.across {
            for plane in 0..planes {
                self.chunk(column, top, plane, stored_rows)?;
            }
            let left = column as usize * chunk.width as usize;
            let width = (chunk.width as usize).min(size.width as usize - left);
            for y in 0..height as usize {
                let to = &mut self.rows[y * self.stride + left * pixel..][..width * pixel];
                let row = |plane: &Vec<u8>| {
                    let bytes = plane.len() / stored_rows as usize;
                    y * bytes..(y + 1) * bytes
                };
                if self.pixels.is_plain(&self.page) {
                    let plane = &self.planes[0];
                    to.copy_from_slice(&plane[row(plane)][..to.len()]);
                    continue;
                }
                if let Some(measured) = self.pixels.measured {
                    for (index, plane) in self.planes.iter().enumerate() {
                        measured.unpack(&plane[row(plane)], to, (index, planes))?;
                    }
                    continue;
                }
                self.values.resize(width * self.page.samples, 0);
                for (index, plane) in self.planes.iter().enumerate() {
                    let place = (index, planes);
                    unpack(
                        &self.page,
                        self.pixels.meaning,
                        &plane[row(plane)],
                        &mut self.values,
                        place,
                    );
                }
                self.pixels.convert(&self.values, self.page.samples, to)?;
            }
        }
        self.next += height;
        Ok(())
    }

    /// Unpacks a chunk, or the rows of it from `top` on, into its plane.
    fn chunk(&mut self, column: u32, top: u32, plane: usize, rows: u32) -> Result<(), FileError> {
        let (page, places) = (&self.page, &self.places);
        let index = (plane as u64 * u64::from(places.down) + u64::from(top / page.chunk.height))
            * u64::from(places.across)
            + u64::from(column);
        let place = |list: &[u64]| list.get(index as usize).copied();
        let offset = place(&places.offsets)
            .ok_or_else(|| FileError::damaged("the place of a strip or tile is missing"))?;
        let bytes = page.stored_bytes(rows);
        let out = &mut self.planes[plane];
        let length = place(&places.lengths);
        let spread_bytes = page.chunk.width as usize * 3 * rows as usize;
        if offset == 0 && length == Some(0) {
            // Nothing is stored there: it is zero.
            let bytes = page.subsampling.map_or(bytes as usize, |_| spread_bytes);
            resize(out, bytes);
            out.fill(0);
            return Ok(());
        }
        let skipped = u64::from(top % page.chunk.height) * page.stored_bytes(1);
        let offset = offset.saturating_add(if page.is_cut() { skipped } else { 0 });
        let left = self.file.length.saturating_sub(offset);
        let length = match page.codec {
            // The length of what is not packed follows from the size; some writers leave it out.
            Codec::None => left.min(bytes),
            // What cannot be packed grows, and a picture may bring other data.
            _ => left
                .min(length.unwrap_or(left))
                .min(bytes.saturating_mul(2).saturating_add(1 << 22)),
        };
        // Memory is touched only for data that can be that of the chunk.
        if page.codec.most(length) < bytes {
            return Err(FileError::damaged(format!(
                "a strip or tile of {bytes} bytes cannot be packed into {length}; send the whole file"
            )));
        }
        self.packed.resize(length as usize, 0);
        self.file.read_at(offset, &mut self.packed)?;
        if page.reversed && page.codec.has_bit_order() {
            self.packed
                .iter_mut()
                .for_each(|byte| *byte = byte.reverse_bits());
        }
        resize(out, bytes as usize);
        let size = page.chunk;
        page.codec.decode(&self.packed, out, size, page.stored())?;
        if let Some(subsampling) = page.subsampling {
            let mut wide = vec![0; spread_bytes];
            spread(out, subsampling, page.chunk.width as usize, &mut wide);
            *out = wide;
        } else {
            undo(page, self.file.big_endian, bytes as usize / rows as usize, out);
        }
        Ok(())
    }
}

impl ImageReader for TiffReader {
    fn read_rows(&mut self, buffer: &mut [u8]) -> Result<(), FileError> {
        let mut filled = 0;
        while filled < buffer.len() {
            if self.given == self.rows.len() {
                self.decode()?;
                self.given = 0;
            }
            let count = (buffer.len() - filled).min(self.rows.len() - self.given);
            buffer[filled..filled + count].copy_from_slice(&self.rows[self.given..self.given + count]);
            filled += count;
            self.given += count;
        }
        Ok(())
    }

    fn notes(&self) -> &[String] {
        &self.notes
    }

    fn extra_bytes(&self) -> u64 {
        let rows = self.band_rows(0);
        let chunk = self
            .page
            .stored_bytes(rows)
            .saturating_mul(self.page.planes() as u64);
        (self.stride as u64)
            .saturating_mul(rows.into())
            .saturating_add(chunk.saturating_mul(self.page.codec.copies()))
    }

    fn has_unread_exif(&self) -> bool {
        self.has_exif
    }
}

impl Places {
    fn of(file: &mut TiffFile, directory: &Directory, page: &Page) -> Result<Self, FileError> {
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
            offsets,
            lengths,
            across,
            down,
        })
    }
}

/// Makes a buffer that long for data that fills it. Fresh memory from the system is zero without being touched, so data
/// that turns out to be damaged at once has cost nothing.
fn resize(buffer: &mut Vec<u8>, length: usize) {
    if buffer.capacity() < length {
        *buffer = vec![0; length];
    }
    buffer.resize(length, 0);
}

/// What carries over.
fn metadata(file: &mut TiffFile, directory: &Directory, limits: &Limits) -> Metadata {
    let unit = directory.number(file, tag::RESOLUTION_UNIT).ok().flatten();
    let per_metre = match unit.unwrap_or(2) {
        2 => 1.0 / 0.0254,
        3 => 100.0,
        _ => 0.0,
    };
    let mut axis = |tag: u16| {
        let value = directory.fractions(file, tag, 1).first()? * per_metre;
        Some(value).filter(|value| value.is_finite() && *value > 0.0)
    };
    Metadata {
        resolution: axis(tag::X_RESOLUTION).zip(axis(tag::Y_RESOLUTION)),
        icc: directory
            .bytes(file, tag::ICC, limits.max_metadata_bytes)
            .ok()
            .flatten(),
        geo: geo::read(file, directory, limits.max_metadata_bytes),
        xmp: directory
            .bytes(file, geo::XMP, limits.max_metadata_bytes)
            .ok()
            .flatten(),
        ..Metadata::default()
    }
}
