//! The packings of strips and tiles: each gives exactly the bytes that are asked for, whatever the data says.

use std::io::Read;

use flate2::{Decompress, FlushDecompress, Status};
use weezl::{BitOrder, LzwStatus};

#[cfg(feature = "files")]
use super::lerc;
use super::{TiffFile, fax, logluv, zstd};
use crate::Size;
#[cfg(feature = "files")]
use crate::file::jp2;
use crate::file::jpeg::embedded::{self, Colors};
use crate::file::{FileError, webp as webp_file};
use crate::header::tiff::page::tag;
use crate::header::tiff::{Codec, Directory, Stored};
use crate::limits::MAX_INFLATE_RATIO;

/// Bytes of the tables that JPEG tiles share.
const MAX_TABLES: usize = 1 << 16;

/// The most memory that a window of LZMA may ask for.
const MAX_LZMA_WINDOW: u64 = 1 << 26;

impl Codec {
    /// Reads what the tiles share, where they are JPEGs.
    ///
    /// # Errors
    /// When it is not in the file, and when the packing is one that only the server reads, and this is not it.
    pub(super) fn read_tables(
        &mut self,
        file: &mut TiffFile,
        directory: &Directory,
    ) -> Result<(), FileError> {
        match self {
            Self::Jpeg { tables, .. } => *tables = directory.bytes(file, tag::JPEG_TABLES, MAX_TABLES)?,
            #[cfg(not(feature = "files"))]
            Self::Jpeg2000 { .. } => return Err(not_here("JPEG 2000")),
            #[cfg(not(feature = "files"))]
            Self::Lerc(_) => return Err(not_here("LERC")),
            _ => {}
        }
        Ok(())
    }

    /// Whether the order of bits in a byte concerns it.
    pub(super) fn has_bit_order(&self) -> bool {
        !self.is_picture() && !matches!(self, Self::WebP | Self::Lerc(_))
    }

    /// Whether samples come with the lower byte first, whatever the file says.
    pub(super) fn is_little_endian(&self) -> bool {
        matches!(self, Self::LogLuv | Self::Jpeg2000 { .. })
    }

    /// How many times the bytes of a chunk are held at most while it is unpacked.
    pub(super) fn copies(&self) -> u64 {
        match self {
            // Twice as floating point, and coefficients.
            Self::Jpeg2000 { .. } => 14,
            // As numbers, and the blob, which may be packed once more.
            Self::Lerc(_) => 6,
            _ => 3,
        }
    }

    /// The most bytes that `length` packed bytes can become.
    pub(super) fn most(&self, length: u64) -> u64 {
        length.saturating_mul(match self {
            Self::None => 1,
            // Two bytes repeat one up to 128 times.
            Self::PackBits => 64,
            // A code of 12 bits stands for a string as long as the table has entries.
            Self::Lzw => 2731,
            Self::Deflate => MAX_INFLATE_RATIO,
            // Two bytes repeat one of at least two of a float up to 129 times.
            Self::LogLuv => 200,
            // A row of any width may be told by a bit; a block of Zstandard of 128 KiB by four bytes; LZMA is near that.
            Self::Fax(_) | Self::Zstd | Self::Lzma => 1 << 17,
            Self::Jpeg { .. } | Self::WebP | Self::Jpeg2000 { .. } | Self::Lerc(_) => u64::MAX,
        })
    }

    /// Unpacks `data` into `out`: rows of a chunk of `size` pixels of samples that are `stored` so, where the packing knows pixels.
    pub(super) fn decode(
        &self,
        data: &[u8],
        out: &mut [u8],
        size: Size,
        stored: Stored,
    ) -> Result<(), FileError> {
        let samples = stored.samples;
        let damaged = || FileError::damaged("the data of a strip or tile is wrong or ends early");
        match self {
            Self::None => out.copy_from_slice(data.get(..out.len()).ok_or_else(damaged)?),
            Self::PackBits => pack_bits(data, out).ok_or_else(damaged)?,
            Self::Lzw => lzw(data, out).ok_or_else(damaged)?,
            Self::Deflate => deflate(data, out).ok_or_else(damaged)?,
            Self::Zstd => zstd::decode(data, out).ok_or_else(damaged)?,
            Self::Lzma => {
                if lzma_window(data).ok_or_else(damaged)? > MAX_LZMA_WINDOW {
                    return Err(FileError::too_large("its LZMA needs more memory than is allowed"));
                }
                let mut decoder = lzma_rust2::XzReader::new(data, false);
                decoder.read_exact(out).map_err(|_| damaged())?;
            }
            Self::Fax(fax) => fax::decode(*fax, data, size.width as usize, out).ok_or_else(damaged)?,
            Self::Jpeg { tables, converts } => {
                let colors = if *converts { Colors::YCbCr } else { Colors::Raw };
                jpeg(data, tables.as_deref(), colors, out, size, samples)?;
            }
            Self::WebP => webp(data, out, size, samples)?,
            Self::LogLuv => logluv::decode(data, size.width as usize, samples, out).ok_or_else(damaged)?,
            #[cfg(feature = "files")]
            Self::Jpeg2000 { converts } => jp2::tile(data, out, size, (samples, stored.bits), *converts)?,
            #[cfg(feature = "files")]
            Self::Lerc(around) => lerc::decode(data, *around, out, size, stored)?,
            #[cfg(not(feature = "files"))]
            Self::Jpeg2000 { .. } => return Err(not_here("JPEG 2000")),
            #[cfg(not(feature = "files"))]
            Self::Lerc(_) => return Err(not_here("LERC")),
        }
        Ok(())
    }
}

