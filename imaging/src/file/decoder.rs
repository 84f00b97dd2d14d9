//! Reading: one decoder over all formats, a strip of rows at a time.

use std::fs::File;
use std::io::{Read, Seek};
use std::path::Path;

use super::jpeg_read::JpegReader;
use super::png_read::PngReader;
use super::tiff_read::TiffReader;
use super::webp::WebPReader;
use super::{FileError, FileKind, ImageInfo, Limits};

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
    reader: Reader,
    next: u32,
}

enum Reader {
    Png(Box<PngReader>),
    Jpeg(Box<JpegReader>),
    Tiff(Box<TiffReader>),
    WebP(Box<WebPReader>),
}

/// Bytes of a strip, about: large enough to be quick, small beside everything else.
const STRIP_BYTES: usize = 1 << 19;

impl Decoder {
    /// Opens the image at `path` and reads its header.
    ///
    /// # Errors
    /// When it is no image, damaged, beyond the limits or of a kind that is not read.
    pub fn open(path: &Path, limits: &Limits) -> Result<Self, FileError> {
        let mut file = File::open(path)?;
        let length = file.metadata()?.len();
        if length > limits.max_bytes {
            return Err(FileError::too_large(format!(
                "{length} bytes; {} bytes are allowed",
                limits.max_bytes
            )));
        }
        let mut magic = Vec::with_capacity(16);
        file.by_ref()
            .take(16)
            .read_to_end(&mut magic)
            .map_err(|error| FileError::reading(&error))?;
        let kind = FileKind::from_magic(&magic).ok_or_else(FileError::not_an_image)?;
        file.rewind()?;
        let (info, reader) = no_panic(|| match kind {
            FileKind::Png => PngReader::open(file, length, limits)
                .map(|(info, reader)| (info, Reader::Png(Box::new(reader)))),
            FileKind::Jpeg => JpegReader::open(file, length, limits)
                .map(|(info, reader)| (info, Reader::Jpeg(Box::new(reader)))),
            FileKind::Tiff => TiffReader::open(file, length, limits)
                .map(|(info, reader)| (info, Reader::Tiff(Box::new(reader)))),
            FileKind::WebP => {
                WebPReader::open(file, limits).map(|(info, reader)| (info, Reader::WebP(Box::new(reader))))
            }
        })?;
        Ok(Self {
            info,
            reader,
            next: 0,
        })
    }

    /// What the header says.
    pub fn info(&self) -> &ImageInfo {
        &self.info
    }

    /// Whether the file has EXIF beyond the orientation that is not read, and so cannot be kept: that of a TIFF.
    pub fn has_unread_exif(&self) -> bool {
        matches!(&self.reader, Reader::Tiff(reader) if reader.has_exif())
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
        let reader = &mut self.reader;
        no_panic(|| match reader {
            Reader::Png(reader) => reader.read_rows(buffer, stride),
            Reader::Jpeg(reader) => reader.read_rows(buffer),
            Reader::Tiff(reader) => reader.read_rows(buffer),
            Reader::WebP(reader) => reader.read_rows(buffer),
        })?;
        let span = RowSpan {
            y: self.next,
            rows: rows as u32,
        };
        self.next += span.rows;
        if self.next == size.height
            && let Reader::Png(reader) = &mut self.reader
        {
            no_panic(|| reader.finish())?;
        }
        Ok(Some(span))
    }
}

/// Runs a decoder. They are written not to panic; should one do so on data that nobody has tried yet, that is an image
/// which cannot be read and not the end of the caller.
fn no_panic<T>(decode: impl FnOnce() -> Result<T, FileError>) -> Result<T, FileError> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(decode))
        .unwrap_or_else(|_| Err(FileError::damaged("the decoder gave up on it")))
}
