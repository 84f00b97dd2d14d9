//! What the bits of a sample stand for: a number, or no data.
//!
//! # No data
//! Measurements have holes: clouds, the edge of a swath, the ground that a lidar did not reach. In the file such a sample has
//! a value that stands for it (GDAL's tag `GDAL_NODATA`, which becomes the step `no_data:value=...` of the recipe), and
//! a floating-point sample that is not a number always does. One rule holds for every operation, sample by sample, each band by
//! itself:
//!
//! - A sample without data stays as it is, to the bit. (Where pixels have no counterpart, in a result of another size, a sample
//!   is without data when less than half of the weight of its filter lies on data.)
//! - It counts nowhere else: means are over the samples that have data, by their weights (a normalised convolution); ranks are
//!   among those that have data; and where a kernel takes differences, what is missing counts as its centre, which adds none.
//! - What has data keeps it: a result that would be the value that stands for no data becomes the number beside it, as GDAL's
//!   warper does it.
//!
//! Numbers are computed as `f64`, which holds every sample of every kind exactly, with NaN for no data, and rounded once, at
//! the end of each step; each sum is in one order that does not depend on the tile.

mod rows;

use crate::Depth;
use crate::sample::Sample;

/// The kind of number, and the one that stands for no data.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Meaning {
    depth: Depth,
    no_data: Option<f64>,
}

impl Default for Meaning {
    fn default() -> Self {
        Self::of(Depth::Eight)
    }
}

impl Meaning {
    /// Numbers of that kind. Each has data, if it is one.
    pub fn of(depth: Depth) -> Self {
        Self { depth, no_data: None }
    }

    /// The same where `value` stands for no data. One that no sample can have stands for nothing.
    pub fn with_no_data(self, value: f64) -> Self {
        Self {
            no_data: exact(self.depth, value),
            ..self
        }
    }

    /// Whether samples are more than intensities, each of which has data.
    pub fn is_measured(self) -> bool {
        !self.depth.is_intensity() || self.no_data.is_some()
    }

    /// The kind of number.
    pub fn depth(self) -> Depth {
        self.depth
    }

    /// Whether the bits of 16-bit samples have a sign.
    pub fn is_signed(self) -> bool {
        self.depth == Depth::SignedSixteen
    }

    /// The number that stands for no data, in an image of intensities.
    pub fn no_data_intensity(self) -> Option<u32> {
        self.no_data
            .filter(|_| self.depth.is_intensity())
            .map(|value| value as u32)
    }

    /// The number that `bits` stand for, NaN where there is no data.
    #[inline]
    pub fn number(self, bits: u32) -> f64 {
        let number = match self.depth {
            Depth::Eight | Depth::Sixteen | Depth::ThirtyTwo => f64::from(bits),
            Depth::SignedSixteen => f64::from(bits as u16 as i16),
            Depth::Float => f32::from_bits(bits).into(),
        };
        if self.no_data == Some(number) {
            f64::NAN
        } else {
            number
        }
    }

    /// The bits of the number next to `number`: rounded half up, or to the next of floating point; within what there is.
    #[inline]
    pub fn bits(self, number: f64) -> u32 {
        if number.is_nan() {
            return self.no_data_bits();
        }
        let bits = round(self.depth, number);
        if self.no_data.is_some() && self.number(bits).is_nan() {
            beside(self.depth, bits)
        } else {
            bits
        }
    }

    /// What is written where there is no data. Whole numbers always have data unless one of them stands for none.
    fn no_data_bits(self) -> u32 {
        match (self.no_data, self.depth) {
            (Some(value), depth) => round(depth, value),
            (None, Depth::Float) => f32::NAN.to_bits(),
            (None, _) => 0,
        }
    }
}

/// The sample of that kind that is `value`, as a number.
fn exact(depth: Depth, value: f64) -> Option<f64> {
    if value.is_nan() {
        return None;
    }
    let whole =
        |least: f64, most: f64| (value.fract() == 0.0 && (least..=most).contains(&value)).then_some(value);
    match depth {
        Depth::Eight => whole(0.0, 255.0),
        Depth::Sixteen => whole(0.0, 65535.0),
        Depth::SignedSixteen => whole(-32768.0, 32767.0),
        Depth::ThirtyTwo => whole(0.0, f64::from(u32::MAX)),
        // A file says it in decimals, more or fewer than the sample has.
        Depth::Float => Some(f64::from(value as f32)),
    }
}

