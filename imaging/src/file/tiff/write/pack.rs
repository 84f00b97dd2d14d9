//! A tile or strip, packed.

use std::cell::RefCell;

use jpeg_encoder::{ColorType, SamplingFactor};
use weezl::BitOrder;
use weezl::encode::Encoder as Lzw;

use crate::encoding::TiffCompression;
use crate::file::pool::Job;
use crate::file::tiff::measured;
use crate::file::{FileError, splice};
use crate::{Channels, PixelFormat, Size};

/// From this quality on colour is stored in full resolution, as in a JPEG.
const FULL_COLOR: u8 = 90;
/// Level of Zstandard where none is said: its own usual one.
const ZSTD_LEVEL: u8 = 3;

thread_local! {
    /// The tables of Zstandard, which take longer to make than a tile to pack.
    static ZSTD: RefCell<zstd_safe::CCtx<'static>> = RefCell::new(zstd_safe::CCtx::create());
}

/// How chunks are packed.
#[derive(Clone, Copy)]
pub(super) struct Packing {
    pub compression: TiffCompression,
    pub level: Option<u8>,
    pub quality: u8,
    pub format: PixelFormat,
}

impl Packing {
    /// The number of the compression in a file.
    pub(super) fn code(self) -> u16 {
        match self.compression {
            TiffCompression::None => 1,
            TiffCompression::Lzw => 5,
            TiffCompression::Jpeg => 7,
            TiffCompression::Deflate => 8,
            TiffCompression::PackBits => 32773,
            TiffCompression::Zstd => 50000,
        }
    }

    /// Whether samples are stored as differences to the pixel on the left.
    pub(super) fn has_differences(self) -> bool {
        use TiffCompression::{Deflate, Lzw, Zstd};
        matches!(self.compression, Deflate | Lzw | Zstd)
    }

    /// Pixels that share a pair of colour differences, across and down; none where there are no colour differences.
    pub(super) fn subsampling(self) -> Option<u16> {
        let is_color = self.format.channels == Channels::Rgb;
        (self.compression == TiffCompression::Jpeg && is_color).then_some(if self.quality >= FULL_COLOR {
            1
        } else {
            2
        })
    }

    fn pack(self, mut pixels: Vec<u8>, size: Size) -> Result<Vec<u8>, FileError> {
        let row = size.width as usize * self.format.bytes_per_pixel();
        if self.has_differences() {
            pixels
                .chunks_exact_mut(row)
                .for_each(|row| measured::differences(row, self.format));
        }
        match self.compression {
            TiffCompression::None => Ok(pixels),
            TiffCompression::PackBits => {
                let mut packed = Vec::with_capacity(pixels.len() / 2);
                pixels
                    .chunks_exact(row)
                    .for_each(|row| pack_bits(row, &mut packed));
                Ok(packed)
            }
            TiffCompression::Lzw => Lzw::with_tiff_size_switch(BitOrder::Msb, 8)
                .encode(&pixels)
                .map_err(|error| failed(&error)),
            TiffCompression::Deflate => splice::zlib(&pixels, self.level),
            TiffCompression::Zstd => {
                let mut packed = vec![0; zstd_safe::compress_bound(pixels.len())];
                let level = self.level.unwrap_or(ZSTD_LEVEL);
                let length = ZSTD
                    .with_borrow_mut(|zstd| zstd.compress(&mut packed[..], &pixels, level.into()))
                    .map_err(|code| failed(&zstd_safe::get_error_name(code)))?;
                packed.truncate(length);
                Ok(packed)
            }
            TiffCompression::Jpeg => self.jpeg(&pixels, size),
        }
    }

    fn jpeg(self, pixels: &[u8], size: Size) -> Result<Vec<u8>, FileError> {
        let mut packed = Vec::new();
        let mut encoder = jpeg_encoder::Encoder::new(&mut packed, self.quality);
        encoder.set_sampling_factor(match self.subsampling() {
            Some(2) => SamplingFactor::R_4_2_0,
            _ => SamplingFactor::R_4_4_4,
        });
        let color = match self.format.channels {
            Channels::Gray => ColorType::Luma,
            _ => ColorType::Rgb,
        };
        encoder
            .encode(pixels, size.width as u16, size.height as u16, color)
            .map_err(|error| failed(&error))?;
        Ok(packed)
    }
}

fn failed(error: &dyn std::fmt::Display) -> FileError {
    FileError::unsupported(format!("a part of the TIFF cannot be packed: {error}"))
}

/// A tile or strip to pack.
pub(super) struct Chunk {
    pub level: usize,
    pub packing: Packing,
    pub pixels: Vec<u8>,
    pub size: Size,
}

/// A packed one.
pub(super) struct Packed {
    pub level: usize,
    pub bytes: Vec<u8>,
}

impl Job for Chunk {
    type Done = Packed;

    fn run(self) -> Result<Packed, FileError> {
        Ok(Packed {
            level: self.level,
            bytes: self.packing.pack(self.pixels, self.size)?,
        })
    }
}

/// Runs of 2 to 128 equal bytes as a count and the byte, and the rest in pieces of up to 128 as they are (TIFF 6, section 9).
fn pack_bits(row: &[u8], to: &mut Vec<u8>) {
    let run = |at: usize| {
        row[at..]
            .iter()
            .take(128)
            .take_while(|byte| **byte == row[at])
            .count()
    };
    let mut at = 0;
    while at < row.len() {
        let equal = run(at);
        if equal >= 2 {
            to.extend([(257 - equal) as u8, row[at]]);
            at += equal;
            continue;
        }
        let start = at;
        // Two equal bytes are not worth the end of a piece, three are.
        while at < row.len() && at - start < 128 && run(at) < 3 {
            at += 1;
        }
        to.push((at - start - 1) as u8);
        to.extend_from_slice(&row[start..at]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_of_bytes_are_packed_as_the_standard_says() {
        // The standard's example.
        let row = [
            0xaa, 0xaa, 0xaa, 0x80, 0x00, 0x2a, 0xaa, 0xaa, 0xaa, 0xaa, 0x80, 0x00, 0x2a, 0x22, 0xaa, 0xaa,
            0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa,
        ];
        let mut packed = Vec::new();
        pack_bits(&row, &mut packed);
        let expected = [
            0xfe, 0xaa, 0x02, 0x80, 0x00, 0x2a, 0xfd, 0xaa, 0x03, 0x80, 0x00, 0x2a, 0x22, 0xf7, 0xaa,
        ];
        assert_eq!(packed, expected);
    }
}
