//! The reader: from chunks to rows of pixels.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

#[cfg(feature = "files")]
use super::blocks::StoredBlocks;
use super::chunks::{Chunks, Part, Workspace, resize};
use super::color::Pixels;
use super::numbers;
use super::{TiffFile, exif, geo};
#[cfg(feature = "files")]
use crate::file::blocks::Blocks;
use crate::file::metadata::xmp;
use crate::file::reader::ImageReader;
use crate::file::source::Source;
use crate::file::{FileError, FileKind, ImageInfo, Limits, Metadata};
use crate::header::tiff::page::tag;
use crate::header::tiff::{Chosen, Directory, Measured, Page, choose, orientation};

/// Reads a page of a TIFF from top to bottom.
pub(in crate::file) struct TiffReader {
    file: Arc<TiffFile>,
    chunks: Arc<Chunks>,
    stride: usize,
    /// Decoded rows that have not been given out.
    rows: Vec<u8>,
    given: usize,
    /// The first row that is not decoded.
    next: u32,
    /// Memory of each thread that decodes.
    spaces: Vec<Workspace>,
    /// What EXIF lacks, in sentences.
    private_notes: Vec<String>,
    notes: Vec<String>,
}

/// Bytes that are looked at of the number that stands for no data.
const MAX_NO_DATA: u64 = 64;
/// Bytes that are read at once of a strip that is not packed.
const CUT_BYTES: u64 = 1 << 20;
/// Bytes of pixels that are decoded at once where several threads do.
const GROUP_BYTES: u64 = 4 << 20;
/// Most threads that decode.
const MAX_THREADS: usize = 16;

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
        } = choose(&mut file, first, chosen)?;
        let mut page = Page::of(&mut file, &directory, limits)?;
        page.codec.read_tables(&mut file, &directory)?;
        let mut metadata = metadata(&mut file, &directory, limits);
        let exif = exif::read(&mut file, &directory, limits.max_metadata_bytes);
        metadata.exif = exif.block;
        let pixels = Pixels::of(&mut file, &directory, &page, metadata.icc.as_deref())?;
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
        let orientation = orientation(&mut file, &directory);
        metadata.xmp = xmp::upright(orientation, metadata.xmp.take());
        let info = ImageInfo {
            kind: FileKind::Tiff,
            stored_size: page.size,
            format: pixels.format,
            orientation,
            metadata,
        };
        let chunks = Chunks::of(&mut file, &directory, page, pixels)?;
        let mut reader = Self {
            stride: info.stored_size.width as usize * info.format.bytes_per_pixel(),
            file: Arc::new(file),
            chunks: Arc::new(chunks),
            rows: Vec::new(),
            given: 0,
            next: 0,
            spaces: vec![Workspace::default()],
            private_notes: exif.notes,
            notes,
        };
        if reader
            .chunks
            .pixels
            .measured
            .is_some_and(Measured::is_conditional)
        {
            while reader.next < info.stored_size.height {
                reader.decode_some()?;
            }
            reader.next = 0;
            reader.rows.clear();
        }
        Ok((info, reader))
    }

    /// Rows that are decoded at once from row `top` on: those of a row of chunks, of several where more than one thread decodes, or a part
    /// of a strip that is not packed.
    fn rows_at_once(&self, top: u32) -> u32 {
        let page = &self.chunks.page;
        let chunk = page.chunk.height;
        let left = page.size.height - top;
        if page.is_cut() {
            let row = page.stored_bytes(1).saturating_mul(page.planes() as u64);
            let most = CUT_BYTES / row.max(1);
            return (chunk - top % chunk)
                .min(most.clamp(1, u32::MAX.into()) as u32)
                .min(left);
        }
        let mut rows = chunk;
        let is_small = |rows: u32| u64::from(rows) * (self.stride as u64) < GROUP_BYTES / 2;
        while self.spaces.len() > 1 && rows < left && is_small(rows) {
            rows = rows.saturating_mul(2);
        }
        rows.min(left)
    }

    /// Decodes the next rows and keeps them.
    fn decode_some(&mut self) -> Result<(), FileError> {
        if self.next >= self.chunks.page.size.height {
            return Err(FileError::damaged("rows are missing at the end"));
        }
        let rows = self.rows_at_once(self.next);
        let mut pixels = std::mem::take(&mut self.rows);
        resize(&mut pixels, self.stride * rows as usize);
        let decoded = self.decode(rows, &mut pixels);
        self.rows = pixels;
        self.given = 0;
        decoded
    }

    /// Decodes the next rows, as [`TiffReader::rows_at_once`] says, into `out`.
    fn decode(&mut self, rows: u32, out: &mut [u8]) -> Result<(), FileError> {
        let (chunks, top) = (&*self.chunks, self.next);
        let height = if chunks.page.is_cut() {
            rows
        } else {
            chunks.page.chunk.height
        };
        let tops = (top..top + rows).step_by(height.max(1) as usize);
        let parts = tops.flat_map(|top_of| {
            let rows = height.min(top + rows - top_of);
            (0..chunks.across).map(move |column| Part {
                column,
                top: top_of,
                rows,
            })
        });
        // What is not packed is only copied, which a second thread does not make quicker.
        if self.spaces.len() > 1 && !chunks.is_stored_plain() {
            let parts: Vec<Part> = parts.collect();
            decode_parts(&self.file, chunks, &parts, &mut self.spaces, out, self.stride)?;
        } else {
            for part in parts {
                let at = (part.top - top) as usize * self.stride
                    + part.column as usize * chunks.page.chunk.width as usize * chunks.pixel();
                chunks.read(&self.file, part, &mut self.spaces[0], &mut out[at..], self.stride)?;
            }
        }
        self.next += rows;
        Ok(())
    }
}

