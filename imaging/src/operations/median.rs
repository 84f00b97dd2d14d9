//! The median of a square, each channel by itself; where there is alpha, of colour times alpha.

use super::box_blur::radius;
use super::rank::{Plain, Ranked, TimesAlpha};
use crate::numbers::{Numbers, rank};
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
        method: "The middle value of a square around every pixel, each channel by itself; where there is alpha, colour counts times alpha.",
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
        let samples = if input.is_opaque() {
            squares(
                Plain::new(&input, output, self.radius),
                channels,
                output,
                self.radius,
            )
        } else {
            squares(
                TimesAlpha::new(&input, output, self.radius),
                channels,
                output,
                self.radius,
            )
        };
        Patch::owned(input.image, output, input.channels, samples)
    }

    fn apply_numbers(&self, input: &Numbers<'_>, output: Region, out: &mut dyn FnMut(&[f64])) -> bool {
        rank::medians(input, output, self.radius, out);
        true
    }
}

/// A ring of rows, and the middle of each square of them.
fn squares<R: Ranked>(mut ranked: R, channels: usize, output: Region, radius: u32) -> Vec<R::Sample> {
    let side = 2 * radius as usize + 1;
    let top = i64::from(output.y) - i64::from(radius);
    let mut ring: Vec<Vec<R::Value>> = vec![Vec::new(); side];
    let mut square = Vec::with_capacity(side * side);
    for index in 0..output.height as usize + side - 1 {
        let row = ranked.row(top + index as i64);
        ring[index % side].clear();
        ring[index % side].extend_from_slice(row);
        if index + 1 < side {
            continue;
        }
        ranked.next(|out| {
            if let [a, b, c] = &ring[..] {
                return simd::run(MedianOfNine {
                    rows: [a, b, c],
                    channels,
                    out,
                });
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
        });
    }
    ranked.finish()
}

/// The 3x3 median by minima and maxima alone, which vectorise: sort every column of three, then the median of the largest
/// of the smallest, the middle of the middle and the smallest of the largest is that of all nine.
struct MedianOfNine<'a, T> {
    rows: [&'a [T]; 3],
    channels: usize,
    out: &'a mut [T],
}

impl<T: Copy + Ord> Kernel for MedianOfNine<'_, T> {
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
fn sort<T: Copy + Ord>(a: T, b: T, c: T) -> (T, T, T) {
    let (low, high) = (a.min(b), a.max(b));
    let (middle, highest) = (high.min(c), high.max(c));
    (low.min(middle), low.max(middle), highest)
}
