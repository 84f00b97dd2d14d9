//! Separable convolution with non-negative fixed-point weights, exact until the one rounding at the end. Opaque samples have
//! ways of their own ([`super::eight`], [`super::sixteen`]).
//!
//! Rows are convolved once each and kept in a ring that is as tall as the kernel. The image is worked through in stripes
//! narrow enough that the ring stays in the processor's cache.
//!
//! Colour under alpha is weighted by alpha: the result is `Σ w·a·c / Σ w·a`, rounded half up. Where all is opaque that
//! is the same fraction as `Σ w·c`, so opaque images take the plain path and get the same bytes as without alpha.
//!
//! Which integers hold the sums: with 8-bit samples and weights of 8 bits, premultiplied, a row's sum has 24 bits and a
//! window's 32. With 16-bit samples and weights it is 48 and 64.

use super::{eight, sixteen};
use crate::patch::Patch;
use crate::sample::{Sample, Widen};
use crate::simd::{self, Kernel};
use crate::{Depth, Region};

/// Bytes that the ring of a stripe may take: half of a usual first-level cache.
const RING_BYTES: usize = 24 << 10;

/// Convolves with `weights` both ways. They are symmetric, of odd length from 3 on, and sum to 2^8 (8 bit) or 2^16
/// (16 bit).
pub(crate) fn convolve<S: Sample>(
    input: &Patch<'_, S>,
    output: Region,
    weights: &[u32],
) -> Patch<'static, S> {
    let samples = if input.is_opaque() {
        match S::DEPTH {
            Depth::Eight => bytemuck::cast_vec(eight::convolve(&input.cast(), output, weights)),
            _ => bytemuck::cast_vec(sixteen::convolve(&input.cast(), output, weights)),
        }
    } else {
        in_stripes(input, output, weights, |stripe, samples| match S::DEPTH {
            Depth::Eight => stripe.premultiplied::<u32>(samples),
            _ => stripe.premultiplied::<u64>(samples),
        })
    };
    Patch::owned(input.image, output, input.channels, samples)
}

fn in_stripes<S: Sample>(
    input: &Patch<'_, S>,
    output: Region,
    weights: &[u32],
    convolve: impl Fn(Stripe<'_, S>, &mut [S]),
) -> Vec<S> {
    let channels = input.channels.count();
    let stride = output.width as usize * channels;
    let mut samples = vec![S::default(); stride * output.height as usize];
    let ring_pixels = RING_BYTES / (4 * S::DEPTH.bytes() * (weights.len() + 1) * channels);
    let stripe_width = ((ring_pixels / 32).clamp(2, 32) * 32) as u32;
    for x in (0..output.width).step_by(stripe_width as usize) {
        let width = stripe_width.min(output.width - x);
        let stripe = Stripe {
            input,
            region: Region {
                x: output.x + x,
                width,
                ..output
            },
            channels,
            weights,
            offset: x as usize * channels,
            stride,
        };
        convolve(stripe, &mut samples);
    }
    samples
}

/// A stripe of the output and where it goes.
struct Stripe<'a, S: Sample> {
    input: &'a Patch<'a, S>,
    region: Region,
    channels: usize,
    weights: &'a [u32],
    /// First sample of the stripe in a row of the output.
    offset: usize,
    /// Samples in a row of the output.
    stride: usize,
}

impl<S: Sample> Stripe<'_, S> {
    fn length(&self) -> usize {
        self.region.width as usize * self.channels
    }

    /// Calls `row(index, samples)` for every input row that the stripe needs, wide enough for the kernel.
    fn rows(&self, mut row: impl FnMut(usize, &[S])) {
        let radius = (self.weights.len() / 2) as i64;
        let (left, top) = (
            i64::from(self.region.x) - radius,
            i64::from(self.region.y) - radius,
        );
        let width = self.region.width + 2 * radius as u32;
        let mut scratch = Vec::new();
        for index in 0..self.region.height as usize + self.weights.len() - 1 {
            row(
                index,
                self.input
                    .reflected_row(top + index as i64, left, width, &mut scratch),
            );
        }
    }

    /// Row `y` of the stripe in the output.
    fn target<'o>(&self, samples: &'o mut [S], y: usize) -> &'o mut [S] {
        &mut samples[y * self.stride + self.offset..][..self.length()]
    }

    /// Colour weighted by alpha, which is the last channel. `A` holds the sums of whole windows.
    fn premultiplied<A>(&self, samples: &mut [S])
    where
        A: Sum + Widen<A> + From<u32> + Into<u64>,
    {
        let taps = self.weights.len();
        let shift = 16 * S::DEPTH.bytes() as u32;
        let weights: Vec<A> = self.weights.iter().map(|&weight| A::from(weight)).collect();
        let mut ring = vec![vec![A::default(); self.length()]; taps];
        let mut products: Vec<A> = Vec::new();
        let mut sums = vec![A::default(); self.length()];
        self.rows(|index, row| {
            products.clear();
            for pixel in row.chunks_exact(self.channels) {
                let (colours, alpha) = pixel.split_at(self.channels - 1);
                let alpha = A::from(alpha[0].into());
                products.extend(colours.iter().map(|&sample| A::from(sample.into()) * alpha));
                products.push(alpha);
            }
            let out = &mut ring[index % taps];
            simd::run(Horizontal {
                row: &products,
                weights: &weights,
                channels: self.channels,
                out,
            });
            let Some(y) = (index + 1).checked_sub(taps) else {
                return;
            };
            let window = window(&ring, y % taps);
            simd::run(Vertical {
                window: &window,
                weights: &weights,
                finish: |at: usize, block: &[A]| sums[at..at + block.len()].copy_from_slice(block),
            });
            unpremultiply(&sums, self.channels, shift, self.target(samples, y));
        });
    }
}

