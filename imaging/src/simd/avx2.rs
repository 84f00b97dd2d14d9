//! The instructions of AVX2: the one place of this crate with `unsafe`. Each public function asks the processor first and
//! then calls a function compiled for AVX2; loads and stores go through references to arrays, so their bounds are those
//! that the compiler checked.

use std::arch::x86_64::*;

use super::Kernel;
use super::bytes::RowPair;
use super::madd::BLOCK;

mod words;
pub(super) use words::{sum_word_rows, weigh_words};

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
    let (twos, rest) = out.as_chunks_mut::<2>();
    for (at, out) in twos.iter_mut().enumerate() {
        madd_blocks::<2>(window, weights, 2 * at, add, out);
    }
    for (at, out) in rest.iter_mut().enumerate() {
        madd_blocks::<1>(
            window,
            weights,
            2 * twos.len() + at,
            add,
            std::array::from_mut(out),
        );
    }
}

/// `N` blocks from block `at` on.
#[target_feature(enable = "avx2")]
#[inline]
fn madd_blocks<const N: usize>(
    window: &[&[i16]],
    weights: &[[i16; 2]],
    at: usize,
    add: i32,
    out: &mut [[u8; BLOCK]; N],
) {
    let mut sums = [[_mm256_set1_epi32(add); 4]; N];
    for (row, [first, second]) in window.iter().zip(weights) {
        let weight = _mm256_set1_epi32(i32::from(*first) & 0xffff | i32::from(*second) << 16);
        let (eighths, _) = row[2 * at * BLOCK..2 * (at + N) * BLOCK].as_chunks::<16>();
        for (sum, values) in sums.as_flattened_mut().iter_mut().zip(eighths) {
            *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(load(values), weight));
        }
    }
    for (out, sums) in out.iter_mut().zip(sums) {
        store_bytes(sums.map(|sum| _mm256_srai_epi32::<16>(sum)), out);
    }
}

pub(super) fn sum_rows(rows: &[&[u8]], pairs: &[RowPair], start: usize, out: &mut [u16]) -> usize {
    assert!(is_available());
    // SAFETY: the processor has AVX2, checked in the line above.
    unsafe { with_avx2_sum_rows(rows, pairs, start, out) }
}

#[target_feature(enable = "avx2")]
fn with_avx2_sum_rows(rows: &[&[u8]], pairs: &[RowPair], start: usize, out: &mut [u16]) -> usize {
    // Large blocks first: what is done once for a pair of rows then counts least.
    let (large, rest) = out.as_chunks_mut::<128>();
    for (block, out) in large.iter_mut().enumerate() {
        sum_block::<4>(rows, pairs, start + block * 128, out);
    }
    let done = large.len() * 128;
    let (small, _) = rest.as_chunks_mut::<32>();
    for (block, out) in small.iter_mut().enumerate() {
        sum_block::<1>(rows, pairs, start + done + block * 32, out);
    }
    done + small.len() * 32
}

/// The sums of `N` times 32 columns. Rows are interleaved byte by byte, so that one instruction multiplies both and adds
/// the products. What the halves of a register hold after interleaving is put in order at the end.
#[target_feature(enable = "avx2")]
#[inline]
fn sum_block<const N: usize>(rows: &[&[u8]], pairs: &[RowPair], at: usize, out: &mut [u16]) {
    let mut sums = [[_mm256_setzero_si256(); 2]; N];
    for pair in pairs {
        let [first, second] = pair.weights;
        let weights = _mm256_set1_epi16(i16::from_le_bytes([first, second]));
        let [(a, _), (b, _)] = pair.rows.map(|row| rows[row][at..at + 32 * N].as_chunks::<32>());
        for ((sums, a), b) in sums.iter_mut().zip(a).zip(b) {
            let (a, b) = (load_bytes(a), load_bytes(b));
            let (low, high) = (_mm256_unpacklo_epi8(a, b), _mm256_unpackhi_epi8(a, b));
            sums[0] = _mm256_add_epi16(sums[0], _mm256_maddubs_epi16(low, weights));
            sums[1] = _mm256_add_epi16(sums[1], _mm256_maddubs_epi16(high, weights));
        }
    }
    let (out, _) = out.as_chunks_mut::<16>();
    for (out, [low, high]) in out.chunks_exact_mut(2).zip(sums) {
        let ordered = [
            _mm256_permute2x128_si256::<0x20>(low, high),
            _mm256_permute2x128_si256::<0x31>(low, high),
        ];
        for (to, sums) in out.iter_mut().zip(ordered) {
            // SAFETY: the reference covers the 32 bytes that are written; the instruction needs no alignment.
            unsafe { _mm256_storeu_si256(to.as_mut_ptr().cast(), sums) }
        }
    }
}

/// Thirty-two bytes from a slice, wherever they lie.
#[target_feature(enable = "avx2")]
#[inline]
fn load_bytes(bytes: &[u8; 32]) -> __m256i {
    // SAFETY: the reference covers the 32 bytes that are read; the instruction needs no alignment.
    unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) }
}

