//! Gaussian blur, bit for bit OpenCV's `GaussianBlur` with an automatic kernel size.

use crate::convolve::{gaussian, separable};
use crate::numbers::Numbers;
use crate::numbers::convolve::means;
use crate::operation::{Group, Operation, OperationInfo, ParameterInfo, ParameterKind, Values};
use crate::patch::Patch;
use crate::sample::Sample;
use crate::{Depth, Region, Size};

/// Gaussian blur of a given sigma.
pub(crate) struct Blur {
    sigma: f64,
}

/// The parameter that every Gaussian has.
pub(super) const SIGMA: ParameterInfo = ParameterInfo {
    name: "sigma",
    symbol: "σ",
    summary: "Standard deviation of the bell curve.",
    unit: "px",
    kind: ParameterKind::Number,
    min: 0.1,
    max: 100.0,
    default: 5.0,
    step: 0.1,
};

/// What a Gaussian reads. The 16-bit kernel is the larger one; a region must do for every format.
pub(super) fn input_region(sigma: f64, image: Size, output: Region) -> Region {
    let radius = gaussian::radius(sigma, Depth::Sixteen);
    output.inflate(radius, radius, image)
}

impl Operation for Blur {
    const INFO: &'static OperationInfo = &OperationInfo {
        name: "blur",
        title: "Blur",
        group: Group::Smooth,
        summary: "Softens the picture, the more the larger sigma is.",
        method: "Gaussian, exact for every sigma, with OpenCV's arithmetic and kernel size.",
        aliases: &["gaussian_blur"],
        parameters: &[SIGMA],
    };

    fn new(values: &Values<'_>) -> Self {
        Self {
            sigma: values.number(0),
        }
    }

    fn input_region(&self, image: Size, output: Region) -> Region {
        input_region(self.sigma, image, output)
    }

    fn apply<S: Sample>(&self, input: Patch<'_, S>, output: Region) -> Patch<'static, S> {
        let weights = gaussian::weights(self.sigma, S::DEPTH);
        separable::convolve(&input, output, &weights)
    }

    fn apply_numbers(&self, input: &Numbers<'_>, output: Region, out: &mut dyn FnMut(&[f64])) -> bool {
        let weights = gaussian::numbers(self.sigma, input.depth);
        means(input, output, &weights, &mut |_, means| out(means));
        true
    }
}
