//! Operations on whole pixels that mix the colour channels. Alpha stays.

use super::points::factor;
use crate::luma::luma;
use crate::meaning::with_data;
use crate::operation::{Group, Operation, OperationInfo, Values, needs_colours};
use crate::patch::Patch;
use crate::sample::Sample;
use crate::{Channels, PixelFormat, Region};

/// How far colours are from gray.
pub(crate) struct Saturation {
    factor: f64,
}

impl Operation for Saturation {
    const INFO: &'static OperationInfo = &OperationInfo {
        name: "saturation",
        title: "Saturation",
        group: Group::Colour,
        summary: "Makes colours stronger or paler; 0 is gray.",
        method: "Multiplies how far every colour is from the gray of its luma.",
        aliases: &[],
        parameters: &[factor("0 is gray, above 1 is more vivid.", 1.5)],
    };

    fn new(values: &Values<'_>) -> Self {
        Self {
            factor: values.number(0),
        }
    }

    fn needs(&self, input: PixelFormat) -> Option<&'static str> {
        needs_colours(input)
    }

    fn apply<S: Sample>(&self, input: Patch<'_, S>, output: Region) -> Patch<'static, S> {
        let mut patch = input.cropped(output);
        if patch.channels.count() >= 3 {
            let channels = patch.channels.count();
            let (meaning, no_data) = (patch.meaning, patch.meaning.no_data_intensity());
            for pixel in patch.samples.to_mut().chunks_exact_mut(channels) {
                if no_data.is_some() && pixel[..3].iter().any(|&sample| Some(sample.into()) == no_data) {
                    continue;
                }
                let gray: u32 = luma(pixel[0], pixel[1], pixel[2]).into();
                let gray = f64::from(gray);
                for sample in &mut pixel[..3] {
                    let value: u32 = (*sample).into();
                    *sample = S::round_f64(gray + (f64::from(value) - gray) * self.factor);
                    if no_data.is_some() {
                        *sample = with_data(meaning, *sample);
                    }
                }
            }
        }
        patch
    }
}

/// The brown of old photographs.
pub(crate) struct Sepia;

/// The usual matrix in thousandths, rows for red, green and blue.
const SEPIA: [[u32; 3]; 3] = [[393, 769, 189], [349, 686, 168], [272, 534, 131]];

impl Operation for Sepia {
    const INFO: &'static OperationInfo = &OperationInfo {
        name: "sepia",
        title: "Sepia",
        group: Group::Colour,
        summary: "The brown tones of old photographs.",
        method: "A fixed mix of the channels; a gray image becomes colour.",
        aliases: &[],
        parameters: &[],
    };

    fn new(_: &Values<'_>) -> Self {
        Self
    }

    fn output_format(&self, input: PixelFormat) -> PixelFormat {
        PixelFormat {
            channels: coloured(input.channels),
            ..input
        }
    }

    fn needs(&self, input: PixelFormat) -> Option<&'static str> {
        needs_colours(input)
    }

    fn apply<S: Sample>(&self, input: Patch<'_, S>, output: Region) -> Patch<'static, S> {
        let (image, from) = (input.image, input.channels);
        let to = coloured(from);
        let (meaning, no_data) = (input.meaning, input.meaning.no_data_intensity());
        let mut samples = Vec::with_capacity(output.size().pixels() as usize * to.count());
        for y in output.y..output.y + output.height {
            for pixel in input.row(y, output.x, output.width).chunks_exact(from.count()) {
                let rgb = if from.count() < 3 {
                    [pixel[0]; 3]
                } else {
                    [pixel[0], pixel[1], pixel[2]]
                };
                let stored = rgb;
                let rgb: [u32; 3] = rgb.map(Into::into);
                if no_data.is_some_and(|no_data| rgb.contains(&no_data)) {
                    samples.extend(stored);
                    continue;
                }
                samples.extend(SEPIA.map(|[r, g, b]| {
                    let mixed = S::wrap(((r * rgb[0] + g * rgb[1] + b * rgb[2] + 500) / 1000).min(S::MAX));
                    if no_data.is_some() {
                        with_data(meaning, mixed)
                    } else {
                        mixed
                    }
                }));
                if from.has_alpha() {
                    samples.push(pixel[from.count() - 1]);
                }
            }
        }
        Patch::owned(image, output, to, samples)
    }
}

fn coloured(channels: Channels) -> Channels {
    if channels.has_alpha() {
        Channels::Rgba
    } else {
        Channels::Rgb
    }
}
