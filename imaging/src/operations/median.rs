//! The median of a square, each channel by itself.

use super::box_blur::radius;
use crate::operation::{Group, Operation, OperationInfo, Values};
use crate::patch::Patch;
use crate::sample::Sample;
use crate::simd::{self, Kernel};
use crate::{Region, Size};

/// The middle sample of the square, by value.
pub(crate) struct Median {
    radius: u32,
}

impl Operation for Median {
    const INFO: &'static OperationInfo = &OperationInfo {
        name: "median",
        title: "Median",
        group: Group::Smooth,
        summary: "Removes specks and scratches and keeps edges sharp.",
        method: "The middle value of a square around every pixel.",
        aliases: &[],
        parameters: &[radius(7.0, 1.0)],
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
        let stride = output.width as usize * channels;
        let (left, top) = (
            i64::from(output.x) - i64::from(self.radius),
            i64::from(output.y) - i64::from(self.radius),
        );
        let width = output.width + 2 * self.radius;
        let mut scratch = Vec::new();
        let mut ring: Vec<Vec<S>> = vec![Vec::new(); side];
        let mut samples = vec![S::default(); stride * output.height as usize];
        let mut square = Vec::with_capacity(side * side);
        for index in 0..output.height as usize + side - 1 {
            let row = input.reflected_row(top + index as i64, left, width, &mut scratch);
            ring[index % side].clear();
            ring[index % side].extend_from_slice(row);
            let Some(y) = (index + 1).checked_sub(side) else {
                continue;
            };
            let out = &mut samples[y * stride..][..stride];
            if let [a, b, c] = &ring[..] {
                simd::run(MedianOfNine {
                    rows: [a, b, c],
                    channels,
                    out,
                });
                continue;
            }
            for (x, to) in out.iter_mut().enumerate() {
                square.clear();
                square.extend(
                    ring.iter()
                        .flat_map(|row| row[x..].iter().step_by(channels).take(side)),
                );
                let middle = square.len() / 2;
                *to = *square.select_nth_unstable(middle).1;
            }
        }
        Patch::owned(input.image, output, input.channels, samples)
    }
}

/// The 3x3 median by minima and maxima alone, which vectorise: sort every column of three, then the median of the largest
/// of the smallest, the middle of the middle and the smallest of the largest is that of all nine.
struct MedianOfNine<'a, S> {
    rows: [&'a [S]; 3],
    channels: usize,
    out: &'a mut [S],
}

impl<S: Sample> Kernel for MedianOfNine<'_, S> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let length = self.out.len();
        let columns = [0, 1, 2].map(|column| self.rows.map(|row| &row[column * self.channels..][..length]));
        for i in 0..length {
            let [a, b, c] = columns.map(|[above, at, below]| sort(above[i], at[i], below[i]));
            let low = a.0.max(b.0).max(c.0);
            let middle = sort(a.1, b.1, c.1).1;
            let high = a.2.min(b.2).min(c.2);
            self.out[i] = sort(low, middle, high).1;
        }
    }
}

#[inline(always)]
fn sort<S: Sample>(a: S, b: S, c: S) -> (S, S, S) {
    let (low, high) = (a.min(b), a.max(b));
    let (middle, highest) = (high.min(c), high.max(c));
    (low.min(middle), low.max(middle), highest)
}
