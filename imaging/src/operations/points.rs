//! Operations on single samples, each through a table of all values or by arithmetic that gives the same. Alpha stays.

use super::bilevel::{self, Level};
use super::linear::{Line, Scaled, Spread};
use super::pointwise::{Point, each_color};
use super::power;
use super::tables::{look_up, table};
use crate::meaning::Meaning;
use crate::operation::{
    Group, Operation, OperationInfo, ParameterInfo, ParameterKind, Values, needs_colours, needs_intensities,
};
use crate::patch::Patch;
use crate::sample::Sample;
use crate::{PixelFormat, Region};

/// Applies `function` to every colour sample that has data. It gets the sample and full intensity, both in the sample's own unit, so that what
/// is a whole number and a half stays one and is rounded as it should be.
fn map<S: Sample>(
    input: &Patch<'_, S>,
    output: Region,
    function: impl Fn(f64, f64) -> f64,
) -> Patch<'static, S> {
    look_up(input, output, &[table_of(input.meaning, function)])
}

fn table_of<S: Sample>(meaning: Meaning, function: impl Fn(f64, f64) -> f64) -> Vec<S> {
    let max = f64::from(S::MAX);
    table(meaning, |value| {
        S::round_f64(function(f64::from(value), max)).into()
    })
}

/// As [`map`], of the line `factor · value + start`, by arithmetic where that gives the same.
fn map_line<S: Sample>(
    input: &Patch<'_, S>,
    output: Region,
    [factor, start]: [f64; 2],
    function: impl Fn(f64, f64) -> f64,
) -> Patch<'static, S> {
    let table = table_of(input.meaning, function);
    match Line::through(&table, factor, start) {
        // Beside alpha the table is quicker.
        Some(line) if !input.channels.has_alpha() => each_color(input, output, line),
        _ => look_up(input, output, &[table]),
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
            return each_color(&input, output, Negative);
        }
        map(&input, output, |value, max| max - value)
    }
}

#[derive(Clone, Copy)]
struct Negative;

impl<S: Sample> Point<S> for Negative {
    #[inline(always)]
    fn of(self, sample: S) -> S {
        S::wrap(S::MAX - sample.into())
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
        let factor = self.factor;
        if is_arithmetic(&input) {
            return each_color(&input, output, Scaled { factor });
        }
        map_line(&input, output, [factor, 0.0], |value, _| value * factor)
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
        let factor = self.factor;
        if is_arithmetic(&input) {
            return each_color(&input, output, Spread { factor });
        }
        let middle = f64::from(S::MAX) / 2.0;
        map_line(&input, output, [factor, middle - factor * middle], |value, _| {
            (value - middle) * factor + middle
        })
    }
}

/// Whether samples have so many values that arithmetic is quicker than to look them up, and all have data.
fn is_arithmetic<S: Sample>(input: &Patch<'_, S>) -> bool {
    S::MAX >= 1 << 8 && input.meaning.no_data_intensity().is_none()
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
        let curve: Vec<S> = power::curve(1.0 / self.gamma);
        if input.meaning.no_data_intensity().is_none() {
            return look_up(&input, output, &[curve]);
        }
        let with_holes = table(input.meaning, |value| curve[value as usize].into());
        look_up(&input, output, &[with_holes])
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
        let max = f64::from(S::MAX);
        if meaning.no_data_intensity().is_none() {
            // Quotients grow with the value: white from one on.
            let is_white = |value: &u32| f64::from(*value) / max >= self.level;
            let guess = ((self.level * max) as u32).saturating_sub(2);
            let least = (guess..=S::MAX).find(is_white).unwrap_or(S::MAX);
            let white = S::wrap(S::MAX);
            let level = Level {
                level: S::wrap(least.saturating_sub(1)),
                high: white,
                low: if least == 0 { white } else { S::default() },
            };
            return bilevel::of_luma(&input, output, level);
        }
        let mut gray = super::grayscale::Grayscale.apply(input, output);
        gray.meaning = meaning;
        map(
            &gray,
            output,
            |value, max| if value / max >= self.level { max } else { 0.0 },
        )
    }
}
