//! AVX2 chosen at run time. Kernels are plain safe loops; compiled a second time with AVX2 enabled, the compiler
//! vectorises the same loops with wider registers, so both paths give the same bytes.

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
mod avx2 {
    use std::arch::x86_64::*;

    use super::Kernel;
    use super::madd::BLOCK;

    #[inline]
    pub(super) fn is_available() -> bool {
        std::arch::is_x86_feature_detected!("avx2")
    }

    #[inline]
    pub(super) fn run<K: Kernel>(kernel: K) -> K::Output {
        assert!(is_available());
        // SAFETY: the processor has AVX2, checked in the line above.
        unsafe { with_avx2(kernel) }
    }

    pub(super) fn madd_block(
        window: &[&[i16]],
        weights: &[[i16; 2]],
        at: usize,
        add: i32,
        out: &mut [u8; BLOCK],
    ) {
        assert!(is_available());
        // SAFETY: the processor has AVX2, checked in the line above.
        unsafe { with_avx2_madd(window, weights, at, add, out) }
    }

    /// Sixteen values from a slice, wherever they lie.
    #[target_feature(enable = "avx2")]
    #[inline]
    fn load(values: &[i16; 16]) -> __m256i {
        // SAFETY: the reference covers the 32 bytes that are read; the instruction needs no alignment.
        unsafe { _mm256_loadu_si256(values.as_ptr().cast()) }
    }

    #[target_feature(enable = "avx2")]
    fn with_avx2_madd(window: &[&[i16]], weights: &[[i16; 2]], at: usize, add: i32, out: &mut [u8; BLOCK]) {
        let mut sums = [_mm256_set1_epi32(add); 4];
        for (row, [first, second]) in window.iter().zip(weights) {
            let pair = i32::from(*first) & 0xffff | i32::from(*second) << 16;
            let weight = _mm256_set1_epi32(pair);
            let (quarters, _) = row[2 * at..2 * (at + BLOCK)].as_chunks::<16>();
            for (sum, quarter) in sums.iter_mut().zip(quarters) {
                *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(load(quarter), weight));
            }
        }
        let [a, b, c, d] = sums.map(|sum| _mm256_srai_epi32::<16>(sum));
        // Packing works within halves of a register; the permutation puts the four-byte groups back in order.
        let bytes = _mm256_packus_epi16(_mm256_packs_epi32(a, b), _mm256_packs_epi32(c, d));
        let ordered = _mm256_permutevar8x32_epi32(bytes, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
        // SAFETY: `out` has the 32 bytes that are written; the instruction needs no alignment.
        unsafe { _mm256_storeu_si256(out.as_mut_ptr().cast(), ordered) }
    }

    #[target_feature(enable = "avx2")]
    fn with_avx2<K: Kernel>(kernel: K) -> K::Output {
        kernel.run()
    }
}

/// The one loop that the compiler does not vectorise well by itself: weighted sums of interleaved pairs of rows.
pub(crate) mod madd {
    /// Columns in a block.
    pub(crate) const BLOCK: usize = 32;

    /// `(Σ weights[p] · window[p] + add) >> 16` for the columns `at..at + 32`. A row of the window holds two values for
    /// each column. The result is known to fit 8 bits.
    #[inline]
    pub(crate) fn block(window: &[&[i16]], weights: &[[i16; 2]], at: usize, add: i32, out: &mut [u8; BLOCK]) {
        #[cfg(target_arch = "x86_64")]
        if super::uses_avx2() {
            return super::avx2::madd_block(window, weights, at, add, out);
        }
        portable(window, weights, at, add, out);
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
