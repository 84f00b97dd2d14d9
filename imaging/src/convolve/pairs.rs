//! The vertical pass of an 8-bit convolution, two rows at a time.
//!
//! Sums of rows have 16 bits. AVX2 has an instruction that multiplies signed 16-bit numbers and adds neighbouring
//! products; so rows are interleaved in pairs, each sum lowered by 2^15 to make it signed. Since the weights sum to 2^8,
//! the result is lowered by exactly 2^23, which is added back together with the half for rounding.

use crate::simd::{self, Kernel};

/// Samples that are worked on at a time.
const BLOCK: usize = 32;

/// What [`vertical`] adds before the shift: 2^15 · 2^8 taken off by [`Interleave`], and the half of 2^16 to round.
const CORRECTION: i32 = (1 << 23) + (1 << 15);

/// The weights for [`vertical`]: those of a pair of rows, the second zero where there is none.
pub(super) fn pair_weights(weights: &[u32]) -> Vec<[i16; 2]> {
    let pair = |pair: &[u32]| [pair[0] as i16, pair.get(1).map_or(0, |&weight| weight as i16)];
    weights.chunks(2).map(pair).collect()
}

/// Two rows of sums as signed pairs.
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

/// `(Σ weights · rows + 2^15) >> 16` for every column of a window of interleaved pairs, handed to `finish` in blocks with
/// the position of the first.
pub(super) fn vertical(window: &[&[i16]], weights: &[[i16; 2]], mut finish: impl FnMut(usize, &[u8])) {
    let length = window.first().map_or(0, |row| row.len() / 2);
    let mut out = [0u8; BLOCK];
    for at in (0..length).step_by(BLOCK) {
        let count = BLOCK.min(length - at);
        if count < BLOCK {
            for (lane, to) in out[..count].iter_mut().enumerate() {
                let products = window.iter().zip(weights).map(|(row, [first, second])| {
                    let pair = &row[2 * (at + lane)..][..2];
                    i32::from(pair[0]) * i32::from(*first) + i32::from(pair[1]) * i32::from(*second)
                });
                *to = ((products.sum::<i32>() + CORRECTION) >> 16) as u8;
            }
        } else {
            simd::madd::block(window, weights, at, CORRECTION, &mut out);
        }
        finish(at, &out[..count]);
    }
}
