//! Unpacking the numbers of a measurement in a TIFF: where they are put, [`Measured`] says.

use super::samples::float;
use super::unsupported;
use crate::file::FileError;
use crate::header::tiff::{Measured, Numbers};

/// Most that floating point of 32 bit counts to without leaving a number out.
const MOST_WHOLE: i64 = 1 << 24;

impl Measured {
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
