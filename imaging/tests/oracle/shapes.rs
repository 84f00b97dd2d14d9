//! Where pixels go, and what a picture of another size is made of.

use crate::picture::{Picture, rounded};

pub fn rotate_90(p: &Picture) -> Picture {
    p.make((p.height, p.width), p.channels, |x, y| {
        p.at(y, p.height - 1 - x).to_vec()
    })
}

pub fn rotate_180(p: &Picture) -> Picture {
    p.map(|x, y| p.at(p.width - 1 - x, p.height - 1 - y).to_vec())
}

pub fn rotate_270(p: &Picture) -> Picture {
    p.make((p.height, p.width), p.channels, |x, y| {
        p.at(p.width - 1 - y, x).to_vec()
    })
}

pub fn flip_horizontal(p: &Picture) -> Picture {
    p.map(|x, y| p.at(p.width - 1 - x, y).to_vec())
}

pub fn flip_vertical(p: &Picture) -> Picture {
    p.map(|x, y| p.at(x, p.height - 1 - y).to_vec())
}

pub fn crop(p: &Picture, [left, top, width, height]: [i64; 4]) -> Picture {
    p.make((width, height), p.channels, |x, y| {
        p.at(left + x, top + y).to_vec()
    })
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Filter {
    Nearest,
    Bilinear,
    Lanczos3,
}

/// The input samples of one output sample and their weights in 2^-22: Pillow's, whose running sum is rounded.
fn taps(filter: Filter, from: i64, to: i64, index: i64) -> Vec<(i64, i64)> {
    let scale = from as f64 / to as f64;
    let centre = (index as f64 + 0.5) * scale;
    if filter == Filter::Nearest {
        return vec![(((2 * index + 1) * from) / (2 * to), 1 << 22)];
    }
    let widen = scale.max(1.0);
    let support = widen * if filter == Filter::Bilinear { 1.0 } else { 3.0 };
    let sinc = |x: f64| {
        let x = x * std::f64::consts::PI;
        if x == 0.0 { 1.0 } else { x.sin() / x }
    };
    let value = |x: f64| match filter {
        Filter::Bilinear => (1.0 - x.abs()).max(0.0),
        _ if x.abs() < 3.0 => sinc(x) * sinc(x / 3.0),
        _ => 0.0,
    };
    let first = ((centre - support).floor().max(0.0) as i64).min(from - 1);
    let end = ((centre + support).ceil() as i64).clamp(first + 1, from);
    let values: Vec<f64> = (first..end)
        .map(|sample| value((sample as f64 + 0.5 - centre) / widen))
        .collect();
    let sum: f64 = values.iter().sum();
    let (mut total, mut before) = (0.0f64, 0);
    let weights = values.iter().map(|value| {
        total += value * (f64::from(1 << 22) / sum);
        let after = total.round_ties_even() as i64;
        let weight = after - before;
        before = after;
        weight
    });
    (first..end).zip(weights).collect()
}

/// To a size that is given. Colour counts by alpha.
pub fn resize(p: &Picture, (width, height): (i64, i64), filter: Filter) -> Picture {
    let one = 1i128 << 44;
    let is_opaque = !p.has_alpha
        || p.samples
            .chunks(p.channels)
            .all(|pixel| pixel[p.channels - 1] == p.max);
    p.make((width, height), p.channels, |x, y| {
        let (columns, rows) = (taps(filter, p.width, width, x), taps(filter, p.height, height, y));
        if filter == Filter::Nearest {
            return p.at(columns[0].0, rows[0].0).to_vec();
        }
        let sum = |value: &dyn Fn(&[i64]) -> i64| -> i128 {
            let mut sum = 0;
            for &(row, by_row) in &rows {
                for &(column, by_column) in &columns {
                    let weight = i128::from(by_row) * i128::from(by_column);
                    sum += weight * i128::from(value(p.at(column, row)));
                }
            }
            sum
        };
        let alpha = sum(&|pixel| pixel[p.channels - 1]);
        (0..p.channels)
            .map(|channel| {
                if is_opaque || channel == p.colours() {
                    p.clamp(rounded(sum(&|pixel| pixel[channel]), one))
                } else if alpha <= 0 {
                    0
                } else {
                    let colour = sum(&|pixel| pixel[channel] * pixel[p.channels - 1]);
                    p.clamp(rounded(colour, alpha))
                }
            })
            .collect()
    })
}

/// A result of that size, each of whose pixels shows the place that `place` says of its middle: zero where that is outside.
/// Smoothly: a mean of the four pixels around the place, by weights in 2^-15, colours by alpha; those beyond the border are as
/// those at it.
fn looked_up(
    p: &Picture,
    size: (i64, i64),
    smoothly: bool,
    place: impl Fn(f64, f64) -> (f64, f64),
) -> Picture {
    p.make(size, p.channels, |column, row| {
        let (x, y) = place(column as f64 + 0.5, row as f64 + 0.5);
        if x < 0.0 || y < 0.0 || x >= p.width as f64 || y >= p.height as f64 {
            return vec![0; p.channels];
        }
        if !smoothly {
            return p.at(x as i64, y as i64).to_vec();
        }
        let one = 1i128 << 15;
        let split = |place: f64| {
            let before = (place - 0.5).floor();
            (before as i64, ((place - 0.5 - before) * 32768.0).round() as i128)
        };
        let ((left, right_weight), (top, lower_weight)) = (split(x), split(y));
        let sum = |value: &dyn Fn(&[i64]) -> i64| -> i128 {
            let mut sum = 0;
            for (dy, by_row) in [(0, one - lower_weight), (1, lower_weight)] {
                for (dx, by_column) in [(0, one - right_weight), (1, right_weight)] {
                    let pixel = p.at(
                        (left + dx).clamp(0, p.width - 1),
                        (top + dy).clamp(0, p.height - 1),
                    );
                    sum += by_row * by_column * i128::from(value(pixel));
                }
            }
            sum
        };
        let alpha = sum(&|pixel| pixel[p.channels - 1]);
        (0..p.channels)
            .map(|channel| {
                if !p.has_alpha || channel == p.colours() {
                    rounded(sum(&|pixel| pixel[channel]), one * one)
                } else if alpha == 0 {
                    0
                } else {
                    rounded(sum(&|pixel| pixel[channel] * pixel[p.channels - 1]), alpha)
                }
            })
            .collect()
    })
}

/// A turn clockwise about the middle.
pub fn rotate_by(p: &Picture, degrees: f64, same_size: bool, smoothly: bool) -> Picture {
    let (width, height) = (p.width as f64, p.height as f64);
    let (sine, cosine) = degrees.to_radians().sin_cos();
    let side = |sum: f64| (sum - 1e-6).ceil() as i64;
    let size = if same_size {
        (p.width, p.height)
    } else {
        (
            side(width * cosine.abs() + height * sine.abs()),
            side(width * sine.abs() + height * cosine.abs()),
        )
    };
    let (middle_u, middle_v) = (size.0 as f64 / 2.0, size.1 as f64 / 2.0);
    looked_up(p, size, smoothly, |u, v| {
        let (across, down) = (u - middle_u, v - middle_v);
        (
            cosine * across + sine * down + width / 2.0,
            cosine * down - sine * across + height / 2.0,
        )
    })
}

pub fn warp(p: &Picture, m: [f64; 8], size: (i64, i64), smoothly: bool) -> Picture {
    let size = (
        if size.0 == 0 { p.width } else { size.0 },
        if size.1 == 0 { p.height } else { size.1 },
    );
    looked_up(p, size, smoothly, |u, v| {
        let w = m[6] * u + m[7] * v + 1.0;
        ((m[0] * u + m[1] * v + m[2]) / w, (m[3] * u + m[4] * v + m[5]) / w)
    })
}
