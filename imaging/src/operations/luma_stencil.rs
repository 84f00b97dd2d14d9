//! What is made of the 3x3 windows of the luma: edges. The result is gray. Under alpha, luma counts times alpha, and alpha stays.

use std::marker::PhantomData;

use super::grayscale::Grayscale;
use crate::convolve::window::three_rows;
use crate::luma::{luma, luma_row};
use crate::numbers::window::nine;
use crate::numbers::{self, Numbers};
use crate::operation::{Operation, OperationInfo, Values};
use crate::patch::{Patch, Rows};
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
                let alphas = source
                    .chunks_exact(input.channels.count())
                    .map(|pixel| pixel[pixel.len() - 1]);
                for ((to, &edge), alpha) in out.chunks_exact_mut(2).zip(&edges).zip(alphas) {
                    to.copy_from_slice(&[edge, alpha]);
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
    let times = |value: S, alpha: S| {
        let product = u64::from(value.into()) * u64::from(alpha.into());
        S::wrap(((2 * product + u64::from(S::MAX)) / (2 * u64::from(S::MAX))) as u32)
    };
    let samples: Vec<S> = match input.channels {
        // Bands have a way of their own.
        Channels::Gray | Channels::Bands(_) => input.samples.to_vec(),
        Channels::GrayAlpha => input.samples.chunks_exact(2).map(|p| times(p[0], p[1])).collect(),
        Channels::Rgb => {
            let mut rows = Rows::new(input.region, Channels::Gray);
            for row in input.samples.chunks_exact(3 * input.region.width as usize) {
                luma_row(row, rows.next());
            }
            rows.finish()
        }
        Channels::Rgba => input
            .samples
            .chunks_exact(4)
            .map(|p| times(luma(p[0], p[1], p[2]), p[3]))
            .collect(),
    };
    Patch::owned(input.image, input.region, Channels::Gray, samples)
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
