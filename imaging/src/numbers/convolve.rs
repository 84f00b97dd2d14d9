//! Separable convolution of numbers, normalised: `Σ w·v / Σ w` over the samples that have data.

use super::Numbers;
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
        into.has_holes = row.iter().any(|number| number.is_nan());
        into.weights.clear();
        if into.has_holes {
            present.clear();
            present.extend(row.iter().map(|number| f64::from(u8::from(!number.is_nan()))));
            row.iter_mut()
                .filter(|number| number.is_nan())
                .for_each(|number| *number = 0.0);
            into.weights.resize(length, 0.0);
            along(&present, weights, channels, &mut into.weights);
        } else {
            into.weights.resize(length, whole_row);
        }
        into.values.clear();
        into.values.resize(length, 0.0);
        along(&row, weights, channels, &mut into.values);
        let Some(y) = (index + 1).checked_sub(taps) else {
            continue;
        };
        // The oldest row first.
        let rows = || (0..taps).map(|tap| &ring[(y + tap) % taps]);
        sums.fill(0.0);
        for (row, &weight) in rows().zip(weights) {
            simd::run(Add {
                from: &row.values,
                weight,
                to: &mut sums,
            });
        }
        if rows().any(|row| row.has_holes) {
            totals.fill(0.0);
            for (row, &weight) in rows().zip(weights) {
                simd::run(Add {
                    from: &row.weights,
                    weight,
                    to: &mut totals,
                });
            }
        } else {
            totals.fill(whole);
        }
        let centre = &ring[(y + radius) % taps].centre;
        for ((sum, total), centre) in sums.iter_mut().zip(&totals).zip(centre) {
            *sum = if centre.is_nan() { f64::NAN } else { *sum / total };
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

/// `out[i] += Σ weights[t] · row[i + t·channels]`.
fn along(row: &[f64], weights: &[f64], channels: usize, out: &mut [f64]) {
    for (tap, &weight) in weights.iter().enumerate() {
        simd::run(Add {
            from: &row[tap * channels..],
            weight,
            to: out,
        });
    }
}

/// `to[i] += weight · from[i]`.
struct Add<'a> {
    from: &'a [f64],
    weight: f64,
    to: &'a mut [f64],
}

impl Kernel for Add<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for (to, from) in self.to.iter_mut().zip(self.from) {
            *to += self.weight * from;
        }
    }
}
