//! The mean of a square, by sums that slide: the time does not depend on the radius.

use super::small_means::{LARGEST, small_means};
use super::square_sums::sum_squares;
use crate::numbers::Numbers;
use crate::numbers::convolve::means;
use crate::operation::{Group, Operation, OperationInfo, ParameterInfo, ParameterKind, Values};
use crate::patch::{Patch, Rows};
use crate::sample::Sample;
use crate::simd::{self, Kernel};
use crate::{Region, Size};

/// The mean of the square of side `2·radius + 1`.
pub(crate) struct BoxBlur {
    radius: u32,
}

impl BoxBlur {
    /// The mean of the square of that radius, which is at least 1.
    pub(super) fn of(radius: u32) -> Self {
        Self { radius }
    }
}

/// A parameter `radius` from 1 to `max`.
pub(super) const fn radius(max: f64, default: f64) -> ParameterInfo {
    ParameterInfo {
        name: "radius",
        symbol: "r",
        summary: "Pixels on each side that count.",
        unit: "px",
        kind: ParameterKind::Integer,
        min: 1.0,
        max,
        default,
        step: 1.0,
    }
}

impl Operation for BoxBlur {
    const INFO: &'static OperationInfo = &OperationInfo {
        name: "box_blur",
        title: "Box blur",
        group: Group::Smooth,
        summary: "Softens evenly and quickly, a little blocky.",
        method: "The mean of a square around every pixel, rounded.",
        aliases: &["mean"],
        parameters: &[radius(100.0, 3.0)],
    };

    fn new(values: &Values<'_>) -> Self {
        Self {
            radius: values.integer(0),
        }
    }

    fn input_region(&self, image: Size, output: Region) -> Region {
        output.inflate(self.radius, self.radius, image)
    }

    fn apply<S: Sample>(&self, input: Patch<'_, S>, output: Region) -> Patch<'static, S> {
        if input.is_opaque() {
            return opaque(&input, output, self.radius);
        }
        let channels = input.channels.count();
        let side = 2 * self.radius as usize + 1;
        let area = (side * side) as i64;
        let stride = output.width as usize * channels;
        let width = output.width + 2 * self.radius;
        let left = i64::from(output.x) - i64::from(self.radius);
        // Sums of colour times alpha, and of alpha, over the rows of the square, one for each column.
        let mut columns = vec![0i64; width as usize * channels];
        let mut scratch = Vec::new();
        let mut add = |y: i64, sign: i64, columns: &mut [i64]| {
            let row = input.reflected_row(y, left, width, &mut scratch);
            for (sums, pixel) in columns.chunks_exact_mut(channels).zip(row.chunks_exact(channels)) {
                let alpha = i64::from(pixel[channels - 1].into());
                for (channel, (sum, &sample)) in sums.iter_mut().zip(pixel).enumerate() {
                    let weight = if channel == channels - 1 { 1 } else { alpha };
                    *sum += sign * weight * i64::from(sample.into());
                }
            }
        };
        let radius = i64::from(self.radius);
        let top = i64::from(output.y);
        for y in top - radius..top + radius {
            add(y, 1, &mut columns);
        }
        let mut samples = vec![S::default(); stride * output.height as usize];
        let mut sums = vec![0i64; channels];
        for (y, out) in (top..).zip(samples.chunks_exact_mut(stride)) {
            add(y + radius, 1, &mut columns);
            sums.fill(0);
            for (index, &column) in columns[..(side - 1) * channels].iter().enumerate() {
                sums[index % channels] += column;
            }
            for (x, to) in out.chunks_exact_mut(channels).enumerate() {
                let entering = &columns[(x + side - 1) * channels..][..channels];
                let leaving = &columns[x * channels..][..channels];
                for (sum, entering) in sums.iter_mut().zip(entering) {
                    *sum += entering;
                }
                for (channel, (to, &sum)) in to.iter_mut().zip(&sums).enumerate() {
                    let weight = if channel < channels - 1 {
                        sums[channels - 1]
                    } else {
                        area
                    };
                    *to = S::weighted(sum, weight);
                }
                for (sum, leaving) in sums.iter_mut().zip(leaving) {
                    *sum -= leaving;
                }
            }
            add(y - radius, -1, &mut columns);
        }
        Patch::owned(input.image, output, input.channels, samples)
    }

    fn apply_numbers(&self, input: &Numbers<'_>, output: Region, out: &mut dyn FnMut(&[f64])) -> bool {
        let weights = vec![1.0; 2 * self.radius as usize + 1];
        means(input, output, &weights, &mut |_, means| out(means));
        true
    }
}

