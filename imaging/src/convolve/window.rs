//! The walk of a 3x3 window: three rows above each other, one pixel wider on each side than the output.

use crate::Region;
use crate::patch::Patch;
use crate::sample::Sample;

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
