//! A power curve for all values of 16 bit, computed at few of them.
//!
//! From [`FIRST`] on the curve is computed at every [`STEP`]th value, and between by the cubic through the four values around. Of
//! f(x) = max · (x / max)^e its error is at most `9/384 · STEP⁴ · |f''''|`, where `f''''(x) = e (e-1) (e-2) (e-3) f(x) / x⁴`: less than
//! 10^-4 for every e from 0.1 to 10, as x is 1024 or more. Where a result would be rounded otherwise if it were [`UNSURE`] away,
//! the curve itself is computed.

use crate::sample::Sample;

const STEP: usize = 16;
/// The least value that a cubic goes through, in steps.
const FIRST: usize = 64;
/// The greatest one.
const LAST: usize = (1 << 16) / STEP - 1;
/// Ten times the error of the cubic.
const UNSURE: f64 = 1e-3;

/// `max · (value / max)^exponent` for every value, rounded half up. The exponent is from 0.1 to 10.
pub(super) fn curve<S: Sample>(exponent: f64) -> Vec<S> {
    let max = f64::from(S::MAX);
    let exact = |value: usize| max * libm::pow(value as f64 / max, exponent);
    if S::MAX < 1 << 8 {
        return (0..=S::MAX as usize)
            .map(|value| S::round_f64(exact(value)))
            .collect();
    }
    let weights: [[f64; 4]; STEP] = std::array::from_fn(|at| cubic(at as f64 / STEP as f64));
    let knots: Vec<f64> = (FIRST..=LAST).map(|knot| exact(knot * STEP)).collect();
    let mut curve = Vec::with_capacity(S::MAX as usize + 1);
    let (from, to) = ((FIRST + 1) * STEP, (LAST - 1) * STEP);
    curve.extend((0..from).map(|value| S::round_f64(exact(value))));
    for around in knots.windows(4) {
        for weights in &weights {
            let number: f64 = (0..4).map(|knot| around[knot] * weights[knot]).sum();
            let above = number + 0.5;
            let is_unsure = (above - above.round()).abs() < UNSURE;
            let number = if is_unsure { exact(curve.len()) } else { number };
            curve.push(S::round_f64(number));
        }
    }
    debug_assert_eq!(curve.len(), to);
    curve.extend((to..=S::MAX as usize).map(|value| S::round_f64(exact(value))));
    curve
}

/// The weights of the values at -1, 0, 1 and 2 in the cubic through these at `t`.
fn cubic(t: f64) -> [f64; 4] {
    let (a, b, c) = (t + 1.0, t - 1.0, t - 2.0);
    [
        -t * b * c / 6.0,
        a * b * c / 2.0,
        -a * t * c / 2.0,
        a * t * b / 6.0,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn curves_are_the_powers_for_every_value() {
        let gammas = (1..=40).map(|n| f64::from(n) / 4.0);
        for gamma in gammas.chain([0.1, 0.101, 0.333, 0.999, 1.001, 2.2, 2.4, 1.0 / 2.2, 9.95]) {
            let exponent = 1.0 / gamma;
            let curve = curve::<u16>(exponent);
            assert_eq!(curve.len(), 1 << 16);
            for (value, result) in curve.into_iter().enumerate() {
                let right = 65535.0 * libm::pow(value as f64 / 65535.0, exponent);
                assert_eq!(result, u16::round_f64(right), "{value} {gamma}");
            }
        }
    }
}
