//! Unsharp masking: the difference to a blurred copy, added.

use super::blur;
use crate::convolve::{gaussian, separable};
use crate::numbers::Numbers;
use crate::numbers::convolve::means;
use crate::operation::{Group, Operation, OperationInfo, ParameterInfo, ParameterKind, Values};
use crate::patch::Patch;
use crate::sample::Sample;
use crate::{Depth, PixelFormat, Region, Size};

/// `v + amount · (v - blurred)` where the difference exceeds the threshold. Alpha stays.
pub(crate) struct Unsharp {
    sigma: f64,
    amount: f64,
    threshold: f64,
}

const fn number(
    name: &'static str,
    summary: &'static str,
    max: f64,
    default: f64,
    step: f64,
) -> ParameterInfo {
    ParameterInfo {
        name,
        symbol: name,
        summary,
        unit: "",
        kind: ParameterKind::Number,
        min: 0.0,
        max,
        default,
        step,
    }
}

impl Operation for Unsharp {
    const INFO: &'static OperationInfo = &OperationInfo {
        name: "unsharp",
        title: "Unsharp mask",
        group: Group::Sharpen,
        summary: "Makes edges crisper without touching flat areas much; what prints and thumbnails want.",
        method: "Adds the difference to a blurred copy.",
        aliases: &["unsharp_mask"],
        parameters: &[
            ParameterInfo {
                default: 2.0,
                ..blur::SIGMA
            },
            number("amount", "How much of the difference is added.", 10.0, 1.0, 0.05),
            number(
                "threshold",
                "Differences up to this share of full intensity are left alone.",
                1.0,
                0.0,
                0.005,
            ),
        ],
    };

    fn new(values: &Values<'_>) -> Self {
        Self {
            sigma: values.number(0),
            amount: values.number(1),
            threshold: values.number(2),
        }
    }

    fn input_region(&self, image: Size, output: Region) -> Region {
        blur::input_region(self.sigma, image, output)
    }

    fn needs(&self, input: PixelFormat) -> Option<&'static str> {
        (self.threshold > 0.0 && !input.depth.is_intensity()).then_some(
            "a threshold of 0, since a share of full intensity says nothing where there is no full intensity",
        )
    }

    fn apply<S: Sample>(&self, input: Patch<'_, S>, output: Region) -> Patch<'static, S> {
        let mut result = separable::convolve(&input, output, &gaussian::weights(self.sigma, S::DEPTH));
        let channels = input.channels.count();
        let colours = if input.channels.has_alpha() {
            channels - 1
        } else {
            channels
        };
        let threshold = self.threshold * f64::from(S::MAX);
        let rows = result
            .samples
            .to_mut()
            .chunks_exact_mut(output.width as usize * channels);
        for (y, blurred) in (output.y..).zip(rows) {
            let sharp = input.row(y, output.x, output.width);
            for (to, from) in blurred
                .chunks_exact_mut(channels)
                .zip(sharp.chunks_exact(channels))
            {
                for (to, &from) in to[..colours].iter_mut().zip(from) {
                    let (value, blurred): (u32, u32) = (from.into(), (*to).into());
                    let (value, difference) = (f64::from(value), f64::from(value) - f64::from(blurred));
                    let added = if difference.abs() > threshold {
                        self.amount * difference
                    } else {
                        0.0
                    };
                    *to = S::round_f64(value + added);
                }
                to[colours..].copy_from_slice(&from[colours..]);
            }
        }
        result
    }

    fn apply_numbers(&self, input: &Numbers<'_>, output: Region, out: &mut dyn FnMut(&[f64])) -> bool {
        let weights = gaussian::numbers(self.sigma, input.depth);
        // Above 0 only of intensities.
        let full = if input.depth == Depth::Eight {
            255.0
        } else {
            65535.0
        };
        let threshold = self.threshold * full;
        let mut row = Vec::new();
        means(input, output, &weights, &mut |centres, means| {
            row.clear();
            let pairs = centres.iter().zip(means);
            row.extend(pairs.map(|(centre, mean)| {
                let difference = centre - mean;
                if difference.abs() <= threshold && threshold > 0.0 {
                    *centre
                } else {
                    centre + self.amount * difference
                }
            }));
            out(&row);
        });
        true
    }
}
