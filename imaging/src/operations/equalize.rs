//! Histogram equalisation.
//!
//! 8 bit: as OpenCV's `equalizeHist`, in its arithmetic. With counts h and their sum n, s(v) the sum of the counts of all values
//! that are above the least value that occurs, up to v, and h₀ the count of that least value: v becomes s(v) · (255 / (n - h₀)), each
//! operation in binary32 as written, rounded half to even.
//!
//! 16 bit: by the cumulative distribution at the edges of 256 bins, so that what is measured is short. The edges are the values
//! 0, 256, ..., 65280 and 65535; what a sample below edge k becomes at it is 65535 · c(k) / n, rounded half up, where c(k) is the
//! number of samples below 256 k. Between two edges it is linear, rounded half up.
//!
//! A band in which only one value occurs, or none, stays as it is.

use crate::measuring::{Measured, Measuring, colours};
use crate::operation::{Group, Operation, OperationInfo, Values, needs_colours};
use crate::patch::Patch;
use crate::sample::Sample;
use crate::{Depth, Histogram, PixelFormat, Region, Statistic};

use super::tables::{look_up, table};

/// Bins of 16-bit samples.
const BINS: usize = 256;

/// Equally many pixels for each level, as far as that can be.
pub(crate) struct Equalize {
    /// For each band, of 8 bit what every value becomes, of 16 bit what every edge does.
    numbers: Vec<u16>,
}

impl Operation for Equalize {
    const INFO: &'static OperationInfo = &OperationInfo {
        name: "equalize",
        title: "Equalize",
        group: Group::Tone,
        summary: "Spreads light and dark evenly, so that detail shows in flat pictures.",
        method: "Histogram equalisation of each band by itself: at 8 bit OpenCV's equalizeHist, at 16 bit the cumulative distribution of 256 bins, linear in between. A band of one value stays.",
        aliases: &["equalise"],
        parameters: &[],
    };

    fn new(_: &Values<'_>) -> Self {
        Self { numbers: Vec::new() }
    }

    fn needs(&self, input: PixelFormat) -> Option<&'static str> {
        needs_colours(input)
    }

    fn measuring(&self) -> Option<&dyn Measuring> {
        Some(self)
    }

    fn with_measured(self, measured: &Measured) -> Self {
        Self {
            numbers: measured.numbers().to_vec(),
        }
    }

    fn apply<S: Sample>(&self, input: Patch<'_, S>, output: Region) -> Patch<'static, S> {
        let bands = self.numbers.chunks_exact(numbers_of(S::DEPTH));
        let tables: Vec<Vec<S>> = bands
            .map(|numbers| match S::DEPTH {
                Depth::Eight => table(input.meaning, |value| numbers[value as usize].into()),
                _ => table(input.meaning, |value| between(numbers, value)),
            })
            .collect();
        look_up(&input, output, &tables)
    }
}

/// Numbers of a band.
const fn numbers_of(depth: Depth) -> usize {
    match depth {
        Depth::Eight => 1 << 8,
        _ => BINS + 1,
    }
}

/// The value of edge `index` of the bins of 16 bit.
fn edge(index: usize) -> u32 {
    ((index * BINS) as u32).min(u16::MAX.into())
}

/// What `value` becomes between the edges beside it.
fn between(numbers: &[u16], value: u32) -> u32 {
    let bin = value as usize / BINS;
    let (low, high) = (edge(bin), edge(bin + 1));
    let (from, to) = (u32::from(numbers[bin]), u32::from(numbers[bin + 1]));
    let width = high - low;
    from + ((to - from) * (value - low) + width / 2) / width
}

impl Measuring for Equalize {
    fn statistic(&self) -> Statistic {
        Statistic::Bands
    }

    fn count(&self, input: PixelFormat) -> usize {
        colours(input) * numbers_of(input.depth)
    }

    fn numbers(&self, histogram: &Histogram) -> Vec<u16> {
        let depth = histogram.format().depth;
        let of_band = |counts| match depth {
            Depth::Eight => levels(counts),
            _ => edges(counts),
        };
        histogram.bands().flat_map(of_band).collect()
    }

    fn may_be(&self, numbers: &[u16], depth: Depth) -> bool {
        let most = if depth == Depth::Eight { 255 } else { u16::MAX };
        numbers
            .chunks_exact(numbers_of(depth))
            .all(|band| band.is_sorted() && band.first() == Some(&0) && band.last() == Some(&most))
    }
}

/// Whether two values occur at least.
fn has_two(counts: &[u64]) -> bool {
    counts.iter().filter(|count| **count > 0).nth(1).is_some()
}

/// What each value of 8 bit becomes.
fn levels(counts: &[u64]) -> Vec<u16> {
    if !has_two(counts) {
        return (0..numbers_of(Depth::Eight) as u16).collect();
    }
    let least = counts.iter().position(|count| *count > 0).unwrap_or(0);
    let others: u64 = counts[least + 1..].iter().sum();
    let scale = 255.0 / others as f32;
    let mut sum = 0u64;
    let level = |(value, count): (usize, &u64)| {
        if value > least {
            sum += count;
        }
        (sum as f32 * scale).round_ties_even() as u16
    };
    counts.iter().enumerate().map(level).collect()
}

/// What each edge of the bins of 16 bit becomes.
fn edges(counts: &[u64]) -> Vec<u16> {
    if !has_two(counts) {
        return (0..=BINS).map(|index| edge(index) as u16).collect();
    }
    let all: u128 = counts.iter().map(|count| u128::from(*count)).sum();
    let most = u128::from(u16::MAX);
    let mut below = 0;
    let bins = counts.chunks_exact(BINS).map(|bin| {
        below += bin.iter().map(|count| u128::from(*count)).sum::<u128>();
        ((2 * most * below + all) / (2 * all)) as u16
    });
    std::iter::once(0).chain(bins).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_band_of_one_value_stays_as_it_is() {
        let mut counts = vec![0; 1 << 16];
        for count in [0, 9] {
            counts[12_345] = count;
            let numbers = edges(&counts);
            assert!((0..=65535).all(|value| between(&numbers, value) == value));
            let numbers = levels(&counts[12_345 - 100..][..256]);
            assert!(numbers.into_iter().eq(0..256));
        }
    }

    #[test]
    fn black_and_white_are_reached_and_order_is_kept_for_any_counts() {
        let mut state = 5u64;
        for round in 0..300 {
            let mut counts = vec![0; if round % 10 == 0 { 1 << 16 } else { 1 << 8 }];
            for _ in 0..2 + round / 3 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let at = (state >> 33) as usize % counts.len();
                counts[at] = 1 + (state >> 50) * (1 << (round % 40));
            }
            if has_two(&counts) {
                let (numbers, depth) = match counts.len() {
                    256 => (levels(&counts), Depth::Eight),
                    _ => (edges(&counts), Depth::Sixteen),
                };
                let equalize = Equalize { numbers: Vec::new() };
                assert!(equalize.may_be(&numbers, depth), "{round}");
            }
        }
    }
}
