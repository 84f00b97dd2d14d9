//! What is done to each pixel by itself.

use ab_glyph::{Font as _, FontRef};
use imageproc::drawing::draw_text_mut;
use imageproc::image::{GrayImage, Luma};

use crate::picture::{Picture, half_up, rounded};

/// `0.299 R + 0.587 G + 0.114 B` in 15 fractional bits, as OpenCV has them.
pub fn luma(red: i64, green: i64, blue: i64) -> i64 {
    (9798 * red + 19235 * green + 3735 * blue + (1 << 14)) >> 15
}

pub fn grayscale(p: &Picture) -> Picture {
    if p.colours() == 1 {
        return p.clone();
    }
    p.make((p.width, p.height), p.channels - 2, |x, y| {
        let pixel = p.at(x, y);
        let mut gray = vec![luma(pixel[0], pixel[1], pixel[2])];
        gray.extend(&pixel[3..]);
        gray
    })
}

pub fn invert(p: &Picture) -> Picture {
    p.map_colours(|sample| p.max - sample)
}

/// `v · factor`.
pub fn brightness(p: &Picture, factor: f64) -> Picture {
    p.map_colours(|sample| p.clamp(half_up(sample as f64 * factor)))
}

/// `(v - middle) · factor + middle`.
pub fn contrast(p: &Picture, factor: f64) -> Picture {
    let middle = p.max as f64 / 2.0;
    p.map_colours(|sample| p.clamp(half_up((sample as f64 - middle) * factor + middle)))
}

/// `max · (v / max)^(1/gamma)`.
pub fn gamma(p: &Picture, gamma: f64) -> Picture {
    let max = p.max as f64;
    p.map_colours(|sample| p.clamp(half_up(max * (sample as f64 / max).powf(1.0 / gamma))))
}

/// `luma + (v - luma) · factor`; gray has no colour to strengthen.
pub fn saturation(p: &Picture, factor: f64) -> Picture {
    if p.colours() == 1 {
        return p.clone();
    }
    p.map(|x, y| {
        let mut pixel = p.at(x, y).to_vec();
        let gray = luma(pixel[0], pixel[1], pixel[2]) as f64;
        for sample in &mut pixel[..3] {
            *sample = p.clamp(half_up(gray + (*sample as f64 - gray) * factor));
        }
        pixel
    })
}

/// White where `luma / max >= level`.
pub fn threshold(p: &Picture, level: f64) -> Picture {
    grayscale(p).map_colours(|sample| {
        if sample as f64 / p.max as f64 >= level {
            p.max
        } else {
            0
        }
    })
}

pub fn sepia(p: &Picture) -> Picture {
    let alpha = usize::from(p.has_alpha);
    p.make((p.width, p.height), 3 + alpha, |x, y| {
        let pixel = p.at(x, y);
        let rgb = if p.colours() == 1 {
            [pixel[0]; 3]
        } else {
            [pixel[0], pixel[1], pixel[2]]
        };
        let mix = |weights: [i64; 3]| {
            let sum: i64 = weights
                .iter()
                .zip(rgb)
                .map(|(weight, sample)| weight * sample)
                .sum();
            p.clamp(rounded(sum.into(), 1000))
        };
        let mut out = vec![mix([393, 769, 189]), mix([349, 686, 168]), mix([272, 534, 131])];
        out.extend(&pixel[p.colours()..]);
        out
    })
}

/// Number `place` of the sequence of SplitMix64 that begins at `state`.
fn split_mix(state: u64, place: u64) -> u64 {
    let z = state.wrapping_add(0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(place));
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// `v + amount · max · n`: n is number `y · 2^32 + x` of a sequence that begins at the first number of the seed's.
pub fn noise(p: &Picture, amount: f64, is_uniform: bool, seed: u64) -> Picture {
    p.map(|x, y| {
        let bits = split_mix(split_mix(seed, 1), (y as u64) << 32 | x as u64);
        let n = if is_uniform {
            (bits >> 11) as f64 / 2f64.powi(53) * 2.0 - 1.0
        } else {
            let [high, low] = [bits >> 32, bits & 0xFFFF_FFFF].map(|half| half as f64);
            let radius = (-2.0 * ((high + 0.5) / 2f64.powi(32)).ln()).sqrt();
            radius * (std::f64::consts::TAU * (low / 2f64.powi(32))).cos()
        };
        let mut pixel = p.at(x, y).to_vec();
        for sample in &mut pixel[..p.colours()] {
            *sample = p.clamp(half_up(*sample as f64 + amount * p.max as f64 * n));
        }
        pixel
    })
}

/// What [`watermark`] writes.
pub struct Words {
    pub text: &'static str,
    pub at: &'static str,
    pub size: i64,
    pub opacity: i64,
    pub margin: i64,
    pub is_black: bool,
}

/// The letters on a canvas as large as the picture, one at a time from the left, each at its whole pixel; then, of 25,500 parts, how much
/// of a pixel they hide.
pub fn watermark(p: &Picture, words: &Words) -> Picture {
    let font = FontRef::try_from_slice(include_bytes!("../../fonts/dejavu-sans.ttf")).unwrap();
    let letters: Vec<char> = words.text.chars().collect();
    let width_of = |count: usize| {
        let sum: f64 = letters[..count]
            .iter()
            .map(|letter| f64::from(font.h_advance_unscaled(font.glyph_id(*letter))))
            .sum();
        half_up(sum * words.size as f64 / f64::from(font.height_unscaled()))
    };
    let (width, height) = (width_of(letters.len()), words.size);
    let (mut x, mut y) = (words.margin, words.margin);
    if words.at.ends_with("right") {
        x = x.max(p.width - words.margin - width);
    }
    if words.at.starts_with("bottom") {
        y = y.max(p.height - words.margin - height);
    }
    if words.at == "centre" {
        (x, y) = ((p.width - width).max(0) / 2, (p.height - height).max(0) / 2);
    }
    let mut mask = GrayImage::new(p.width as u32, p.height as u32);
    for (index, letter) in letters.iter().enumerate() {
        let left = (x + width_of(index)) as i32;
        let scale = words.size as f32;
        draw_text_mut(
            &mut mask,
            Luma([255]),
            left,
            y as i32,
            scale,
            &font,
            &letter.to_string(),
        );
    }
    let (full, max) = (25_500i128, i128::from(p.max));
    let colour = if words.is_black { 0 } else { max };
    p.map(|x, y| {
        let hidden = i128::from(mask.get_pixel(x as u32, y as u32).0[0]) * i128::from(words.opacity);
        let mut pixel = p.at(x, y).to_vec();
        if hidden == 0 {
            return pixel;
        }
        // Parts of `full · max`: what is left of the pixel, and the letters.
        let alpha = if p.has_alpha {
            pixel[p.colours()].into()
        } else {
            max
        };
        let (own, letters) = (alpha * (full - hidden), max * hidden);
        for sample in &mut pixel[..p.colours()] {
            *sample = rounded(i128::from(*sample) * own + colour * letters, own + letters);
        }
        if p.has_alpha {
            pixel[p.colours()] = rounded(own + letters, full);
        }
        pixel
    })
}
