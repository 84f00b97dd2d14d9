//! The median of a square, each channel by itself; where there is alpha, of colour times alpha.

use super::box_blur::radius;
use super::exchanges::{self, OfNine, OfTwentyFive};
use super::rank::{Plain, Ranked, TimesAlpha};
use crate::numbers::{Numbers, rank};
use crate::operation::{Group, Operation, OperationInfo, Values};
use crate::patch::Patch;
use crate::sample::{Ordered, Sample};
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
        if input.is_opaque() {
            return self.plain(&input, output);
        }
        let samples = squares(
            TimesAlpha::new(&input, output, self.radius),
            input.channels.count(),
            output,
            self.radius,
        );
        Patch::owned(input.image, output, input.channels, samples)
    }

    const CHOOSES: bool = true;

    fn choose<V: Ordered>(&self, input: &Patch<'_, V>, output: Region) -> Option<Patch<'static, V>> {
        Some(self.plain(input, output))
    }

    fn apply_numbers(&self, input: &Numbers<'_>, output: Region, out: &mut dyn FnMut(&[f64])) -> bool {
        rank::medians(input, output, self.radius, out);
        true
    }
}

impl Median {
    /// Each channel by itself, alpha too.
    fn plain<V: Ordered>(&self, input: &Patch<'_, V>, output: Region) -> Patch<'static, V> {
        let ranked = Plain::new(input, output, self.radius);
        let samples = squares(ranked, input.channels.count(), output, self.radius);
        Patch::owned(input.image, output, input.channels, samples)
    }
}

/// A ring of rows, and the middle of each square of them.
fn squares<R: Ranked>(mut ranked: R, channels: usize, output: Region, radius: u32) -> Vec<R::Sample> {
    let side = 2 * radius as usize + 1;
    let top = i64::from(output.y) - i64::from(radius);
    let mut ring: Vec<Vec<R::Value>> = vec![Vec::new(); side];
    let mut sorted = std::array::from_fn(|_| vec![R::Value::default(); exchanges::BLOCK + 4 * channels]);
    for index in 0..output.height as usize + side - 1 {
        ranked.copy_row(top + index as i64, &mut ring[index % side]);
        if index + 1 < side {
            continue;
        }
        ranked.next(|out| {
            let rows: Vec<&[R::Value]> = ring.iter().map(Vec::as_slice).collect();
            match rows[..] {
                [a, b, c] => simd::run(OfNine {
                    rows: [a, b, c],
                    channels,
                    sorted: &mut sorted,
                    out,
                }),
                [a, b, c, d, e] => simd::run(OfTwentyFive {
                    rows: [a, b, c, d, e],
                    channels,
                    sorted: &mut sorted,
                    out,
                }),
                _ => simd::run(Search {
                    rows: &rows,
                    channels,
                    out,
                }),
            }
        });
    }
    ranked.finish()
}

/// Samples of which a median is looked for at a time.
const BLOCK: usize = 256;

/// The median of a larger square, bit by bit from the highest: the largest number below which no more than half of the square lies.
/// It takes as many comparisons as there are bits for each sample of the square, which is more than choosing takes, but they vectorise.
struct Search<'a, T> {
    rows: &'a [&'a [T]],
    channels: usize,
    out: &'a mut [T],
}

impl<T: Ordered> Kernel for Search<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let length = self.out.len();
        let mut block = [T::default(); BLOCK];
        for start in (0..length).step_by(BLOCK) {
            // The last block is a whole one, too, where there is room, and gives some samples twice.
            let at = start.min(length.saturating_sub(BLOCK));
            let count = BLOCK.min(length);
            medians(self.rows, self.channels, at, count, &mut block);
            self.out[at..at + count].copy_from_slice(&block[..count]);
        }
    }
}

/// The medians of `count` samples from sample `at` on.
#[inline(always)]
fn medians<T: Ordered>(rows: &[&[T]], channels: usize, at: usize, count: usize, found: &mut [T; BLOCK]) {
    let side = rows.len();
    let half = T::wrap((side * side / 2) as u32);
    let bits = 8 * size_of::<T>() as u32;
    found.fill(T::default());
    for bit in (0..bits).rev().map(|bit| T::wrap(1 << bit)) {
        let mut candidates = *found;
        for candidate in &mut candidates {
            *candidate = *candidate | bit;
        }
        // Of at most 225, so 8 bits are enough.
        let mut below = [T::default(); BLOCK];
        for row in rows {
            for tap in 0..side {
                let samples = &row[at + tap * channels..][..count];
                if let Ok(samples) = <&[T; BLOCK]>::try_from(samples) {
                    for lane in 0..BLOCK {
                        below[lane] = below[lane] + T::from(samples[lane] < candidates[lane]);
                    }
                } else {
                    for (lane, &sample) in samples.iter().enumerate() {
                        below[lane] = below[lane] + T::from(sample < candidates[lane]);
                    }
                }
            }
        }
        for lane in 0..BLOCK {
            // A choice, not a condition: stores that may not happen are not vectorised.
            let (with, without) = (candidates[lane], found[lane]);
            found[lane] = if below[lane] <= half { with } else { without };
        }
    }
}
