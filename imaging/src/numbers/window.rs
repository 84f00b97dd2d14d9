//! 3x3 windows of numbers.

use super::{Numbers, has_holes};
use crate::Region;
use crate::simd::{self, Kernel};

/// Gives the rows of `output`: `compute` of the nine samples around each, row by row from the top left on. One without data
/// counts as the centre, so that a difference to it is none; where the centre is without, so is the result.
pub(crate) fn nine(
    input: &Numbers<'_>,
    output: Region,
    out: &mut dyn FnMut(&[f64]),
    compute: impl Fn(&[f64; 9]) -> f64,
) {
    let channels = input.channels;
    let (left, width) = (i64::from(output.x) - 1, output.width + 2);
    let mut rows: [Vec<f64>; 3] = Default::default();
    let mut results = vec![0.0; output.width as usize * channels];
    let mut holes = [false; 3];
    let top = i64::from(output.y) - 1;
    for (index, y) in (top..).take(output.height as usize + 2).enumerate() {
        // The next row comes in the place of the oldest, which is no longer needed.
        rows.rotate_left(1);
        holes.rotate_left(1);
        input.row(y, left, width, &mut rows[2]);
        holes[2] = has_holes(&rows[2]);
        if index < 2 {
            continue;
        }
        if holes.contains(&true) {
            with_holes(&rows, channels, &compute, &mut results);
        } else {
            simd::run(Whole {
                rows: &rows,
                channels,
                compute: &compute,
                results: &mut results,
            });
        }
        out(&results);
    }
}

fn with_holes(
    rows: &[Vec<f64>; 3],
    channels: usize,
    compute: &impl Fn(&[f64; 9]) -> f64,
    results: &mut [f64],
) {
    for (at, result) in results.iter_mut().enumerate() {
        let centre = rows[1][at + channels];
        if centre.is_nan() {
            *result = f64::NAN;
            continue;
        }
        let samples: [f64; 9] = std::array::from_fn(|n| {
            let sample = rows[n / 3][at + n % 3 * channels];
            if sample.is_nan() { centre } else { sample }
        });
        *result = compute(&samples);
    }
}

/// Samples that are worked on at a time.
const BLOCK: usize = 256;

/// A row of windows that all have data.
struct Whole<'a, F> {
    rows: &'a [Vec<f64>; 3],
    channels: usize,
    compute: &'a F,
    results: &'a mut [f64],
}

impl<F: Fn(&[f64; 9]) -> f64> Kernel for Whole<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let length = self.results.len();
        // Each a slice of its own: through arrays of slices the compiler loses that their lengths are the same.
        let tap = |tap: usize| tap * self.channels..tap * self.channels + length;
        let [above, at, below] = self.rows;
        let (above_0, above_1, above_2) = (&above[tap(0)], &above[tap(1)], &above[tap(2)]);
        let (at_0, at_1, at_2) = (&at[tap(0)], &at[tap(1)], &at[tap(2)]);
        let (below_0, below_1, below_2) = (&below[tap(0)], &below[tap(1)], &below[tap(2)]);
        // A block of its own to write to: it overlaps nothing that is read, so that the loop is vectorised.
        let mut block = [0.0; BLOCK];
        for start in (0..length).step_by(BLOCK) {
            let count = BLOCK.min(length - start);
            let part = start..start + count;
            let (above_0, above_1, above_2) = (
                &above_0[part.clone()],
                &above_1[part.clone()],
                &above_2[part.clone()],
            );
            let (at_0, at_1, at_2) = (&at_0[part.clone()], &at_1[part.clone()], &at_2[part.clone()]);
            let (below_0, below_1, below_2) = (
                &below_0[part.clone()],
                &below_1[part.clone()],
                &below_2[part.clone()],
            );
            let results = &mut block[..count];
            for x in 0..count {
                results[x] = (self.compute)(&[
                    above_0[x], above_1[x], above_2[x], at_0[x], at_1[x], at_2[x], below_0[x], below_1[x],
                    below_2[x],
                ]);
            }
            self.results[part].copy_from_slice(results);
        }
    }
}
