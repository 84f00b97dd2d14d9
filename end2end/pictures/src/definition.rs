//! The five original operations as OpenCV defines them, written down as plainly as can be: a pixel at a time, no
//! tiles, nothing shared with the kernels under test. Only here to judge by. The hashes in
//! `opencv.json`, made with OpenCV itself, judge this file.

use crate::images::Pixels;

/// The index that reflect-101 (`gfedcb|abcdefgh|gfedcba`) gives for `i` in a row of `n`.
fn reflect_101(i: i64, n: usize) -> usize {
    if n == 1 {
        return 0;
    }
    let period = 2 * (n as i64 - 1);
    let i = i.rem_euclid(period);
    (if i < n as i64 { i } else { period - i }) as usize
}

fn at(p: &Pixels, x: i64, y: i64, c: usize) -> i64 {
    let (x, y) = (reflect_101(x, p.width), reflect_101(y, p.height));
    i64::from(p.bytes[(y * p.width + x) * p.channels + c])
}

fn from_fn(width: usize, height: usize, channels: usize, f: impl Fn(i64, i64, usize) -> i64) -> Pixels {
    let mut bytes = Vec::with_capacity(width * height * channels);
    for y in 0..height {
        for x in 0..width {
            for c in 0..channels {
                bytes.push(f(x as i64, y as i64, c).clamp(0, 255) as u8);
            }
        }
    }
    Pixels {
        width,
        height,
        channels,
        bytes,
    }
}

/// `cvtColor(RGB2GRAY)`: fixed point, 15 bit.
pub fn grayscale(p: &Pixels) -> Pixels {
    from_fn(p.width, p.height, 1, |x, y, _| {
        (9798 * at(p, x, y, 0) + 19235 * at(p, x, y, 1) + 3735 * at(p, x, y, 2) + 16384) >> 15
    })
}

/// The weights of `GaussianBlur` for 8 bit, of 256: rounded from the outside in, the error carried on.
fn weights(sigma: f64) -> Vec<i64> {
    let k = ((6.0 * sigma + 1.0).round() as usize) | 1;
    let raw: Vec<f64> = (0..k)
        .map(|i| {
            let x = 2.0 * i as f64 - (k as f64 - 1.0);
            (-x * x / (8.0 * sigma * sigma)).exp()
        })
        .collect();
    let sum: f64 = raw.iter().sum();
    let mut weights = vec![0; k];
    let (mut error, mut used) = (0.0, 0);
    for i in 0..k / 2 {
        let exact = raw[i] / sum * 256.0 + error;
        let rounded = exact.round_ties_even();
        error = exact - rounded;
        weights[i] = rounded as i64;
        weights[k - 1 - i] = rounded as i64;
        used += 2 * rounded as i64;
    }
    weights[k / 2] = 256 - used;
    weights
}

/// `GaussianBlur(ksize=(0,0), sigma)`.
pub fn blur(p: &Pixels, sigma: f64) -> Pixels {
    let weights = weights(sigma);
    // Which column or row each tap reads, borders included, for a whole axis at once.
    let taps = |n: usize| -> Vec<usize> {
        let half = weights.len() as i64 / 2;
        (-half..n as i64 + half).map(|i| reflect_101(i, n)).collect()
    };
    let (columns, lines) = (taps(p.width), taps(p.height));
    let stride = p.width * p.channels;
    let mut rows = vec![0u64; p.bytes.len()];
    for (row, line) in rows.chunks_mut(stride).zip(p.bytes.chunks(stride)) {
        for x in 0..p.width {
            for c in 0..p.channels {
                let taps = weights.iter().zip(&columns[x..]);
                row[x * p.channels + c] = taps
                    .map(|(w, column)| *w as u64 * u64::from(line[column * p.channels + c]))
                    .sum();
            }
        }
    }
    let mut bytes = Vec::with_capacity(p.bytes.len());
    let mut sums = vec![0u64; stride];
    for y in 0..p.height {
        sums.fill(32768);
        for (weight, line) in weights.iter().zip(&lines[y..]) {
            for (sum, sample) in sums.iter_mut().zip(&rows[line * stride..]) {
                *sum += *weight as u64 * sample;
            }
        }
        bytes.extend(sums.iter().map(|sum| (sum >> 16) as u8));
    }
    Pixels {
        width: p.width,
        height: p.height,
        channels: p.channels,
        bytes,
    }
}

