//! Luma as OpenCV computes it: 15-bit fixed point, rounded half up.

use super::points::with_data;
use crate::operation::{Group, Operation, OperationInfo, Values, needs_colours};
use crate::patch::{Patch, Rows};
use crate::sample::Sample;
use crate::simd::{self, Kernel};
use crate::{PixelFormat, Region};

/// Colour to gray. Alpha stays.
pub(crate) struct Grayscale;

impl Operation for Grayscale {
    const INFO: &'static OperationInfo = &OperationInfo {
        name: "grayscale",
        title: "Grayscale",
        group: Group::Colour,
        summary: "Takes the colour out and keeps the brightness.",
        method: "Luma by Rec. 601 weights, with OpenCV's arithmetic; alpha stays.",
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

    fn needs(&self, input: PixelFormat) -> Option<&'static str> {
        needs_colours(input)
    }

    fn apply<S: Sample>(&self, input: Patch<'_, S>, output: Region) -> Patch<'static, S> {
        let channels = input.channels.gray();
        if channels == input.channels {
            return input.cropped(output);
        }
        let image = input.image;
        let mut rows = Rows::new(output, channels);
        for y in output.y..output.y + output.height {
            let row = rows.next();
            let source = input.row(y, output.x, output.width);
            match input.channels.count() {
                3 => {
                    S::luma_row(source, row);
                    if let Some(no_data) = input.meaning.no_data_intensity() {
                        for (to, from) in row.iter_mut().zip(source.chunks_exact(3)) {
                            let is_missing = from.iter().any(|&sample| sample.into() == no_data);
                            *to = if is_missing {
                                S::wrap(no_data)
                            } else {
                                with_data(input.meaning, *to)
                            };
                        }
                    }
                }
                _ => {
                    for (to, from) in row.chunks_exact_mut(2).zip(source.chunks_exact(4)) {
                        to[0] = luma(from[0], from[1], from[2]);
                        to[1] = from[3];
                    }
                }
            }
        }
        Patch::owned(image, output, channels, rows.finish())
    }
}

/// The weights of red, green and blue in 2^15ths. They sum to one, so gray stays what it is, and the sum of 16-bit samples
/// stays within 32 bits.
const WEIGHTS: [i16; 3] = [9798, 19235, 3735];

/// `(9798 R + 19235 G + 3735 B + 2^14) >> 15`.
#[inline(always)]
pub(crate) fn luma<S: Sample>(red: S, green: S, blue: S) -> S {
    let [r, g, b] = WEIGHTS.map(|weight| weight as u32);
    S::wrap((r * red.into() + g * green.into() + b * blue.into() + (1 << 14)) >> 15)
}

/// A row of 8-bit RGB to luma.
pub(crate) fn luma_row_u8(source: &[u8], row: &mut [u8]) {
    let done = simd::luma_pixels(source, WEIGHTS, row);
    simd::run(LumaRow {
        source: &source[3 * done..],
        row: &mut row[done..],
    });
}

/// A row of 16-bit RGB to luma.
pub(crate) fn luma_row_u16(source: &[u16], row: &mut [u16]) {
    simd::run(LumaRow { source, row });
}

struct LumaRow<'a, S> {
    source: &'a [S],
    row: &'a mut [S],
}

impl<S: Sample> Kernel for LumaRow<'_, S> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for (to, from) in self.row.iter_mut().zip(self.source.chunks_exact(3)) {
            *to = luma(from[0], from[1], from[2]);
        }
    }
}
