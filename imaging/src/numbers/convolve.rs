//! Separable convolution of numbers, normalised: `Σ w·v / Σ w` over the samples that have data.

use super::{Numbers, has_holes};
use crate::Region;
use crate::simd::{self, Kernel};

/// Gives, for each row of `output` from the top on, the row of the centres and that of the means, which are NaN where the
/// centre has no data. `weights` are not negative, that of the centre is positive; they are of odd length from 3 on, and hold both
/// ways.
pub(crate) fn means(
    input: &Numbers<'_>,
    output: Region,
    weights: &[f64],
    out: &mut dyn FnMut(&[f64], &[f64]),
) {
    let (taps, channels) = (weights.len(), input.channels);
    let radius = taps / 2;
    let length = output.width as usize * channels;
    let left = i64::from(output.x) - radius as i64;
    let top = i64::from(output.y) - radius as i64;
    let width = output.width + 2 * radius as u32;
    let mut ring: Vec<Sums> = Vec::new();
    ring.resize_with(taps, Sums::default);
    // What the weights of a row, and of a window, sum to where all samples have data: in the order in which they are added.
    let whole_row = weights.iter().fold(0.0, |sum, weight| sum + weight);
    let whole = weights.iter().fold(0.0, |sum, weight| sum + weight * whole_row);
    let (mut row, mut present) = (Vec::new(), Vec::new());
    let (mut sums, mut totals) = (vec![0.0; length], vec![0.0; length]);
    for index in 0..output.height as usize + taps - 1 {
        input.row(top + index as i64, left, width, &mut row);
        let into = &mut ring[index % taps];
        into.centre.clear();
        into.centre.extend_from_slice(&row[radius * channels..][..length]);
        into.has_holes = has_holes(&row);
        into.weights.clear();
        if into.has_holes {
            present.clear();
            present.extend(row.iter().map(|number| f64::from(u8::from(!number.is_nan()))));
            row.iter_mut()
                .filter(|number| number.is_nan())
                .for_each(|number| *number = 0.0);
            into.weights.resize(length, 0.0);
            sum_weighted(along(&present, channels), weights, 1.0, &mut into.weights);
        } else {
            into.weights.resize(length, whole_row);
        }
        into.values.resize(length, 0.0);
        sum_weighted(along(&row, channels), weights, 1.0, &mut into.values);
        let Some(y) = (index + 1).checked_sub(taps) else {
            continue;
        };
        // The oldest row first.
        let rows = || (0..taps).map(|tap| &ring[(y + tap) % taps]);
        let values = rows().map(|row| row.values.as_slice());
        let centre = &ring[(y + radius) % taps].centre;
        if rows().any(|row| row.has_holes) {
            sum_weighted(values, weights, 1.0, &mut sums);
            sum_weighted(
                rows().map(|row| row.weights.as_slice()),
                weights,
                1.0,
                &mut totals,
            );
            for ((sum, total), centre) in sums.iter_mut().zip(&totals).zip(centre) {
                *sum = if centre.is_nan() { f64::NAN } else { *sum / total };
            }
        } else {
            sum_weighted(values, weights, whole, &mut sums);
        }
        out(centre, &sums);
    }
}

/// What a row of the input gives to the windows that it is in.
#[derive(Default)]
struct Sums {
    centre: Vec<f64>,
    has_holes: bool,
    values: Vec<f64>,
    weights: Vec<f64>,
}

/// A row, from each of the taps on that are side by side.
fn along(row: &[f64], channels: usize) -> impl Iterator<Item = &[f64]> {
    (0..).map(move |tap: usize| &row[tap * channels..])
}

/// `out[i] = (Σ weights[t] · rows[t][i]) / divisor`, from the first of the rows on, each as long as `out` at least.
fn sum_weighted<'a>(rows: impl Iterator<Item = &'a [f64]>, weights: &[f64], divisor: f64, out: &mut [f64]) {
    let rows: Vec<&[f64]> = rows.take(weights.len()).collect();
    simd::run(Sum {
        rows: &rows,
        weights,
        divisor,
        out,
    });
}

/// [`sum_weighted`].
struct Sum<'a> {
    rows: &'a [&'a [f64]],
    weights: &'a [f64],
    divisor: f64,
    out: &'a mut [f64],
}

/// Samples whose sums are kept in registers while all rows are added.
const BLOCK: usize = 32;

impl Kernel for Sum<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let length = self.out.len();
        if let Some(last) = length.checked_sub(BLOCK) {
            for start in (0..length).step_by(BLOCK) {
                // The last block is a whole one, too, and gives some sums twice.
                let at = start.min(last);
                let mut sums = [[0.0; 4]; BLOCK / 4];
                for (row, weight) in self.rows.iter().zip(self.weights) {
                    let (fours, _) = row[at..at + BLOCK].as_chunks::<4>();
                    let Ok(fours) = <&[[f64; 4]; BLOCK / 4]>::try_from(fours) else {
                        return;
                    };
                    for (sums, numbers) in sums.iter_mut().zip(fours) {
                        for (sum, number) in sums.iter_mut().zip(numbers) {
                            *sum += weight * number;
                        }
                    }
                }
                if self.divisor != 1.0 {
                    sums.as_flattened_mut()
                        .iter_mut()
                        .for_each(|sum| *sum /= self.divisor);
                }
                self.out[at..at + BLOCK].copy_from_slice(sums.as_flattened());
            }
            return;
        }
        for (x, to) in self.out.iter_mut().enumerate() {
            let products = self
                .rows
                .iter()
                .zip(self.weights)
                .map(|(row, weight)| weight * row[x]);
            *to = products.fold(0.0, |sum, product| sum + product) / self.divisor;
        }
    }
}
