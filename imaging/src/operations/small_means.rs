//! Means of small squares, each channel by itself: all that a square has of a row of sums is added, and divided at once, so that
//! no row of sums of squares is stored.

use crate::Region;
use crate::patch::{Patch, Rows};
use crate::sample::{Bits, Sample};
use crate::simd::{self, Kernel};

/// Sides up to which this is the quicker way. 225 samples of 8 bit fit 16 bits, and of 16 bit the 24 of a binary32.
pub(super) const LARGEST: u32 = 15;

/// The means of the squares of side `2·radius + 1`, at most [`LARGEST`], rounded half up.
pub(super) fn small_means<S: Sample>(input: &Patch<'_, S>, output: Region, radius: u32) -> Vec<S> {
    if S::MAX < 1 << 8 {
        means::<S, u16>(input, output, radius)
    } else {
        means::<S, u32>(input, output, radius)
    }
}

/// By sums of columns, which fit `W`.
fn means<S: Sample, W: Bits>(input: &Patch<'_, S>, output: Region, radius: u32) -> Vec<S> {
    let channels = input.channels.count();
    let side = 2 * radius + 1;
    let width = output.width + 2 * radius;
    let (left, top) = (
        i64::from(output.x) - i64::from(radius),
        i64::from(output.y) - i64::from(radius),
    );
    let mut columns = vec![W::default(); width as usize * channels];
    let (mut entering, mut leaving) = (Vec::new(), Vec::new());
    for y in top..top + i64::from(side) - 1 {
        let row = input.reflected_row(y, left, width, &mut entering);
        for (column, &enters) in columns.iter_mut().zip(row) {
            *column = W::wrap((*column).into() + enters.into());
        }
    }
    let division = Division::by(side * side);
    Rows::written(output, input.channels, |y, out| {
        let y = i64::from(y) - i64::from(radius);
        simd::run(MeanRow {
            enters: input.reflected_row(y + i64::from(side) - 1, left, width, &mut entering),
            // Above the first square nothing leaves.
            leaves: (y > top).then(|| input.reflected_row(y - 1, left, width, &mut leaving)),
            columns: &mut columns,
            channels,
            side: side as usize,
            division,
            out,
        });
    })
}

/// Samples that are worked on at a time: their sums stay in registers.
const BLOCK: usize = 64;

/// One row further.
struct MeanRow<'a, S, W> {
    enters: &'a [S],
    leaves: Option<&'a [S]>,
    columns: &'a mut [W],
    channels: usize,
    side: usize,
    division: Division,
    out: &'a mut [S],
}

impl<S: Sample, W: Bits> Kernel for MeanRow<'_, S, W> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        match self.leaves {
            None => {
                for (column, &enters) in self.columns.iter_mut().zip(self.enters) {
                    *column = W::wrap((*column).into().wrapping_add(enters.into()));
                }
            }
            Some(leaves) => {
                for (column, (&enters, &leaves)) in
                    self.columns.iter_mut().zip(self.enters.iter().zip(leaves))
                {
                    let sum = (*column).into().wrapping_add(enters.into());
                    *column = W::wrap(sum.wrapping_sub(leaves.into()));
                }
            }
        }
        let length = self.out.len();
        let Some(last) = length.checked_sub(BLOCK) else {
            for (at, to) in self.out.iter_mut().enumerate() {
                let square = self.columns[at..].iter().step_by(self.channels).take(self.side);
                let sum: u32 = square.map(|&column| column.into()).sum();
                *to = S::wrap((sum + self.division.half()) / self.division.area);
            }
            return;
        };
        for start in (0..length).step_by(BLOCK) {
            // The last block is a whole one, too, and gives some samples twice.
            let at = start.min(last);
            let mut sums = [W::default(); BLOCK];
            for tap in 0..self.side {
                let columns = &self.columns[at + tap * self.channels..][..BLOCK];
                for (sum, &column) in sums.iter_mut().zip(columns) {
                    *sum = W::wrap((*sum).into().wrapping_add(column.into()));
                }
            }
            let mut means = [S::default(); BLOCK];
            for lane in 0..BLOCK {
                means[lane] = if S::MAX < 1 << 8 {
                    self.division.short(sums[lane])
                } else {
                    self.division.long(sums[lane].into())
                };
            }
            self.out[at..at + BLOCK].copy_from_slice(&means);
        }
    }
}

/// Division by the area of a square, rounded half up: `floor((sum + area / 2) / area)`, exactly.
#[derive(Clone, Copy)]
struct Division {
    /// Odd, and at most 225.
    area: u32,
    /// `2^16 · 2^log / area` less `2^16`, rounded up, where `2^log` is the next power of two above the area.
    factor: u16,
    /// `2^16 / 2^(log - 1)`: a product with it, of which the upper word is taken, is a shift.
    last: u16,
    inverse: f32,
}

impl Division {
    fn by(area: u32) -> Self {
        let log = area.ilog2() + 1;
        Self {
            area,
            factor: ((((1 << log) - area) << 16) / area + 1) as u16,
            last: 1 << (17 - log),
            inverse: 1.0 / area as f32,
        }
    }

    #[inline(always)]
    fn half(self) -> u32 {
        self.area / 2
    }

    /// Of a sum below 2^16 less half the area, in words of 16 bits: Granlund and Montgomery, Division by Invariant Integers using
    /// Multiplication (1994), figure 4.1.
    #[inline(always)]
    fn short<S: Bits, W: Bits>(self, sum: W) -> S {
        let number = W::wrap(sum.into() + self.half());
        let high = W::wrap((number.into() * u32::from(self.factor)) >> 16);
        let rest = W::wrap(number.into().wrapping_sub(high.into()));
        let sum = W::wrap(high.into() + (rest.into() >> 1));
        S::wrap((sum.into() * u32::from(self.last)) >> 16)
    }

    /// Of a sum below 2^24 less half the area, which a binary32 holds exactly. The first quotient is the right one or one less:
    /// it may be wrong by 0.0098 and is lowered by 0.015, less than what the nearest fraction below one lacks, 1 / 225, and more
    /// than the error above. What remains is a whole number below 2^24 again, so that it is exact and tells which it is.
    #[inline(always)]
    fn long<S: Bits>(self, sum: u32) -> S {
        // The last bit of a sum with it is worth one, and negative numbers stay above 2^23.
        const ONES: f32 = (3u32 << 22) as f32;
        let area = self.area as f32;
        let number = (sum + self.half()) as i32 as f32;
        let quotient = (number * self.inverse - 0.515 + ONES) - ONES;
        let rest = number - quotient * area;
        let one_more = if rest >= area { 1.0 } else { 0.0 };
        S::wrap((quotient + one_more + ONES).to_bits())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_are_right_wherever_they_change_for_every_side() {
        for side in (3..=LARGEST).step_by(2) {
            let area = side * side;
            let division = Division::by(area);
            for sum in 0..=255 * area {
                let right = (sum + area / 2) / area;
                assert_eq!(
                    u32::from(division.short::<u8, u16>(sum as u16)),
                    right,
                    "{side} {sum}"
                );
            }
            for mean in 0..=u32::from(u16::MAX) {
                let first = (mean * area).saturating_sub(area / 2);
                for sum in [first.saturating_sub(1), first, mean * area] {
                    let right = (sum + area / 2) / area;
                    assert_eq!(u32::from(division.long::<u16>(sum)), right, "{side} {sum}");
                }
            }
        }
    }
}
