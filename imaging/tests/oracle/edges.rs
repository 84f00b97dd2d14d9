//! What is made of other things: windows of the luma, erosions, dilations and means.

use crate::neighbours::{box_blur, dilate, erode, level};
use crate::picture::{Picture, rounded};
use crate::points::grayscale;

type Window = [[i64; 3]; 3];

/// What `combine` makes of the sums of the windows over the levels; alpha stays.
fn of_windows<const N: usize>(
    p: &Picture,
    windows: [Window; N],
    combine: impl Fn([i64; N]) -> i64,
) -> Picture {
    let channels = 1 + usize::from(p.has_alpha);
    p.make((p.width, p.height), channels, |x, y| {
        let sums = windows.map(|window| {
            let mut sum = 0;
            for (dy, row) in (-1..).zip(window) {
                for (dx, weight) in (-1..).zip(row) {
                    sum += weight * level(p, x + dx, y + dy);
                }
            }
            sum
        });
        let mut out = vec![p.clamp(combine(sums))];
        out.extend(&p.at(x, y)[p.colours()..]);
        out
    })
}

fn magnitude(p: &Picture, across: Window) -> Picture {
    let down = [0, 1, 2].map(|row| [0, 1, 2].map(|column| across[column][row]));
    of_windows(p, [across, down], |[gx, gy]| (gx * gx + gy * gy).isqrt())
}

/// `floor(√(gx² + gy²))` by Scharr's windows.
pub fn scharr(p: &Picture) -> Picture {
    magnitude(p, [[-3, 0, 3], [-10, 0, 10], [-3, 0, 3]])
}

/// `floor(√(gx² + gy²))` by Prewitt's windows.
pub fn prewitt(p: &Picture) -> Picture {
    magnitude(p, [[-1, 0, 1]; 3])
}

/// `|Σ w·v|` of the second differences along rows and columns.
pub fn laplacian(p: &Picture) -> Picture {
    of_windows(p, [[[0, 1, 0], [1, -4, 1], [0, 1, 0]]], |[sum]| sum.abs())
}

pub fn open(p: &Picture, radius: i64) -> Picture {
    dilate(&erode(p, radius), radius)
}

pub fn close(p: &Picture, radius: i64) -> Picture {
    erode(&dilate(p, radius), radius)
}

/// Colour times alpha in units of `max`, without alpha beside it: what is visible of each colour, exactly.
fn visible(p: &Picture) -> Picture {
    let mut products = p.make((p.width, p.height), p.colours(), |x, y| {
        let pixel = p.at(x, y);
        let alpha = if p.has_alpha { pixel[p.channels - 1] } else { p.max };
        pixel[..p.colours()].iter().map(|colour| colour * alpha).collect()
    });
    products.channels = p.colours();
    products.has_alpha = false;
    products.max *= p.max;
    products
}

/// The difference of what two functions make of what is visible; alpha stays.
fn difference(
    p: &Picture,
    from: impl Fn(&Picture) -> Picture,
    less: impl Fn(&Picture) -> Picture,
) -> Picture {
    let products = visible(p);
    let (from, less) = (from(&products), less(&products));
    p.map(|x, y| {
        let pairs = from.at(x, y).iter().zip(less.at(x, y));
        let mut out: Vec<i64> = pairs
            .map(|(from, less)| rounded((from - less).into(), p.max.into()))
            .collect();
        out.extend(&p.at(x, y)[p.colours()..]);
        out
    })
}

pub fn gradient(p: &Picture, radius: i64) -> Picture {
    difference(p, |p| dilate(p, radius), |p| erode(p, radius))
}

pub fn tophat(p: &Picture, radius: i64) -> Picture {
    difference(p, Picture::clone, |p| open(p, radius))
}

pub fn blackhat(p: &Picture, radius: i64) -> Picture {
    difference(p, |p| close(p, radius), Picture::clone)
}

/// White where the luma is above the mean of the square less the offset; alpha stays.
pub fn adaptive_threshold(p: &Picture, radius: i64, offset: f64) -> Picture {
    let gray = grayscale(p);
    let means = box_blur(&gray, radius);
    gray.map(|x, y| {
        let mut pixel = gray.at(x, y).to_vec();
        let above = (pixel[0] - means.at(x, y)[0]) as f64;
        pixel[0] = if above > -offset * p.max as f64 { p.max } else { 0 };
        pixel
    })
}
