//! Measurements in a TIFF: numbers that are no intensities, and bands that are no colours, read as they are.
//!
//! As GDAL sees it, a sample of which ExtraSamples says nothing (or "unspecified") is a band, and an image with one is an image of
//! bands: RGB and near infrared are four bands, not a picture with something left over. What a band means is not changed: samples
//! below 8 bit keep their numbers, and so do those of 9 to 16.
//!
//! Numbers that no sample of ours has are put where they fit exactly: signed 8 bit into signed 16, whole numbers of 24 and 64 bit
//! without a sign into 32, signed ones of 32 and 64 bit and floating point of 16 and 24 into floating point of 32. Where one does not
//! fit, the file is refused. Floating point of 64 bit is rounded to 32, which is said.
//!
//! Inks that are signed or floating point have no arithmetic that readers agree on: they are bands.

use super::page::{Numbers, Page};
use super::refused::unsupported;
use crate::{Channels, Depth, FileError, MAX_BANDS, PixelFormat};

/// The photometric interpretation of inks.
const INKS: u64 = 5;
/// Those of SGI's logarithms of light.
const LOG_L: u64 = 32844;
const LOG_LUV: u64 = 32845;

/// How the samples of a page become those of a measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Measured {
    pub numbers: Numbers,
    pub bits: u32,
    pub depth: Depth,
    /// Whether white is zero, so that the number is what is missing to the largest.
    pub inverted: bool,
}

impl Measured {
    /// Of a page whose samples are gray, RGB or inks, and more; `has_alpha` where one of them is said to be alpha. `None` where they are
    /// intensities, gray or in colours.
    pub(crate) fn of(
        page: &Page,
        has_alpha: bool,
        notes: &mut Vec<String>,
    ) -> Result<Option<(Self, PixelFormat)>, FileError> {
        let Page {
            numbers,
            bits,
            samples,
            ..
        } = *page;
        let colors = match page.photometric {
            2 => 3,
            INKS => 4,
            LOG_LUV => 3,
            _ => 1,
        };
        let is_intensity = numbers == Numbers::Unsigned && bits <= 16;
        let beyond = samples.saturating_sub(colors + usize::from(has_alpha));
        let is_read = match page.photometric {
            0..=2 => !is_intensity || beyond > 0,
            INKS => !is_intensity,
            LOG_L | LOG_LUV => true,
            _ => false,
        };
        if !is_read {
            return Ok(None);
        }
        // What is missing to the largest number is known of whole numbers without a sign.
        let inverted = page.photometric == 0;
        if inverted && (numbers != Numbers::Unsigned || !matches!(bits, 24 | 32) || samples > 1) {
            return Err(unsupported(
                "white is zero in samples that are numbers, or in bands",
            ));
        }
        match page.photometric {
            LOG_L => notes.push("SGI LogL became luminance, floating point of 32 bit".to_owned()),
            LOG_LUV => notes.push(
                "SGI LogLuv became X, Y and Z of CIE, three bands of floating point of 32 bit".to_owned(),
            ),
            _ => {}
        }
        if page.photometric == INKS {
            notes.push(
                "its inks are read as bands: they are numbers that are no parts of 8 or 16 bit".to_owned(),
            );
        }
        let channels = if samples == 3 && page.photometric == 2 {
            Some(Channels::Rgb)
        } else {
            Channels::without_colour(samples)
        };
        let Some(channels) = channels else {
            return Err(unsupported(&format!(
                "it has {samples} bands, and {MAX_BANDS} are read"
            )));
        };
        let depth = match (numbers, bits) {
            (Numbers::Unsigned, ..=8) => Depth::Eight,
            (Numbers::Unsigned, ..=16) => Depth::Sixteen,
            (Numbers::Unsigned, _) => Depth::ThirtyTwo,
            (Numbers::Signed, ..=16) => Depth::SignedSixteen,
            (Numbers::Signed | Numbers::Float, _) => Depth::Float,
        };
        if has_alpha && page.extra.is_some() {
            notes.push("its alpha is read as a band among bands".to_owned());
        }
        let format = PixelFormat { channels, depth };
        let became = match (numbers, bits) {
            (Numbers::Float, 64) => Some("64-bit floating-point samples were rounded to 32 bit"),
            (Numbers::Float, 16) => Some("16-bit floating-point samples became 32 bit"),
            (Numbers::Float, 24) => Some("24-bit floating-point samples became 32 bit"),
            (Numbers::Unsigned, 24) => Some("samples of 24 bits became 32 bit"),
            (Numbers::Unsigned, 64) => Some("samples of 64 bits, all of them below 2^32, became 32 bit"),
            (Numbers::Signed, 8) => Some("signed samples of 8 bits became signed 16 bit"),
            (Numbers::Signed, 32 | 64) => {
                Some("signed samples of more than 16 bits, none beyond 2^24, became floating point of 32 bit")
            }
            _ => None,
        };
        notes.extend(became.map(str::to_owned));
        let measured = Self {
            numbers,
            bits,
            depth,
            inverted,
        };
        Ok(Some((measured, format)))
    }
}
