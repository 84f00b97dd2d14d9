//! Rows of a component in the picture's width: what libjpeg calls fancy upsampling, to the byte. A missing neighbour is the
//! sample itself: the padding of a component's blocks is never looked at.

use crate::simd::Kernel;

/// How the samples of a component lie on the picture's pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Upsampling {
    /// One for each pixel.
    None,
    /// One for two pixels of a row: weights 3 and 1.
    Across,
    /// One for two pixels of a column: weights 3 and 1.
    Down,
    /// One for two by two pixels: weights 9, 3, 3 and 1.
    Both,
    /// Repeated, in whatever ratio.
    Repeated,
}

impl Upsampling {
    /// Of a component `width` samples wide with these sampling factors, where the largest are `most`.
    pub(super) fn of((h, v): (u32, u32), most: (u32, u32), width: u32) -> Self {
        // Libjpeg smooths across from three samples on.
        let wide = width > 2;
        match (most.0 == h, most.0 == 2 * h, most.1 == v, most.1 == 2 * v) {
            (true, _, true, _) => Self::None,
            (_, true, true, _) if wide => Self::Across,
            (true, _, _, true) => Self::Down,
            (_, true, _, true) if wide => Self::Both,
            _ => Self::Repeated,
        }
    }

    /// Whether a row depends on the one above or below.
    pub(super) fn looks_down(self) -> bool {
        matches!(self, Self::Down | Self::Both)
    }
}

/// One row of [`Upsampling::Across`]: `near` has at least three samples.
pub(super) struct Across<'a> {
    pub near: &'a [u8],
    pub out: &'a mut [u8],
}

impl Kernel for Across<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let (near, last) = (self.near, self.near.len() - 1);
        let at = |index: usize| u16::from(near[index]);
        let (pairs, _) = self.out.as_chunks_mut::<2>();
        let pairs = &mut pairs[..=last];
        pairs[0] = [near[0], ((at(0) * 3 + at(1) + 2) >> 2) as u8];
        pairs[last] = [((at(last) * 3 + at(last - 1) + 1) >> 2) as u8, near[last]];
        for (pair, ((before, this), after)) in pairs[1..last]
            .iter_mut()
            .zip(near.iter().zip(&near[1..]).zip(&near[2..]))
        {
            let this = u16::from(*this) * 3;
            *pair = [
                ((this + u16::from(*before) + 1) >> 2) as u8,
                ((this + u16::from(*after) + 2) >> 2) as u8,
            ];
        }
    }
}

/// One row of [`Upsampling::Down`], from the nearest row of samples and the next but one; `bias` is 1 above the nearest row's
/// middle and 2 below.
pub(super) struct Down<'a> {
    pub near: &'a [u8],
    pub far: &'a [u8],
    pub bias: u16,
    pub out: &'a mut [u8],
}

impl Kernel for Down<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for (out, (near, far)) in self.out.iter_mut().zip(self.near.iter().zip(self.far)) {
            *out = ((u16::from(*near) * 3 + u16::from(*far) + self.bias) >> 2) as u8;
        }
    }
}

/// One row of [`Upsampling::Both`], through `sums`, which has room for a row of the component; at least three samples.
pub(super) struct Both<'a> {
    pub near: &'a [u8],
    pub far: &'a [u8],
    pub sums: &'a mut [u16],
    pub out: &'a mut [u8],
}

impl Kernel for Both<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let last = self.near.len() - 1;
        let sums = &mut self.sums[..=last];
        for (sum, (near, far)) in sums.iter_mut().zip(self.near.iter().zip(self.far)) {
            *sum = u16::from(*near) * 3 + u16::from(*far);
        }
        let (pairs, _) = self.out.as_chunks_mut::<2>();
        let pairs = &mut pairs[..=last];
        pairs[0] = [
            ((sums[0] * 4 + 8) >> 4) as u8,
            ((sums[0] * 3 + sums[1] + 7) >> 4) as u8,
        ];
        pairs[last] = [
            ((sums[last] * 3 + sums[last - 1] + 8) >> 4) as u8,
            ((sums[last] * 4 + 7) >> 4) as u8,
        ];
        for (pair, ((before, this), after)) in pairs[1..last]
            .iter_mut()
            .zip(sums.iter().zip(&sums[1..]).zip(&sums[2..]))
        {
            *pair = [
                ((this * 3 + before + 8) >> 4) as u8,
                ((this * 3 + after + 7) >> 4) as u8,
            ];
        }
    }
}

/// Repeats samples: pixel `x` is sample `x * h / most`.
pub(super) fn repeat(samples: &[u8], h: u32, most: u32, out: &mut [u8]) {
    if most.is_multiple_of(h) {
        for (out, sample) in out.chunks_mut((most / h) as usize).zip(samples) {
            out.fill(*sample);
        }
    } else {
        for (x, out) in out.iter_mut().enumerate() {
            *out = samples[(x * h as usize / most as usize).min(samples.len() - 1)];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_follows_from_the_factors() {
        use Upsampling::*;
        for (factors, most, width, expected) in [
            ((2, 2), (2, 2), 9, None),
            ((1, 2), (2, 2), 9, Across),
            ((2, 1), (2, 2), 9, Down),
            ((1, 1), (2, 2), 9, Both),
            ((1, 1), (2, 2), 2, Repeated),
            ((1, 2), (2, 2), 2, Repeated),
            ((2, 2), (4, 4), 9, Both),
            ((1, 1), (4, 1), 9, Repeated),
            ((1, 1), (4, 2), 9, Repeated),
            ((2, 1), (3, 1), 9, Repeated),
        ] {
            assert_eq!(
                Upsampling::of(factors, most, width),
                expected,
                "{factors:?} of {most:?}"
            );
        }
    }

    #[test]
    fn smoothing_is_that_of_libjpeg() {
        let mut out = [0; 8];
        Across {
            near: &[0, 100, 200, 50],
            out: &mut out,
        }
        .run();
        assert_eq!(out, [0, 25, 75, 125, 175, 163, 87, 50]);
        let mut out = [0; 6];
        Both {
            near: &[10, 20, 30],
            far: &[50, 60, 70],
            sums: &mut [0; 3],
            out: &mut out,
        }
        .run();
        assert_eq!(out, [20, 22, 28, 32, 38, 40]);
        let mut out = [0; 2];
        Down {
            near: &[10, 255],
            far: &[11, 0],
            bias: 1,
            out: &mut out,
        }
        .run();
        assert_eq!(out, [10, 191]);
        let mut out = [0; 5];
        repeat(&[1, 2], 1, 3, &mut out);
        assert_eq!(out, [1, 1, 1, 2, 2]);
        repeat(&[1, 2, 3, 4], 2, 3, &mut out);
        assert_eq!(out, [1, 1, 2, 3, 3]);
    }
}
