//! Reading: one decoder over all formats, a strip of rows at a time.

use std::fs::File;
use std::io::{Cursor, Read, Seek};
use std::path::Path;

#[cfg(feature = "files")]
use super::blocks::Blocks;
#[cfg(feature = "files")]
use super::jp2::Jp2Reader;
use super::jpeg::JpegReader;
#[cfg(feature = "files")]
use super::jxl::JxlReader;
#[cfg(feature = "files")]
use super::other::{OtherReader, Pictures};
use super::png::PngReader;
use super::reader::ImageReader;
use super::source::Source;
use super::tiff::TiffReader;
use super::webp::WebPReader;
use super::{Conversion, FileError, FileKind, ImageInfo, Limits};
use crate::{Raster, Recipe};

/// The rows that [`Decoder::next_rows`] gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowSpan {
    /// The first.
    pub y: u32,
    /// How many.
    pub rows: u32,
}

/// Reads an image from top to bottom in strips of stored rows.
pub struct Decoder {
    info: ImageInfo,
    reader: Box<dyn ImageReader>,
    next: u32,
    conversion: Option<Conversion>,
}

/// A file that was opened: what its header says, and what reads on.
type Opened = (ImageInfo, Box<dyn ImageReader>);

/// Bytes of a strip, about: large enough to be quick, small beside everything else.
const STRIP_BYTES: usize = 1 << 19;

impl Decoder {
    /// Opens the image at `path` and reads its header.
    ///
    /// # Errors
    /// When it is no image, damaged, beyond the limits or of a kind that is not read.
    pub fn open(path: &Path, limits: &Limits) -> Result<Self, FileError> {
        Self::open_page(path, limits, None)
    }

    /// As [`Decoder::open`], of page number `page`, from 1 on: that of a TIFF, the frame of a GIF, the picture of an ICO. Without
    /// it, the largest page and the first frame.
    ///
    /// # Errors
    /// As [`Decoder::open`], and when there is no such page.
    pub fn open_page(path: &Path, limits: &Limits, page: Option<u32>) -> Result<Self, FileError> {
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        Self::read_header(Source::File(file), length, limits, page)
    }

    /// As [`Decoder::open`], of the file whose bytes these are.
    ///
    /// # Errors
    /// As [`Decoder::open`].
    pub fn of_bytes(file: Vec<u8>, limits: &Limits) -> Result<Self, FileError> {
        Self::of_bytes_page(file, limits, None)
    }

    /// As [`Decoder::of_bytes`], of page number `page`, from 1 on: see [`Decoder::open_page`].
    ///
    /// # Errors
    /// As [`Decoder::open_page`].
    pub fn of_bytes_page(file: Vec<u8>, limits: &Limits, page: Option<u32>) -> Result<Self, FileError> {
        let length = file.len() as u64;
        Self::read_header(Source::Memory(Cursor::new(file)), length, limits, page)
    }

    fn read_header(
        mut file: Source,
        length: u64,
        limits: &Limits,
        page: Option<u32>,
    ) -> Result<Self, FileError> {
        if length > limits.max_bytes {
            return Err(FileError::too_large(format!(
                "{length} bytes; {} bytes are allowed",
                limits.max_bytes
            )));
        }
        let mut magic = Vec::with_capacity(FileKind::MAGIC_BYTES);
        file.by_ref()
            .take(FileKind::MAGIC_BYTES as u64)
            .read_to_end(&mut magic)
            .map_err(|error| FileError::reading(&error))?;
        let kind = FileKind::from_magic(&magic).ok_or_else(FileError::not_an_image)?;
        file.rewind()?;
        let has_one = matches!(
            kind,
            FileKind::Png | FileKind::Jpeg | FileKind::WebP | FileKind::Jp2 | FileKind::Jxl
        );
        if let Some(page) = page.filter(|page| has_one && *page != 1) {
            return Err(FileError::no_page(page, 1));
        }
        let (info, reader) = no_panic(|| match kind {
            FileKind::Png => PngReader::open(file, length, limits).map(boxed),
            FileKind::Jpeg => JpegReader::open(file, length, limits).map(boxed),
            FileKind::Tiff => TiffReader::open(file, length, limits, page).map(boxed),
            FileKind::WebP => WebPReader::open(file, limits).map(boxed),
            other => open_other(other, file, length, limits, page),
        })?;
        Ok(Self {
            info,
            reader,
            next: 0,
            conversion: None,
        })
    }

    /// What the header says.
    pub fn info(&self) -> &ImageInfo {
        &self.info
    }

    /// Has the colours of the rows that are still to come converted where `recipe` says so. [`Metadata::after`] the recipe then has the
    /// profile of what they become.
    ///
    /// # Errors
    /// Those of [`Conversion::of`].
    ///
    /// [`Metadata::after`]: super::Metadata::after
    pub fn convert(&mut self, recipe: &Recipe) -> Result<(), FileError> {
        self.conversion = no_panic(|| Conversion::of(&self.info, recipe))?;
        Ok(())
    }

    /// What of the file is left out or changed, in sentences: other pages and frames, bands that are no colours, numbers that
    /// 16 bit cannot hold as they are, inks and Lab that became RGB, metadata that is damaged.
    pub fn notes(&self) -> &[String] {
        self.reader.notes()
    }

    /// What [`Decoder::notes`] says, and what of EXIF and XMP was to be kept and cannot be.
    pub fn left_out(&self, keep_exif: bool) -> Vec<String> {
        let mut sentences = self.notes().to_vec();
        if keep_exif {
            sentences.extend_from_slice(self.reader.private_notes());
        }
        sentences
    }