/// The mean where no alpha weighs.
fn opaque<S: Sample>(input: &Patch<'_, S>, output: Region, radius: u32) -> Patch<'static, S> {
    let side = 2 * radius + 1;
    if side <= LARGEST {
        let samples = small_means(input, output, radius);
        return Patch::owned(input.image, output, input.channels, samples);
    }
    let mut written = Rows::new(output, input.channels);
    sum_squares(input, output, radius, |_, sums| {
        simd::run(Mean {
            sums,
            area: side * side,
            out: written.next(),
        });
    });
    Patch::owned(input.image, output, input.channels, written.finish())
}

/// Sums divided by the area, rounded half up: `floor((sum + area / 2) / area)`.
struct Mean<'a, S> {
    sums: &'a [u32],
    /// Odd, and at most 201 squared.
    area: u32,
    out: &'a mut [S],
}

/// Up to this area a mean of 8 bit is right in binary32. The exact quotient, half a unit added, is at least `1 / (2 area)` away from
/// a whole number; a test looks at every sum at which the mean changes.
const QUICK: u32 = 163 * 163;

impl<S: Sample> Kernel for Mean<'_, S> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let half = self.area / 2;
        if S::MAX < 1 << 8 && self.area <= QUICK {
            let inverse = 1.0 / self.area as f32;
            let half = half as f32 + 0.5;
            // The last bit of a sum with it is worth one. Less a half, the nearest whole number of a quotient is its floor.
            let ones = (1u32 << 23) as f32;
            for (to, &sum) in self.out.iter_mut().zip(self.sums) {
                let quotient = (sum as i32 as f32 + half) * inverse;
                *to = S::wrap((quotient - 0.5 + ones).to_bits());
            }
            return;
        }
        // By a product with 2^shift / area, rounded up to 32 bits (Granlund and Montgomery, 1994): its error times a sum stays below
        // 2^shift, as a sum is at most 65535.5 areas and an area at most 40401.
        let shift = u32::BITS + self.area.ilog2();
        let factor = (1u64 << shift).div_ceil(self.area.into());
        for (to, &sum) in self.out.iter_mut().zip(self.sums) {
            *to = S::wrap(((u64::from(sum + half) * u64::from(factor as u32)) >> shift) as u32);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Channels;

    fn means_are_right<S: Sample>(side: u32) {
        let area = side * side;
        // The sums at which the mean changes, and those before them.
        let sums: Vec<u32> = (0..=S::MAX)
            .flat_map(|mean| {
                let first = (mean * area).saturating_sub(area / 2);
                [first.saturating_sub(1), first, mean * area]
            })
            .collect();
        let right: Vec<u32> = sums.iter().map(|sum| (sum + area / 2) / area).collect();
        let mut means = vec![S::default(); sums.len()];
        simd::run(Mean {
            sums: &sums,
            area,
            out: &mut means,
        });
        let means: Vec<u32> = means.into_iter().map(Into::into).collect();
        assert_eq!(means, right, "side {side}");
    }

    #[test]
    fn means_are_right_wherever_they_change_for_every_side() {
        for side in (3..=201).step_by(2) {
            means_are_right::<u8>(side);
            means_are_right::<u16>(side);
        }
    }

    #[test]
    fn the_largest_sums_fit() {
        let image = Size::new(230, 210);
        let white = vec![u16::MAX; image.pixels() as usize];
        let patch = Patch::owned(image, image.region(), Channels::Gray, white.clone());
        let result = opaque(&patch, image.region(), 100);
        assert_eq!(result.samples, white);
    }
}
