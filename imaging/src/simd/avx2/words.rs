//! Weighted sums of rows of 16-bit samples: see [`crate::simd::words`].

use std::arch::x86_64::*;

use crate::simd::words::WordPair;

/// Columns of a register.
const COLUMNS: usize = 16;

pub(in crate::simd) fn sum_word_rows(
    rows: &[&[u16]],
    pairs: &[WordPair],
    start: usize,
    high: &mut [i16],
    low: &mut [i16],
) -> usize {
    assert!(super::is_available());
    // SAFETY: the processor has AVX2, checked in the line above.
    unsafe { with_avx2_sum(rows, pairs, start, high, low) }
}

pub(in crate::simd) fn weigh_words(
    high: &[&[i16]],
    low: &[&[i16]],
    pairs: &[WordPair],
    out: &mut [u16],
) -> usize {
    assert!(super::is_available());
    // SAFETY: the processor has AVX2, checked in the line above.
    unsafe { with_avx2_weigh(high, low, pairs, out) }
}

#[target_feature(enable = "avx2")]
fn with_avx2_sum(
    rows: &[&[u16]],
    pairs: &[WordPair],
    start: usize,
    high: &mut [i16],
    low: &mut [i16],
) -> usize {
    // Large blocks first: what is done once for a pair of rows then counts least.
    let (large_high, high) = high.as_chunks_mut::<{ 4 * COLUMNS }>();
    let (large_low, low) = low.as_chunks_mut::<{ 4 * COLUMNS }>();
    let done = large_high.len() * 4 * COLUMNS;
    for ((high, low), at) in large_high
        .iter_mut()
        .zip(large_low)
        .zip((start..).step_by(4 * COLUMNS))
    {
        sum_block::<4>(rows, pairs, at, high, low);
    }
    let (high, _) = high.as_chunks_mut::<COLUMNS>();
    let (low, _) = low.as_chunks_mut::<COLUMNS>();
    let count = high.len() * COLUMNS;
    for ((high, low), at) in high.iter_mut().zip(low).zip((start + done..).step_by(COLUMNS)) {
        sum_block::<1>(rows, pairs, at, high, low);
    }
    done + count
}

/// Of `N` registers of columns.
#[target_feature(enable = "avx2")]
#[inline]
fn sum_block<const N: usize>(
    rows: &[&[u16]],
    pairs: &[WordPair],
    at: usize,
    high: &mut [i16],
    low: &mut [i16],
) {
    let sign = _mm256_set1_epi16(i16::MIN);
    let lower_half = _mm256_set1_epi32(0xffff);
    let mut sums = [[_mm256_setzero_si256(); 2]; N];
    for pair in pairs {
        let weights = weights(pair);
        let [(a, _), (b, _)] = pair
            .rows
            .map(|row| rows[row][at..at + COLUMNS * N].as_chunks::<COLUMNS>());
        for ((sums, a), b) in sums.iter_mut().zip(a).zip(b) {
            let (a, b) = (_mm256_xor_si256(load(a), sign), _mm256_xor_si256(load(b), sign));
            add(sums, a, b, weights);
        }
    }
    let high = high.as_chunks_mut::<COLUMNS>().0;
    let low = low.as_chunks_mut::<COLUMNS>().0;
    for (([first, second], high), low) in sums.into_iter().zip(high).zip(low) {
        // What is lowered by 2^31 has upper halves that are lowered by 2^15, and lower halves that are not lowered.
        let upper = _mm256_packs_epi32(_mm256_srai_epi32::<16>(first), _mm256_srai_epi32::<16>(second));
        let lower = _mm256_packus_epi32(
            _mm256_and_si256(first, lower_half),
            _mm256_and_si256(second, lower_half),
        );
        store(upper, high);
        store(_mm256_xor_si256(lower, sign), low);
    }
}

