//! AVX2 chosen at run time, with a portable path that gives the same bytes.
//!
//! Most kernels are plain safe loops: compiled a second time with AVX2 enabled, the compiler vectorises the same loops
//! with wider registers ([`run`]). Some loops that it does not vectorise well are written with intrinsics, in [`avx2`]:
//! the passes of an 8-bit convolution ([`madd`], [`bytes`]) and of a 16-bit one ([`words`]), [luma](luma_pixels), and the
//! [transposing](transpose_rgb) of 8-bit RGB. Compiled for AVX-512 the plain loops gained nothing that could be told from noise, so
//! there is no third way.

use std::sync::atomic::{AtomicBool, Ordering};

/// A loop worth compiling twice. Implementations put `#[inline(always)]` on `run` and on what it calls, since only
/// what is inlined is compiled with the wider instructions.
pub(crate) trait Kernel {
    type Output;

    fn run(self) -> Self::Output;
}

static PORTABLE_ONLY: AtomicBool = AtomicBool::new(false);

/// Makes every kernel take the portable path from now on, on all threads: for tests that compare both and for
/// measuring. Results do not depend on it.
pub fn set_portable_only(portable: bool) {
    PORTABLE_ONLY.store(portable, Ordering::Relaxed);
}

/// Whether kernels run with AVX2 here.
pub fn uses_avx2() -> bool {
    !PORTABLE_ONLY.load(Ordering::Relaxed) && avx2::is_available()
}

/// Runs `kernel` on the fastest path that this processor has.
#[inline]
pub(crate) fn run<K: Kernel>(kernel: K) -> K::Output {
    if uses_avx2() {
        avx2::run(kernel)
    } else {
        kernel.run()
    }
}

#[cfg(target_arch = "x86_64")]
#[allow(
    unsafe_code,
    reason = "calling a function compiled for AVX2 is unsafe; the processor is asked first"
)]
mod avx2;

pub(crate) mod words;

/// Weighted sums of pairs of neighbours: signed 16-bit values to bytes.
pub(crate) mod madd {
    /// Columns in a block.
    pub(crate) const BLOCK: usize = 32;

    /// `(Σ weights[p] · window[p] + add) >> 16` for the columns in whole blocks; gives their number. A row of the window
    /// holds two values for each column. The results are known to fit 8 bits.
    pub(crate) fn rows(window: &[&[i16]], weights: &[[i16; 2]], add: i32, out: &mut [u8]) -> usize {
        let (blocks, _) = out.as_chunks_mut::<BLOCK>();
        let count = blocks.len() * BLOCK;
        #[cfg(target_arch = "x86_64")]
        if super::uses_avx2() {
            super::avx2::madd_rows(window, weights, add, blocks);
            return count;
        }
        for (at, out) in blocks.iter_mut().enumerate() {
            portable(window, weights, at * BLOCK, add, out);
        }
        count
    }

    fn portable(window: &[&[i16]], weights: &[[i16; 2]], at: usize, add: i32, out: &mut [u8; BLOCK]) {
        let mut sums = [add; BLOCK];
        for (row, [first, second]) in window.iter().zip(weights) {
            let (pairs, _) = row[2 * at..2 * (at + BLOCK)].as_chunks::<2>();
            for (sum, pair) in sums.iter_mut().zip(pairs) {
                *sum += i32::from(pair[0]) * i32::from(*first) + i32::from(pair[1]) * i32::from(*second);
            }
        }
        for (to, sum) in out.iter_mut().zip(sums) {
            *to = (sum >> 16) as u8;
        }
    }
}

/// Weighted sums of rows of bytes, two rows at a time.
pub(crate) mod bytes {
    /// Two rows and their weights. AVX2 multiplies bytes by signed bytes and adds neighbouring products with saturation
    /// at 2^15 - 1: with weights of at most 127 that are at most 128 together, `255 · 128` stays below it.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(crate) struct RowPair {
        pub rows: [usize; 2],
        pub weights: [u8; 2],
    }

    /// Columns of a block of the portable path.
    const BLOCK: usize = 64;

    /// `out[x] = Σ weights · rows[..][start + x]` over the pairs. The weights of all sum to at most 2^8, so 16 bits are
    /// enough.
    pub(crate) fn sum_rows(rows: &[&[u8]], pairs: &[RowPair], start: usize, out: &mut [u16]) {
        #[cfg(target_arch = "x86_64")]
        let done = if super::uses_avx2() {
            super::avx2::sum_rows(rows, pairs, start, out)
        } else {
            0
        };
        #[cfg(not(target_arch = "x86_64"))]
        let done = 0;
        let mut at = start + done;
        let mut blocks = out[done..].chunks_exact_mut(BLOCK);
        for block in &mut blocks {
            let mut sums = [0u16; BLOCK];
            for pair in pairs {
                let [first, second] = pair.rows.map(|row| &rows[row][at..][..BLOCK]);
                let [a, b] = pair.weights.map(u16::from);
                for lane in 0..BLOCK {
                    sums[lane] += a * u16::from(first[lane]) + b * u16::from(second[lane]);
                }
            }
            block.copy_from_slice(&sums);
            at += BLOCK;
        }
        for (at, to) in (at..).zip(blocks.into_remainder()) {
            let sums = pairs.iter().map(|pair| {
                let [a, b] = pair.weights.map(u16::from);
                a * u16::from(rows[pair.rows[0]][at]) + b * u16::from(rows[pair.rows[1]][at])
            });
            *to = sums.sum();
        }
    }
}

/// Writes `source`, columns of 8-bit RGB of one length, as rows to `out`, each `stride` bytes after the one before;
/// `reversed` columns go from bottom to top. Only whole blocks are written. Gives how many columns and rows that is.
pub(crate) fn transpose_rgb(source: &[&[u8]], reversed: bool, out: &mut [u8], stride: usize) -> [usize; 2] {
    #[cfg(target_arch = "x86_64")]
    if uses_avx2() {
        return avx2::transpose_rgb(source, reversed, out, stride);
    }
    let _ = (source, reversed, out, stride);
    [0, 0]
}

/// 8-bit RGB to luma for as many pixels as whole blocks have; gives their number. `weights` are in 2^15ths.
pub(crate) fn luma_pixels(source: &[u8], weights: [i16; 3], out: &mut [u8]) -> usize {
    #[cfg(target_arch = "x86_64")]
    if uses_avx2() {
        return avx2::luma_pixels(source, weights, out);
    }
    let _ = (source, weights, out);
    0
}

#[cfg(not(target_arch = "x86_64"))]
mod avx2 {
    use super::Kernel;

    pub(super) fn is_available() -> bool {
        false
    }

    pub(super) fn run<K: Kernel>(kernel: K) -> K::Output {
        kernel.run()
    }
}
