//! Luma as OpenCV computes it: 15-bit fixed point, rounded half up.

use crate::operation::{Operation, OperationInfo, Values};
use crate::patch::Patch;
use crate::sample::Sample;
use crate::simd::{self, Kernel};
use crate::{PixelFormat, Region};

/// Colour to gray. Alpha stays.
pub(crate) struct Grayscale;

impl Operation for Grayscale {
    const INFO: &'static OperationInfo = &OperationInfo {
        name: "grayscale",
        title: "Grayscale",
        summary: "Turns colour into luma (Rec. 601 weights, OpenCV's arithmetic); alpha stays.",
        aliases: &["greyscale", "gray"],
        parameters: &[],
    };

    fn new(_: &Values<'_>) -> Self {
        Self
    }

    fn output_format(&self, input: PixelFormat) -> PixelFormat {
        PixelFormat {
            channels: input.channels.gray(),
            ..input
        }
    }

    fn apply<S: Sample>(&self, input: Patch<'_, S>, output: Region) -> Patch<'static, S> {
        let channels = input.channels.gray();
        if channels == input.channels {
            return input.cropped(output);
        }
        let image = input.image;
        let mut samples = vec![S::default(); output.size().pixels() as usize * channels.count()];
        let stride = output.width as usize * channels.count();
        for (y, row) in (output.y..).zip(samples.chunks_exact_mut(stride)) {
            let source = input.row(y, output.x, output.width);
            match input.channels.count() {
                3 => simd::run(GrayRow { source, row }),
                _ => {
                    for (to, from) in row.chunks_exact_mut(2).zip(source.chunks_exact(4)) {
                        to[0] = luma(from[0], from[1], from[2]);
                        to[1] = from[3];
                    }
                }
            }
        }
        Patch::owned(image, output, channels, samples)
    }
}

/// `(9798 R + 19235 G + 3735 B + 2^14) >> 15`. The weights sum to 2^15, so gray stays what it is, and the sum of
/// 16-bit samples stays within 32 bits.
#[inline(always)]
pub(crate) fn luma<S: Sample>(red: S, green: S, blue: S) -> S {
    S::wrap((9798 * red.into() + 19235 * green.into() + 3735 * blue.into() + (1 << 14)) >> 15)
}

/// One row of RGB to gray.
pub(crate) struct GrayRow<'a, S> {
    pub source: &'a [S],
    pub row: &'a mut [S],
}

impl<S: Sample> Kernel for GrayRow<'_, S> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for (to, from) in self.row.iter_mut().zip(self.source.chunks_exact(3)) {
            *to = luma(from[0], from[1], from[2]);
        }
    }
}
