//! What a pixel and those around it give. Colours count by alpha, so that what is invisible does not show.

use crate::picture::{Picture, half_up, rounded};
use crate::points::luma;

/// A window of weights: its centre is the pixel, and they are divided by `whole`.
struct Window {
    weights: Vec<(i64, i64, i64)>,
    whole: i64,
}

impl Window {
    /// Of a square of the given rows.
    fn of(rows: &[&[i64]], whole: i64) -> Self {
        let radius = (rows.len() / 2) as i64;
        let weights = (-radius..)
            .zip(rows)
            .flat_map(|(dy, row)| (-radius..).zip(*row).map(move |(dx, &weight)| (dx, dy, weight)));
        Self {
            weights: weights.collect(),
            whole,
        }
    }

    /// `Σ w·a·c / Σ w·a` for colours, `Σ w·a` for alpha; without alpha `Σ w·c`.
    fn convolve(&self, p: &Picture) -> Picture {
        p.map(|x, y| {
            let sum = |value: &dyn Fn(&[i64]) -> i64| -> i128 {
                let terms = self
                    .weights
                    .iter()
                    .map(|&(dx, dy, weight)| i128::from(weight) * i128::from(value(p.at(x + dx, y + dy))));
                terms.sum()
            };
            let alpha = |pixel: &[i64]| if p.has_alpha { pixel[p.channels - 1] } else { 1 };
            let all = sum(&alpha);
            let mut out: Vec<i64> = (0..p.colours())
                .map(|channel| {
                    if !p.has_alpha {
                        p.clamp(rounded(sum(&|pixel| pixel[channel]), self.whole.into()))
                    } else if all <= 0 {
                        0
                    } else {
                        p.clamp(rounded(sum(&|pixel| pixel[channel] * alpha(pixel)), all))
                    }
                })
                .collect();
            if p.has_alpha {
                out.push(p.clamp(rounded(all, self.whole.into())));
            }
            out
        })
    }
}

/// The weights of OpenCV's bit-exact `GaussianBlur` along one axis: rounded from the outside in, the error carried on.
fn gaussian(sigma: f64, max: i64) -> Vec<i64> {
    let (reach, one) = if max == 255 { (6.0, 256) } else { (8.0, 65_536) };
    let side = ((reach * sigma + 1.0f64).round_ties_even() as i64) | 1;
    let half = side / 2;
    let bell: Vec<f64> = (-half..=half)
        .map(|x| (-((x * x) as f64) / (2.0 * sigma * sigma)).exp())
        .collect();
    let sum: f64 = bell.iter().sum();
    let mut weights = vec![0; side as usize];
    let (mut error, mut left) = (0.0, one);
    for at in 0..half as usize {
        let exact = bell[at] / sum * one as f64 + error;
        weights[at] = exact.round_ties_even() as i64;
        error = exact - weights[at] as f64;
        left -= 2 * weights[at];
    }
    weights[half as usize] = left;
    for at in 0..half as usize {
        weights[side as usize - 1 - at] = weights[at];
    }
    weights
}

pub fn blur(p: &Picture, sigma: f64) -> Picture {
    let weights = gaussian(sigma, p.max);
    let one: i64 = weights.iter().sum();
    let rows: Vec<Vec<i64>> = weights
        .iter()
        .map(|down| weights.iter().map(|along| along * down).collect())
        .collect();
    let rows: Vec<&[i64]> = rows.iter().map(Vec::as_slice).collect();
    Window::of(&rows, one * one).convolve(p)
}

pub fn box_blur(p: &Picture, radius: i64) -> Picture {
    let side = 2 * radius as usize + 1;
    let row = vec![1; side];
    Window::of(&vec![&row[..]; side], (side * side) as i64).convolve(p)
}

/// `v + amount · (8 v - Σ neighbours)`, the amount in 256ths.
pub fn sharpen(p: &Picture, amount: f64) -> Picture {
    let amount = (amount * 256.0).round_ties_even() as i64;
    let side = [-amount; 3];
    Window::of(&[&side, &[-amount, 256 + 8 * amount, -amount], &side], 256).convolve(p)
}

pub fn emboss(p: &Picture) -> Picture {
    Window::of(&[&[-2, -1, 0], &[-1, 1, 1], &[0, 1, 2]], 1).convolve(p)
}

