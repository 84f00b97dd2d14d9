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
