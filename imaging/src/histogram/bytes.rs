//! Histograms as bytes, as records carry them.
//!
//! A byte with the number of the version, 1. Then each band: how many values occur, and for each of them, in rising order, how
//! many values before it do not occur (since the last that does) and how often it does. All numbers are LEB128 without a sign, in
//! as few bytes as hold them. Counts are not zero. So equal histograms have equal bytes.

use super::{Histogram, HistogramError, Statistic, bands_of, values_of};
use crate::PixelFormat;

const VERSION: u8 = 1;
/// Bits of a number in each byte of a LEB128.
const BITS: u32 = 7;
/// Set where another byte of the number follows.
const MORE: u8 = 0x80;
/// Bytes of the longest number of 64 bits.
const LONGEST: u32 = u64::BITS.div_ceil(BITS);

impl Histogram {
    /// The bytes, in the one form that [`Histogram::from_bytes`] takes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        for band in self.bands() {
            let occupied = || band.iter().enumerate().filter(|(_, count)| **count > 0);
            push(occupied().count() as u64, &mut bytes);
            let mut next = 0;
            for (value, count) in occupied() {
                push((value - next) as u64, &mut bytes);
                push(*count, &mut bytes);
                next = value + 1;
            }
        }
        bytes
    }

    /// The histogram of a part of `pixels` pixels of `format` at most. No more is allocated than the bins of the format.
    ///
    /// # Errors
    /// [`HistogramError::Damaged`] when these are not the bytes that [`Histogram::to_bytes`] gives for such a part.
    pub fn from_bytes(
        bytes: &[u8],
        format: PixelFormat,
        statistic: Statistic,
        pixels: u64,
    ) -> Result<Self, HistogramError> {
        let damaged = HistogramError::Damaged;
        let mut rest = bytes;
        match rest.split_off_first() {
            Some(&VERSION) => {}
            Some(_) => return Err(damaged("its version is not known")),
            None => return Err(damaged("it is empty")),
        }
        let mut histogram = Self::empty(format, statistic);
        for band in histogram.counts.chunks_exact_mut(values_of(format)) {
            let mut left = pixels;
            let mut bins = band.iter_mut();
            for _ in 0..pull(&mut rest)? {
                let gap = usize::try_from(pull(&mut rest)?).map_err(|_| damaged("a value is too large"))?;
                let bin = bins.nth(gap).ok_or(damaged("a value is too large"))?;
                *bin = pull(&mut rest)?;
                if *bin == 0 {
                    return Err(damaged("a value is listed that does not occur"));
                }
                left = left
                    .checked_sub(*bin)
                    .ok_or(damaged("it counts more than there are pixels"))?;
            }
        }
        if !rest.is_empty() {
            return Err(damaged("bytes follow its end"));
        }
        Ok(histogram)
    }

    /// No less than the length of [`Histogram::to_bytes`] of a part of so many pixels of `format`.
    pub fn max_bytes(format: PixelFormat, statistic: Statistic, pixels: u64) -> usize {
        let values = values_of(format) as u64;
        let occupied = pixels.min(values);
        // Each takes a byte. Of numbers whose sum is `sum`, no more than `sum >> 7 n` take more than n.
        let longest = |sum: u64| -> u64 {
            let bytes = (0..LONGEST).map(|more| occupied.min(sum >> (BITS * more)));
            bytes.sum()
        };
        let of_band = length(values) + longest(values) + longest(pixels);
        1 + bands_of(format, statistic) * of_band as usize
    }
}

/// Bytes of `number`.
fn length(number: u64) -> u64 {
    let bits = (u64::BITS - number.leading_zeros()).max(1);
    bits.div_ceil(BITS).into()
}

fn push(mut number: u64, bytes: &mut Vec<u8>) {
    while number >= MORE.into() {
        bytes.push(number as u8 | MORE);
        number >>= BITS;
    }
    bytes.push(number as u8);
}