/// The rows of the ring from the oldest on.
fn window<T>(ring: &[Vec<T>], first: usize) -> Vec<&[T]> {
    let (newer, older) = ring.split_at(first);
    older.iter().chain(newer).map(|row| &row[..]).collect()
}

/// From sums of premultiplied colour and of alpha to samples, rounded half up. Adding half the divisor cannot overflow 64
/// bits: the sum is at most (2^16 - 1)² · 2^32 and the divisor (2^16 - 1) · 2^32.
fn unpremultiply<S: Sample, A: Sum + Into<u64>>(sums: &[A], channels: usize, shift: u32, out: &mut [S]) {
    for (to, pixel) in out.chunks_exact_mut(channels).zip(sums.chunks_exact(channels)) {
        let alpha: u64 = pixel[channels - 1].into();
        to[channels - 1] = S::wrap(((alpha + (1 << (shift - 1))) >> shift) as u32);
        for (to, &sum) in to.iter_mut().zip(&pixel[..channels - 1]) {
            let sum: u64 = sum.into();
            *to = (sum + alpha / 2)
                .checked_div(alpha)
                .map_or(S::default(), |value| S::wrap(value as u32));
        }
    }
}

/// An unsigned integer wide enough for the sums at hand.
pub(super) trait Sum:
    Copy + Default + std::ops::Add<Output = Self> + std::ops::Mul<Output = Self> + 'static
{
}

impl Sum for u32 {}
impl Sum for u64 {}

/// Samples whose sums are kept in registers at a time.
const BLOCK: usize = 64;

/// One row: `out[i] = Σ weights[t] · row[i + t·channels]`. The weights are symmetric, so the two samples that share one
/// are added first; a shared weight is at most half of the whole, so the product fits where the sum does.
struct Horizontal<'a, I, A> {
    row: &'a [I],
    weights: &'a [A],
    channels: usize,
    out: &'a mut [A],
}

impl<I: Widen<A>, A: Sum> Kernel for Horizontal<'_, I, A> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let taps = self.weights.len();
        let half = taps / 2;
        let mut blocks = self.out.chunks_exact_mut(BLOCK);
        let mut at = 0;
        for block in &mut blocks {
            let tap = |tap: usize| -> &[I] { &self.row[at + tap * self.channels..][..BLOCK] };
            let mut sums = [A::default(); BLOCK];
            let (middle, weight) = (tap(half), self.weights[half]);
            for lane in 0..BLOCK {
                sums[lane] = weight * middle[lane].widen();
            }
            for pair in 0..half {
                let (left, right, weight) = (tap(pair), tap(taps - 1 - pair), self.weights[pair]);
                for lane in 0..BLOCK {
                    sums[lane] = sums[lane] + weight * (left[lane].widen() + right[lane].widen());
                }
            }
            block.copy_from_slice(&sums);
            at += BLOCK;
        }
        for (index, to) in blocks.into_remainder().iter_mut().enumerate() {
            let samples = self.row[at + index..].iter().step_by(self.channels);
            *to = samples
                .zip(self.weights)
                .fold(A::default(), |sum, (&sample, &weight)| {
                    sum + weight * sample.widen()
                });
        }
    }
}

/// `Σ weights[t] · window[t][i]`, handed to `finish` with the position of the block's first sample.
struct Vertical<'a, I, A, F> {
    window: &'a [&'a [I]],
    weights: &'a [A],
    finish: F,
}

impl<I: Copy + Into<A>, A: Sum, F: FnMut(usize, &[A])> Kernel for Vertical<'_, I, A, F> {
    type Output = ();

    #[inline(always)]
    fn run(mut self) {
        let length = self.window.first().map_or(0, |row| row.len());
        for at in (0..length).step_by(BLOCK) {
            let count = BLOCK.min(length - at);
            let mut sums = [A::default(); BLOCK];
            for (row, &weight) in self.window.iter().zip(self.weights) {
                let row = &row[at..at + count];
                if let Ok(row) = <&[I; BLOCK]>::try_from(row) {
                    for lane in 0..BLOCK {
                        sums[lane] = sums[lane] + weight * row[lane].into();
                    }
                } else {
                    for (sum, &sample) in sums.iter_mut().zip(row) {
                        *sum = *sum + weight * sample.into();
                    }
                }
            }
            (self.finish)(at, &sums[..count]);
        }
    }
}