/// Side of a block of [`transpose_rgb`], pixels.
const SIDE: usize = 8;
/// Bytes of a row of a block.
const ROW: usize = 3 * SIDE;

pub(super) fn transpose_rgb(source: &[&[u8]], reversed: bool, out: &mut [u8], stride: usize) -> [usize; 2] {
    assert!(is_available());
    // SAFETY: the processor has AVX2, checked in the line above.
    unsafe { with_avx2_transpose_rgb(source, reversed, out, stride) };
    let rows = source.first().map_or(0, |column| column.len() / ROW * SIDE);
    [source.len() / SIDE * SIDE, rows]
}

#[target_feature(enable = "avx2")]
fn with_avx2_transpose_rgb(source: &[&[u8]], reversed: bool, out: &mut [u8], stride: usize) {
    let length = source.first().map_or(0, |column| column.len());
    let (blocks, _) = source.as_chunks::<SIDE>();
    for (y, lines) in out.chunks_mut(SIDE * stride).take(length / ROW).enumerate() {
        let at = if reversed { length - (y + 1) * ROW } else { y * ROW };
        for (x, columns) in blocks.iter().enumerate() {
            let columns = columns.map(|column| column[at..].first_chunk::<ROW>());
            let [
                Some(a),
                Some(b),
                Some(c),
                Some(d),
                Some(e),
                Some(f),
                Some(g),
                Some(h),
            ] = columns
            else {
                return;
            };
            let rows = transpose_block([a, b, c, d, e, f, g, h]);
            for (n, line) in lines.chunks_mut(stride).enumerate() {
                let row = if reversed { SIDE - 1 - n } else { n };
                line[x * ROW..][..ROW].copy_from_slice(&rows[row]);
            }
        }
    }
}

/// Pixels are widened to four bytes, transposed as 32-bit numbers, and narrowed again.
#[target_feature(enable = "avx2")]
#[inline]
fn transpose_block(columns: [&[u8; ROW]; SIDE]) -> [[u8; ROW]; SIDE] {
    // The lower half of a register has bytes 0 to 16 of a column, the upper half 8 to 24.
    let widen = _mm256_setr_epi8(
        0, 1, 2, -1, 3, 4, 5, -1, 6, 7, 8, -1, 9, 10, 11, -1, //
        4, 5, 6, -1, 7, 8, 9, -1, 10, 11, 12, -1, 13, 14, 15, -1,
    );
    let narrow = _mm256_broadcastsi128_si256(_mm_setr_epi8(
        0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, -1, -1, -1, -1,
    ));
    let r = columns.map(|column| {
        // SAFETY: bytes 0 to 16 and 8 to 24 of the 24 are read; the instructions need no alignment.
        let halves = unsafe {
            let lower = _mm_loadu_si128(column.as_ptr().cast());
            _mm256_inserti128_si256::<1>(
                _mm256_castsi128_si256(lower),
                _mm_loadu_si128(column.as_ptr().add(8).cast()),
            )
        };
        _mm256_shuffle_epi8(halves, widen)
    });
    // Pairs of columns, then pairs of pairs, within halves of a register; then the halves change places.
    let pairs = |a, b| (_mm256_unpacklo_epi32(a, b), _mm256_unpackhi_epi32(a, b));
    let quads = |(a0, a1): (__m256i, __m256i), (b0, b1): (__m256i, __m256i)| {
        [
            _mm256_unpacklo_epi64(a0, b0),
            _mm256_unpackhi_epi64(a0, b0),
            _mm256_unpacklo_epi64(a1, b1),
            _mm256_unpackhi_epi64(a1, b1),
        ]
    };
    let top = quads(pairs(r[0], r[1]), pairs(r[2], r[3]));
    let bottom = quads(pairs(r[4], r[5]), pairs(r[6], r[7]));
    let mut out = [[0; ROW]; SIDE];
    for (n, (a, b)) in top.into_iter().zip(bottom).enumerate() {
        let rows = [
            _mm256_permute2x128_si256::<0x20>(a, b),
            _mm256_permute2x128_si256::<0x31>(a, b),
        ];
        for (row, pixels) in [n, n + 4].into_iter().zip(rows) {
            // Twelve bytes at the start of each half, then these six groups of four bytes in a row.
            let packed = _mm256_shuffle_epi8(pixels, narrow);
            let packed = _mm256_permutevar8x32_epi32(packed, _mm256_setr_epi32(0, 1, 2, 4, 5, 6, 3, 7));
            // SAFETY: bytes 0 to 16 and 16 to 24 of the 24 are written; the instructions need no alignment.
            unsafe {
                let to = out[row].as_mut_ptr();
                _mm_storeu_si128(to.cast(), _mm256_castsi256_si128(packed));
                _mm_storel_epi64(to.add(16).cast(), _mm256_extracti128_si256::<1>(packed));
            }
        }
    }
    out
}

#[target_feature(enable = "avx2")]
fn with_avx2<K: Kernel>(kernel: K) -> K::Output {
    kernel.run()
}
