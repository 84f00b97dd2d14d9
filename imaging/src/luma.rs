//! Luma as OpenCV computes it: 15-bit fixed point, rounded half up.

use crate::Depth;
use crate::sample::Sample;
use crate::simd::{self, Kernel};

/// The weights of red, green and blue in 2^15ths. They sum to one, so gray stays what it is, and the sum of 16-bit samples
/// stays within 32 bits.
const WEIGHTS: [i16; 3] = [9798, 19235, 3735];

/// `(9798 R + 19235 G + 3735 B + 2^14) >> 15`.
#[inline(always)]
pub(crate) fn luma<S: Sample>(red: S, green: S, blue: S) -> S {
    let [r, g, b] = WEIGHTS.map(|weight| weight as u32);
    S::wrap((r * red.into() + g * green.into() + b * blue.into() + (1 << 14)) >> 15)
}

/// A row of RGB to luma.
pub(crate) fn luma_row<S: Sample>(source: &[S], row: &mut [S]) {
    let done = match S::DEPTH {
        Depth::Eight => simd::luma_pixels(
            bytemuck::cast_slice(source),
            WEIGHTS,
            bytemuck::cast_slice_mut(row),
        ),
        _ => 0,
    };
    simd::run(LumaRow {
        source: &source[3 * done..],
        row: &mut row[done..],
    });
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
