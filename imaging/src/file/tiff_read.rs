//! Reading TIFF and BigTIFF: strips or tiles, 8 and 16 bit, a row of chunks at a time.

use std::io::{BufReader, Read, Seek, SeekFrom};

use tiff::TiffError;
use tiff::decoder::ifd::Value;
use tiff::decoder::{ChunkType, Decoder};
use tiff::tags::{CompressionMethod, Tag, Type};

use super::jpeg_scan::Head;
use super::source::Source;
use super::tiff_layout::Layout;
use super::{FileError, FileKind, ImageInfo, Limits, Metadata, Orientation};
use crate::{PixelFormat, Size};

pub(super) struct TiffReader {
    decoder: Decoder<BufReader<Source>>,
    size: Size,
    format: PixelFormat,
    chunk: Size,
    layout: Layout,
    packing: Packing,
    stride: usize,
    /// Decoded rows that have not been given out.
    rows: Vec<u8>,
    given: usize,
    next_chunk_row: u32,
    /// The tile, or the strip that has to be converted.
    stored: Vec<u8>,
    has_exif: bool,
}

/// How the chunks lie in the file.
struct Packing {
    method: CompressionMethod,
    offsets: Vec<u64>,
    lengths: Vec<u64>,
    file_length: u64,
}

impl TiffReader {
    pub(super) fn open(file: Source, length: u64, limits: &Limits) -> Result<(ImageInfo, Self), FileError> {
        let mut decoder = Decoder::new(BufReader::with_capacity(1 << 16, file)).map_err(error)?;
        let (width, height) = decoder.dimensions().map_err(error)?;
        let size = Size::new(width, height);
        limits.check_size(size)?;
        if decoder
            .find_tag_unsigned::<u16>(Tag::PlanarConfiguration)
            .map_err(error)?
            == Some(2)
        {
            return Err(unsupported("its colour channels are stored apart (planar)"));
        }
        let (format, layout) = Layout::of(&mut decoder)?;
        let tiled = decoder.get_chunk_type() == ChunkType::Tile;
        let (chunk_width, mut chunk_height) = decoder.chunk_dimensions();
        if !tiled {
            // A strip may claim to be taller than the image; a tile at the edge is stored in full.
            chunk_height = chunk_height.min(height);
        }
        let chunk = Size::new(chunk_width, chunk_height);
        if chunk.is_empty() {
            return Err(FileError::damaged("its strips or tiles are empty"));
        }
        // A row of tiles or a strip is held in memory.
        let held = Size::new(width.max(chunk.width), chunk.height);
        limits.check_unstreamed(held, "a TIFF whose strips or tiles are this large")?;
        let packing = Packing::of(&mut decoder, tiled, length)?;
        // The decoder holds tags to the limit of its buffer: metadata comes first, since a strip may be smaller.
        let metadata = metadata(&mut decoder, limits);
        let orientation = decoder
            .find_tag_unsigned::<u16>(Tag::Orientation)
            .ok()
            .flatten()
            .unwrap_or(1);
        let has_exif = decoder.image_ifd().directory().contains(Tag::ExifDirectory);
        let mut bounds = tiff::decoder::Limits::default();
        let chunk_bytes = held.pixels().saturating_mul(8);
        bounds.decoding_buffer_size = usize::try_from(chunk_bytes).unwrap_or(usize::MAX);
        // What cannot be compressed grows: packed noise is longer than the pixels.
        bounds.intermediate_buffer_size = bounds.decoding_buffer_size.saturating_mul(2).max(1 << 16);
        let decoder = decoder.with_limits(bounds);
        let info = ImageInfo {
            kind: FileKind::Tiff,
            stored_size: size,
            format,
            orientation: Orientation::from_tag(orientation),
            metadata,
        };
        let stride = width as usize * format.bytes_per_pixel();
        let reader = Self {
            decoder,
            size,
            format,
            chunk,
            layout,
            packing,
            stride,
            rows: Vec::new(),
            given: 0,
            next_chunk_row: 0,
            stored: Vec::new(),
            has_exif,
        };
        Ok((info, reader))
    }

