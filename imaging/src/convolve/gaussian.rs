//! Fixed-point Gaussian weights, those of OpenCV's bit-exact `GaussianBlur`.
//!
//! A weight is `exp(-(2i - (k-1))² / 8σ²)`, normalised and scaled to 8 or 16 fractional bits, then rounded half to
//! even from the outside in while the rounding error is carried on, so that the weights sum to exactly one.
//! `exp` comes from the crate `libm`, so every machine and WebAssembly compute the same weights.

use crate::Depth;

/// Kernel side for `sigma`: six standard deviations for 8 bit, eight for 16 bit, made odd.
fn side(sigma: f64, depth: Depth) -> u32 {
    let factor = match depth {
        Depth::Eight => 6.0,
        Depth::Sixteen | Depth::SignedSixteen | Depth::ThirtyTwo | Depth::Float => 8.0,
    };
    libm::rint(factor * sigma + 1.0) as u32 | 1
}

/// Pixels that the kernel reaches on each side.
pub(crate) fn radius(sigma: f64, depth: Depth) -> u32 {
    side(sigma, depth) / 2
}

/// The weights for `sigma` for sums in floating point: of intensities those of [`weights`], so that the sums are the same; of other
/// numbers the larger kernel, normalised.
pub(crate) fn numbers(sigma: f64, depth: Depth) -> Vec<f64> {
    if depth.is_intensity() {
        return weights(sigma, depth).into_iter().map(f64::from).collect();
    }
    let half = i64::from(radius(sigma, Depth::Float));
    let values = (-half..=half).map(|x| libm::exp(-((x * x) as f64) / (2.0 * sigma * sigma)));
    let values: Vec<f64> = values.collect();
    let sum: f64 = values.iter().sum();
    values.iter().map(|value| value / sum).collect()
}

/// The weights for `sigma`; they sum to 2^8 for 8 bit and 2^16 for 16 bit.
pub(crate) fn weights(sigma: f64, depth: Depth) -> Vec<u32> {
    let one = 1u32 << (8 * depth.bytes());
    fixed_point(side(sigma, depth) as usize, sigma, one)
}

fn fixed_point(side: usize, sigma: f64, one: u32) -> Vec<u32> {
    let half = side / 2;
    let scale = -0.125 / (sigma * sigma);
    let mut values: Vec<f64> = (0..half)
        .map(|i| {
            let x = 2.0 * i as f64 - (side - 1) as f64;
            libm::exp(x * x * scale)
        })
        .collect();
    let sum: f64 = values.iter().sum::<f64>() * 2.0 + 1.0;
    let normalise = 1.0 / sum;
    let mut error = 0.0;
    let mut weights = vec![0; side];
    let mut total = 0;
    for (i, value) in values.iter_mut().enumerate() {
        let adjusted = *value * normalise * f64::from(one) + error;
        let rounded = libm::rint(adjusted);
        error = adjusted - rounded;
        weights[i] = rounded as u32;
        weights[side - 1 - i] = rounded as u32;
        total += rounded as u32;
    }
    weights[half] = one - 2 * total;
    weights
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_sum_to_one() {
        for sigma in [0.1, 0.33, 1.0, 2.0, 5.0, 17.3, 100.0] {
            assert_eq!(
                weights(sigma, Depth::Eight).iter().sum::<u32>(),
                256,
                "sigma {sigma}"
            );
            assert_eq!(
                weights(sigma, Depth::Sixteen).iter().sum::<u32>(),
                65536,
                "sigma {sigma}"
            );
        }
    }
}