/// Of a packing that only the server reads.
#[cfg(not(feature = "files"))]
fn not_here(name: &str) -> FileError {
    FileError::unsupported(format!(
        "a TIFF that is packed with {name} is not decoded here; the server reads it"
    ))
}

fn pack_bits(mut data: &[u8], out: &mut [u8]) -> Option<()> {
    let mut filled = 0;
    while filled < out.len() {
        let (&code, rest) = data.split_first()?;
        data = rest;
        let count = match code {
            128 => continue,
            0..128 => usize::from(code) + 1,
            _ => 257 - usize::from(code),
        };
        let room = &mut out[filled..];
        let used = count.min(room.len());
        if code < 128 {
            room[..used].copy_from_slice(data.get(..used)?);
            data = data.get(count..).unwrap_or_default();
        } else {
            let (&byte, rest) = data.split_first()?;
            room[..used].fill(byte);
            data = rest;
        }
        filled += used;
    }
    Some(())
}

fn lzw(data: &[u8], out: &mut [u8]) -> Option<()> {
    // Before TIFF 6 codes began at the lower bit of a byte, and were widened one code later.
    let old = matches!(data, [0, second, ..] if second & 1 == 1);
    let mut decoder = if old {
        weezl::decode::Decoder::new(BitOrder::Lsb, 8)
    } else {
        weezl::decode::Decoder::with_tiff_size_switch(BitOrder::Msb, 8)
    };
    let (mut read, mut filled) = (0, 0);
    while filled < out.len() {
        let result = decoder.decode_bytes(&data[read..], &mut out[filled..]);
        read += result.consumed_in;
        filled += result.consumed_out;
        match result.status {
            Ok(LzwStatus::Ok) if result.consumed_in + result.consumed_out > 0 => {}
            _ => break,
        }
    }
    (filled == out.len()).then_some(())
}

fn deflate(data: &[u8], out: &mut [u8]) -> Option<()> {
    let mut decoder = Decompress::new(true);
    loop {
        let (read, filled) = (decoder.total_in() as usize, decoder.total_out() as usize);
        if filled == out.len() {
            return Some(());
        }
        let status = decoder.decompress(&data[read..], &mut out[filled..], FlushDecompress::None);
        let stuck = decoder.total_in() as usize == read && decoder.total_out() as usize == filled;
        if !matches!(status, Ok(Status::Ok | Status::BufError)) || stuck {
            return (decoder.total_out() as usize == out.len()).then_some(());
        }
    }
}

/// The window that the first block of an XZ stream asks for.
fn lzma_window(data: &[u8]) -> Option<u64> {
    let length = (usize::from(*data.get(12)?) + 1) * 4;
    let header = data.get(12..12 + length)?;
    // Filters follow two bytes and up to two sizes: that of LZMA2 is 21, its properties one byte.
    let at = header.windows(2).skip(2).position(|pair| pair == [0x21, 1])? + 2;
    let bits = u64::from(header.get(at + 2)? & 0x3f);
    Some(if bits == 40 {
        u64::from(u32::MAX)
    } else {
        (2 | (bits & 1)) << (bits / 2 + 11)
    })
}

fn jpeg(
    data: &[u8],
    tables: Option<&[u8]>,
    colors: Colors,
    out: &mut [u8],
    size: Size,
    samples: usize,
) -> Result<(), FileError> {
    let frame = embedded::frame(data)?;
    let rows = out.len() / (size.width as usize * samples).max(1);
    // The decoder makes room for what the frame says.
    let fits = frame.size.width >= size.width
        && frame.size.height as usize >= rows
        && frame.size.width <= size.width.next_multiple_of(16)
        && frame.size.height <= size.height.next_multiple_of(16)
        && frame.components.len() == samples
        && frame.least_bytes() <= data.len() as u64;
    if !fits {
        return Err(FileError::damaged(
            "a JPEG in it has not the size of its strip or tile",
        ));
    }
    let tables = tables.filter(|tables| tables.len() > 4);
    let mut picture = embedded::open(tables, data, Some(colors))?;
    let mut row = vec![0; frame.size.width as usize * samples];
    for out in out.chunks_exact_mut(size.width as usize * samples) {
        picture.read_rows(&mut row)?;
        out.copy_from_slice(&row[..out.len()]);
    }
    Ok(())
}

fn webp(data: &[u8], out: &mut [u8], size: Size, samples: usize) -> Result<(), FileError> {
    let mut decoder = image_webp::WebPDecoder::new(std::io::Cursor::new(data)).map_err(webp_file::reading)?;
    let (width, height) = decoder.dimensions();
    let stored = if decoder.has_alpha() { 4 } else { 3 };
    let rows = out.len() / (size.width as usize * samples).max(1);
    if width != size.width || (height as usize) < rows || height > size.height || samples < 3 {
        return Err(FileError::damaged(
            "a WebP in it has not the size of its strip or tile",
        ));
    }
    let mut pixels = vec![0; width as usize * height as usize * stored];
    decoder.set_memory_limit(pixels.len().saturating_mul(2).max(1 << 20));
    decoder.read_image(&mut pixels).map_err(webp_file::reading)?;
    for (pixel, out) in pixels.chunks_exact(stored).zip(out.chunks_exact_mut(samples)) {
        out.fill(255);
        let count = stored.min(samples);
        out[..count].copy_from_slice(&pixel[..count]);
    }
    Ok(())
}
