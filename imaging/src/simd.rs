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

    pub(super) fn madd_rows(window: &[&[i16]], weights: &[[i16; 2]], add: i32, out: &mut [[u8; BLOCK]]) {
        assert!(is_available());
        // SAFETY: the processor has AVX2, checked in the line above.
        unsafe { with_avx2_madd(window, weights, add, out) }
    }

    pub(super) fn luma_pixels(source: &[u8], weights: [i16; 3], out: &mut [u8]) -> usize {
        assert!(is_available());
        // SAFETY: the processor has AVX2, checked in the line above.
        unsafe { with_avx2_luma(source, weights, out) }
    }

    /// Eight pixels of three bytes, four in each half of a register; reads four bytes more.
    #[target_feature(enable = "avx2")]
    #[inline]
    fn load_pixels(pixels: &[u8; 28]) -> __m256i {
        // SAFETY: bytes 0 to 16 and 12 to 28 of the 28 are read; the instructions need no alignment.
        unsafe {
            let first = _mm_loadu_si128(pixels.as_ptr().cast());
            let second = _mm_loadu_si128(pixels.as_ptr().add(12).cast());
            _mm256_inserti128_si256::<1>(_mm256_castsi128_si256(first), second)
        }
    }

    #[target_feature(enable = "avx2")]
    fn with_avx2_luma(source: &[u8], [red, green, blue]: [i16; 3], out: &mut [u8]) -> usize {
        let pair = |first: i16, second: i16| i32::from(first) & 0xffff | i32::from(second) << 16;
        let red_green = _mm256_set1_epi32(pair(red, green));
        let blue = _mm256_set1_epi32(pair(blue, 0));
        let half = _mm256_set1_epi32(1 << 14);
        // Widened to 16 bits: red and green side by side, and blue beside zero.
        let pick_red_green = _mm256_broadcastsi128_si256(_mm_setr_epi8(
            0, -1, 1, -1, 3, -1, 4, -1, 6, -1, 7, -1, 9, -1, 10, -1,
        ));
        let pick_blue = _mm256_broadcastsi128_si256(_mm_setr_epi8(
            2, -1, -1, -1, 5, -1, -1, -1, 8, -1, -1, -1, 11, -1, -1, -1,
        ));
        let luma = |pixels: &[u8; 28]| {
            let pixels = load_pixels(pixels);
            let a = _mm256_madd_epi16(_mm256_shuffle_epi8(pixels, pick_red_green), red_green);
            let b = _mm256_madd_epi16(_mm256_shuffle_epi8(pixels, pick_blue), blue);
            _mm256_srli_epi32::<15>(_mm256_add_epi32(_mm256_add_epi32(a, b), half))
        };
        let (blocks, _) = out.as_chunks_mut::<BLOCK>();
        let mut done = 0;
        for (block, out) in blocks.iter_mut().enumerate() {
            // A block reads a few bytes beyond its own.
            let Some(source) = source
                .get(block * 3 * BLOCK..)
                .and_then(|rest| rest.first_chunk::<100>())
            else {
                break;
            };
            let eight = |at: usize| source[at * 24..].first_chunk::<28>().map(luma);
            let [Some(a), Some(b), Some(c), Some(d)] = [eight(0), eight(1), eight(2), eight(3)] else {
                break;
            };
            store_bytes([a, b, c, d], out);
            done += BLOCK;
        }
        done
    }

    /// Writes numbers of 0 to 255 as bytes, in order.
    #[target_feature(enable = "avx2")]
    #[inline]
    fn store_bytes([a, b, c, d]: [__m256i; 4], out: &mut [u8; BLOCK]) {
        // Packing works within halves of a register; the permutation puts the four-byte groups back in order.
        let bytes = _mm256_packus_epi16(_mm256_packs_epi32(a, b), _mm256_packs_epi32(c, d));
        let ordered = _mm256_permutevar8x32_epi32(bytes, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
        // SAFETY: `out` has the 32 bytes that are written; the instruction needs no alignment.
        unsafe { _mm256_storeu_si256(out.as_mut_ptr().cast(), ordered) }
    }

    /// Sixteen values from a slice, wherever they lie.
    #[target_feature(enable = "avx2")]
    #[inline]
    fn load(values: &[i16; 16]) -> __m256i {
        // SAFETY: the reference covers the 32 bytes that are read; the instruction needs no alignment.
        unsafe { _mm256_loadu_si256(values.as_ptr().cast()) }
    }

    #[target_feature(enable = "avx2")]
    fn with_avx2_madd(window: &[&[i16]], weights: &[[i16; 2]], add: i32, out: &mut [[u8; BLOCK]]) {
        for (block, out) in out.iter_mut().enumerate() {
            let mut sums = [_mm256_set1_epi32(add); 4];
            for (row, [first, second]) in window.iter().zip(weights) {
                let weight = _mm256_set1_epi32(i32::from(*first) & 0xffff | i32::from(*second) << 16);
                let (quarters, _) = row[2 * block * BLOCK..2 * (block + 1) * BLOCK].as_chunks::<16>();
                for (sum, quarter) in sums.iter_mut().zip(quarters) {
                    *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(load(quarter), weight));
                }
            }
            let [a, b, c, d] = sums;
            let shift = |sum| _mm256_srai_epi32::<16>(sum);
            store_bytes([shift(a), shift(b), shift(c), shift(d)], out);
        }
    }

    #[target_feature(enable = "avx2")]
    fn with_avx2<K: Kernel>(kernel: K) -> K::Output {
        kernel.run()
    }
}

/// Weighted sums of interleaved pairs of rows: a loop that the compiler does not vectorise well by itself.
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
