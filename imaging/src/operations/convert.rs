//! Conversion of colours from the profile of a file to a space that has a name.
//!
//! A tile does not know the profile of its file. So the file's reader converts, as [`Recipe::color_space`](crate::Recipe::color_space)
//! says, and the step itself changes nothing; before it the parser takes only steps that move pixels, with which converting
//! commutes (what they fill with stays black).

use crate::color_space::ColorSpace;
use crate::operation::{
    Group, Operation, OperationInfo, ParameterInfo, ParameterKind, Values, needs_colours,
};
use crate::patch::Patch;
use crate::sample::Sample;
use crate::{PixelFormat, Region};

/// Colours as the numbers of a space.
pub(crate) struct Convert {
    space: ColorSpace,
}

impl Operation for Convert {
    const INFO: &'static OperationInfo = &OperationInfo {
        name: "convert",
        title: "Convert colours",
        group: Group::Colour,
        summary: "Gives the colours of the picture the numbers of a colour space, sRGB unless said: they look the same where no profile is read.",
        method: "From the ICC profile of the file (sRGB where it has none), relative colorimetric; done as the file is read, so it stands before all that changes pixels. The result has the profile of the space.",
        aliases: &["to_srgb"],
        parameters: &[ParameterInfo {
            name: "profile",
            symbol: "profile",
            summary: "The colour space.",
            unit: "",
            kind: ParameterKind::Choice(&ColorSpace::NAMES),
            min: 0.0,
            max: 3.0,
            default: 0.0,
            step: 1.0,
        }],
    };

    fn new(values: &Values<'_>) -> Self {
        Self {
            space: ColorSpace::from_name(values.choice(0)).unwrap_or(ColorSpace::Srgb),
        }
    }

    fn needs(&self, input: PixelFormat) -> Option<&'static str> {
        needs_colours(input)
    }

    fn color_space(&self) -> Option<ColorSpace> {
        Some(self.space)
    }

    fn apply<S: Sample>(&self, input: Patch<'_, S>, output: Region) -> Patch<'static, S> {
        input.cropped(output)
    }
}
