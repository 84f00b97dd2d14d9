//! Linear functions of samples by arithmetic, which is quicker than to look them up. Results are those of the definitions, bit by bit:
//! of 8 bit all are compared, and of 16 bit the arithmetic is that of the definition or shown to be exact.

use super::pointwise::Point;
use crate::floor::{nearest, round_half_up};
use crate::sample::Sample;

/// A table of all values that a line in binary32 gives exactly.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line {
    factor: f32,
    start: f32,
    max: f32,
}

/// Added so that halves are rounded up whatever the error of binary32 is: about 2^-16 as far as values of 8 bit.
const UP: f32 = 1.0 / 4096.0;

impl Line {
    /// The line `factor · value + start`, rounded half up and held to the range, if it gives all of `table`, of 8 bit.
    pub fn through<S: Sample>(table: &[S], factor: f64, start: f64) -> Option<Self> {
        if S::MAX >= 1 << 8 {
            return None;
        }
        let line = Self {
            factor: factor as f32,
            start: start as f32 + UP,
            max: S::MAX as f32,
        };
        let gives = |(value, result): (u32, &S)| line.of(S::wrap(value)) == *result;
        (0..=S::MAX).zip(table).all(gives).then_some(line)
    }
}

impl<S: Sample> Point<S> for Line {
    #[inline(always)]
    fn of(self, sample: S) -> S {
        const WHOLE: f32 = (1u32 << 23) as f32;
        let number = sample.into() as i32 as f32 * self.factor + self.start;
        let number = if number > 0.0 { number } else { 0.0 };
        let number = if number < self.max { number } else { self.max };
        // From 2^23 on floating point has whole numbers only.
        S::wrap((number + WHOLE).to_bits() & 0xff)
    }
}

/// A sample times a factor.
#[derive(Clone, Copy)]
pub(super) struct Scaled {
    pub factor: f64,
}

impl<S: Sample> Point<S> for Scaled {
    #[inline(always)]
    fn of(self, sample: S) -> S {
        round_half_up(f64::from(sample.into() as i32) * self.factor)
    }
}

/// The distance to the middle of the range times a factor.
#[derive(Clone, Copy)]
pub(super) struct Spread {
    pub factor: f64,
}

impl<S: Sample> Point<S> for Spread {
    #[inline(always)]
    fn of(self, sample: S) -> S {
        let middle = f64::from(S::MAX) / 2.0;
        round_half_up((f64::from(sample.into() as i32) - middle) * self.factor + middle)
    }
}

/// From a range to the whole range: `max · a / r` rounded half up, where `a` is how far a sample is above `low`, within 0 and `r`.
#[derive(Clone, Copy)]
pub(super) struct Stretched<S> {
    low: S,
    high: S,
    factor: f64,
    up: f64,
}

impl<S: Sample> Stretched<S> {
    /// `low` is below `high`.
    pub fn new(low: u32, high: u32) -> Self {
        let range = f64::from(high - low);
        Self {
            low: S::wrap(low),
            high: S::wrap(high),
            factor: f64::from(S::MAX) / range,
            up: 0.25 / range,
        }
    }
}

impl<S: Sample> Point<S> for Stretched<S> {
    /// The exact quotient is half way between whole numbers, or at least `1 / 2r` away from there. With `1 / 4r` added it is at least that
    /// far away, more than 2^-19, and so on the right side; the errors of binary64 stay below 2^-34.
    #[inline(always)]
    fn of(self, sample: S) -> S {
        let above = sample.clamp(self.low, self.high).into() - self.low.into();
        S::wrap(nearest(f64::from(above as i32) * self.factor + self.up))
    }
}