/// Decodes `parts`, each a thread's, and puts their pixels into `out`, whose first row is that of the first part.
fn decode_parts(
    file: &TiffFile,
    chunks: &Chunks,
    parts: &[Part],
    spaces: &mut [Workspace],
    out: &mut [u8],
    stride: usize,
) -> Result<(), FileError> {
    let first = parts.first().map_or(0, |part| part.top);
    let count = spaces.len().min(parts.len());
    let next = AtomicUsize::new(0);
    let work = |space: &mut Workspace| {
        let mut done = Vec::new();
        while let Some(part) = parts.get(next.fetch_add(1, Ordering::Relaxed)) {
            let row = chunks.width_of(part.column) as usize * chunks.pixel();
            let mut pixels = vec![0; row * part.rows as usize];
            chunks.read(file, *part, space, &mut pixels, row)?;
            done.push((*part, pixels));
        }
        Ok::<_, FileError>(done)
    };
    let done = std::thread::scope(|scope| {
        let threads: Vec<_> = spaces[..count]
            .iter_mut()
            .map(|space| scope.spawn(|| work(space)))
            .collect();
        let ended = threads.into_iter().map(|thread| {
            let ended = thread.join();
            ended.unwrap_or_else(|_| Err(FileError::damaged("the decoder gave up on it")))
        });
        ended.collect::<Result<Vec<_>, _>>()
    })?;
    for (part, pixels) in done.into_iter().flatten() {
        let row = chunks.width_of(part.column) as usize * chunks.pixel();
        let at = (part.top - first) as usize * stride
            + part.column as usize * chunks.page.chunk.width as usize * chunks.pixel();
        for (out, pixels) in out[at..].chunks_mut(stride).zip(pixels.chunks_exact(row)) {
            out[..row].copy_from_slice(pixels);
        }
    }
    Ok(())
}

impl ImageReader for TiffReader {
    fn read_rows(&mut self, buffer: &mut [u8]) -> Result<(), FileError> {
        let mut filled = 0;
        while filled < buffer.len() {
            let room = &mut buffer[filled..];
            if self.given == self.rows.len() {
                let rows = match self.chunks.page.size.height.checked_sub(self.next) {
                    Some(1..) => self.rows_at_once(self.next),
                    _ => return Err(FileError::damaged("rows are missing at the end")),
                };
                let bytes = self.stride * rows as usize;
                if bytes <= room.len() {
                    self.decode(rows, &mut room[..bytes])?;
                    filled += bytes;
                    continue;
                }
                self.decode_some()?;
            }
            let count = room.len().min(self.rows.len() - self.given);
            room[..count].copy_from_slice(&self.rows[self.given..self.given + count]);
            filled += count;
            self.given += count;
        }
        Ok(())
    }

    fn set_threads(&mut self, threads: usize) {
        self.spaces
            .resize_with(threads.clamp(1, MAX_THREADS), Workspace::default);
    }

    #[cfg(feature = "files")]
    fn blocks(&self) -> Option<Box<dyn Blocks>> {
        StoredBlocks::of(&self.file, &self.chunks).map(|blocks| Box::new(blocks) as Box<dyn Blocks>)
    }

    fn notes(&self) -> &[String] {
        &self.notes
    }

    /// A row of tiles or a strip, packed and unpacked.
    fn extra_bytes(&self) -> u64 {
        let page = &self.chunks.page;
        let rows = self.rows_at_once(0);
        let chunk = page.stored_bytes(rows).saturating_mul(page.planes() as u64);
        (self.stride as u64)
            .saturating_mul(rows.into())
            .saturating_add(chunk.saturating_mul(page.codec.copies()))
    }

    fn private_notes(&self) -> &[String] {
        &self.private_notes
    }
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
