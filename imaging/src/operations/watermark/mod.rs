//! A line of text over the picture.
//!
//! Without the crate's feature `lettering` it is known and not drawn: what reads recipes only, as the page in the browser does, then
//! builds neither `imageproc` nor what that needs.

#[cfg(feature = "lettering")]
mod drawing;
#[cfg(feature = "lettering")]
mod lettering;

use std::sync::Arc;

use crate::operation::{
    Group, Operation, OperationInfo, ParameterInfo, ParameterKind, Values, needs_colours,
};
use crate::patch::Patch;
use crate::sample::Sample;
use crate::text::MAX_CHARACTERS;
use crate::{PixelFormat, Region};

/// Letters of one colour, over the picture: `source over` of Porter and Duff, colours not premultiplied.
#[cfg_attr(
    not(feature = "lettering"),
    expect(dead_code, reason = "for whoever draws it")
)]
pub(crate) struct Watermark {
    text: Arc<str>,
    at: &'static str,
    size: u32,
    /// Percent.
    opacity: u32,
    margin: u32,
    is_black: bool,
}

/// A parameter that is a whole number.
const fn whole(
    name: &'static str,
    summary: &'static str,
    unit: &'static str,
    (min, max, default): (f64, f64, f64),
) -> ParameterInfo {
    ParameterInfo {
        name,
        symbol: name,
        summary,
        unit,
        kind: ParameterKind::Integer,
        min,
        max,
        default,
        step: 1.0,
    }
}

/// A parameter that is one of `words`, of which the first is the default.
const fn choice(name: &'static str, summary: &'static str, words: &'static [&'static str]) -> ParameterInfo {
    ParameterInfo {
        name,
        symbol: name,
        summary,
        unit: "",
        kind: ParameterKind::Choice(words),
        min: 0.0,
        max: (words.len() - 1) as f64,
        default: 0.0,
        step: 1.0,
    }
}

impl Operation for Watermark {
    const INFO: &'static OperationInfo = &OperationInfo {
        name: "watermark",
        title: "Watermark",
        group: Group::Colour,
        summary: "Writes a line of text over the picture, in a corner or in the middle.",
        method: "Letters of DejaVu Sans by their coverage times the opacity, drawn over the pixels (source over where there is alpha); what is beyond the picture is cut.",
        aliases: &["text"],
        parameters: &[
            ParameterInfo {
                name: "text",
                symbol: "text",
                summary: "What is written.",
                unit: "",
                kind: ParameterKind::Text { default: "Azulejo" },
                min: 1.0,
                max: MAX_CHARACTERS as f64,
                default: 7.0,
                step: 1.0,
            },
            choice(
                "at",
                "Where it stands.",
                &["bottom_right", "bottom_left", "top_left", "top_right", "centre"],
            ),
            whole("size", "Height of a line of letters.", "px", (8.0, 512.0, 32.0)),
            whole(
                "opacity",
                "How much of the picture the letters hide.",
                "%",
                (0.0, 100.0, 60.0),
            ),
            whole(
                "margin",
                "Room between the text and the edges.",
                "px",
                (0.0, 10_000.0, 16.0),
            ),
            choice("colour", "Colour of the letters.", &["white", "black"]),
        ],
    };

    fn new(values: &Values<'_>) -> Self {
        Self {
            text: values.text(0),
            at: values.choice(1),
            size: values.integer(2),
            opacity: values.integer(3),
            margin: values.integer(4),
            is_black: values.choice(5) == "black",
        }
    }

    fn needs(&self, input: PixelFormat) -> Option<&'static str> {
        needs_colours(input)
    }

    const RENDERS: bool = cfg!(feature = "lettering");

    #[cfg(feature = "lettering")]
    fn apply<S: Sample>(&self, input: Patch<'_, S>, output: Region) -> Patch<'static, S> {
        self.draw(input.cropped(output), output)
    }

    #[cfg(not(feature = "lettering"))]
    fn apply<S: Sample>(&self, _: Patch<'_, S>, _: Region) -> Patch<'static, S> {
        unreachable!("it is not rendered where RENDERS is false")
    }
}

#[cfg(all(test, not(feature = "lettering")))]
mod tests {
    use crate::{PixelFormat, Raster, Recipe, RenderError, Size, apply};

    #[test]
    fn without_the_feature_a_watermark_is_read_and_checked_and_not_rendered() {
        let recipe: Recipe = "blur|watermark:text=A".parse().unwrap();
        assert_eq!(recipe.check(PixelFormat::RGB8), Ok(()));
        let image = Raster::new(Size::new(9, 9), PixelFormat::RGB8).unwrap();
        let operation = "watermark";
        assert_eq!(apply(&recipe, &image), Err(RenderError::NotBuilt { operation }));
    }
}