/// The next number.
fn pull(bytes: &mut &[u8]) -> Result<u64, HistogramError> {
    let mut number = 0;
    for index in 0..LONGEST {
        let byte = *bytes
            .split_off_first()
            .ok_or(HistogramError::Damaged("it ends in the middle"))?;
        let bits = u64::from(byte & !MORE);
        let shifted = bits << (BITS * index);
        if shifted >> (BITS * index) != bits {
            break;
        }
        number |= shifted;
        if byte & MORE == 0 {
            if byte == 0 && index > 0 {
                return Err(HistogramError::Damaged("a number is longer than it has to be"));
            }
            return Ok(number);
        }
    }
    Err(HistogramError::Damaged("a number has more than 64 bits"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn formats() -> impl Strategy<Value = (PixelFormat, Statistic)> {
        let statistic = prop::sample::select(&Statistic::ALL[..]);
        (prop::sample::select(&PixelFormat::ALL[..]), statistic)
    }

    /// A histogram with those values in those bands.
    fn histogram(format: PixelFormat, statistic: Statistic, values: &[(u32, u64)]) -> Histogram {
        let mut histogram = Histogram::empty(format, statistic);
        let bins = histogram.counts.len();
        for (at, count) in values {
            histogram.counts[*at as usize % bins] = *count;
        }
        histogram
    }

    fn most(histogram: &Histogram) -> u64 {
        histogram.bands().map(|band| band.iter().sum()).max().unwrap_or(0)
    }

    proptest! {
        #[test]
        fn random_bytes_are_refused_or_are_those_of_a_histogram(
            (format, statistic) in formats(),
            mut bytes in prop::collection::vec(prop_oneof![0u8..4, any::<u8>()], 0..200),
            known in any::<bool>(),
            pixels in prop_oneof![0u64..1000, any::<u64>()],
        ) {
            if let Some(version) = bytes.first_mut().filter(|_| known) {
                *version = VERSION;
            }
            if let Ok(histogram) = Histogram::from_bytes(&bytes, format, statistic, pixels) {
                prop_assert_eq!(histogram.to_bytes(), bytes);
                prop_assert!(most(&histogram) <= pixels);
            }
        }

        #[test]
        fn every_histogram_round_trips_within_its_bound(
            (format, statistic) in formats(),
            values in prop::collection::vec(
                (any::<u32>(), prop_oneof![0u64..3, 100u64..20_000, 0u64..1 << 50]), 0..2000,
            ),
        ) {
            let histogram = histogram(format, statistic, &values);
            let (bytes, pixels) = (histogram.to_bytes(), most(&histogram));
            prop_assert!(bytes.len() <= Histogram::max_bytes(format, statistic, pixels));
            prop_assert_eq!(&Histogram::from_bytes(&bytes, format, statistic, pixels), &Ok(histogram));
            if pixels > 0 {
                prop_assert!(Histogram::from_bytes(&bytes, format, statistic, pixels - 1).is_err());
            }
            let cut = &bytes[..bytes.len() - 1];
            prop_assert!(Histogram::from_bytes(cut, format, statistic, pixels).is_err());
        }
    }

    #[test]
    fn the_bytes_are_as_documented() {
        let histogram = histogram(
            PixelFormat::GRAY8,
            Statistic::Bands,
            &[(0, 5), (2, 300), (255, 1)],
        );
        let bytes = [1, 3, 0, 5, 1, 0xac, 2, 0xfc, 1, 1];
        assert_eq!(histogram.to_bytes(), bytes);
    }

    #[test]
    fn each_damage_is_named() {
        for (bytes, pixels, reason) in [
            (&[][..], 9, "it is empty"),
            (&[2, 0], 9, "its version is not known"),
            (&[1], 9, "it ends in the middle"),
            (&[1, 1, 0], 9, "it ends in the middle"),
            (&[1, 0, 0], 9, "bytes follow its end"),
            (&[1, 0x80, 0], 9, "a number is longer than it has to be"),
            (&[1, 1, 0, 0], 9, "a value is listed that does not occur"),
            (&[1, 1, 0x80, 2, 1], 9, "a value is too large"),
            (&[1, 2, 0xff, 1, 1, 0, 1], 9, "a value is too large"),
            (&[1, 2, 0, 5, 0, 5], 9, "it counts more than there are pixels"),
            (
                &[1, 1, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2],
                u64::MAX,
                "a number has more than 64 bits",
            ),
        ] {
            let read = Histogram::from_bytes(bytes, PixelFormat::GRAY8, Statistic::Luma, pixels);
            assert_eq!(read, Err(HistogramError::Damaged(reason)), "{bytes:?}");
        }
        let most = [1, 1, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1];
        let read = Histogram::from_bytes(&most, PixelFormat::GRAY8, Statistic::Luma, u64::MAX);
        assert_eq!(read.unwrap().bands().next().unwrap()[0], u64::MAX);
    }

    /// The counts that take most bytes.
    #[test]
    fn no_histogram_of_so_many_pixels_is_longer_than_its_bound() {
        for format in [PixelFormat::GRAY8, PixelFormat::GRAY16] {
            let values = values_of(format) as u64;
            for (every, count) in [
                (1, 1),
                (1, 127),
                (1, 128),
                (2, 128),
                (128, 16_384),
                (129, 5),
                (1, 1 << 40),
            ] {
                let values: Vec<(u32, u64)> = (0..values)
                    .filter(|value| value % every == 0)
                    .map(|value| ((value + every - 1).min(values - 1) as u32, count))
                    .collect();
                let histogram = histogram(format, Statistic::Bands, &values);
                let most = Histogram::max_bytes(format, Statistic::Bands, most(&histogram));
                let length = histogram.to_bytes().len();
                assert!(length <= most, "{format} {every} {count}: {length} {most}");
                // Where every value occurs, there is little more room than that takes.
                assert!(
                    every > 1 || most <= 2 * length,
                    "{format} {every} {count}: {length} {most}"
                );
            }
        }
    }
}