    /// Whether there is a directory of EXIF.
    pub(super) fn has_exif(&self) -> bool {
        self.has_exif
    }

    /// Bytes that decoding takes beside the file and the pixels: a row of tiles or a strip, and what is converted of it.
    pub(super) fn extra_bytes(&self) -> u64 {
        let rows = (self.stride as u64).saturating_mul(self.chunk.height.into());
        if self.is_copied() {
            let stored = self.layout.stored_bytes(self.format) as u64;
            rows.saturating_add(self.chunk.pixels().saturating_mul(stored))
        } else {
            rows
        }
    }

    /// Whether what is stored is put together or converted, and not just the rows.
    fn is_copied(&self) -> bool {
        self.chunk.width < self.size.width || !matches!(self.layout, Layout::Plain)
    }

    /// Fills `buffer` with the next rows.
    pub(super) fn read_rows(&mut self, buffer: &mut [u8]) -> Result<(), FileError> {
        let mut filled = 0;
        while filled < buffer.len() {
            if self.given == self.rows.len() {
                self.decode_chunk_row()?;
            }
            let count = (buffer.len() - filled).min(self.rows.len() - self.given);
            buffer[filled..filled + count].copy_from_slice(&self.rows[self.given..self.given + count]);
            filled += count;
            self.given += count;
        }
        Ok(())
    }

    fn decode_chunk_row(&mut self) -> Result<(), FileError> {
        let top = self.next_chunk_row.saturating_mul(self.chunk.height);
        if top >= self.size.height {
            return Err(FileError::damaged("rows are missing at the end"));
        }
        let height = self.chunk.height.min(self.size.height - top) as usize;
        let across = self.size.width.div_ceil(self.chunk.width);
        resize(&mut self.rows, self.stride * height);
        self.given = 0;
        let pixel = self.format.bytes_per_pixel();
        let stored_pixel = self.layout.stored_bytes(self.format);
        for column in 0..across {
            let index = self.next_chunk_row.saturating_mul(across).saturating_add(column);
            let left = (column * self.chunk.width) as usize;
            let width = (self.chunk.width as usize).min(self.size.width as usize - left);
            let stored = width * stored_pixel * height;
            self.packing
                .check(self.decoder.inner(), index, stored as u64, self.chunk)?;
            if !self.is_copied() {
                self.decoder
                    .read_chunk_bytes(index, &mut self.rows)
                    .map_err(error)?;
                to_little_endian(&mut self.rows, self.format);
                continue;
            }
            resize(&mut self.stored, stored);
            self.decoder
                .read_chunk_bytes(index, &mut self.stored)
                .map_err(error)?;
            to_little_endian(&mut self.stored, self.format);
            for (y, row) in self.stored.chunks_exact(width * stored_pixel).enumerate() {
                let to = &mut self.rows[y * self.stride + left * pixel..][..width * pixel];
                self.layout.convert(row, to);
            }
        }
        self.next_chunk_row += 1;
        Ok(())
    }
}

impl Packing {
    fn of(
        decoder: &mut Decoder<BufReader<Source>>,
        tiled: bool,
        file_length: u64,
    ) -> Result<Self, FileError> {
        let (offsets, lengths) = if tiled {
            (Tag::TileOffsets, Tag::TileByteCounts)
        } else {
            (Tag::StripOffsets, Tag::StripByteCounts)
        };
        let mut list = |tag| {
            let values = decoder.find_tag_unsigned_vec::<u64>(tag).map_err(error)?;
            Ok::<_, FileError>(values.unwrap_or_default())
        };
        let (offsets, lengths) = (list(offsets)?, list(lengths)?);
        let method = decoder
            .find_tag_unsigned::<u16>(Tag::Compression)
            .map_err(error)?;
        Ok(Self {
            method: CompressionMethod::from_u16_exhaustive(method.unwrap_or(1)),
            offsets,
            lengths,
            file_length,
        })
    }

