//! How the stored pixels of a TIFF become those of a raster.

use std::io::BufReader;

use tiff::ColorType;
use tiff::decoder::Decoder;
use tiff::tags::{PhotometricInterpretation, Tag};

use super::FileError;
use super::source::Source;
use super::tiff_read::{error, unsupported};
use crate::{Channels, Depth, PixelFormat};

/// How stored pixels become pixels of a [`PixelFormat`].
pub(super) enum Layout {
    /// As they are.
    Plain,
    /// Colour that was stored times alpha, 8 bit.
    AssociatedAlpha { samples: usize },
    /// Ink to light.
    Cmyk { sixteen: bool },
}

impl Layout {
    /// Finds out, and refuses what would lose something.
    pub(super) fn of(decoder: &mut Decoder<BufReader<Source>>) -> Result<(PixelFormat, Self), FileError> {
        let photometric = decoder
            .find_tag_unsigned::<u16>(Tag::PhotometricInterpretation)
            .map_err(error)?
            .and_then(PhotometricInterpretation::from_u16);
        if photometric == Some(PhotometricInterpretation::RGBPalette) {
            return Err(unsupported("its colours are numbers in a palette"));
        }
        let color = decoder.colortype().map_err(error)?;
        let depth = match color.bit_depth() {
            8 => Depth::Eight,
            16 => Depth::Sixteen,
            bits => {
                return Err(unsupported(&format!(
                    "it has {bits} bits in a sample; 8 and 16 are read"
                )));
            }
        };
        let channels = match color {
            ColorType::Gray(_) => Channels::Gray,
            // Gray with one more sample; an image of two colours would be the only other thing that it could be.
            ColorType::GrayA(_) | ColorType::Multiband { num_samples: 2, .. } => Channels::GrayAlpha,
            ColorType::RGB(_) | ColorType::CMYK(_) => Channels::Rgb,
            ColorType::RGBA(_) => Channels::Rgba,
            other => return Err(unsupported(&format!("its colours are {other:?}"))),
        };
        let format = PixelFormat { channels, depth };
        let inks = matches!(color, ColorType::CMYK(_));
        let used = if inks { 4 } else { channels.count() };
        let stored = decoder
            .find_tag_unsigned::<u16>(Tag::SamplesPerPixel)
            .map_err(error)?
            .unwrap_or(1);
        // The decoder would drop what is beyond the colours, and undo a predictor with the wrong distance.
        if usize::from(stored) != used {
            return Err(unsupported(&format!(
                "it stores {stored} bands a pixel, of which {used} are colours or alpha"
            )));
        }
        let formats = decoder
            .find_tag_unsigned_vec::<u16>(Tag::SampleFormat)
            .map_err(error)?;
        if formats.is_some_and(|formats| formats.iter().any(|format| *format != 1)) {
            return Err(unsupported("its samples are not unsigned whole numbers"));
        }
        if inks {
            let sixteen = depth == Depth::Sixteen;
            return Ok((format, Self::Cmyk { sixteen }));
        }
        let extra = decoder
            .find_tag_unsigned_vec::<u16>(Tag::ExtraSamples)
            .map_err(error)?
            .unwrap_or_default();
        if !channels.has_alpha() || extra.first() != Some(&1) {
            return Ok((format, Self::Plain));
        }
        if depth == Depth::Sixteen {
            return Err(unsupported("its colours are stored times alpha in 16 bit"));
        }
        let samples = channels.count();
        Ok((format, Self::AssociatedAlpha { samples }))
    }

    /// Bytes of a pixel as stored, for a result of that format.
    pub(super) fn stored_bytes(&self, format: PixelFormat) -> usize {
        match self {
            Self::Plain | Self::AssociatedAlpha { .. } => format.bytes_per_pixel(),
            Self::Cmyk { .. } => 4 * format.depth.bytes(),
        }
    }

    /// Turns the start of `stored` into the pixels of `to`. The result is never longer than what is stored.
    pub(super) fn convert(&self, stored: &[u8], to: &mut [u8]) {
        match self {
            Self::Plain => to.copy_from_slice(&stored[..to.len()]),
            Self::AssociatedAlpha { samples } => {
                to.copy_from_slice(&stored[..to.len()]);
                unassociate(to, *samples);
            }
            Self::Cmyk { sixteen: false } => {
                let light = |ink: u8, black: u8| {
                    let product = (255 - u32::from(ink)) * (255 - u32::from(black));
                    ((product + 127) / 255) as u8
                };
                for (p, to) in stored.chunks_exact(4).zip(to.chunks_exact_mut(3)) {
                    to.copy_from_slice(&[light(p[0], p[3]), light(p[1], p[3]), light(p[2], p[3])]);
                }
            }
            Self::Cmyk { sixteen: true } => {
                let sample = |pixel: &[u8], channel: usize| {
                    u64::from(u16::from_le_bytes([pixel[2 * channel], pixel[2 * channel + 1]]))
                };
                for (p, to) in stored.chunks_exact(8).zip(to.chunks_exact_mut(6)) {
                    for (channel, to) in to.chunks_exact_mut(2).enumerate() {
                        let product = (65535 - sample(p, channel)) * (65535 - sample(p, 3));
                        to.copy_from_slice(&(((product + 32767) / 65535) as u16).to_le_bytes());
                    }
                }
            }
        }
    }
}

/// Colour that was stored times alpha, divided again; 8 bit.
fn unassociate(bytes: &mut [u8], samples: usize) {
    for pixel in bytes.chunks_exact_mut(samples) {
        let alpha = u32::from(pixel[samples - 1]);
        for sample in &mut pixel[..samples - 1] {
            let straight = (u32::from(*sample) * 255 + alpha / 2)
                .checked_div(alpha)
                .unwrap_or(0);
            *sample = straight.min(255) as u8;
        }
    }
}
