//! Gaussian blur, bit for bit OpenCV's `GaussianBlur` with an automatic kernel size.

use crate::convolve::{gaussian, separable};
use crate::operation::{Operation, OperationInfo, ParameterInfo, ParameterKind, Values};
use crate::patch::Patch;
use crate::sample::Sample;
use crate::{Depth, Region, Size};

/// Gaussian blur of a given sigma.
pub(crate) struct Blur {
    sigma: f64,
}

impl Operation for Blur {
    const INFO: &'static OperationInfo = &OperationInfo {
        name: "blur",
        title: "Blur",
        summary: "Gaussian blur, exact for every sigma (OpenCV's arithmetic and kernel size).",
        aliases: &["gaussian_blur"],
        parameters: &[ParameterInfo {
            name: "sigma",
            symbol: "σ",
            summary: "Standard deviation of the bell curve.",
            unit: "px",
            kind: ParameterKind::Number,
            min: 0.1,
            max: 100.0,
            default: 5.0,
            step: 0.1,
        }],
    };

    fn new(values: &Values<'_>) -> Self {
        Self {
            sigma: values.number(0),
        }
    }

    fn input_region(&self, image: Size, output: Region) -> Region {
        // The 16-bit kernel is the larger one; a region must do for every format.
        let radius = gaussian::radius(self.sigma, Depth::Sixteen);
        output.inflate(radius, radius, image)
    }

    fn apply<S: Sample>(&self, input: Patch<'_, S>, output: Region) -> Patch<'static, S> {
        let weights = gaussian::weights(self.sigma, S::DEPTH);
        separable::convolve(&input, output, &weights)
    }
}
