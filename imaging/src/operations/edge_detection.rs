//! Edges: the magnitude of the Sobel gradient of the luma.

use super::luma_stencil::{OfLuma, Stencil};
use crate::floor::{floor_f32, floor_f64};
use crate::operation::{Group, OperationInfo};
use crate::sample::Sample;

/// 3x3 Sobel on luma: `min(max, floor(sqrt(gx² + gy²)))`.
pub(crate) type EdgeDetection = OfLuma<Sobel>;

/// The weights of Sobel.
pub(crate) struct Sobel;

impl Stencil for Sobel {
    const INFO: &'static OperationInfo = &OperationInfo {
        name: "edge_detection",
        title: "Edge detection",
        group: Group::Edges,
        summary: "Draws the outlines of everything, white on black.",
        method: "Magnitude of the Sobel gradient of the luma; the result is gray.",
        aliases: &["edges", "sobel"],
        parameters: &[],
    };

    #[inline(always)]
    fn intensity<S: Sample>(samples: [i32; 9]) -> S {
        magnitude::<S, 1, 2>(samples)
    }

    fn number(samples: &[f64; 9]) -> f64 {
        magnitude_of_numbers(samples, 1.0, 2.0)
    }
}

/// `floor(sqrt(gx² + gy²))`, saturating, of differences across the window whose rows and columns count `SIDE`, `MIDDLE`, `SIDE`. For
/// 8 bit a sum of squares below 2^24 is exact in `f32`, and the square root, correctly rounded, never reaches the next whole number;
/// a larger one saturates however it is rounded. For 16 bit the same holds in `f64` for all.
#[inline(always)]
pub(super) fn magnitude<S: Sample, const SIDE: i32, const MIDDLE: i32>(samples: [i32; 9]) -> S {
    let [a, b, c, d, _, e, f, g, h] = samples;
    let gx = SIDE * (c - a) + MIDDLE * (e - d) + SIDE * (h - f);
    let gy = SIDE * (f - a) + MIDDLE * (g - b) + SIDE * (h - c);
    if S::MAX == 255 {
        let squared = (gx * gx + gy * gy) as f32;
        let root = squared.sqrt();
        S::wrap(floor_f32(if root < 255.0 { root } else { 255.0 }))
    } else {
        let (gx, gy) = (f64::from(gx), f64::from(gy));
        let root = (gx * gx + gy * gy).sqrt();
        S::wrap(floor_f64(if root < 65535.0 { root } else { 65535.0 }))
    }
}

/// The same of numbers, neither rounded nor held to a range.
pub(super) fn magnitude_of_numbers(samples: &[f64; 9], side: f64, middle: f64) -> f64 {
    let [a, b, c, d, _, e, f, g, h] = *samples;
    let across = side * (c - a) + middle * (e - d) + side * (h - f);
    let down = side * (f - a) + middle * (g - b) + side * (h - c);
    (across * across + down * down).sqrt()
}
