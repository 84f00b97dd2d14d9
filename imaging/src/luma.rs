//! Luma as OpenCV computes it: 15-bit fixed point, rounded half up.

use crate::Depth;
use crate::planes::{BLOCK, Mix, Plane, mix_row};
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
        _ => return mix_row::<S, 3, 1>(source, row, &ToLuma),
    };
    simd::run(LumaRow {
        source: &source[3 * done..],
        row: &mut row[done..],
    });
}

/// A row of RGBA to luma and alpha.
pub(crate) fn luma_alpha_row<S: Sample>(source: &[S], row: &mut [S]) {
    mix_row::<S, 4, 2>(source, row, &ToLuma);
}

/// A row of pixels of `channels` samples to gray, alpha beside it where it is: RGB, RGBA, or gray, which stays.
pub(crate) fn gray_row<S: Sample>(channels: usize, source: &[S], row: &mut [S]) {
    match channels {
        3 => luma_row(source, row),
        4 => luma_alpha_row(source, row),
        _ => row.copy_from_slice(source),
    }
}

/// The luma of a block of pixels of at least three channels.
#[inline(always)]
pub(crate) fn luma_plane<S: Sample, const N: usize>(planes: &[Plane<S>; N]) -> Plane<S> {
    let mut gray = [S::default(); BLOCK];
    for at in 0..BLOCK {
        gray[at] = luma(planes[0][at], planes[1][at], planes[2][at]);
    }
    gray
}

struct ToLuma;

impl<S: Sample> Mix<S, 3, 1> for ToLuma {
    #[inline(always)]
    fn mix(&self, planes: &[Plane<S>; 3]) -> [Plane<S>; 1] {
        [luma_plane(planes)]
    }
}

impl<S: Sample> Mix<S, 4, 2> for ToLuma {
    #[inline(always)]
    fn mix(&self, planes: &[Plane<S>; 4]) -> [Plane<S>; 2] {
        [luma_plane(planes), planes[3]]
    }
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
