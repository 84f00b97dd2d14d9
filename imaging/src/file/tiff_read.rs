//! Reading TIFF and BigTIFF: strips or tiles, 8 and 16 bit, a row of chunks at a time.

use std::fs::File;
use std::io::BufReader;

use tiff::decoder::ifd::Value;
use tiff::decoder::{ChunkType, Decoder, DecodingResult};
use tiff::tags::{PhotometricInterpretation, Tag};
use tiff::{ColorType, TiffError};

use super::{FileError, FileKind, ImageInfo, Limits, Metadata, Orientation};
use crate::{Channels, Depth, PixelFormat, Size};

pub(super) struct TiffReader {
    decoder: Decoder<BufReader<File>>,
    size: Size,
    chunk: Size,
    layout: Layout,
    stride: usize,
    /// Decoded rows that have not been given out.
    rows: Vec<u8>,
    given: usize,
    next_chunk_row: u32,
}

/// How stored pixels become pixels of a [`PixelFormat`].
enum Layout {
    /// As they are.
    Plain { samples: usize, associated_alpha: bool },
    /// Through a palette of RGB.
    Palette(Vec<[u8; 3]>),
    /// Ink to light.
    Cmyk { sixteen: bool },
}

impl TiffReader {
    pub(super) fn open(file: File, limits: &Limits) -> Result<(ImageInfo, Self), FileError> {
        let mut decoder = Decoder::new(BufReader::with_capacity(1 << 16, file)).map_err(error)?;
        let (width, height) = decoder.dimensions().map_err(error)?;
        let size = Size::new(width, height);
        limits.check_size(size)?;
        let color = decoder.colortype().map_err(error)?;
        if decoder
            .find_tag_unsigned::<u16>(Tag::PlanarConfiguration)
            .map_err(error)?
            == Some(2)
        {
            return Err(unsupported("its colour channels are stored apart (planar)"));
        }
        let (format, layout) = layout(&mut decoder, color)?;
        let (chunk_width, chunk_height) = decoder.chunk_dimensions();
        // A strip may claim to be taller than the image; a tile at the edge is stored in full.
        let tiled = decoder.get_chunk_type() == ChunkType::Tile;
        let chunk = Size::new(
            chunk_width,
            if tiled {
                chunk_height
            } else {
                chunk_height.min(height)
            },
        );
        if chunk.is_empty() {
            return Err(FileError::damaged("its strips or tiles are empty"));
        }
        // A row of tiles or a strip is held in memory.
        let held = Size::new(width.max(chunk.width), chunk.height);
        limits.check_unstreamed(held, "a TIFF whose strips or tiles are this large")?;
        let mut bounds = tiff::decoder::Limits::default();
        let chunk_bytes = held.pixels().saturating_mul(8);
        bounds.decoding_buffer_size = usize::try_from(chunk_bytes).unwrap_or(usize::MAX);
        // What cannot be compressed grows: packed noise is longer than the pixels.
        bounds.intermediate_buffer_size = bounds.decoding_buffer_size.saturating_mul(2);
        bounds.ifd_value_size = limits.max_metadata_bytes.max(1 << 20);
        let mut decoder = decoder.with_limits(bounds);
        let metadata = metadata(&mut decoder, limits);
        let orientation = decoder
            .find_tag_unsigned::<u16>(Tag::Orientation)
            .ok()
            .flatten()
            .unwrap_or(1);
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
            chunk,
            layout,
            stride,
            rows: Vec::new(),
            given: 0,
            next_chunk_row: 0,
        };
        Ok((info, reader))
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
        self.rows.clear();
        self.rows.resize(self.stride * height, 0);
        self.given = 0;
        let pixel = self.stride / self.size.width as usize;
        for column in 0..across {
            let index = self.next_chunk_row.saturating_mul(across).saturating_add(column);
            let left = (column * self.chunk.width) as usize;
            let width = (self.chunk.width as usize).min(self.size.width as usize - left);
            let bytes = bytes(self.decoder.read_chunk(index).map_err(error)?)?;
            let pixels = self.layout.convert(bytes)?;
            if pixels.len() < width * pixel * height {
                return Err(FileError::damaged("a strip or tile is too short"));
            }
            for (y, row) in pixels.chunks_exact(width * pixel).take(height).enumerate() {
                self.rows[y * self.stride + left * pixel..][..row.len()].copy_from_slice(row);
            }
        }
        self.next_chunk_row += 1;
        Ok(())
    }
}

impl Layout {
    fn convert(&self, bytes: Vec<u8>) -> Result<Vec<u8>, FileError> {
        match self {
            Self::Plain {
                associated_alpha: false,
                ..
            } => Ok(bytes),
            Self::Plain {
                samples,
                associated_alpha: true,
            } => Ok(unassociate(bytes, *samples)),
            Self::Palette(colours) => {
                let colour = |index: u8| colours.get(usize::from(index)).copied();
                let missing = || FileError::damaged("a pixel has a colour that is not in the palette");
                let mut out = Vec::with_capacity(bytes.len() * 3);
                for index in bytes {
                    out.extend(colour(index).ok_or_else(missing)?);
                }
                Ok(out)
            }
            Self::Cmyk { sixteen: false } => {
                let light = |ink: u8, black: u8| {
                    let product = (255 - u32::from(ink)) * (255 - u32::from(black));
                    ((product + 127) / 255) as u8
                };
                Ok(bytes
                    .chunks_exact(4)
                    .flat_map(|p| [light(p[0], p[3]), light(p[1], p[3]), light(p[2], p[3])])
                    .collect())
            }
            Self::Cmyk { sixteen: true } => {
                let sample = |pixel: &[u8], channel: usize| {
                    u64::from(u16::from_le_bytes([pixel[2 * channel], pixel[2 * channel + 1]]))
                };
                let light = |pixel: &[u8], channel: usize| {
                    let product = (65535 - sample(pixel, channel)) * (65535 - sample(pixel, 3));
                    (((product + 32767) / 65535) as u16).to_le_bytes()
                };
                Ok(bytes
                    .chunks_exact(8)
                    .flat_map(|p| [0, 1, 2].map(|channel| light(p, channel)).concat())
                    .collect())
            }
        }
    }
}

