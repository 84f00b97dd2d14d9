//! Separable convolution of opaque 8-bit samples, the case that matters most: exact until the one rounding at the end.
//!
//! The sums are those of whole numbers, so it does not matter which direction comes first. Rows come first here: their
//! samples are bytes, which AVX2 multiplies 32 at a time, and nothing needs to be copied, for a row outside the image is
//! another row inside it. The sums of rows have 16 bits (the weights sum to 2^8) and are reflected at the left and right
//! border of the image in the place of samples.
//!
//! A band of rows is worked through in chunks of columns narrow enough that all rows of a kernel stay in the processor's
//! first cache, then along its rows.

use super::pairs::{self, CORRECTION};
use crate::Region;
use crate::patch::{Patch, Rows, push_reflected, reflect};
use crate::simd::bytes::{self, RowPair};
use crate::simd::{self, madd};

/// Bytes of input that a chunk may take: half of a usual first-level cache.
const CHUNK_BYTES: usize = 24 << 10;
/// Bytes of the sums of a band: a part of a usual second-level cache.
const BAND_BYTES: usize = 256 << 10;

/// Convolves with `weights` both ways. They are symmetric, of odd length from 3 on, and sum to 2^8.
pub(crate) fn convolve(input: &Patch<'_, u8>, output: Region, weights: &[u32]) -> Vec<u8> {
    let channels = input.channels.count();
    let radius = (weights.len() / 2) as i64;
    // The columns that are read, and those of them that lie in the image.
    let (left, width) = (i64::from(output.x) - radius, output.width + 2 * radius as u32);
    let x = left.max(0) as u32;
    let columns = ((left + i64::from(width)).min(i64::from(input.image.width)) - i64::from(x)) as u32;
    let length = columns as usize * channels;

    let row_pairs = row_pairs(weights);
    let along = Along::new(weights, channels);
    let band = (BAND_BYTES / (2 * length)).clamp(8, 64);
    let chunk = (CHUNK_BYTES / (weights.len() + band))
        .next_multiple_of(64)
        .max(128);
    let mut sums = vec![0u16; band * length];
    let mut reflected = Vec::new();
    let mut interleaved = Vec::new();
    let mut written = Rows::new(output, input.channels);
    for at in (0..output.height as usize).step_by(band) {
        let top = i64::from(output.y) + at as i64 - radius;
        let height = band.min(output.height as usize - at);
        let rows = (0..height + weights.len() - 1)
            .map(|row| input.row(reflect(top + row as i64, input.image.height), x, columns));
        let rows: Vec<&[u8]> = rows.collect();
        for start in (0..length).step_by(chunk) {
            let end = length.min(start + chunk);
            for (y, sums) in sums.chunks_exact_mut(length).take(height).enumerate() {
                bytes::sum_rows(&rows[y..], &row_pairs, start, &mut sums[start..end]);
            }
        }
        for sums in sums.chunks_exact(length).take(height) {
            let sums = if columns == width {
                sums
            } else {
                reflected.clear();
                push_reflected(sums, x, input.image.width, channels, left, width, &mut reflected);
                &reflected
            };
            along.convolve(sums, &mut interleaved, written.next());
        }
    }
    written.finish()
}

/// The weights as pairs of rows that suit [`bytes::sum_rows`]: a weight that is too large for a byte is spread over
/// several terms, and a term that no neighbour fits stands alone.
fn row_pairs(weights: &[u32]) -> Vec<RowPair> {
    let mut terms = Vec::new();
    for (row, &weight) in weights.iter().enumerate() {
        let mut rest = weight;
        while rest > 0 {
            let part = rest.min(127);
            terms.push((row, part as u8));
            rest -= part;
        }
    }
    let mut pairs = Vec::new();
    let mut terms = terms.into_iter().peekable();
    while let Some((row, weight)) = terms.next() {
        let other = terms.next_if(|(_, other)| u32::from(weight) + u32::from(*other) <= 128);
        let (other_row, other) = other.unwrap_or((row, 0));
        pairs.push(RowPair {
            rows: [row, other_row],
            weights: [weight, other],
        });
    }
    pairs
}

/// The pass along a row of sums.
struct Along {
    weights: Vec<[i16; 2]>,
    /// Where in the interleaved sums each pair of taps begins.
    offsets: Vec<usize>,
    channels: usize,
}

impl Along {
    fn new(weights: &[u32], channels: usize) -> Self {
        let taps = weights.len();
        // Every other tap, and for the last the one before it, whose weight is zero then.
        let first_taps = (0..taps / 2).map(|pair| 2 * pair).chain([taps - 2]);
        Self {
            weights: pairs::pair_weights(weights),
            offsets: first_taps.map(|tap| 2 * channels * tap).collect(),
            channels,
        }
    }

    fn convolve(&self, sums: &[u16], interleaved: &mut Vec<i16>, out: &mut [u8]) {
        let count = sums.len() - self.channels;
        interleaved.resize(2 * count, 0);
        simd::run(pairs::Interleave {
            first: &sums[..count],
            second: &sums[self.channels..],
            out: interleaved,
        });
        let window: Vec<&[i16]> = self
            .offsets
            .iter()
            .map(|&offset| &interleaved[offset..])
            .collect();
        let done = madd::rows(&window, &self.weights, CORRECTION, out);
        pairs::rest(&window, &self.weights, done, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Depth;
    use crate::convolve::gaussian;

    #[test]
    fn pairs_of_rows_hold_every_weight_and_fit_the_instruction() {
        let gaussians =
            [0.1, 0.5, 0.8, 1.0, 2.0, 5.0, 30.0].map(|sigma| gaussian::weights(sigma, Depth::Eight));
        for weights in gaussians.into_iter().chain([vec![0, 256, 0], vec![64, 128, 64]]) {
            let mut sums = vec![0; weights.len()];
            for pair in row_pairs(&weights) {
                assert!(pair.weights.iter().all(|&weight| weight <= 127), "{weights:?}");
                assert!(pair.weights.iter().map(|&weight| u32::from(weight)).sum::<u32>() <= 128);
                for (row, weight) in pair.rows.into_iter().zip(pair.weights) {
                    sums[row] += u32::from(weight);
                }
            }
            assert_eq!(sums, weights);
        }
    }
}
