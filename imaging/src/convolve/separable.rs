//! Separable convolution with non-negative fixed-point weights, exact until the one rounding at the end.
//!
//! Rows are convolved once each and kept in a ring that is as tall as the kernel, so memory is a few rows. Colour
//! under alpha is weighted by alpha: the result is `Σ w·a·c / Σ w·a`, rounded half up. Where all is opaque that is
//! the same fraction as `Σ w·c`, so opaque images take the plain path and get the same bytes as without alpha.

use crate::Region;
use crate::patch::Patch;
use crate::sample::Sample;
use crate::simd::{self, Kernel};

/// Convolves with `horizontal` and `vertical`, both of odd length and summing to 2^8 (8 bit) or 2^16 (16 bit).
pub(crate) fn convolve<S: Sample>(
    input: &Patch<'_, S>,
    output: Region,
    horizontal: &[u32],
    vertical: &[u32],
) -> Patch<'static, S> {
    let channels = input.channels.count();
    let premultiply = !input.is_opaque();
    let stride = output.width as usize * channels;
    let (dx, dy) = (horizontal.len() / 2, vertical.len() / 2);
    let taps = vertical.len();
    let mut ring: Vec<Vec<u64>> = vec![vec![0; stride]; taps];
    let mut scratch = Vec::new();
    let mut products = Vec::new();
    let mut sums = vec![0u64; stride];
    let mut samples = vec![S::default(); stride * output.height as usize];
    let left = i64::from(output.x) - dx as i64;
    let width = output.width + 2 * dx as u32;
    let top = i64::from(output.y) - dy as i64;
    let shift = 2 * 8 * S::DEPTH.bytes() as u32;
    for step in 0..output.height as usize + taps - 1 {
        let row = input.reflected_row(top + step as i64, left, width, &mut scratch);
        products.clear();
        if premultiply {
            products.extend(row.chunks_exact(channels).flat_map(|pixel| {
                let alpha = u64::from(pixel[channels - 1].into());
                pixel.iter().enumerate().map(move |(channel, &sample)| {
                    if channel == channels - 1 {
                        alpha
                    } else {
                        u64::from(sample.into()) * alpha
                    }
                })
            }));
        } else {
            products.extend(row.iter().map(|&sample| u64::from(sample.into())));
        }
        simd::run(Horizontal {
            row: &products,
            weights: horizontal,
            channels,
            out: &mut ring[step % taps],
        });
        let Some(y) = (step + 1).checked_sub(taps) else {
            continue;
        };
        simd::run(Vertical {
            ring: &ring,
            first: y % taps,
            weights: vertical,
            out: &mut sums,
        });
        let out = &mut samples[y * stride..][..stride];
        if premultiply {
            unpremultiply(&sums, channels, shift, out);
        } else {
            for (to, &sum) in out.iter_mut().zip(&sums) {
                *to = S::wrap(((sum + (1 << (shift - 1))) >> shift) as u32);
            }
        }
    }
    Patch::owned(input.image, output, input.channels, samples)
}

/// From sums of premultiplied colour and of alpha to samples. Sums of 16-bit products stay below 2^64 with the half
/// added, since a product is at most (2^16 - 1)² and the weights sum to 2^32.
fn unpremultiply<S: Sample>(sums: &[u64], channels: usize, shift: u32, out: &mut [S]) {
    for (to, pixel) in out.chunks_exact_mut(channels).zip(sums.chunks_exact(channels)) {
        let alpha = pixel[channels - 1];
        to[channels - 1] = S::wrap(((alpha + (1 << (shift - 1))) >> shift) as u32);
        for channel in 0..channels - 1 {
            to[channel] = (pixel[channel] + alpha / 2)
                .checked_div(alpha)
                .map_or(S::default(), |value| S::wrap(value as u32));
        }
    }
}

struct Horizontal<'a> {
    row: &'a [u64],
    weights: &'a [u32],
    channels: usize,
    out: &'a mut [u64],
}

impl Kernel for Horizontal<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        self.out.fill(0);
        for (tap, &weight) in self.weights.iter().enumerate() {
            let row = &self.row[tap * self.channels..];
            for (to, &from) in self.out.iter_mut().zip(row) {
                *to += u64::from(weight) * from;
            }
        }
    }
}

struct Vertical<'a> {
    ring: &'a [Vec<u64>],
    first: usize,
    weights: &'a [u32],
    out: &'a mut [u64],
}

impl Kernel for Vertical<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        self.out.fill(0);
        let (newer, older) = self.ring.split_at(self.first);
        for (row, &weight) in older.iter().chain(newer).zip(self.weights) {
            for (to, &from) in self.out.iter_mut().zip(row) {
                *to += u64::from(weight) * from;
            }
        }
    }
}