/// `v + amount · (v - blurred)` where that differs by more than the threshold; alpha stays.
pub fn unsharp(p: &Picture, sigma: f64, amount: f64, threshold: f64) -> Picture {
    let blurred = blur(p, sigma);
    p.map(|x, y| {
        let mut pixel = p.at(x, y).to_vec();
        for (sample, &soft) in pixel.iter_mut().zip(blurred.at(x, y)).take(p.colours()) {
            let difference = (*sample - soft) as f64;
            if difference.abs() > threshold * p.max as f64 {
                *sample = p.clamp(half_up(*sample as f64 + amount * difference));
            }
        }
        pixel
    })
}

/// The sample of a rank in the square, each channel by itself; under alpha, of colour times alpha.
fn ranked(p: &Picture, radius: i64, rank: impl Fn(&[i64]) -> i64) -> Picture {
    p.map(|x, y| {
        let chosen = |value: &dyn Fn(&[i64]) -> i64| {
            let mut values = Vec::new();
            for dy in -radius..=radius {
                for dx in -radius..=radius {
                    values.push(value(p.at(x + dx, y + dy)));
                }
            }
            values.sort_unstable();
            rank(&values)
        };
        let last = p.channels - 1;
        let alpha = chosen(&|pixel| pixel[last]);
        (0..p.channels)
            .map(|channel| match (p.has_alpha, alpha) {
                (false, _) => chosen(&|pixel| pixel[channel]),
                (true, alpha) if channel == last => alpha,
                (true, 0) => 0,
                (true, alpha) => {
                    let product = chosen(&|pixel| pixel[channel] * pixel[last]);
                    p.clamp(rounded(product.into(), alpha.into()))
                }
            })
            .collect()
    })
}

pub fn median(p: &Picture, radius: i64) -> Picture {
    ranked(p, radius, |values| values[values.len() / 2])
}

pub fn erode(p: &Picture, radius: i64) -> Picture {
    ranked(p, radius, |values| values[0])
}

pub fn dilate(p: &Picture, radius: i64) -> Picture {
    ranked(p, radius, |values| values[values.len() - 1])
}

/// Luma, or luma times alpha.
pub fn level(p: &Picture, x: i64, y: i64) -> i64 {
    let pixel = p.at(x, y);
    let value = match p.colours() {
        1 => pixel[0],
        _ => luma(pixel[0], pixel[1], pixel[2]),
    };
    if p.has_alpha {
        rounded(
            i128::from(value) * i128::from(pixel[p.channels - 1]),
            p.max.into(),
        )
    } else {
        value
    }
}

/// `floor(√(gx² + gy²))` of luma (times alpha) by Sobel's windows; alpha stays.
pub fn edge_detection(p: &Picture) -> Picture {
    let level = |x: i64, y: i64| level(p, x, y);
    let channels = 1 + usize::from(p.has_alpha);
    p.make((p.width, p.height), channels, |x, y| {
        let along = |y: i64| level(x + 1, y) - level(x - 1, y);
        let down = |x: i64| level(x, y + 1) - level(x, y - 1);
        let gx = along(y - 1) + 2 * along(y) + along(y + 1);
        let gy = down(x - 1) + 2 * down(x) + down(x + 1);
        let mut out = vec![p.clamp((gx * gx + gy * gy).isqrt())];
        out.extend(&p.at(x, y)[p.colours()..]);
        out
    })
}

/// A mean of the disc of radius `⌈2 σ⌉`, weighted by distance, by difference in colour, and by alpha, which stays.
pub fn bilateral(p: &Picture, sigma_space: f64, sigma_colour: f64) -> Picture {
    let radius = (2.0 * sigma_space).ceil() as i64;
    let count = p.colours();
    let spread = sigma_colour * p.max as f64 * count as f64;
    p.map(|x, y| {
        let centre = p.at(x, y);
        let (mut total, mut sums) = (0.0, vec![0.0; count]);
        for dy in -radius..=radius {
            for dx in -radius..=radius {
                let squared = dx * dx + dy * dy;
                if squared > radius * radius {
                    continue;
                }
                let pixel = p.at(x + dx, y + dy);
                let distance: i64 = (0..count).map(|c| (pixel[c] - centre[c]).abs()).sum();
                let near = (-((distance * distance) as f64) / (2.0 * spread * spread)).exp();
                let mut weight = (-(squared as f64) / (2.0 * sigma_space * sigma_space)).exp() * near;
                if p.has_alpha {
                    weight *= pixel[count] as f64 / p.max as f64;
                }
                total += weight;
                for (sum, &sample) in sums.iter_mut().zip(pixel) {
                    *sum += weight * sample as f64;
                }
            }
        }
        let mut out = centre.to_vec();
        if total > 0.0 {
            for (to, sum) in out.iter_mut().zip(sums) {
                *to = p.clamp(half_up(sum / total));
            }
        }
        out
    })
}