    /// Refuses a chunk whose data cannot be that of `pixels` bytes, before memory is touched for them.
    fn check(
        &self,
        file: &mut BufReader<Source>,
        index: u32,
        pixels: u64,
        chunk: Size,
    ) -> Result<(), FileError> {
        let at = |list: &[u64]| list.get(index as usize).copied().unwrap_or(0);
        let offset = at(&self.offsets);
        let left = self.file_length.saturating_sub(offset);
        let length = left.min(at(&self.lengths));
        // The most that each can make of a byte.
        let possible = match self.method {
            // The length of what is not packed follows from the size; some writers leave it out.
            CompressionMethod::None => left,
            // Two bytes repeat one up to 128 times.
            CompressionMethod::PackBits => length.saturating_mul(64),
            // A code of 12 bits stands for a string as long as the table has entries.
            CompressionMethod::LZW => length.saturating_mul(2731),
            CompressionMethod::Deflate | CompressionMethod::OldDeflate => {
                length.saturating_mul(super::MAX_INFLATE_RATIO)
            }
            CompressionMethod::ModernJPEG => {
                file.seek(SeekFrom::Start(offset))
                    .map_err(|error| FileError::reading(&error))?;
                let frame = Head::read(file.take(length), 1 << 20)?.frame;
                // The decoder makes room for what the frame says.
                if frame.size.width > chunk.width.next_multiple_of(16)
                    || frame.size.height > chunk.height.next_multiple_of(16)
                    || frame.least_bytes() > length
                {
                    return Err(FileError::damaged(
                        "a JPEG in it has not the size of its strip or tile",
                    ));
                }
                pixels
            }
            // Refused by the decoder.
            _ => pixels,
        };
        if possible < pixels {
            return Err(FileError::damaged(format!(
                "a strip or tile of {pixels} bytes cannot be packed into {length}; send the whole file"
            )));
        }
        Ok(())
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

/// The decoder gives samples in the order of the machine; rasters are little endian.
fn to_little_endian(bytes: &mut [u8], format: PixelFormat) {
    if cfg!(target_endian = "big") && format.depth == crate::Depth::Sixteen {
        for sample in bytes.chunks_exact_mut(2) {
            sample.swap(0, 1);
        }
    }
}

/// What carries over.
fn metadata(decoder: &mut Decoder<BufReader<Source>>, limits: &Limits) -> Metadata {
    let per_metre = match decoder
        .find_tag_unsigned::<u16>(Tag::ResolutionUnit)
        .ok()
        .flatten()
        .unwrap_or(2)
    {
        2 => 1.0 / 0.0254,
        3 => 100.0,
        _ => 0.0,
    };
    let mut axis = |tag| match decoder.get_tag(tag) {
        Ok(Value::Rational(number, divisor @ 1..)) => {
            Some(f64::from(number) / f64::from(divisor) * per_metre).filter(|value| *value > 0.0)
        }
        _ => None,
    };
    Metadata {
        resolution: axis(Tag::XResolution).zip(axis(Tag::YResolution)),
        icc: profile(decoder, limits),
        exif: None,
    }
}

/// The colour profile, read as the bytes that it is: as a list of values it would take many times the memory.
fn profile(decoder: &mut Decoder<BufReader<Source>>, limits: &Limits) -> Option<Vec<u8>> {
    let mut directory = decoder.image_ifd();
    let entry = directory.find_entry(Tag::IccProfile)?;
    let length = usize::try_from(entry.count()).ok()?;
    if length > limits.max_metadata_bytes || !matches!(entry.field_type(), Type::BYTE | Type::UNDEFINED) {
        return None;
    }
    let mut icc = vec![0; length];
    let read = directory.find_tag_bytes(Tag::IccProfile, &mut icc, 0).ok()??;
    (read == length).then_some(icc)
}

pub(super) fn unsupported(what: &str) -> FileError {
    FileError::unsupported(format!(
        "this kind of TIFF is not read: {what}; save it as RGB or gray, 8 or 16 bit"
    ))
}

pub(super) fn error(error: TiffError) -> FileError {
    match error {
        TiffError::IoError(error) => FileError::reading(&error),
        TiffError::UnsupportedError(error) => unsupported(&error.to_string()),
        TiffError::LimitsExceeded => {
            FileError::too_large("a strip, tile or tag of it needs more memory than is allowed")
        }
        other => FileError::damaged(other),
    }
}
