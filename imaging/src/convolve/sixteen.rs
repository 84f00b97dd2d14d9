//! Separable convolution of opaque 16-bit samples, exact until the one rounding at the end.
//!
//! Columns come first: their samples are 16 bits wide, which AVX2 multiplies 16 at a time. The weights sum to 2^16, so the sums have
//! 32 bits; they are split into halves of 16 bits, which are multiplied the same way along the row ([`words`]). Sums are reflected at
//! the left and right border of the image in the place of samples. Bands of rows and chunks of columns are those of
//! [`super::eight`].

use crate::Region;
use crate::patch::{Patch, Rows, push_reflected, reflect};
use crate::simd::words::{self, Halves, WordPair};

/// Bytes of input that a chunk may take: half of a usual first-level cache.
const CHUNK_BYTES: usize = 24 << 10;
/// Bytes of the sums of a band: a part of a usual second-level cache.
const BAND_BYTES: usize = 256 << 10;

/// Convolves with `weights` both ways. They are symmetric, of odd length from 3 on, and sum to 2^16.
pub(crate) fn convolve(input: &Patch<'_, u16>, output: Region, weights: &[u32]) -> Vec<u16> {
    let channels = input.channels.count();
    let taps = weights.len();
    let radius = (taps / 2) as i64;
    // The columns that are read, and those of them that lie in the image.
    let (left, width) = (i64::from(output.x) - radius, output.width + 2 * radius as u32);
    let x = left.max(0) as u32;
    let columns = ((left + i64::from(width)).min(i64::from(input.image.width)) - i64::from(x)) as u32;
    let length = columns as usize * channels;

    let pairs = pairs(weights);
    let band = (BAND_BYTES / (4 * length)).clamp(8, 64);
    let chunk = (CHUNK_BYTES / (2 * (taps + band))).next_multiple_of(64).max(128);
    let mut sums = Halves {
        high: vec![0; band * length],
        low: vec![0; band * length],
    };
    let mut reflected: Halves<Vec<i16>> = Halves::default();
    let mut written = Rows::new(output, input.channels);
    for at in (0..output.height as usize).step_by(band) {
        let top = i64::from(output.y) + at as i64 - radius;
        let height = band.min(output.height as usize - at);
        let rows = (0..height + taps - 1)
            .map(|row| input.row(reflect(top + row as i64, input.image.height), x, columns));
        let rows: Vec<&[u16]> = rows.collect();
        for start in (0..length).step_by(chunk) {
            let end = length.min(start + chunk);
            for y in 0..height {
                let part = y * length + start..y * length + end;
                let out = Halves {
                    high: &mut sums.high[part.clone()],
                    low: &mut sums.low[part],
                };
                words::sum_rows(&rows[y..], &pairs, start, out);
            }
        }
        for y in 0..height {
            let [high, low] = [(&sums.high, &mut reflected.high), (&sums.low, &mut reflected.low)].map(
                |(halves, reflected)| -> &[i16] {
                    let row = &halves[y * length..][..length];
                    if columns == width {
                        return row;
                    }
                    reflected.clear();
                    push_reflected(row, x, input.image.width, channels, left, width, reflected);
                    reflected
                },
            );
            let sums = Halves {
                high: (0..taps).map(|tap| &high[tap * channels..]).collect(),
                low: (0..taps).map(|tap| &low[tap * channels..]).collect(),
            };
            words::weigh(&sums, &pairs, written.next());
        }
    }
    written.finish()
}

/// The weights as pairs of taps that suit [`words`]: one that is too large is spread over several terms, and those that are zero are
/// left out.
fn pairs(weights: &[u32]) -> Vec<WordPair> {
    let mut terms = Vec::new();
    for (row, &weight) in weights.iter().enumerate() {
        let mut rest = weight;
        while rest > 0 {
            let part = rest.min(i16::MAX as u32);
            terms.push((row, part as i16));
            rest -= part;
        }
    }
    let pairs = terms.chunks(2).map(|pair| {
        let (row, weight) = pair[0];
        let (other_row, other) = pair.get(1).copied().unwrap_or((row, 0));
        WordPair {
            rows: [row, other_row],
            weights: [weight, other],
        }
    });
    pairs.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::convolve::gaussian;
    use crate::{Channels, Depth, Size, set_portable_only};

    /// As it is defined, in one sum of 64 bits.
    fn defined(input: &Patch<'_, u16>, weights: &[u32]) -> Vec<u16> {
        let (size, channels) = (input.image, input.channels.count());
        let radius = (weights.len() / 2) as i64;
        let sample = |y: i64, x: i64, channel: usize| {
            let at = reflect(y, size.height) as usize * size.width as usize + reflect(x, size.width) as usize;
            u64::from(input.samples[at * channels + channel])
        };
        let mut samples = Vec::new();
        for (y, x) in (0..size.height).flat_map(|y| (0..size.width).map(move |x| (y, x))) {
            samples.extend((0..channels).map(|channel| {
                let mut sum = 1u64 << 31;
                for (row, &down) in (i64::from(y) - radius..).zip(weights) {
                    for (column, &across) in (i64::from(x) - radius..).zip(weights) {
                        sum += u64::from(down) * u64::from(across) * sample(row, column, channel);
                    }
                }
                (sum >> 32) as u16
            }));
        }
        samples
    }

    #[test]
    fn sums_are_exact_for_every_size_of_weights_and_extreme_samples() {
        let gaussians = [0.1, 0.3, 0.6, 1.0, 2.0].map(|sigma| gaussian::weights(sigma, Depth::Sixteen));
        let kernels = gaussians
            .into_iter()
            .chain([vec![0, 65536, 0], vec![16384, 32768, 16384]]);
        for weights in kernels {
            for (width, height, channels) in [
                (1, 1, Channels::Gray),
                (70, 3, Channels::Gray),
                (2, 5, Channels::Rgb),
                (33, 11, Channels::Rgb),
            ] {
                let size = Size::new(width, height);
                let count = size.pixels() as u32 * channels.count() as u32;
                // All dark, all bright, and what jumps between them.
                let kinds: [&dyn Fn(u32) -> u16; 4] = [
                    &|_| 0,
                    &|_| u16::MAX,
                    &|at| {
                        if at.wrapping_mul(2_654_435_761) >> 31 == 0 {
                            0
                        } else {
                            u16::MAX
                        }
                    },
                    &|at| (at.wrapping_mul(2_654_435_761) >> 16) as u16,
                ];
                for kind in kinds {
                    let samples = (0..count).map(kind).collect();
                    let input = Patch::owned(size, size.region(), channels, samples);
                    let right = defined(&input, &weights);
                    for portable in [false, true] {
                        set_portable_only(portable);
                        let result = convolve(&input, size.region(), &weights);
                        set_portable_only(false);
                        assert_eq!(result, right, "{weights:?} {size} portable {portable}");
                    }
                }
            }
        }
    }
}
