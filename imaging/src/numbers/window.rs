//! 3x3 windows of numbers.

use super::Numbers;
use crate::Region;

/// Gives the rows of `output`: `compute` of the nine samples around each, row by row from the top left on. One without data
/// counts as the centre, so that a difference to it is none; where the centre is without, so is the result.
pub(crate) fn nine(
    input: &Numbers<'_>,
    output: Region,
    out: &mut dyn FnMut(&[f64]),
    compute: &dyn Fn(&[f64; 9]) -> f64,
) {
    let channels = input.channels;
    let (left, width) = (i64::from(output.x) - 1, output.width + 2);
    let mut rows: [Vec<f64>; 3] = Default::default();
    let mut results = Vec::new();
    for y in (i64::from(output.y)..).take(output.height as usize) {
        for (row, y) in rows.iter_mut().zip(y - 1..) {
            input.row(y, left, width, row);
        }
        results.clear();
        results.extend((0..output.width as usize * channels).map(|at| {
            let centre = rows[1][at + channels];
            if centre.is_nan() {
                return f64::NAN;
            }
            let samples: [f64; 9] = std::array::from_fn(|n| {
                let sample = rows[n / 3][at + n % 3 * channels];
                if sample.is_nan() { centre } else { sample }
            });
            compute(&samples)
        }));
        out(&results);
    }
}
