//! Which number stands for no data: what a file says of itself, as a step of a recipe, so that it goes wherever the recipe goes.

use crate::operation::{Group, Operation, OperationInfo, ParameterInfo, ParameterKind, Values};
use crate::patch::Patch;
use crate::sample::Sample;
use crate::{PixelFormat, Region};

/// From here on a number stands for no data: see [`crate::meaning`]. No pixel is changed.
pub(crate) struct NoData {
    value: f64,
}

impl Operation for NoData {
    const INFO: &'static OperationInfo = &OperationInfo {
        name: "no_data",
        title: "No data",
        group: Group::Shape,
        summary: "Says which number stands for no data in measurements.",
        method: "Samples of that number neither change nor count in what follows.",
        aliases: &[],
        parameters: &[ParameterInfo {
            name: "value",
            symbol: "value",
            summary: "The number; a floating-point sample that is not a number has no data in any case.",
            unit: "",
            kind: ParameterKind::Number,
            min: f64::MIN,
            max: f64::MAX,
            default: 0.0,
            step: 1.0,
        }],
    };

    fn new(values: &Values<'_>) -> Self {
        Self {
            value: values.number(0),
        }
    }

    fn needs(&self, input: PixelFormat) -> Option<&'static str> {
        input
            .channels
            .has_alpha()
            .then_some("an image without alpha, which says itself where nothing is")
    }

    fn no_data(&self) -> Option<f64> {
        Some(self.value)
    }

    fn apply<S: Sample>(&self, input: Patch<'_, S>, output: Region) -> Patch<'static, S> {
        input.cropped(output)
    }

    fn moves_pixels(&self) -> bool {
        true
    }

    fn apply32(&self, input: Patch<'_, u32>, output: Region) -> Option<Patch<'static, u32>> {
        Some(input.cropped(output))
    }
}
