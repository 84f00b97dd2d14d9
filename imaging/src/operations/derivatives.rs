//! Edges by other derivatives than Sobel's: Scharr, Prewitt, Laplace. Their weights are OpenCV's, without a scale.

use super::edge_detection::{magnitude, magnitude_of_numbers};
use super::luma_stencil::{OfLuma, Stencil};
use crate::operation::{Group, OperationInfo};
use crate::sample::Sample;

/// `min(max, floor(sqrt(gx² + gy²)))` of Scharr's windows, `[-3 0 3; -10 0 10; -3 0 3]` and its transpose.
pub(crate) type Scharr = OfLuma<ScharrWindow>;

/// The weights of Scharr.
pub(crate) struct ScharrWindow;

impl Stencil for ScharrWindow {
    const INFO: &'static OperationInfo = &OperationInfo {
        name: "scharr",
        title: "Scharr edges",
        group: Group::Edges,
        summary: "Draws outlines, faint ones too, as strong whatever their direction.",
        method: "Magnitude of the Scharr gradient of the luma, four times Sobel's; the result is gray.",
        aliases: &[],
        parameters: &[],
    };

    #[inline(always)]
    fn intensity<S: Sample>(samples: [i32; 9]) -> S {
        magnitude::<S, 3, 10>(samples)
    }

    fn number(samples: &[f64; 9]) -> f64 {
        magnitude_of_numbers(samples, 3.0, 10.0)
    }
}

/// `min(max, floor(sqrt(gx² + gy²)))` of Prewitt's windows, `[-1 0 1; -1 0 1; -1 0 1]` and its transpose.
pub(crate) type Prewitt = OfLuma<PrewittWindow>;

/// The weights of Prewitt.
pub(crate) struct PrewittWindow;

impl Stencil for PrewittWindow {
    const INFO: &'static OperationInfo = &OperationInfo {
        name: "prewitt",
        title: "Prewitt edges",
        group: Group::Edges,
        summary: "Draws outlines, a little fainter and smoother than edge detection.",
        method: "Magnitude of the Prewitt gradient of the luma; the result is gray.",
        aliases: &[],
        parameters: &[],
    };

    #[inline(always)]
    fn intensity<S: Sample>(samples: [i32; 9]) -> S {
        magnitude::<S, 1, 1>(samples)
    }

    fn number(samples: &[f64; 9]) -> f64 {
        magnitude_of_numbers(samples, 1.0, 1.0)
    }
}

/// `min(max, |Σ w·v|)` of the window `[0 1 0; 1 -4 1; 0 1 0]`.
pub(crate) type Laplacian = OfLuma<LaplaceWindow>;

/// The weights of the Laplace operator.
pub(crate) struct LaplaceWindow;

impl Stencil for LaplaceWindow {
    const INFO: &'static OperationInfo = &OperationInfo {
        name: "laplacian",
        title: "Laplacian",
        group: Group::Edges,
        summary: "Draws fine detail and both sides of every outline.",
        method: "Absolute value of the second derivative of the luma, along rows and columns; the result is gray.",
        aliases: &["laplace"],
        parameters: &[],
    };

    #[inline(always)]
    fn intensity<S: Sample>(samples: [i32; 9]) -> S {
        let [_, b, _, d, centre, e, _, g, _] = samples;
        S::clamp_i32((b + d + e + g - 4 * centre).abs())
    }

    fn number(samples: &[f64; 9]) -> f64 {
        let [_, b, _, d, centre, e, _, g, _] = *samples;
        (b + d + e + g - 4.0 * centre).abs()
    }
}
