//! The vertical pass: weighted sums of rows, exactly.

use std::ops::{AddAssign, Mul};

/// What rows are made of: how its sums with weights are held without rounding.
pub(super) trait Source: Copy {
    /// Holds every sum; weights too.
    type Sum: Copy + Default + From<Self> + Into<f64> + AddAssign + Mul<Output = Self::Sum>;

    fn weight(weight: i64) -> Self::Sum;

    /// `out[x] = Σ weights · rows[..][x]`.
    fn sums(rows: &[&[Self]], weights: &[Self::Sum], out: &mut [f64]);
}

/// With weights whose magnitudes sum to at most [`MOST_OF_BYTES`].
impl Source for u8 {
    type Sum = i32;

    #[inline(always)]
    fn weight(weight: i64) -> i32 {
        weight as i32
    }

    #[inline(always)]
    fn sums(rows: &[&[Self]], weights: &[i32], out: &mut [f64]) {
        sums::<Self, 64>(rows, weights, out);
    }
}

/// The largest sum of magnitudes of weights with which sums of bytes fit 32 bits.
pub(super) const MOST_OF_BYTES: u64 = i32::MAX as u64 / 255;

/// Floating point has 53 bits: weights whose magnitudes sum to 2^37 would still be exact.
impl Source for u16 {
    type Sum = f64;

    #[inline(always)]
    fn weight(weight: i64) -> f64 {
        weight as f64
    }

    #[inline(always)]
    fn sums(rows: &[&[Self]], weights: &[f64], out: &mut [f64]) {
        sums::<Self, 32>(rows, weights, out);
    }
}

/// By blocks whose sums stay in registers, `BLOCK` the largest of them.
#[inline(always)]
fn sums<T: Source, const BLOCK: usize>(rows: &[&[T]], weights: &[T::Sum], out: &mut [f64]) {
    let whole = out.len() / BLOCK * BLOCK;
    let eights = out.len() / 8 * 8;
    for at in (0..whole).step_by(BLOCK) {
        block::<T, BLOCK>(rows, weights, at, out);
    }
    for at in (whole..eights).step_by(8) {
        block::<T, 8>(rows, weights, at, out);
    }
    for at in eights..out.len() {
        block::<T, 1>(rows, weights, at, out);
    }
}

#[inline(always)]
fn block<T: Source, const BLOCK: usize>(rows: &[&[T]], weights: &[T::Sum], at: usize, out: &mut [f64]) {
    let mut sums = [T::Sum::default(); BLOCK];
    for (row, &weight) in rows.iter().zip(weights) {
        let Some(values) = row[at..].first_chunk::<BLOCK>() else {
            return;
        };
        for (sum, &value) in sums.iter_mut().zip(values) {
            *sum += T::Sum::from(value) * weight;
        }
    }
    for (to, sum) in out[at..at + BLOCK].iter_mut().zip(sums) {
        *to = sum.into();
    }
}
