//! What is done to each pixel by what occurs in the whole picture.

use crate::picture::{Picture, rounded};
use crate::points::grayscale;

/// The samples of a colour whose pixels are seen, in rising order.
fn seen(p: &Picture, colour: usize) -> Vec<i64> {
    let pixels = p.samples.chunks(p.channels);
    let visible = pixels.filter(|pixel| !p.has_alpha || pixel[p.channels - 1] > 0);
    let mut samples: Vec<i64> = visible.map(|pixel| pixel[colour]).collect();
    samples.sort_unstable();
    samples
}

/// Every colour sample by what `of` says of its colour; alpha stays.
fn each(p: &Picture, of: impl Fn(usize, i64) -> i64) -> Picture {
    p.map(|x, y| {
        let mut pixel = p.at(x, y).to_vec();
        for (colour, sample) in pixel[..p.colours()].iter_mut().enumerate() {
            *sample = of(colour, *sample);
        }
        pixel
    })
}

/// Samples up to `value`, that included.
fn up_to(sorted: &[i64], value: i64) -> usize {
    sorted.partition_point(|sample| *sample <= value)
}

/// `equalizeHist` at 8 bit: `round(s · (255 / n'))` with n' samples above the least and s of them up to v. At 16 bit the share of what is
/// below, at multiples of 256 and at 65,535 and linear in between.
pub fn equalize(p: &Picture) -> Picture {
    let colours: Vec<Vec<i64>> = (0..p.colours()).map(|colour| seen(p, colour)).collect();
    each(p, |colour, value| {
        let sorted = &colours[colour];
        let (Some(least), Some(most)) = (sorted.first(), sorted.last()) else {
            return value;
        };
        if least == most {
            return value;
        }
        if p.max == 255 {
            let leasts = up_to(sorted, *least);
            let scale = 255.0f32 / (sorted.len() - leasts) as f32;
            let above = up_to(sorted, value.max(*least)) - leasts;
            return f64::from(above as f32 * scale).round_ties_even() as i64;
        }
        let at = |edge: i64| {
            let below = sorted.iter().filter(|sample| **sample < edge).count();
            rounded(65_535 * below as i128, sorted.len() as i128)
        };
        let low = value & !255;
        let (from, to) = (at(low), at(low + 256));
        let width = if low == 65_280 { 255 } else { 256 };
        from + rounded(i128::from((to - from) * (value - low)), width)
    })
}

/// `(v - low) · max / (high - low)`, with `cut` percent of the samples below low and above high at most. Percents have three decimals.
pub fn auto_levels(p: &Picture, cut: f64, is_each: bool) -> Picture {
    let mut colours: Vec<Vec<i64>> = (0..p.colours()).map(|colour| seen(p, colour)).collect();
    if !is_each {
        let mut all = colours.concat();
        all.sort_unstable();
        colours = vec![all; p.colours()];
    }
    each(p, |colour, value| {
        let sorted = &colours[colour];
        let thousandths = (cut * 1000.0).round() as usize;
        let cut = sorted.len() * thousandths / 100_000;
        let (Some(low), Some(high)) = (sorted.get(cut), sorted.iter().rev().nth(cut)) else {
            return value;
        };
        if low == high {
            return value;
        }
        p.clamp(rounded(i128::from((value - low) * p.max), i128::from(high - low)))
    })
}

/// White above the value that makes `ω₀ ω₁ (μ₀ - μ₁)²` the largest, in the steps of OpenCV's `getThreshVal_Otsu`.
pub fn otsu(p: &Picture) -> Picture {
    let gray = grayscale(p);
    let luma = seen(&gray, 0);
    let mut counts = vec![0i64; gray.max as usize + 1];
    luma.iter().for_each(|value| counts[*value as usize] += 1);
    let scale = 1.0 / luma.len() as f64;
    let mut mu = 0.0;
    for (i, h) in counts.iter().enumerate() {
        mu += i as f64 * *h as f64;
    }
    mu *= scale;
    let (mut mu1, mut q1, mut max_sigma, mut threshold) = (0.0, 0.0f64, 0.0, 0);
    for (i, h) in counts.iter().enumerate() {
        let p_i = *h as f64 * scale;
        mu1 *= q1;
        q1 += p_i;
        let q2 = 1.0 - q1;
        let epsilon = f64::from(f32::EPSILON);
        if q1.min(q2) < epsilon || q1.max(q2) > 1.0 - epsilon {
            continue;
        }
        mu1 = (mu1 + i as f64 * p_i) / q1;
        let mu2 = (mu - q1 * mu1) / q2;
        let sigma = q1 * q2 * (mu1 - mu2) * (mu1 - mu2);
        if sigma > max_sigma {
            max_sigma = sigma;
            threshold = i as i64;
        }
    }
    gray.map_colours(|value| if value > threshold { gray.max } else { 0 })
}
