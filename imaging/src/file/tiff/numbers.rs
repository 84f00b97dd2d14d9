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
use super::samples::float;
use super::unsupported;
use crate::file::FileError;
use crate::{Channels, Depth, MAX_BANDS, PixelFormat};

/// Most that floating point of 32 bit counts to without leaving a number out.
const MOST_WHOLE: i64 = 1 << 24;

/// How the samples of a page become those of a measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Measured {
    numbers: Numbers,
    bits: u32,
    depth: Depth,
    /// Whether white is zero, so that the number is what is missing to the largest.
    inverted: bool,
}

/// The photometric interpretation of inks.
const INKS: u64 = 5;
/// Those of SGI's logarithms of light.
const LOG_L: u64 = 32844;
const LOG_LUV: u64 = 32845;

impl Measured {
    /// Of a page whose samples are gray, RGB or inks, and more; `has_alpha` where one of them is said to be alpha. `None` where they are
    /// intensities, gray or in colours.
    pub(super) fn of(
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

    /// Whether only the samples themselves show that the image can be read.
    pub(super) fn is_conditional(self) -> bool {
        match self.numbers {
            Numbers::Unsigned => self.bits == 64,
            Numbers::Signed => self.bits > 16,
            Numbers::Float => self.bits == 64,
        }
    }

    /// Whether the numbers are those that are stored.
    pub(super) fn keeps_numbers(self) -> bool {
        !self.inverted
    }

    /// Puts the samples of a stored row, its predictor undone, into the row `to` of a raster: from sample `first` on, `step` apart.
    pub(super) fn unpack(
        self,
        row: &[u8],
        to: &mut [u8],
        (first, step): (usize, usize),
    ) -> Result<(), FileError> {
        let wide = self.depth.bytes();
        let is_same = self.bits as usize == 8 * wide && !self.inverted && !self.is_conditional();
        if is_same && (step, first) == (1, 0) {
            let length = to.len();
            to.copy_from_slice(&row[..length]);
            return Ok(());
        }
        let places = to.chunks_exact_mut(wide).skip(first).step_by(step);
        if !self.bits.is_multiple_of(8) {
            self.unpack_bits(row, places);
            return Ok(());
        }
        for (to, bytes) in places.zip(row.chunks_exact(self.bits as usize / 8)) {
            let sign = bytes.last().map_or(0, |byte| byte >> 7);
            match (self.numbers, self.bits) {
                (Numbers::Signed, 8) => to.copy_from_slice(&i16::from(bytes[0] as i8).to_le_bytes()),
                (Numbers::Signed, 32 | 64) => {
                    let mut whole = [if sign == 0 { 0 } else { 0xff }; 8];
                    whole[..bytes.len()].copy_from_slice(bytes);
                    let number = i64::from_le_bytes(whole);
                    if !(-MOST_WHOLE..=MOST_WHOLE).contains(&number) {
                        return Err(unsupported(&format!(
                            "signed samples of {} bits, some beyond 2^24",
                            self.bits
                        )));
                    }
                    to.copy_from_slice(&(number as f32).to_le_bytes());
                }
                (Numbers::Unsigned, 64) => {
                    if bytes[4..].iter().any(|byte| *byte != 0) {
                        return Err(unsupported("samples of 64 bits, some of 2^32 and more"));
                    }
                    to.copy_from_slice(&bytes[..4]);
                }
                (Numbers::Float, 16 | 24 | 64) => {
                    let number = float(bytes);
                    let rounded = number as f32;
                    if number.is_finite() && !rounded.is_finite() {
                        return Err(unsupported(
                            "floating-point samples of 64 bits, some beyond those of 32",
                        ));
                    }
                    to.copy_from_slice(&rounded.to_le_bytes());
                }
                (Numbers::Unsigned, 24 | 32) => {
                    to[..bytes.len()].copy_from_slice(bytes);
                    to[bytes.len()..].fill(0);
                    if self.inverted {
                        to[..bytes.len()].iter_mut().for_each(|byte| *byte = !*byte);
                    }
                }
                _ => to.copy_from_slice(bytes),
            }
        }
        Ok(())
    }

    /// The same of samples that share bytes: their numbers.
    fn unpack_bits<'t>(self, row: &[u8], places: impl Iterator<Item = &'t mut [u8]>) {
        let most = (1u32 << self.bits) - 1;
        let mut bytes = row.iter();
        let (mut held, mut count) = (0u32, 0);
        for to in places {
            while count < self.bits {
                held = held << 8 | u32::from(*bytes.next().unwrap_or(&0));
                count += 8;
            }
            count -= self.bits;
            let number = held >> count & most;
            let wide = to.len();
            to.copy_from_slice(&number.to_le_bytes()[..wide]);
        }
    }
}

/// The number of GDAL's tag for no data, where `text` is one.
pub(super) fn no_data(text: &[u8]) -> Option<f64> {
    let text = std::str::from_utf8(text).ok()?;
    let number: f64 = text
        .trim_matches(|c: char| c == '\0' || c.is_whitespace())
        .parse()
        .ok()?;
    number.is_finite().then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tag_of_gdal_is_a_number_or_nothing() {
        for (text, number) in [
            (&b"-9999\0"[..], Some(-9999.0)),
            (b" 0 \0", Some(0.0)),
            (b"-3.4028234663852886e+38\0", Some(f64::from(f32::MIN))),
            (b"nan\0", None),
            (b"inf\0", None),
            (b"", None),
            (b"none\0", None),
            (b"\xff\xfe", None),
        ] {
            assert_eq!(no_data(text), number, "{text:?}");
        }
    }
}
