//! What is made of the 3x3 windows of the luma: edges. The result is gray. Under alpha, luma counts times alpha, and alpha stays.

use std::marker::PhantomData;

use super::grayscale::Grayscale;
use crate::convolve::window::three_rows;
use crate::luma::{luma_plane, luma_row};
use crate::numbers::window::nine;
use crate::numbers::{self, Numbers};
use crate::operation::{Operation, OperationInfo, Values};
use crate::patch::{Patch, Rows};
use crate::planes::{BLOCK, Mix, Plane, mix_row};
use crate::sample::Sample;
use crate::simd::{self, Kernel};
use crate::{Channels, Depth, PixelFormat, Region, Size};

/// What a window of nine becomes. The samples are row by row from the top left on.
pub(crate) trait Stencil: Send + Sync + 'static {
    const INFO: &'static OperationInfo;

    /// Of intensities.
    fn intensity<S: Sample>(samples: [i32; 9]) -> S;

    /// Of numbers, before they are rounded.
    fn number(samples: &[f64; 9]) -> f64;
}

/// A [`Stencil`] on the luma.
pub(crate) struct OfLuma<T>(PhantomData<T>);

impl<T: Stencil> Operation for OfLuma<T> {
    const INFO: &'static OperationInfo = T::INFO;

    fn new(_: &Values<'_>) -> Self {
        Self(PhantomData)
    }

    fn output_format(&self, input: PixelFormat) -> PixelFormat {
        PixelFormat {
            channels: input.channels.gray(),
            ..input
        }
    }

    fn input_region(&self, image: Size, output: Region) -> Region {
        output.inflate(1, 1, image)
    }

    fn needs(&self, input: PixelFormat) -> Option<&'static str> {
        (input.channels == Channels::Rgb && !input.depth.is_intensity())
            .then_some("gray, bands, or RGB of 8 or 16 bit without a sign, of which it takes the luma")
    }

    fn apply<S: Sample>(&self, input: Patch<'_, S>, output: Region) -> Patch<'static, S> {
        if input.channels == Channels::Rgb && input.meaning.is_measured() {
            let (meaning, region) = (input.meaning, input.region);
            let mut gray = Grayscale.apply(input, region);
            gray.meaning = meaning;
            return self.apply(gray, output);
        }
        if (matches!(input.channels, Channels::Bands(_)) || input.meaning.is_measured())
            && let Some(edges) = numbers::apply(self, &input, output, true)
        {
            return edges;
        }
        let luma = premultiplied_luma(&input);
        let channels = input.channels.gray();
        let step = channels.count();
        let width = output.width as usize;
        let mut written = Rows::new(output, channels);
        let mut edges = vec![S::default(); width];
        three_rows(&luma, output, |index, rows| {
            let out = written.next();
            if step == 1 {
                simd::run(StencilRow::<S, T> {
                    rows,
                    out,
                    stencil: PhantomData,
                });
            } else {
                simd::run(StencilRow::<S, T> {
                    rows,
                    out: &mut edges,
                    stencil: PhantomData,
                });
                let source = input.row(output.y + index as u32, output.x, output.width);
                match input.channels {
                    Channels::Rgba => beside_alpha::<S, 4>(&edges, source, out),
                    _ => beside_alpha::<S, 2>(&edges, source, out),
                }
            }
        });
        Patch::owned(input.image, output, channels, written.finish())
    }

    fn apply_numbers(&self, input: &Numbers<'_>, output: Region, out: &mut dyn FnMut(&[f64])) -> bool {
        // Of colours, the luma comes first.
        if input.is_rgb {
            return false;
        }
        let is_whole = input.depth != Depth::Float;
        nine(input, output, out, |samples| {
            let number = T::number(samples);
            if is_whole { number.floor() } else { number }
        });
        true
    }
}

