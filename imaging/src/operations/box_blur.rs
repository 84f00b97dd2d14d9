//! The mean of a square, by sums that slide: the time does not depend on the radius.

use crate::numbers::Numbers;
use crate::numbers::convolve::means;
use crate::operation::{Group, Operation, OperationInfo, ParameterInfo, ParameterKind, Values};
use crate::patch::Patch;
use crate::sample::Sample;
use crate::{Region, Size};

/// The mean of the square of side `2·radius + 1`.
pub(crate) struct BoxBlur {
    radius: u32,
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
        let channels = input.channels.count();
        let side = 2 * self.radius as usize + 1;
        let area = (side * side) as i64;
        let premultiply = !input.is_opaque();
        let stride = output.width as usize * channels;
        let width = output.width + 2 * self.radius;
        let left = i64::from(output.x) - i64::from(self.radius);
        // Sums of colour (times alpha) over the rows of the square, one for each column.
        let mut columns = vec![0i64; width as usize * channels];
        let mut scratch = Vec::new();
        let mut add = |y: i64, sign: i64, columns: &mut [i64]| {
            let row = input.reflected_row(y, left, width, &mut scratch);
            for (sums, pixel) in columns.chunks_exact_mut(channels).zip(row.chunks_exact(channels)) {
                let alpha = if premultiply {
                    i64::from(pixel[channels - 1].into())
                } else {
                    1
                };
                for (channel, (sum, &sample)) in sums.iter_mut().zip(pixel).enumerate() {
                    let weight = if premultiply && channel == channels - 1 {
                        1
                    } else {
                        alpha
                    };
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
                    let weight = if premultiply && channel < channels - 1 {
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
