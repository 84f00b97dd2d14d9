//! Unsharp masking: the difference to a blurred copy, added.

use super::blur;
use crate::convolve::{gaussian, separable};
use crate::numbers::Numbers;
use crate::numbers::convolve::means;
use crate::operation::{Group, Operation, OperationInfo, ParameterInfo, ParameterKind, Values};
use crate::patch::Patch;
use crate::sample::Sample;
use crate::simd::{self, Kernel};
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
            simd::run(Add {
                sharp,
                blurred,
                channels,
                colours,
                amount: self.amount,
                threshold,
            });
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
            row.resize(centres.len(), 0.0);
            simd::run(AddNumbers {
                centres,
                means,
                amount: self.amount,
                threshold,
                out: &mut row,
            });
            out(&row);
        });
        true
    }
}

/// A row of intensities: what was blurred becomes what is sharpened.
struct Add<'a, S> {
    sharp: &'a [S],
    blurred: &'a mut [S],
    channels: usize,
    /// Channels that are not alpha.
    colours: usize,
    amount: f64,
    threshold: f64,
}

/// Samples that are worked on at a time, in an array of their own: a loop over it is vectorised.
const BLOCK: usize = 256;

impl<S: Sample> Kernel for Add<'_, S> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let (amount, threshold) = (self.amount, self.threshold);
        let mut block = [S::default(); BLOCK];
        for (blurred, sharp) in self.blurred.chunks_mut(BLOCK).zip(self.sharp.chunks(BLOCK)) {
            let results = &mut block[..blurred.len().min(sharp.len())];
            for ((to, &blurred), &sharp) in results.iter_mut().zip(&*blurred).zip(sharp) {
                // As signed numbers, which one instruction converts.
                let [value, blurred]: [u32; 2] = [sharp.into(), blurred.into()];
                let (value, blurred) = (f64::from(value as i32), f64::from(blurred as i32));
                let difference = value - blurred;
                let added = if difference.abs() > threshold {
                    amount * difference
                } else {
                    0.0
                };
                // Within what the sample holds, so that it does not matter which integer it becomes first.
                let rounded = (value + added + 0.5).clamp(0.0, f64::from(S::MAX));
                *to = S::wrap(rounded as i32 as u32);
            }
            blurred.copy_from_slice(results);
        }
        if self.colours < self.channels {
            let pixels = self.blurred.chunks_exact_mut(self.channels);
            for (to, from) in pixels.zip(self.sharp.chunks_exact(self.channels)) {
                to[self.colours..].copy_from_slice(&from[self.colours..]);
            }
        }
    }
}

/// A row of numbers.
struct AddNumbers<'a> {
    centres: &'a [f64],
    means: &'a [f64],
    amount: f64,
    threshold: f64,
    out: &'a mut [f64],
}

impl Kernel for AddNumbers<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let (amount, threshold) = (self.amount, self.threshold);
        for ((to, &centre), &mean) in self.out.iter_mut().zip(self.centres).zip(self.means) {
            let difference = centre - mean;
            let is_left = difference.abs() <= threshold && threshold > 0.0;
            *to = if is_left {
                centre
            } else {
                centre + amount * difference
            };
        }
    }
}
