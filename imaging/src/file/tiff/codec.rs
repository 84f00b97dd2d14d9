//! The packings of strips and tiles: each gives exactly the bytes that are asked for, whatever the data says.

use std::io::Read;

use flate2::{Decompress, FlushDecompress, Status};
use weezl::{BitOrder, LzwStatus};

use super::fax::{self, Fax};
#[cfg(feature = "files")]
use super::lerc::{self, Around};
use super::page::Numbers;
use super::{logluv, unsupported};
use crate::Size;
#[cfg(feature = "files")]
use crate::file::jp2;
use crate::file::jpeg::embedded::{self, Colors};
use crate::file::{FileError, MAX_INFLATE_RATIO, webp as webp_file};

/// How chunks are packed.
pub(super) enum Codec {
    None,
    PackBits,
    Lzw,
    Deflate,
    Zstd,
    Lzma,
    Fax(Fax),
    /// With the tables that all share; `converts` from YCbCr to RGB.
    Jpeg {
        tables: Option<Vec<u8>>,
        converts: bool,
    },
    WebP,
    /// Logarithms of light, which become floating point of 32 bit, little endian.
    LogLuv,
    /// A picture whose samples come little endian; `converts` from YCbCr to RGB.
    #[cfg(feature = "files")]
    Jpeg2000 {
        converts: bool,
    },
    /// Numbers that come little endian.
    #[cfg(feature = "files")]
    Lerc(Around),
}

/// What the samples of a chunk are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stored {
    /// Samples of a pixel.
    pub samples: usize,
    /// Bits of each.
    pub bits: u32,
    pub numbers: Numbers,
}

/// The most memory that a window of LZMA may ask for.
const MAX_LZMA_WINDOW: u64 = 1 << 26;

impl Codec {
    /// The packing of that number; those of JPEG and of scans have more to say.
    pub(super) fn of(compression: u64) -> Result<Self, FileError> {
        Ok(match compression {
            1 => Self::None,
            2 => Self::Fax(Fax::Huffman),
            3 => Self::Fax(Fax::Group3 { differences: false }),
            4 => Self::Fax(Fax::Group4),
            5 => Self::Lzw,
            7 => Self::Jpeg {
                tables: None,
                converts: false,
            },
            8 | 32946 => Self::Deflate,
            32773 => Self::PackBits,
            34676 => Self::LogLuv,
            34925 => Self::Lzma,
            #[cfg(feature = "files")]
            33003 | 33004 | 33005 | 34712 => Self::Jpeg2000 {
                converts: compression == 33003,
            },
            #[cfg(feature = "files")]
            34887 => Self::Lerc(Around::Nothing),
            #[cfg(not(feature = "files"))]
            33003 | 33004 | 33005 | 34712 | 34887 => {
                let name = if compression == 34887 { "LERC" } else { "JPEG 2000" };
                return Err(FileError::unsupported(format!(
                    "a TIFF that is packed with {name} is not decoded here; the server reads it"
                )));
            }
            50000 => Self::Zstd,
            50001 => Self::WebP,
            other => {
                let name = match other {
                    6 => "old-style JPEG (compression 6)",
                    9 | 10 | 34661 => "JBIG",
                    32766 => "NeXT",
                    32771 => "CCITT runs in words (compression 32771)",
                    32809 => "ThunderScan",
                    32909 => "PixarLog",
                    34677 => "SGI LogLuv of 24 bits",
                    34892 => "lossy JPEG of DNG",
                    50002 | 52546 => "JPEG XL",
                    _ => return Err(unsupported(&format!("its compression is number {other}"))),
                };
                return Err(unsupported(&format!("it is packed with {name}")));
            }
        })
    }

    /// Whether a predictor means something with it.
    pub(super) fn has_predictor(&self) -> bool {
        matches!(self, Self::Lzw | Self::Deflate | Self::Zstd | Self::Lzma)
    }

    /// Whether the order of bits in a byte concerns it.
    pub(super) fn has_bit_order(&self) -> bool {
        match self {
            Self::Jpeg { .. } | Self::WebP => false,
            #[cfg(feature = "files")]
            Self::Jpeg2000 { .. } | Self::Lerc(_) => false,
            _ => true,
        }
    }

    /// Whether samples come with the lower byte first, whatever the file says.
    pub(super) fn is_little_endian(&self) -> bool {
        match self {
            Self::LogLuv => true,
            #[cfg(feature = "files")]
            Self::Jpeg2000 { .. } | Self::Lerc(_) => true,
            _ => false,
        }
    }

    /// Whether a chunk is a picture of its own with colours of its own, of which the file says no more.
    pub(super) fn is_picture(&self) -> bool {
        match self {
            Self::Jpeg { .. } => true,
            #[cfg(feature = "files")]
            Self::Jpeg2000 { .. } => true,
            _ => false,
        }
    }

    /// How many times the bytes of a chunk are held at most while it is unpacked.
    pub(super) fn copies(&self) -> u64 {
        match self {
            // Twice as floating point, and coefficients.
            #[cfg(feature = "files")]
            Self::Jpeg2000 { .. } => 14,
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
            Self::Jpeg { .. } | Self::WebP => u64::MAX,
            #[cfg(feature = "files")]
            Self::Jpeg2000 { .. } | Self::Lerc(_) => u64::MAX,
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
            Self::Zstd => {
                let mut decoder = ruzstd::decoding::StreamingDecoder::new(data).map_err(|_| damaged())?;
                decoder.read_exact(out).map_err(|_| damaged())?;
            }
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
        }
        Ok(())
    }
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
