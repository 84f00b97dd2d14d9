//! Sums of squares of samples, each channel by itself: what means and thresholds by the surroundings are of.

use crate::Region;
use crate::patch::Patch;
use crate::sample::{Bits, Sample};
use crate::simd::{self, Kernel};

/// Shows `each` the sums of the squares of side `2·radius + 1`, each channel by itself, a row of `output` after the other. They fit
/// 32 bits, since 201 squares of 16 bit do.
pub(super) fn sum_squares<S: Sample>(
    input: &Patch<'_, S>,
    output: Region,
    radius: u32,
    each: impl FnMut(u32, &[u32]),
) {
    // Of 8 bit, 201 samples fit 16 bits.
    if S::MAX < 1 << 8 {
        sum_columns::<S, u16>(input, output, radius, each);
    } else {
        sum_columns::<S, u32>(input, output, radius, each);
    }
}

/// Sides up to which all that a square has of a row is added: 225 samples of 8 bit fit 16 bits. Beyond, sums slide.
const SHORT: usize = 15;

/// [`sum_squares`] by sums of columns, which fit `W`.
fn sum_columns<S: Sample, W: Bits>(
    input: &Patch<'_, S>,
    output: Region,
    radius: u32,
    mut each: impl FnMut(u32, &[u32]),
) {
    let channels = input.channels.count();
    let side = 2 * radius as usize + 1;
    let width = output.width + 2 * radius;
    let (left, top) = (
        i64::from(output.x) - i64::from(radius),
        i64::from(output.y) - i64::from(radius),
    );
    // Over the rows of the square, one for each column; and over the square.
    let mut columns = vec![W::default(); width as usize * channels];
    let mut sums = vec![0u32; output.width as usize * channels];
    let (mut entering, mut leaving) = (Vec::new(), Vec::new());
    for y in top..top + i64::from(2 * radius) {
        simd::run(Columns {
            enters: input.reflected_row(y, left, width, &mut entering),
            leaves: None,
            columns: &mut columns,
        });
    }
    for row in output.y..output.y + output.height {
        let y = i64::from(row) - i64::from(radius);
        simd::run(Columns {
            enters: input.reflected_row(y + i64::from(2 * radius), left, width, &mut entering),
            // Above the first square nothing leaves.
            leaves: (y > top).then(|| input.reflected_row(y - 1, left, width, &mut leaving)),
            columns: &mut columns,
        });
        if side <= SHORT {
            simd::run(Neighbours {
                columns: &columns,
                channels,
                side,
                sums: &mut sums,
            });
        } else {
            slide(&columns, channels, side, &mut sums);
        }
        each(row, &sums);
    }
}

/// Sums of columns, one row further.
struct Columns<'a, S, W> {
    enters: &'a [S],
    leaves: Option<&'a [S]>,
    columns: &'a mut [W],
}

impl<S: Sample, W: Bits> Kernel for Columns<'_, S, W> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Some(leaves) = self.leaves else {
            for (column, &enters) in self.columns.iter_mut().zip(self.enters) {
                *column = W::wrap((*column).into().wrapping_add(enters.into()));
            }
            return;
        };
        for (column, (&enters, &leaves)) in self.columns.iter_mut().zip(self.enters.iter().zip(leaves)) {
            let sum = (*column).into().wrapping_add(enters.into());
            *column = W::wrap(sum.wrapping_sub(leaves.into()));
        }
    }
}

/// Sums of `side` neighbours of each channel, which fit `W`.
struct Neighbours<'a, W> {
    columns: &'a [W],
    channels: usize,
    side: usize,
    sums: &'a mut [u32],
}

impl<W: Bits> Kernel for Neighbours<'_, W> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        const BLOCK: usize = 64;
        let (blocks, rest) = self.sums.as_chunks_mut::<BLOCK>();
        let done = blocks.len() * BLOCK;
        for (index, block) in blocks.iter_mut().enumerate() {
            let mut sums = [W::default(); BLOCK];
            for tap in 0..self.side {
                let columns = &self.columns[index * BLOCK + tap * self.channels..][..BLOCK];
                for (sum, &column) in sums.iter_mut().zip(columns) {
                    *sum = W::wrap((*sum).into().wrapping_add(column.into()));
                }
            }
            for (to, sum) in block.iter_mut().zip(sums) {
                *to = sum.into();
            }
        }
        for (at, to) in (done..).zip(rest) {
            let neighbours = self.columns[at..].iter().step_by(self.channels).take(self.side);
            *to = neighbours.map(|&column| column.into()).sum();
        }
    }
}

/// Sums of `side` columns each, of every channel by itself.
fn slide<W: Bits>(columns: &[W], channels: usize, side: usize, sums: &mut [u32]) {
    match channels {
        1 => slide_pixels::<W, 1>(columns, side, sums),
        2 => slide_pixels::<W, 2>(columns, side, sums),
        3 => slide_pixels::<W, 3>(columns, side, sums),
        4 => slide_pixels::<W, 4>(columns, side, sums),
        _ => {
            for channel in 0..channels {
                let column = |x: usize| {
                    columns
                        .get(x * channels + channel)
                        .map_or(0, |&column| column.into())
                };
                let mut sum: u32 = (0..side - 1).map(column).sum();
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
fn slide_pixels<W: Bits, const N: usize>(columns: &[W], side: usize, sums: &mut [u32]) {
    let (columns, _) = columns.as_chunks::<N>();
    let (first, enter) = columns.split_at(side.min(columns.len()));
    let mut sum = [0u32; N];
    for pixel in first {
        for (sum, &column) in sum.iter_mut().zip(pixel) {
            *sum += column.into();
        }
    }
    let Some((to, rest)) = sums.as_chunks_mut::<N>().0.split_first_mut() else {
        return;
    };
    *to = sum;
    let moves = enter.iter().zip(columns);
    for (to, (enter, leave)) in rest.iter_mut().zip(moves) {
        for channel in 0..N {
            let change = enter[channel].into().wrapping_sub(leave[channel].into());
            sum[channel] = sum[channel].wrapping_add(change);
        }
        *to = sum;
    }
}
