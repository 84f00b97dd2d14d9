//! The mean of a square, by sums that slide: the time does not depend on the radius.

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
    let mut written = Rows::new(output, input.channels);
    let side = 2 * radius + 1;
    sum_squares(input, output, radius, |_, sums| {
        simd::run(Mean {
            sums,
            area: side * side,
            out: written.next(),
        });
    });
    Patch::owned(input.image, output, input.channels, written.finish())
}

/// Shows `each` the sums of the squares of side `2·radius + 1`, each channel by itself, a row of `output` after the other. They fit
/// 32 bits, since 201 squares of 16 bit do.
pub(super) fn sum_squares<S: Sample>(
    input: &Patch<'_, S>,
    output: Region,
    radius: u32,
    mut each: impl FnMut(u32, &[u32]),
) {
    let channels = input.channels.count();
    let side = 2 * radius as usize + 1;
    let stride = output.width as usize * channels;
    let width = output.width + 2 * radius;
    let (left, top) = (
        i64::from(output.x) - i64::from(radius),
        i64::from(output.y) - i64::from(radius),
    );
    // Over the rows of the square, one for each column; and over the square.
    let mut columns = vec![0u32; width as usize * channels];
    let mut sums = vec![0u32; stride];
    let (mut entering, mut leaving) = (Vec::new(), Vec::new());
    for y in top..top + i64::from(2 * radius) {
        let row = input.reflected_row(y, left, width, &mut entering);
        for (column, &sample) in columns.iter_mut().zip(row) {
            *column += sample.into();
        }
    }
    for row in output.y..output.y + output.height {
        let y = i64::from(row) - i64::from(radius);
        let enters = input.reflected_row(y + i64::from(2 * radius), left, width, &mut entering);
        // Above the first square nothing leaves.
        let leaves = (y > top).then(|| input.reflected_row(y - 1, left, width, &mut leaving));
        simd::run(Columns {
            enters,
            leaves,
            columns: &mut columns,
        });
        slide(&columns, channels, side, &mut sums);
        each(row, &sums);
    }
}

/// Sums of columns, one row further.
struct Columns<'a, S> {
    enters: &'a [S],
    leaves: Option<&'a [S]>,
    columns: &'a mut [u32],
}

impl<S: Sample> Kernel for Columns<'_, S> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for (column, &sample) in self.columns.iter_mut().zip(self.enters) {
            *column += sample.into();
        }
        for (column, &sample) in self.columns.iter_mut().zip(self.leaves.unwrap_or_default()) {
            *column -= sample.into();
        }
    }
}

/// Sums of `side` columns each, of every channel by itself.
fn slide(columns: &[u32], channels: usize, side: usize, sums: &mut [u32]) {
    match channels {
        1 => slide_pixels::<1>(columns, side, sums),
        2 => slide_pixels::<2>(columns, side, sums),
        3 => slide_pixels::<3>(columns, side, sums),
        4 => slide_pixels::<4>(columns, side, sums),
        _ => {
            for channel in 0..channels {
                let column = |x: usize| columns.get(x * channels + channel).copied().unwrap_or(0);
                let mut sum = (0..side - 1).map(column).sum();
                let to = sums.iter_mut().skip(channel).step_by(channels);
                for (x, to) in to.enumerate() {
                    sum += column(x + side - 1);
                    *to = sum;
                    sum -= column(x);
                }
            }
        }
    }
}

/// [`slide`] for `N` channels, whose sums stay in registers. What enters less what leaves does not wait for the sum before, so that
/// there is one addition from a sum to the next.
fn slide_pixels<const N: usize>(columns: &[u32], side: usize, sums: &mut [u32]) {
    let (columns, _) = columns.as_chunks::<N>();
    let (first, enter) = columns.split_at(side.min(columns.len()));
    let mut sum = [0u32; N];
    for pixel in first {
        for (sum, column) in sum.iter_mut().zip(pixel) {
            *sum += column;
        }
    }
    let Some((to, rest)) = sums.as_chunks_mut::<N>().0.split_first_mut() else {
        return;
    };
    *to = sum;
    let moves = enter.iter().zip(columns);
    for (to, (enter, leave)) in rest.iter_mut().zip(moves) {
        for channel in 0..N {
            let change = enter[channel].wrapping_sub(leave[channel]);
            sum[channel] = sum[channel].wrapping_add(change);
        }
        *to = sum;
    }
}

/// Sums divided by the area, rounded half up.
struct Mean<'a, S> {
    sums: &'a [u32],
    area: u32,
    out: &'a mut [S],
}

impl<S: Sample> Kernel for Mean<'_, S> {
    type Output = ();

    /// `floor((sum + area / 2) / area)` by a product: half a unit is added, so that the exact quotient is at least
    /// `1 / (2 area)`, 1.2e-5, away from a whole number, and the error of the product is below 1e-10. Less a half, the
    /// nearest whole number is its floor: 2^52 is added, whose last bit is worth one.
    #[inline(always)]
    fn run(self) {
        let inverse = 1.0 / f64::from(self.area);
        let half = f64::from(self.area / 2) + 0.5;
        let ones = (1u64 << 52) as f64;
        for (to, &sum) in self.out.iter_mut().zip(self.sums) {
            let quotient = (f64::from(sum) + half) * inverse;
            *to = S::wrap((quotient - 0.5 + ones).to_bits() as u32);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Channels;

    #[test]
    fn the_largest_sums_fit() {
        let image = Size::new(230, 210);
        let white = vec![u16::MAX; image.pixels() as usize];
        let patch = Patch::owned(image, image.region(), Channels::Gray, white.clone());
        let result = opaque(&patch, image.region(), 100);
        assert_eq!(result.samples, white);
    }
}