/// Colour that was stored times alpha, divided again; 8 bit.
fn unassociate(mut bytes: Vec<u8>, samples: usize) -> Vec<u8> {
    for pixel in bytes.chunks_exact_mut(samples) {
        let alpha = u32::from(pixel[samples - 1]);
        for sample in &mut pixel[..samples - 1] {
            let straight = (u32::from(*sample) * 255 + alpha / 2)
                .checked_div(alpha)
                .unwrap_or(0);
            *sample = straight.min(255) as u8;
        }
    }
    bytes
}

fn layout(
    decoder: &mut Decoder<BufReader<File>>,
    color: ColorType,
) -> Result<(PixelFormat, Layout), FileError> {
    let plain = |channels: Channels, depth: Depth| {
        let samples = channels.count();
        (
            PixelFormat { channels, depth },
            Layout::Plain {
                samples,
                associated_alpha: false,
            },
        )
    };
    let depth = match color.bit_depth() {
        8 => Depth::Eight,
        16 => Depth::Sixteen,
        bits => {
            return Err(unsupported(&format!(
                "it has {bits} bits in a sample; 8 and 16 are read"
            )));
        }
    };
    let (format, mut layout) = match color {
        ColorType::Gray(_) => plain(Channels::Gray, depth),
        // Gray with one more sample; an image of two colours would be the only other thing that it could be.
        ColorType::GrayA(_) | ColorType::Multiband { num_samples: 2, .. } => {
            plain(Channels::GrayAlpha, depth)
        }
        ColorType::RGB(_) => plain(Channels::Rgb, depth),
        ColorType::RGBA(_) => plain(Channels::Rgba, depth),
        ColorType::CMYK(_) => {
            let format = PixelFormat {
                channels: Channels::Rgb,
                depth,
            };
            (
                format,
                Layout::Cmyk {
                    sixteen: depth == Depth::Sixteen,
                },
            )
        }
        ColorType::Palette(8) => (PixelFormat::RGB8, Layout::Palette(palette(decoder)?)),
        other => return Err(unsupported(&format!("its colours are {other:?}"))),
    };
    let extra = decoder
        .find_tag_unsigned_vec::<u16>(Tag::ExtraSamples)
        .map_err(error)?
        .unwrap_or_default();
    if let Layout::Plain { associated_alpha, .. } = &mut layout
        && format.channels.has_alpha()
        && extra.first() == Some(&1)
    {
        if depth == Depth::Sixteen {
            return Err(unsupported("its colours are stored times alpha in 16 bit"));
        }
        *associated_alpha = true;
    }
    let photometric = decoder
        .find_tag_unsigned::<u16>(Tag::PhotometricInterpretation)
        .map_err(error)?;
    if photometric == Some(PhotometricInterpretation::CMYK.to_u16()) && extra.len() > 1 {
        return Err(unsupported("it has more than four inks"));
    }
    Ok((format, layout))
}

/// The colour map: all reds, then all greens, then all blues, 16 bit each.
fn palette(decoder: &mut Decoder<BufReader<File>>) -> Result<Vec<[u8; 3]>, FileError> {
    let map = decoder.get_tag_u16_vec(Tag::ColorMap).map_err(error)?;
    let count = map.len() / 3;
    Ok((0..count)
        .map(|index| [0, 1, 2].map(|channel| (map[channel * count + index] >> 8) as u8))
        .collect())
}

fn metadata(decoder: &mut Decoder<BufReader<File>>, limits: &Limits) -> Metadata {
    let icc = decoder.get_tag_u8_vec(Tag::IccProfile).ok();
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
    let resolution = axis(Tag::XResolution).zip(axis(Tag::YResolution));
    Metadata {
        icc: icc.filter(|icc| icc.len() <= limits.max_metadata_bytes),
        resolution,
        exif: None,
    }
}

fn bytes(result: DecodingResult) -> Result<Vec<u8>, FileError> {
    match result {
        DecodingResult::U8(bytes) => Ok(bytes),
        DecodingResult::U16(samples) => Ok(samples.into_iter().flat_map(u16::to_le_bytes).collect()),
        _ => Err(unsupported("its samples are not unsigned whole numbers")),
    }
}

fn unsupported(what: &str) -> FileError {
    FileError::unsupported(format!(
        "this kind of TIFF is not read: {what}; save it as RGB or gray, 8 or 16 bit"
    ))
}

fn error(error: TiffError) -> FileError {
    match error {
        TiffError::IoError(error) => FileError::reading(&error),
        TiffError::UnsupportedError(error) => unsupported(&error.to_string()),
        TiffError::LimitsExceeded => {
            FileError::too_large("a strip, tile or tag of it needs more memory than is allowed")
        }
        other => FileError::damaged(other),
    }
}
