//! A rectangle of the image.

use crate::operation::{Group, Operation, OperationInfo, ParameterInfo, ParameterKind, Values};
use crate::patch::Patch;
use crate::sample::{Bits, Sample};
use crate::{Affine, Region, Size};

/// Cuts out a rectangle.
pub(crate) struct Crop {
    x: u32,
    y: u32,
    width: u32,
    height: u32,
}

const fn pixels(name: &'static str, summary: &'static str) -> ParameterInfo {
    ParameterInfo {
        name,
        symbol: name,
        summary,
        unit: "px",
        kind: ParameterKind::Integer,
        min: 0.0,
        max: crate::recipe::MAX_SIDE as f64,
        default: 0.0,
        step: 1.0,
    }
}

impl Operation for Crop {
    const INFO: &'static OperationInfo = &OperationInfo {
        name: "crop",
        title: "Crop",
        group: Group::Shape,
        summary: "Cuts out a rectangle.",
        method: "Pixels are moved, never changed.",
        aliases: &[],
        parameters: &[
            pixels("x", "Columns left away on the left."),
            pixels("y", "Rows left away at the top."),
            pixels("width", "Columns to keep; 0 keeps all to the right edge."),
            pixels("height", "Rows to keep; 0 keeps all to the bottom edge."),
        ],
    };

    fn new(values: &Values<'_>) -> Self {
        let [x, y, width, height] = [0, 1, 2, 3].map(|index| values.integer(index));
        Self { x, y, width, height }
    }

    fn output_size(&self, input: Size) -> Result<Size, String> {
        let side = |start: u32, asked: u32, whole: u32, names: [&str; 2]| {
            let rest = whole
                .checked_sub(start)
                .filter(|&rest| rest > 0)
                .ok_or_else(|| format!("{}={start} is outside; it must be below {whole}", names[0]))?;
            if asked > rest {
                return Err(format!(
                    "{}={asked} reaches beyond the edge; {rest} are left there",
                    names[1]
                ));
            }
            Ok(if asked == 0 { rest } else { asked })
        };
        Ok(Size::new(
            side(self.x, self.width, input.width, ["x", "width"])?,
            side(self.y, self.height, input.height, ["y", "height"])?,
        ))
    }

    fn input_region(&self, _: Size, output: Region) -> Region {
        Region {
            x: output.x + self.x,
            y: output.y + self.y,
            ..output
        }
    }

    fn moves_pixels(&self) -> bool {
        true
    }

    fn pixel_map(&self, _: Size) -> Option<Affine> {
        Some(Affine::shift(self.x.into(), self.y.into()))
    }

    fn apply<S: Sample>(&self, input: Patch<'_, S>, output: Region) -> Patch<'static, S> {
        self.moved(input, output)
    }

    fn apply32(&self, input: Patch<'_, u32>, output: Region) -> Option<Patch<'static, u32>> {
        Some(self.moved(input, output))
    }
}

impl Crop {
    fn moved<B: Bits>(&self, input: Patch<'_, B>, output: Region) -> Patch<'static, B> {
        let region = self.input_region(input.image, output);
        let mut patch = input.cropped(region);
        patch.region = output;
        patch
    }
}