/// Luma as one channel; under alpha, luma times alpha, rounded half up.
fn premultiplied_luma<S: Sample>(input: &Patch<'_, S>) -> Patch<'static, S> {
    let samples: Vec<S> = match input.channels {
        // Bands have a way of their own.
        Channels::Gray | Channels::Bands(_) => input.samples.to_vec(),
        Channels::GrayAlpha => {
            let mut rows = Rows::new(input.region, Channels::Gray);
            for row in input.samples.chunks_exact(2 * input.region.width as usize) {
                mix_row::<S, 2, 1>(row, rows.next(), &TimesAlpha);
            }
            rows.finish()
        }
        Channels::Rgb => {
            let mut rows = Rows::new(input.region, Channels::Gray);
            for row in input.samples.chunks_exact(3 * input.region.width as usize) {
                luma_row(row, rows.next());
            }
            rows.finish()
        }
        Channels::Rgba => {
            let mut rows = Rows::new(input.region, Channels::Gray);
            for row in input.samples.chunks_exact(4 * input.region.width as usize) {
                mix_row::<S, 4, 1>(row, rows.next(), &TimesAlpha);
            }
            rows.finish()
        }
    };
    Patch::owned(input.image, input.region, Channels::Gray, samples)
}

/// Edges beside the alpha of the pixels of `N` samples in `source`.
fn beside_alpha<S: Sample, const N: usize>(edges: &[S], source: &[S], out: &mut [S]) {
    let pixels = edges.iter().zip(source.as_chunks::<N>().0);
    for (to, (edge, pixel)) in out.as_chunks_mut::<2>().0.iter_mut().zip(pixels) {
        *to = [*edge, pixel[N - 1]];
    }
}

/// Luma times alpha.
struct TimesAlpha;

impl<S: Sample> Mix<S, 2, 1> for TimesAlpha {
    #[inline(always)]
    fn mix(&self, planes: &[Plane<S>; 2]) -> [Plane<S>; 1] {
        [times_plane(planes[0], &planes[1])]
    }
}

impl<S: Sample> Mix<S, 4, 1> for TimesAlpha {
    #[inline(always)]
    fn mix(&self, planes: &[Plane<S>; 4]) -> [Plane<S>; 1] {
        [times_plane(luma_plane(planes), &planes[3])]
    }
}

#[inline(always)]
fn times_plane<S: Sample>(mut values: Plane<S>, alphas: &Plane<S>) -> Plane<S> {
    for at in 0..BLOCK {
        values[at] = times(values[at], alphas[at]);
    }
    values
}

/// `value · alpha / max`, rounded half up. With a half added the product is `max · q + r`, r below max, q the result; divided by
/// `max + 1` it is q, or q - 1 where r is below q; and either, and one, added to the product makes it q when divided so again.
#[inline(always)]
fn times<S: Sample>(value: S, alpha: S) -> S {
    let product = value.into() * alpha.into() + S::MAX / 2;
    let bits = S::MAX.count_ones();
    S::wrap((product + 1 + (product >> bits)) >> bits)
}

struct StencilRow<'a, S, T> {
    rows: [&'a [S]; 3],
    out: &'a mut [S],
    stencil: PhantomData<T>,
}

impl<S: Sample, T: Stencil> Kernel for StencilRow<'_, S, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let length = self.out.len();
        let [above, at, below] = self.rows.map(|row| [0, 1, 2].map(|tap| &row[tap..][..length]));
        let value = |sample: S| sample.into() as i32;
        for i in 0..length {
            self.out[i] = T::intensity([
                value(above[0][i]),
                value(above[1][i]),
                value(above[2][i]),
                value(at[0][i]),
                value(at[1][i]),
                value(at[2][i]),
                value(below[0][i]),
                value(below[1][i]),
                value(below[2][i]),
            ]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_right<S: Sample>(value: u32, alpha: u32) {
        let right = (2 * u64::from(value) * u64::from(alpha) + u64::from(S::MAX)) / (2 * u64::from(S::MAX));
        let result: u32 = times(S::wrap(value), S::wrap(alpha)).into();
        assert_eq!(u64::from(result), right, "{value} {alpha}");
    }

    #[test]
    fn products_with_alpha_are_rounded_half_up() {
        for value in 0..=255 {
            (0..=255).for_each(|alpha| is_right::<u8>(value, alpha));
        }
        for value in (0..65536).step_by(251).chain([1, 2, 32767, 32768, 65534, 65535]) {
            for alpha in (0..65536).step_by(13).chain([1, 32767, 32768, 65534, 65535]) {
                is_right::<u16>(value, alpha);
            }
        }
    }
}
