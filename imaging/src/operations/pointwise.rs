//! Arithmetic on single samples, without a table. Alpha stays.

use crate::patch::{Patch, Rows};
use crate::sample::Sample;
use crate::simd::{self, Kernel};
use crate::{Channels, Region};

/// What a sample becomes.
pub(super) trait Point<S>: Copy {
    /// Implementations are `#[inline(always)]`.
    fn of(self, sample: S) -> S;
}

/// Applies `point` to every colour sample.
pub(super) fn each_color<S: Sample>(
    input: &Patch<'_, S>,
    output: Region,
    point: impl Point<S>,
) -> Patch<'static, S> {
    let samples = Rows::written(output, input.channels, |y, row| {
        point_row(input.channels, input.row(y, output.x, output.width), row, point);
    });
    Patch::owned(input.image, output, input.channels, samples)
}

/// Applies `point` to every colour sample of a row of pixels of `channels`.
pub(super) fn point_row<S: Sample>(channels: Channels, from: &[S], to: &mut [S], point: impl Point<S>) {
    match channels {
        Channels::GrayAlpha => simd::run(BesideAlpha::<_, _, 2> { from, to, point }),
        Channels::Rgba => simd::run(BesideAlpha::<_, _, 4> { from, to, point }),
        _ => simd::run(Each { from, to, point }),
    }
}

struct Each<'a, S, P> {
    from: &'a [S],
    to: &'a mut [S],
    point: P,
}

impl<S: Sample, P: Point<S>> Kernel for Each<'_, S, P> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for (to, from) in self.to.iter_mut().zip(self.from) {
            *to = self.point.of(*from);
        }
    }
}

/// Pixels of `N` samples, the last of which is alpha.
struct BesideAlpha<'a, S, P, const N: usize> {
    from: &'a [S],
    to: &'a mut [S],
    point: P,
}

/// Samples of a block, whole pixels.
const BLOCK: usize = 64;

impl<S: Sample, P: Point<S>, const N: usize> Kernel for BesideAlpha<'_, S, P, N> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let (blocks, rest) = self.from.as_chunks::<BLOCK>();
        let (to_blocks, to_rest) = self.to.as_chunks_mut::<BLOCK>();
        for (to, from) in to_blocks.iter_mut().zip(blocks) {
            // Of alpha too, so that all are treated alike; then it is put back.
            let mut results = [S::default(); BLOCK];
            for at in 0..BLOCK {
                results[at] = self.point.of(from[at]);
            }
            for at in 0..BLOCK {
                to[at] = if at % N == N - 1 { from[at] } else { results[at] };
            }
        }
        for (at, (to, from)) in to_rest.iter_mut().zip(rest).enumerate() {
            *to = if at % N == N - 1 {
                *from
            } else {
                self.point.of(*from)
            };
        }
    }
}
