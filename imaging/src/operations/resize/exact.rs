//! Integers all along, as wide as it takes: for colour times alpha of 16 bit, whose sums have up to 76 bits.

use std::collections::VecDeque;

use super::filter::{BITS, Taps};
use crate::patch::Patch;
use crate::sample::Sample;

/// Rows first, each once, kept while an output row needs them; then columns. Only the end is rounded.
pub(super) fn resample<S: Sample>(input: &Patch<'_, S>, columns: &[Taps], rows: &[Taps]) -> Vec<S> {
    let channels = input.channels.count();
    let stride = columns.len() * channels;
    let mut samples = vec![S::default(); stride * rows.len()];
    let mut kept: VecDeque<Vec<i64>> = VecDeque::new();
    let mut first = rows.first().map_or(0, |row| row.start);
    let mut wide: Vec<i64> = Vec::new();
    for (row, out) in rows.iter().zip(samples.chunks_exact_mut(stride)) {
        while first < row.start {
            kept.pop_front();
            first += 1;
        }
        while kept.len() < row.weights.len() {
            let y = first + kept.len() as u32;
            wide.clear();
            widen(
                input.row(y, input.region.x, input.region.width),
                channels,
                &mut wide,
            );
            kept.push_back(horizontal(&wide, input.region.x, columns, channels));
        }
        let sums = vertical(&kept, &row.weights);
        for (to, sums) in out.chunks_exact_mut(channels).zip(sums.chunks_exact(channels)) {
            let alpha = sums[channels - 1];
            for (to, &sum) in to.iter_mut().zip(&sums[..channels - 1]) {
                *to = weighted(sum, alpha);
            }
            to[channels - 1] = S::clamp_i64(round(alpha as i64));
        }
    }
    samples
}

/// `Σ weights · rows`.
fn vertical(rows: &VecDeque<Vec<i64>>, weights: &[i64]) -> Vec<i128> {
    let mut sums = vec![0; rows.front().map_or(0, Vec::len)];
    for (line, &weight) in rows.iter().zip(weights) {
        for (sum, &value) in sums.iter_mut().zip(line) {
            *sum += i128::from(weight) * i128::from(value);
        }
    }
    sums
}

/// A sum in units of a sample, rounded half up.
pub(super) fn round(sum: i64) -> i64 {
    (sum + (1 << (2 * BITS - 1))) >> (2 * BITS)
}

/// [`Sample::weighted`] of wider sums.
fn weighted<S: Sample>(product: i128, weight: i128) -> S {
    if weight <= 0 {
        return S::default();
    }
    let colour = (product + weight / 2).div_euclid(weight);
    S::wrap(colour.clamp(0, i128::from(S::MAX)) as u32)
}

/// Samples as wide integers, colour times alpha.
fn widen<S: Sample>(row: &[S], channels: usize, out: &mut Vec<i64>) {
    let value = |sample: S| i64::from(sample.into());
    for pixel in row.chunks_exact(channels) {
        let alpha = value(pixel[channels - 1]);
        out.extend(pixel[..channels - 1].iter().map(|&sample| value(sample) * alpha));
        out.push(alpha);
    }
}

fn horizontal(row: &[i64], left: u32, columns: &[Taps], channels: usize) -> Vec<i64> {
    let mut out = Vec::with_capacity(columns.len() * channels);
    for column in columns {
        let start = (column.start - left) as usize * channels;
        for channel in 0..channels {
            let samples = row[start + channel..].iter().step_by(channels);
            out.push(
                samples
                    .zip(&column.weights)
                    .map(|(sample, weight)| sample * weight)
                    .sum(),
            );
        }
    }
    out
}
