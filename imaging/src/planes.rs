//! Rows of pixels whose channels are mixed: a block of pixels is parted into an array for each channel, since the compiler vectorises
//! loops over arrays well, and joined again.

use crate::sample::Sample;
use crate::simd::{self, Kernel};

/// Pixels of a block.
pub(crate) const BLOCK: usize = 64;

/// The samples of one channel in a block.
pub(crate) type Plane<S> = [S; BLOCK];

/// From the `N` channels of pixels to `M` channels, each pixel by itself.
pub(crate) trait Mix<S, const N: usize, const M: usize> {
    /// Implementations are `#[inline(always)]`.
    fn mix(&self, planes: &[Plane<S>; N]) -> [Plane<S>; M];
}

/// Writes what `mix` makes of the pixels of `from`, as many as `to` has.
pub(crate) fn mix_row<S: Sample, const N: usize, const M: usize>(
    from: &[S],
    to: &mut [S],
    mix: &impl Mix<S, N, M>,
) {
    simd::run(Row::<_, _, N, M> { from, to, mix });
}

struct Row<'a, S, X, const N: usize, const M: usize> {
    from: &'a [S],
    to: &'a mut [S],
    mix: &'a X,
}

impl<S: Sample, X: Mix<S, N, M>, const N: usize, const M: usize> Kernel for Row<'_, S, X, N, M> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let (blocks, rest) = self.from.as_chunks::<N>().0.as_chunks::<BLOCK>();
        let (to_blocks, to_rest) = self.to.as_chunks_mut::<M>().0.as_chunks_mut::<BLOCK>();
        for (to, from) in to_blocks.iter_mut().zip(blocks) {
            join(&self.mix.mix(&parted(from)), to);
        }
        let count = rest.len().min(to_rest.len());
        if count > 0 {
            let mut from = [[S::default(); N]; BLOCK];
            from[..count].copy_from_slice(&rest[..count]);
            let mut to = [[S::default(); M]; BLOCK];
            join(&self.mix.mix(&parted(&from)), &mut to);
            to_rest[..count].copy_from_slice(&to[..count]);
        }
    }
}

/// The channels of a block of pixels.
#[inline(always)]
pub(crate) fn parted<S: Copy + Default, const N: usize>(pixels: &[[S; N]; BLOCK]) -> [Plane<S>; N] {
    let mut planes = [[S::default(); BLOCK]; N];
    for at in 0..BLOCK {
        for channel in 0..N {
            planes[channel][at] = pixels[at][channel];
        }
    }
    planes
}

#[inline(always)]
fn join<S: Copy, const N: usize>(planes: &[Plane<S>; N], pixels: &mut [[S; N]; BLOCK]) {
    for at in 0..BLOCK {
        for channel in 0..N {
            pixels[at][channel] = planes[channel][at];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The channels the other way round, of which the last is left out.
    struct Backwards;

    impl<S: Sample> Mix<S, 4, 3> for Backwards {
        #[inline(always)]
        fn mix(&self, [_, b, c, d]: &[Plane<S>; 4]) -> [Plane<S>; 3] {
            [*d, *c, *b]
        }
    }

    #[test]
    fn rows_of_any_length_are_mixed_to_their_end() {
        for pixels in [0, 1, 2, 63, 64, 65, 127, 128, 200] {
            let from: Vec<u16> = (0..4 * pixels).collect();
            let mut to = vec![0; 3 * usize::from(pixels)];
            mix_row::<_, 4, 3>(&from, &mut to, &Backwards);
            let wanted = (0..pixels).flat_map(|pixel| [4 * pixel + 3, 4 * pixel + 2, 4 * pixel + 1]);
            assert!(to.into_iter().eq(wanted), "{pixels}");
        }
    }
}