    /// Bytes of memory that [`Decoder::read_all`] takes at most, about: the pixels, and what decoding holds beside them. A file
    /// in memory is not counted.
    pub fn bytes_for_all(&self) -> u64 {
        let ImageInfo {
            stored_size, format, ..
        } = self.info;
        let pixels = stored_size
            .pixels()
            .saturating_mul(format.bytes_per_pixel() as u64);
        pixels.saturating_add(self.reader.extra_bytes())
    }

    /// The whole image as it is stored, from a decoder that has given no rows yet. Memory for all of it is allocated: look at
    /// [`Decoder::bytes_for_all`] first.
    ///
    /// # Errors
    /// When the data is damaged or ends early.
    pub fn read_all(mut self) -> Result<Raster, FileError> {
        let ImageInfo {
            stored_size, format, ..
        } = self.info;
        let length = Raster::byte_length(stored_size, format).map_err(FileError::too_large)?;
        if let Some(pixels) = no_panic(|| self.reader.read_all().transpose())? {
            let raster = Raster::from_bytes(stored_size, format, pixels).map_err(FileError::damaged)?;
            return match self.conversion {
                Some(conversion) => no_panic(|| conversion.apply_to(raster)),
                None => Ok(raster),
            };
        }
        let mut pixels = Vec::with_capacity(length);
        let mut strip = Vec::new();
        while self.next_rows(&mut strip)?.is_some() {
            pixels.extend_from_slice(&strip);
        }
        Raster::from_bytes(stored_size, format, pixels).map_err(FileError::damaged)
    }

    /// Has that many threads decode where the format allows it: the chunks of a TIFF. 0 or 1 is the caller's own. More memory is taken
    /// then than [`Decoder::bytes_for_all`] says: each thread has a chunk, with what its packing needs.
    pub fn set_threads(&mut self, threads: usize) {
        self.reader.set_threads(threads);
    }

    /// The image as something of which any part can be read at once, where that costs no more than reading its rows.
    #[cfg(feature = "files")]
    pub(super) fn blocks(&self) -> Option<Box<dyn Blocks>> {
        self.conversion.is_none().then(|| self.reader.blocks())?
    }

    /// Fills `rows` with the next whole rows, as many as it has room for.
    ///
    /// # Errors
    /// When the data is damaged or ends early, and when there are not so many rows.
    pub(super) fn read_rows(&mut self, rows: &mut [u8]) -> Result<(), FileError> {
        let size = self.info.stored_size;
        let stride = size.width as usize * self.info.format.bytes_per_pixel();
        let count = rows.len() / stride;
        if count > (size.height - self.next) as usize {
            return Err(FileError::damaged("rows are missing at the end"));
        }
        no_panic(|| self.reader.read_rows(rows))?;
        if let Some(conversion) = &self.conversion {
            no_panic(|| conversion.apply(rows))?;
        }
        self.next += count as u32;
        if self.next == size.height {
            no_panic(|| self.reader.finish())?;
        }
        Ok(())
    }

    /// Replaces the contents of `buffer` by the next rows, laid out as in a [`Raster`](crate::Raster) of the stored
    /// width; `None` after the last.
    ///
    /// # Errors
    /// When the data is damaged or ends early.
    pub fn next_rows(&mut self, buffer: &mut Vec<u8>) -> Result<Option<RowSpan>, FileError> {
        let size = self.info.stored_size;
        if self.next >= size.height {
            return Ok(None);
        }
        let stride = size.width as usize * self.info.format.bytes_per_pixel();
        let rows = (STRIP_BYTES / stride).clamp(1, (size.height - self.next) as usize);
        buffer.resize(rows * stride, 0);
        let span = RowSpan {
            y: self.next,
            rows: rows as u32,
        };
        self.read_rows(buffer)?;
        Ok(Some(span))
    }
}

fn boxed<R: ImageReader + 'static>((info, reader): (ImageInfo, R)) -> Opened {
    (info, Box::new(reader))
}

/// Opens a file of a kind that a borrowed decoder reads as a whole.
#[cfg(feature = "files")]
fn open_other(
    kind: FileKind,
    file: Source,
    length: u64,
    limits: &Limits,
    page: Option<u32>,
) -> Result<Opened, FileError> {
    match kind {
        FileKind::Jp2 => return Jp2Reader::open(file, length, limits).map(boxed),
        FileKind::Jxl => return JxlReader::open(file, length, limits).map(boxed),
        FileKind::Ico => {}
        _ => return OtherReader::open(kind, file, limits, page).map(boxed),
    }
    match OtherReader::open_icon(file, limits, page)? {
        Pictures::Other(opened) => Ok(boxed(*opened)),
        Pictures::Png(bytes, notes) => {
            let length = bytes.len() as u64;
            let (info, mut reader) = PngReader::open(Source::Memory(Cursor::new(bytes)), length, limits)?;
            reader.add_notes(notes);
            Ok((ImageInfo { kind, ..info }, Box::new(reader)))
        }
    }
}

/// A file of a kind that only the server reads.
#[cfg(not(feature = "files"))]
fn open_other(
    kind: FileKind,
    _file: Source,
    _length: u64,
    _limits: &Limits,
    _page: Option<u32>,
) -> Result<Opened, FileError> {
    Err(FileError::unsupported(format!(
        "{kind} is not decoded here; the server reads it"
    )))
}

/// Runs a decoder. They are written not to panic; should one do so on data that nobody has tried yet, that is an image
/// which cannot be read and not the end of the caller.
fn no_panic<T>(decode: impl FnOnce() -> Result<T, FileError>) -> Result<T, FileError> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(decode))
        .unwrap_or_else(|_| Err(FileError::damaged("the decoder gave up on it")))
}