#[target_feature(enable = "avx2")]
fn with_avx2_weigh(high: &[&[i16]], low: &[&[i16]], pairs: &[WordPair], out: &mut [u16]) -> usize {
    let (large, rest) = out.as_chunks_mut::<{ 2 * COLUMNS }>();
    let done = large.len() * 2 * COLUMNS;
    for (out, at) in large.iter_mut().zip((0..).step_by(2 * COLUMNS)) {
        weigh_block::<2>(high, low, pairs, at, out);
    }
    let (small, _) = rest.as_chunks_mut::<COLUMNS>();
    let count = small.len() * COLUMNS;
    for (out, at) in small.iter_mut().zip((done..).step_by(COLUMNS)) {
        weigh_block::<1>(high, low, pairs, at, out);
    }
    done + count
}

/// Of `N` registers of columns.
#[target_feature(enable = "avx2")]
#[inline]
fn weigh_block<const N: usize>(
    high: &[&[i16]],
    low: &[&[i16]],
    pairs: &[WordPair],
    at: usize,
    out: &mut [u16],
) {
    let mut upper = [[_mm256_setzero_si256(); 2]; N];
    let mut lower = [[_mm256_setzero_si256(); 2]; N];
    for pair in pairs {
        let weights = weights(pair);
        for (sums, rows) in [(&mut upper, high), (&mut lower, low)] {
            let [(a, _), (b, _)] = pair
                .rows
                .map(|row| rows[row][at..at + COLUMNS * N].as_chunks::<COLUMNS>());
            for ((sums, a), b) in sums.iter_mut().zip(a).zip(b) {
                add(sums, load(a), load(b), weights);
            }
        }
    }
    let sign = _mm256_set1_epi32(i32::MIN);
    let half = _mm256_set1_epi32(1 << 15);
    for ((upper, lower), out) in upper.into_iter().zip(lower).zip(out.as_chunks_mut::<COLUMNS>().0) {
        let rounded = |upper: __m256i, lower: __m256i| {
            let lower = _mm256_srli_epi32::<16>(_mm256_xor_si256(lower, sign));
            let sum = _mm256_add_epi32(_mm256_add_epi32(_mm256_xor_si256(upper, sign), lower), half);
            _mm256_srli_epi32::<16>(sum)
        };
        let words = _mm256_packus_epi32(rounded(upper[0], lower[0]), rounded(upper[1], lower[1]));
        store(words, out);
    }
}

/// Both weights in every 32 bits.
#[target_feature(enable = "avx2")]
#[inline]
fn weights(pair: &WordPair) -> __m256i {
    let [first, second] = pair.weights;
    _mm256_set1_epi32(i32::from(first) & 0xffff | i32::from(second) << 16)
}

/// Adds the weighted sums of two rows. Rows are interleaved, which leaves columns out of order; packing what the two registers hold
/// puts them in order again.
#[target_feature(enable = "avx2")]
#[inline]
fn add(sums: &mut [__m256i; 2], a: __m256i, b: __m256i, weights: __m256i) {
    let (first, second) = (_mm256_unpacklo_epi16(a, b), _mm256_unpackhi_epi16(a, b));
    sums[0] = _mm256_add_epi32(sums[0], _mm256_madd_epi16(first, weights));
    sums[1] = _mm256_add_epi32(sums[1], _mm256_madd_epi16(second, weights));
}

/// Sixteen values from a slice, wherever they lie.
#[target_feature(enable = "avx2")]
#[inline]
fn load<T: bytemuck::Pod>(values: &[T; COLUMNS]) -> __m256i {
    const { assert!(size_of::<T>() == 2) };
    // SAFETY: the reference covers the 32 bytes that are read; the instruction needs no alignment.
    unsafe { _mm256_loadu_si256(values.as_ptr().cast()) }
}

/// Writes sixteen values, wherever they lie.
#[target_feature(enable = "avx2")]
#[inline]
fn store<T: bytemuck::Pod>(values: __m256i, out: &mut [T; COLUMNS]) {
    const { assert!(size_of::<T>() == 2) };
    // SAFETY: the reference covers the 32 bytes that are written; the instruction needs no alignment.
    unsafe { _mm256_storeu_si256(out.as_mut_ptr().cast(), values) }
}
