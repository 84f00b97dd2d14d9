//! The second pass of an 8-bit convolution, two taps at a time.
//!
//! Sums of the first pass have 16 bits. AVX2 has an instruction that multiplies signed 16-bit numbers and adds neighbouring
//! products; so the two sums of a pair of taps are put side by side, each lowered by 2^15 to make it signed. Since the
//! weights sum to 2^8, the result is lowered by exactly 2^23, which is added back together with the half for rounding.

use crate::simd::Kernel;

/// What is added before the shift: 2^15 · 2^8 taken off by [`Interleave`], and the half of 2^16 to round.
pub(super) const CORRECTION: i32 = (1 << 23) + (1 << 15);

/// The weights of pairs of taps. The number of taps is odd; the last is the second of a pair whose first has the weight
/// zero.
pub(super) fn pair_weights(weights: &[u32]) -> Vec<[i16; 2]> {
    let (pairs, last) = weights.as_chunks::<2>();
    let pairs = pairs
        .iter()
        .map(|[first, second]| [*first as i16, *second as i16]);
    pairs
        .chain(last.iter().map(|&weight| [0, weight as i16]))
        .collect()
}

/// Two sequences of sums as signed pairs.
pub(super) struct Interleave<'a> {
    pub first: &'a [u16],
    pub second: &'a [u16],
    pub out: &'a mut [i16],
}

impl Kernel for Interleave<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let (out, _) = self.out.as_chunks_mut::<2>();
        for ((pair, &first), &second) in out.iter_mut().zip(self.first).zip(self.second) {
            *pair = [(first ^ 0x8000) as i16, (second ^ 0x8000) as i16];
        }
    }
}

/// `(Σ weights · window + 2^15) >> 16` for the columns from `done` on: those that [`madd::rows`](crate::simd::madd::rows)
/// leaves.
pub(super) fn rest(window: &[&[i16]], weights: &[[i16; 2]], done: usize, out: &mut [u8]) {
    for (column, to) in out.iter_mut().enumerate().skip(done) {
        let products = window.iter().zip(weights).map(|(row, [first, second])| {
            let pair = &row[2 * column..][..2];
            i32::from(pair[0]) * i32::from(*first) + i32::from(pair[1]) * i32::from(*second)
        });
        *to = ((products.sum::<i32>() + CORRECTION) >> 16) as u8;
    }
}
