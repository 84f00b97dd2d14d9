//! Any affine or perspective map.

use super::projective::{FILTER, Filter, Projective};
use crate::numbers::Numbers;
use crate::operation::{Group, Operation, OperationInfo, ParameterInfo, ParameterKind, Values};
use crate::patch::Patch;
use crate::recipe::MAX_SIDE;
use crate::sample::Sample;
use crate::{Affine, Region, Size};

/// The place (x, y) of the result shows the place ((a·x + b·y + c) / w, (d·x + e·y + f) / w) of the picture, w = g·x + h·y + 1.
pub(crate) struct Warp {
    map: Projective,
    width: u32,
    height: u32,
    filter: Filter,
}

const fn coefficient(
    name: &'static str,
    default: f64,
    most: f64,
    step: f64,
    summary: &'static str,
) -> ParameterInfo {
    ParameterInfo {
        name,
        symbol: name,
        summary,
        unit: "",
        kind: ParameterKind::Number,
        min: -most,
        max: most,
        default,
        step,
    }
}

const fn side(name: &'static str, summary: &'static str) -> ParameterInfo {
    ParameterInfo {
        name,
        symbol: name,
        summary,
        unit: "px",
        kind: ParameterKind::Integer,
        min: 0.0,
        max: MAX_SIDE as f64,
        default: 0.0,
        step: 1.0,
    }
}

/// Most of what a pixel further means in the picture.
const MOST: f64 = 10.0;
/// Most of perspective: a hundred pixels further the picture is half as large or twice.
const BENT: f64 = 0.01;
/// Farthest move, pixels.
const FAR: f64 = MAX_SIDE as f64;

impl Operation for Warp {
    const INFO: &'static OperationInfo = &OperationInfo {
        name: "warp",
        title: "Warp",
        group: Group::Shape,
        summary: "Shears, scales, moves or tilts the picture by numbers, or sets a tilted one upright.",
        method: "A place (x, y) of the result shows ((ax + by + c) / w, (dx + ey + f) / w) of the picture, w = gx + hy + 1; what lies outside of it is transparent, or black where there is no alpha.",
        aliases: &["affine", "perspective"],
        parameters: &[
            coefficient(
                "a",
                1.0,
                MOST,
                0.0001,
                "Columns of the picture for a column of the result.",
            ),
            coefficient(
                "b",
                0.0,
                MOST,
                0.0001,
                "Columns of the picture for a row of the result.",
            ),
            coefficient(
                "c",
                0.0,
                FAR,
                0.1,
                "Column of the picture that the left edge shows.",
            ),
            coefficient(
                "d",
                0.0,
                MOST,
                0.0001,
                "Rows of the picture for a column of the result.",
            ),
            coefficient(
                "e",
                1.0,
                MOST,
                0.0001,
                "Rows of the picture for a row of the result.",
            ),
            coefficient(
                "f",
                0.0,
                FAR,
                0.1,
                "Row of the picture that the upper edge shows.",
            ),
            coefficient(
                "g",
                0.0,
                BENT,
                0.000001,
                "Perspective from column to column; 0 for an affine map.",
            ),
            coefficient(
                "h",
                0.0,
                BENT,
                0.000001,
                "Perspective from row to row; 0 for an affine map.",
            ),
            side("width", "Width of the result; 0 is that of the picture."),
            side("height", "Height of the result; 0 is that of the picture."),
            FILTER,
        ],
    };

    fn new(values: &Values<'_>) -> Self {
        let [a, b, c, d, e, f, g, h] = [0, 1, 2, 3, 4, 5, 6, 7].map(|index| values.number(index));
        Self {
            map: Projective {
                affine: Affine {
                    x: [a, b, c],
                    y: [d, e, f],
                },
                vanishing: [g, h],
            },
            width: values.integer(8),
            height: values.integer(9),
            filter: Filter::of(values.choice(10)),
        }
    }

    fn output_size(&self, input: Size) -> Result<Size, String> {
        let size = self.size(input);
        if self.map.covers(size) {
            Ok(size)
        } else {
            let [g, h] = self.map.vanishing;
            Err(format!(
                "with g={g} and h={h} the horizon, where g·x + h·y + 1 is 0, runs through the result of {size}; \
                 take g and h nearer to 0, or a smaller width and height"
            ))
        }
    }

    fn input_region(&self, image: Size, output: Region) -> Region {
        self.map.input_region(image, output)
    }

    fn is_separable(&self) -> bool {
        false
    }

    fn widest_input(&self, image: Size, result: Size, output: Size) -> Size {
        self.map.widest_input(image, result, output)
    }

    fn pixel_map(&self, _: Size) -> Option<Affine> {
        self.map.as_affine()
    }

    fn apply<S: Sample>(&self, input: Patch<'_, S>, output: Region) -> Patch<'static, S> {
        let size = self.size(input.image);
        match self.filter {
            Filter::Nearest => self.map.nearest(&input, output, size),
            Filter::Bilinear => self.map.bilinear(&input, output, size),
        }
    }

    fn moves_pixels(&self) -> bool {
        self.filter == Filter::Nearest
    }

    fn apply32(&self, input: Patch<'_, u32>, output: Region) -> Option<Patch<'static, u32>> {
        let size = self.size(input.image);
        self.moves_pixels()
            .then(|| self.map.nearest(&input, output, size))
    }

    fn is_in_place(&self) -> bool {
        false
    }

    fn apply_numbers(&self, input: &Numbers<'_>, output: Region, out: &mut dyn FnMut(&[f64])) -> bool {
        self.map.numbers(input, output, out);
        true
    }
}

impl Warp {
    fn size(&self, image: Size) -> Size {
        let side = |asked: u32, own: u32| if asked == 0 { own } else { asked };
        Size::new(side(self.width, image.width), side(self.height, image.height))
    }
}
