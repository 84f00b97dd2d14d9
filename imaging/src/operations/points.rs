//! Operations on single samples, each through a table of all values. Alpha stays.

use crate::meaning::with_data;
use crate::operation::{
    Group, Operation, OperationInfo, ParameterInfo, ParameterKind, Values, needs_colours, needs_intensities,
};
use crate::patch::{Patch, Rows};
use crate::sample::Sample;
use crate::{Channels, PixelFormat, Region};

/// Applies `function` to every colour sample that has data. It gets the sample and full intensity, both in the sample's own unit, so that what
/// is a whole number and a half stays one and is rounded as it should be.
fn map<S: Sample>(
    input: Patch<'_, S>,
    output: Region,
    function: impl Fn(f64, f64) -> f64,
) -> Patch<'static, S> {
    let max = f64::from(S::MAX);
    let no_data = input.meaning.no_data_intensity();
    let table: Vec<S> = (0..=S::MAX)
        .map(|value| {
            let result = S::round_f64(function(f64::from(value), max));
            match no_data {
                Some(no_data) if no_data == value => S::wrap(value),
                Some(_) => with_data(input.meaning, result),
                None => result,
            }
        })
        .collect();
    // Arrays, so that no index has to be checked.
    if let Ok(table) = <&[S; 1 << 8]>::try_from(&table[..]) {
        return each_color(&input, output, |sample| {
            table[sample.into() as usize % table.len()]
        });
    }
    match <&[S; 1 << 16]>::try_from(&table[..]) {
        Ok(table) => each_color(&input, output, |sample| {
            table[sample.into() as usize % table.len()]
        }),
        Err(_) => each_color(&input, output, |sample| table[sample.into() as usize]),
    }
}

/// Applies `function` to every colour sample.
fn each_color<S: Sample>(
    input: &Patch<'_, S>,
    output: Region,
    function: impl Fn(S) -> S,
) -> Patch<'static, S> {
    let mut rows = Rows::new(output, input.channels);
    for y in output.y..output.y + output.height {
        let from = input.row(y, output.x, output.width);
        let to = rows.next();
        match input.channels {
            Channels::GrayAlpha => beside_alpha::<S, 2>(from, to, &function),
            Channels::Rgba => beside_alpha::<S, 4>(from, to, &function),
            _ => to
                .iter_mut()
                .zip(from)
                .for_each(|(to, from)| *to = function(*from)),
        }
    }
    Patch::owned(input.image, output, input.channels, rows.finish())
}

/// A row of pixels of `N` samples, the last of which is alpha and stays.
fn beside_alpha<S: Sample, const N: usize>(from: &[S], to: &mut [S], function: &impl Fn(S) -> S) {
    for (to, from) in to.as_chunks_mut::<N>().0.iter_mut().zip(from.as_chunks::<N>().0) {
        for channel in 0..N - 1 {
            to[channel] = function(from[channel]);
        }
        to[N - 1] = from[N - 1];
    }
}

/// The negative.
pub(crate) struct Invert;

impl Operation for Invert {
    const INFO: &'static OperationInfo = &OperationInfo {
        name: "invert",
        title: "Invert",
        group: Group::Tone,
        summary: "The negative: dark becomes light.",
        method: "Full intensity minus the sample; alpha stays.",
        aliases: &["negative"],
        parameters: &[],
    };

    fn new(_: &Values<'_>) -> Self {
        Self
    }

    fn needs(&self, input: PixelFormat) -> Option<&'static str> {
        needs_intensities(input)
    }

    fn apply<S: Sample>(&self, input: Patch<'_, S>, output: Region) -> Patch<'static, S> {
        if input.meaning.no_data_intensity().is_none() {
            return each_color(&input, output, |sample| S::wrap(S::MAX - sample.into()));
        }
        map(input, output, |value, max| max - value)
    }
}

/// Every sample times a factor.
pub(crate) struct Brightness {
    factor: f64,
}

impl Operation for Brightness {
    const INFO: &'static OperationInfo = &OperationInfo {
        name: "brightness",
        title: "Brightness",
        group: Group::Tone,
        summary: "Makes everything lighter or darker.",
        method: "Multiplies every colour sample.",
        aliases: &["brightness_increase"],
        parameters: &[factor("Below 1 darkens, above 1 brightens.", 1.2)],
    };

    fn new(values: &Values<'_>) -> Self {
        Self {
            factor: values.number(0),
        }
    }

    fn needs(&self, input: PixelFormat) -> Option<&'static str> {
        needs_intensities(input)
    }

    fn apply<S: Sample>(&self, input: Patch<'_, S>, output: Region) -> Patch<'static, S> {
        map(input, output, |value, _| value * self.factor)
    }
}

