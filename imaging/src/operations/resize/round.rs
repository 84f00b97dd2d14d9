//! Sums in floating point to samples: rounded half up, in range. A sum that lies so near to where rounding turns that its own
//! error might decide is asked for again, exactly.

use super::exact::round;
use super::filter::BITS;
use crate::sample::Sample;

/// What turns sums into units of a sample.
const UNIT: f64 = 1.0 / (1u64 << (2 * BITS)) as f64;

/// `sum`, which is not negative and below 2^51, without its fraction: 2^52 leaves no bits for it and rounds to the nearest.
#[inline(always)]
fn floor(sum: f64) -> u64 {
    const LEAST: f64 = (1u64 << 52) as f64;
    let nearest = sum + LEAST;
    nearest.to_bits().wrapping_sub(u64::from(nearest - LEAST > sum))
}

/// The nearest value in range, as a number whose lower bits are the sample. `high` is half a unit and more or less an error.
#[inline(always)]
fn nearest<S: Sample>(value: f64, high: f64) -> u64 {
    let most = f64::from(S::MAX) + 0.5;
    let value = value + high;
    let value = if value > 0.0 { value } else { 0.0 };
    floor(if value < most { value } else { most })
}

/// Sums weighted in 2^44ths to samples. A sum is wrong by less than `error` units of a sample, by nothing at all where that is zero.
#[inline(always)]
pub(super) fn plain<S: Sample>(sums: &[f64], error: f64, out: &mut [S], exact: impl Fn(usize) -> i64) {
    const BLOCK: usize = 64;
    for (at, (out, sums)) in out.chunks_mut(BLOCK).zip(sums.chunks(BLOCK)).enumerate() {
        let mut differs = 0;
        if let Some((out, sums)) = out.first_chunk_mut::<BLOCK>().zip(sums.first_chunk::<BLOCK>()) {
            differs = rounded(sums, error, out);
        } else {
            for (to, sum) in out.iter_mut().zip(sums) {
                differs |= rounded(&[*sum], error, std::array::from_mut(to));
            }
        }
        if differs as u32 & S::MAX == 0 {
            continue;
        }
        for (n, (to, &sum)) in out.iter_mut().zip(sums).enumerate() {
            let differs = rounded(&[sum], error, &mut [S::default()]);
            if differs as u32 & S::MAX != 0 {
                *to = S::clamp_i64(round(exact(at * BLOCK + n)));
            }
        }
    }
}

/// Gives bits that are not all zero where the error might decide.
#[inline(always)]
fn rounded<S: Sample, const N: usize>(sums: &[f64; N], error: f64, out: &mut [S; N]) -> u64 {
    let mut differs = 0;
    for (to, sum) in out.iter_mut().zip(sums) {
        let low = nearest::<S>(sum * UNIT, 0.5 - error);
        *to = S::wrap(low as u32);
        if error != 0.0 {
            differs |= low ^ nearest::<S>(sum * UNIT, 0.5 + error);
        }
    }
    differs
}

/// How wrong sums of colour times alpha, and of alpha, may be, in units of a sample. Those of alpha not at all where that is zero.
pub(super) struct Errors {
    pub colour: f64,
    pub alpha: f64,
}

/// Sums of pixels of `N` numbers whose last is alpha, by which the others are weighted.
#[inline(always)]
pub(super) fn weighted<S: Sample, const N: usize>(
    sums: &[f64],
    errors: &Errors,
    out: &mut [S],
    exact: impl Fn(usize, usize) -> i64,
) {
    let (pixels, _) = sums.as_chunks::<N>();
    let (out, _) = out.as_chunks_mut::<N>();
    // Of a colour `c = p / a` that is in range, with `p` wrong by e and `a` by f, the error is (e + c·f) / a.
    let error = errors.colour + (f64::from(S::MAX) + 1.0) * errors.alpha;
    for (at, (to, pixel)) in out.iter_mut().zip(pixels).enumerate() {
        let alpha = pixel[N - 1] * UNIT;
        let least = alpha - errors.alpha;
        if errors.alpha == 0.0 && alpha <= 0.0 {
            *to = [S::default(); N];
            continue;
        }
        // Divisions and additions round too, each by less than 2^-52 of numbers of at most twice the range.
        let error = error / least + f64::from(S::MAX) * 2.0f64.powi(-50);
        let inverse_known = least > 0.0 && error < 0.25;
        let mut differs = u64::from(!inverse_known);
        for (n, (to, sum)) in to.iter_mut().zip(pixel).enumerate() {
            let (value, error) = if n + 1 < N {
                (sum * UNIT / alpha, error)
            } else {
                (alpha, errors.alpha)
            };
            let low = nearest::<S>(value, 0.5 - error);
            *to = S::wrap(low as u32);
            differs |= low ^ nearest::<S>(value, 0.5 + error);
        }
        if differs as u32 & S::MAX != 0 {
            let alpha = exact(at, N - 1);
            for (n, to) in to[..N - 1].iter_mut().enumerate() {
                *to = S::weighted(exact(at, n), alpha);
            }
            to[N - 1] = S::clamp_i64(round(alpha));
        }
    }
}