/// `min(255, floor(sqrt(gx^2 + gy^2)))` of the 3x3 Sobel gradients of the gray image.
pub fn edge_detection(p: &Pixels) -> Pixels {
    let gray = grayscale(p);
    from_fn(p.width, p.height, 1, |x, y, _| {
        let g = |dx: i64, dy: i64| at(&gray, x + dx, y + dy, 0);
        let gx = g(1, -1) + 2 * g(1, 0) + g(1, 1) - g(-1, -1) - 2 * g(-1, 0) - g(-1, 1);
        let gy = g(-1, 1) + 2 * g(0, 1) + g(1, 1) - g(-1, -1) - 2 * g(0, -1) - g(1, -1);
        (gx * gx + gy * gy).isqrt()
    })
}

/// `filter2D` with `[-1 -1 -1; -1 9 -1; -1 -1 -1]`.
pub fn sharpen(p: &Pixels) -> Pixels {
    from_fn(p.width, p.height, p.channels, |x, y, c| {
        let around: i64 = (-1..=1)
            .flat_map(|dy| (-1..=1).map(move |dx| (dx, dy)))
            .map(|(dx, dy)| at(p, x + dx, y + dy, c))
            .sum();
        10 * at(p, x, y, c) - around
    })
}

/// `rotate(ROTATE_90_CLOCKWISE)`.
pub fn rotate_90(p: &Pixels) -> Pixels {
    from_fn(p.height, p.width, p.channels, |x, y, c| {
        at(p, y, p.height as i64 - 1 - x, c)
    })
}

/// The operation that the original API calls `name`, with its default parameters.
pub fn operation(name: &str, p: &Pixels) -> Option<Pixels> {
    Some(match name {
        "grayscale" => grayscale(p),
        "blur" => blur(p, 5.0),
        "edge_detection" => edge_detection(p),
        "sharpen" => sharpen(p),
        "rotate_90" => rotate_90(p),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use sha2::{Digest as _, Sha256};

    #[test]
    fn the_definitions_give_the_hashes_that_opencv_gives() {
        let reference: serde_json::Value =
            serde_json::from_str(include_str!("opencv.json")).expect("the reference is JSON");
        let (width, height) = (1300, 1100);
        let bytes = (0..(width * height * 3) as u64)
            .map(|i| {
                let mut v = i
                    .wrapping_mul(6364136223846793005)
                    .wrapping_add(1442695040888963407);
                v ^= v >> 33;
                v = v.wrapping_mul(0xff51_afd7_ed55_8ccd);
                v ^= v >> 33;
                v as u8
            })
            .collect();
        let input = Pixels {
            width,
            height,
            channels: 3,
            bytes,
        };
        let hash = |p: &Pixels| {
            Sha256::digest(&p.bytes)
                .iter()
                .map(|b| format!("{b:02x}"))
                .collect::<String>()
        };
        let wanted = |name: &str| reference[name]["sha256"].as_str().expect("a hash").to_owned();
        assert_eq!(hash(&input), wanted("input"));
        assert_eq!(hash(&grayscale(&input)), wanted("grayscale"));
        assert_eq!(hash(&blur(&input, 2.0)), wanted("blur sigma 2"));
        assert_eq!(hash(&edge_detection(&input)), wanted("edge_detection"));
        assert_eq!(hash(&sharpen(&input)), wanted("sharpen"));
        assert_eq!(hash(&rotate_90(&input)), wanted("rotate_90"));
    }
}