/// The distance to middle gray times a factor.
pub(crate) struct Contrast {
    factor: f64,
}

impl Operation for Contrast {
    const INFO: &'static OperationInfo = &OperationInfo {
        name: "contrast",
        title: "Contrast",
        group: Group::Tone,
        summary: "Moves light and dark apart, or together.",
        method: "Multiplies how far every colour sample is from middle gray.",
        aliases: &["contrast_increase"],
        parameters: &[factor("Below 1 flattens, above 1 adds contrast.", 1.5)],
    };

    fn new(values: &Values<'_>) -> Self {
        Self {
            factor: values.number(0),
        }
    }

    fn needs(&self, input: PixelFormat) -> Option<&'static str> {
        needs_intensities(input)
    }

    fn apply<S: Sample>(&self, input: Patch<'_, S>, output: Region) -> Patch<'static, S> {
        map(input, output, |value, max| {
            (value - max / 2.0) * self.factor + max / 2.0
        })
    }
}

/// A parameter `factor` from 0 to 10.
pub(super) const fn factor(summary: &'static str, default: f64) -> ParameterInfo {
    ParameterInfo {
        name: "factor",
        symbol: "×",
        summary,
        unit: "",
        kind: ParameterKind::Number,
        min: 0.0,
        max: 10.0,
        default,
        step: 0.05,
    }
}

/// A power curve.
pub(crate) struct Gamma {
    gamma: f64,
}

impl Operation for Gamma {
    const INFO: &'static OperationInfo = &OperationInfo {
        name: "gamma",
        title: "Gamma",
        group: Group::Tone,
        summary: "Lifts or deepens the shadows and leaves black and white alone.",
        method: "Intensity to the power of 1/gamma.",
        aliases: &[],
        parameters: &[ParameterInfo {
            name: "gamma",
            symbol: "γ",
            summary: "Above 1 lifts the shadows, below 1 deepens them.",
            unit: "",
            kind: ParameterKind::Number,
            min: 0.1,
            max: 10.0,
            default: 2.2,
            step: 0.05,
        }],
    };

    fn new(values: &Values<'_>) -> Self {
        Self {
            gamma: values.number(0),
        }
    }

    fn needs(&self, input: PixelFormat) -> Option<&'static str> {
        needs_intensities(input)
    }

    fn apply<S: Sample>(&self, input: Patch<'_, S>, output: Region) -> Patch<'static, S> {
        map(input, output, |value, max| {
            max * libm::pow(value / max, 1.0 / self.gamma)
        })
    }
}

/// Black below a level of luma, white from it on.
pub(crate) struct Threshold {
    level: f64,
}

impl Operation for Threshold {
    const INFO: &'static OperationInfo = &OperationInfo {
        name: "threshold",
        title: "Threshold",
        group: Group::Tone,
        summary: "Only black and white, for documents and masks.",
        method: "Black where the luma is below the level, white elsewhere; the result is gray.",
        aliases: &[],
        parameters: &[ParameterInfo {
            name: "level",
            symbol: "≥",
            summary: "From which intensity on a pixel is white.",
            unit: "",
            kind: ParameterKind::Number,
            min: 0.0,
            max: 1.0,
            default: 0.5,
            step: 0.01,
        }],
    };

    fn new(values: &Values<'_>) -> Self {
        Self {
            level: values.number(0),
        }
    }

    fn output_format(&self, input: PixelFormat) -> PixelFormat {
        PixelFormat {
            channels: input.channels.gray(),
            ..input
        }
    }

    fn needs(&self, input: PixelFormat) -> Option<&'static str> {
        needs_colours(input)
    }

    fn apply<S: Sample>(&self, input: Patch<'_, S>, output: Region) -> Patch<'static, S> {
        let meaning = input.meaning;
        let mut gray = super::grayscale::Grayscale.apply(input, output);
        gray.meaning = meaning;
        map(
            gray,
            output,
            |value, max| if value / max >= self.level { max } else { 0.0 },
        )
    }
}
