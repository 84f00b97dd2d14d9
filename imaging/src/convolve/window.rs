//! The walk of a 3x3 window: three rows above each other, one pixel wider on each side than the output.

use crate::Region;
use crate::patch::Patch;
use crate::sample::Sample;
use crate::simd::{self, Kernel};

/// Calls `row(y, [above, at, below])` for every row of `output`, with rows that reach one pixel beyond it to the
/// left and right, reflected at the borders of the image.
pub(crate) fn three_rows<S: Sample>(
    input: &Patch<'_, S>,
    output: Region,
    mut row: impl FnMut(usize, [&[S]; 3]),
) {
    let (mut above, mut at, mut below) = (Vec::new(), Vec::new(), Vec::new());
    let (left, width) = (i64::from(output.x) - 1, output.width + 2);
    for index in 0..output.height as usize {
        let y = i64::from(output.y) + index as i64;
        row(
            index,
            [
                input.reflected_row(y - 1, left, width, &mut above),
                input.reflected_row(y, left, width, &mut at),
                input.reflected_row(y + 1, left, width, &mut below),
            ],
        );
    }
}

/// Applies a 3x3 kernel whose weights sum to a positive number, by which the result is divided and rounded half up. Colour
/// is weighted by alpha, the last channel, when `premultiply` is set.
pub(crate) fn convolve_3x3<S: Sample>(
    rows: [&[S]; 3],
    kernel: &[[i64; 3]; 3],
    channels: usize,
    premultiply: bool,
    out: &mut [S],
) {
    let one: i64 = kernel.iter().flatten().sum();
    if !premultiply && let Some(weights) = small(kernel) {
        let done = simd::run(SmallBlocks {
            rows,
            weights,
            channels,
            out: &mut *out,
        });
        if done {
            return;
        }
    }
    if !premultiply && let Some(kernel) = Narrow::of::<S>(kernel) {
        let done = simd::run(Blocks {
            rows,
            kernel,
            channels,
            out: &mut *out,
        });
        if done {
            return;
        }
    }
    for (x, to) in out.chunks_exact_mut(channels).enumerate() {
        let sample = |row: usize, column: usize, channel: usize| -> i64 {
            i64::from(rows[row][(x + column) * channels + channel].into())
        };
        let sum = |value: &dyn Fn(usize, usize) -> i64| -> i64 {
            let cells = kernel.iter().enumerate().flat_map(|(y, row)| {
                row.iter()
                    .enumerate()
                    .filter(|(_, weight)| **weight != 0)
                    .map(move |(x, weight)| (y, x, weight))
            });
            cells.map(|(y, x, weight)| weight * value(y, x)).sum()
        };
        if premultiply {
            let last = channels - 1;
            let alpha = sum(&|row, column| sample(row, column, last));
            for (channel, to) in to[..last].iter_mut().enumerate() {
                let product = sum(&|row, column| sample(row, column, channel) * sample(row, column, last));
                *to = S::weighted(product, alpha);
            }
            to[last] = S::weighted(alpha, one);
        } else {
            for (channel, to) in to.iter_mut().enumerate() {
                *to = S::weighted(sum(&|row, column| sample(row, column, channel)), one);
            }
        }
    }
}

/// The weights where they sum to one and are so small that every sum of samples fits [`Sample::Signed`].
fn small(kernel: &[[i64; 3]; 3]) -> Option<[[i16; 3]; 3]> {
    let one: i64 = kernel.iter().flatten().sum();
    let most: i64 = kernel.iter().flatten().map(|weight| weight.abs()).sum();
    (one == 1 && most <= 16).then(|| kernel.map(|row| row.map(|weight| weight as i16)))
}

/// One row of opaque samples by [`small`] weights. Gives whether it was done: not where it is shorter than a block.
struct SmallBlocks<'a, S> {
    rows: [&'a [S]; 3],
    weights: [[i16; 3]; 3],
    channels: usize,
    out: &'a mut [S],
}

impl<S: Sample> Kernel for SmallBlocks<'_, S> {
    type Output = bool;

    #[inline(always)]
    fn run(self) -> bool {
        let length = self.out.len();
        let Some(last) = length.checked_sub(BLOCK) else {
            return false;
        };
        for start in (0..length).step_by(BLOCK) {
            // The last block is a whole one, too, and gives some samples twice.
            let at = start.min(last);
            let mut sums = [S::Signed::default(); BLOCK];
            for (row, weights) in self.rows.iter().zip(&self.weights) {
                for (tap, &weight) in weights.iter().enumerate() {
                    let from = at + tap * self.channels;
                    let Some(samples) = row.get(from..).and_then(<[S]>::first_chunk::<BLOCK>) else {
                        return false;
                    };
                    if weight != 0 {
                        let weight = S::factor(weight);
                        for lane in 0..BLOCK {
                            sums[lane] = sums[lane] + samples[lane].signed() * weight;
                        }
                    }
                }
            }
            let mut samples = [S::default(); BLOCK];
            for lane in 0..BLOCK {
                samples[lane] = S::clamp_signed(sums[lane]);
            }
            self.out[at..at + BLOCK].copy_from_slice(&samples);
        }
        true
    }
}

/// A kernel of whose samples every sum fits 32 bits, and whose weights sum to a power of two.
struct Narrow {
    weights: [[i32; 3]; 3],
    /// Half of the sum of the weights, which rounds half up.
    half: i32,
    shift: u32,
}

impl Narrow {
    fn of<S: Sample>(kernel: &[[i64; 3]; 3]) -> Option<Self> {
        let one: i64 = kernel.iter().flatten().sum();
        let most: i64 = kernel.iter().flatten().map(|weight| weight.abs()).sum();
        let fits = most * i64::from(S::MAX) + one / 2 <= i64::from(i32::MAX);
        (fits && one > 0 && one.count_ones() == 1).then(|| Self {
            weights: kernel.map(|row| row.map(|weight| weight as i32)),
            half: (one / 2) as i32,
            shift: one.trailing_zeros(),
        })
    }
}

/// Samples that are worked on at a time, in arrays of their own: loops over these are vectorised.
const BLOCK: usize = 64;

/// One row of opaque samples. Gives whether it was done: not where it is shorter than a block.
struct Blocks<'a, S> {
    rows: [&'a [S]; 3],
    kernel: Narrow,
    channels: usize,
    out: &'a mut [S],
}

impl<S: Sample> Kernel for Blocks<'_, S> {
    type Output = bool;

    #[inline(always)]
    fn run(self) -> bool {
        let length = self.out.len();
        let Some(last) = length.checked_sub(BLOCK) else {
            return false;
        };
        for start in (0..length).step_by(BLOCK) {
            // The last block is a whole one, too, and gives some samples twice.
            let at = start.min(last);
            let mut sums = [self.kernel.half; BLOCK];
            for (row, weights) in self.rows.iter().zip(&self.kernel.weights) {
                for (tap, &weight) in weights.iter().enumerate() {
                    let from = at + tap * self.channels;
                    let Some(samples) = row.get(from..).and_then(<[S]>::first_chunk::<BLOCK>) else {
                        return false;
                    };
                    if weight != 0 {
                        for lane in 0..BLOCK {
                            let sample: u32 = samples[lane].into();
                            sums[lane] += weight * sample as i32;
                        }
                    }
                }
            }
            let mut samples = [S::default(); BLOCK];
            for lane in 0..BLOCK {
                samples[lane] = S::clamp_i32(sums[lane] >> self.kernel.shift);
            }
            self.out[at..at + BLOCK].copy_from_slice(&samples);
        }
        true
    }
}