#[inline(always)]
fn round(depth: Depth, number: f64) -> u32 {
    let whole = |least: f64, most: f64| (number + 0.5).floor().clamp(least, most);
    match depth {
        Depth::Eight => whole(0.0, 255.0) as u32,
        Depth::Sixteen => whole(0.0, 65535.0) as u32,
        Depth::SignedSixteen => u32::from(whole(-32768.0, 32767.0) as i16 as u16),
        Depth::ThirtyTwo => whole(0.0, f64::from(u32::MAX)) as u32,
        Depth::Float => {
            let single = number as f32;
            let within = single.clamp(f32::MIN, f32::MAX);
            if number.is_infinite() { single } else { within }.to_bits()
        }
    }
}

/// The bits of the number beside: the one below, above the least.
fn beside(depth: Depth, bits: u32) -> u32 {
    match depth {
        Depth::Eight | Depth::Sixteen | Depth::ThirtyTwo => bits.checked_sub(1).unwrap_or(1),
        Depth::SignedSixteen if bits == 0x8000 => 0x8001,
        Depth::SignedSixteen => u32::from((bits as u16).wrapping_sub(1)),
        Depth::Float => {
            let number = f32::from_bits(bits);
            let next = if number == f32::MIN {
                number.next_up()
            } else {
                number.next_down()
            };
            next.to_bits()
        }
    }
}

/// A result of samples that have data: never the one that stands for none.
pub(crate) fn with_data<S: Sample>(meaning: Meaning, result: S) -> S {
    let result: u32 = result.into();
    S::wrap(meaning.bits(result.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sample_is_a_number_and_back() {
        for depth in Depth::ALL {
            let meaning = Meaning::of(depth);
            for bits in [
                0,
                1,
                127,
                128,
                255,
                256,
                32767,
                32768,
                65535,
                1 << 20,
                0x3f80_0000,
                0x7f7f_ffff,
                u32::MAX,
            ] {
                let bits = bits & (u32::MAX >> (32 - 8 * depth.bytes()));
                let number = meaning.number(bits);
                assert!(
                    number.is_nan() || meaning.bits(number) == bits,
                    "{depth:?} {bits}"
                );
            }
        }
    }

    #[test]
    fn results_are_rounded_half_up_and_stay_within_what_there_is() {
        let signed = Meaning::of(Depth::SignedSixteen);
        for (number, result) in [(-0.5, 0), (-0.6, -1), (0.5, 1), (1e9, 32767), (-1e9, -32768)] {
            assert_eq!(signed.number(signed.bits(number)), f64::from(result));
        }
        let float = Meaning::of(Depth::Float);
        assert_eq!(float.number(float.bits(1e300)), f64::from(f32::MAX));
        assert_eq!(float.number(float.bits(f64::INFINITY)), f64::INFINITY);
    }

    #[test]
    fn what_has_data_never_gets_the_value_that_stands_for_none() {
        for (depth, value, beside) in [
            (Depth::Eight, 0.0, 1.0),
            (Depth::Eight, 7.0, 6.0),
            (Depth::Sixteen, 65535.0, 65534.0),
            (Depth::SignedSixteen, -32768.0, -32767.0),
            (Depth::SignedSixteen, -9999.0, -10000.0),
            (Depth::ThirtyTwo, f64::from(u32::MAX), f64::from(u32::MAX - 1)),
            (
                Depth::Float,
                -3.402_823_466_385_288_6e38,
                f64::from(f32::MIN.next_up()),
            ),
        ] {
            let meaning = Meaning::of(depth).with_no_data(value);
            assert!(meaning.number(meaning.bits(f64::NAN)).is_nan());
            assert!(meaning.number(round(depth, value)).is_nan(), "{depth:?}");
            assert_eq!(meaning.number(meaning.bits(value)), beside, "{depth:?}");
        }
    }

    #[test]
    fn a_value_that_no_sample_has_stands_for_nothing() {
        for (depth, value) in [
            (Depth::Eight, -1.0),
            (Depth::Sixteen, 0.5),
            (Depth::SignedSixteen, 40000.0),
            (Depth::Float, f64::NAN),
        ] {
            assert_eq!(Meaning::of(depth).with_no_data(value), Meaning::of(depth));
        }
    }
}
