//! Colour to gray: the luma of each pixel.

use crate::luma::{luma_alpha_row, luma_row};
use crate::meaning::with_data;
use crate::operation::{Group, Operation, OperationInfo, Values, needs_colours};
use crate::patch::{Patch, Rows};
use crate::sample::Sample;
use crate::{PixelFormat, Region};

/// Colour to gray. Alpha stays.
pub(crate) struct Grayscale;

impl Operation for Grayscale {
    const INFO: &'static OperationInfo = &OperationInfo {
        name: "grayscale",
        title: "Grayscale",
        group: Group::Colour,
        summary: "Takes the colour out and keeps the brightness.",
        method: "Luma by Rec. 601 weights, with OpenCV's arithmetic; alpha stays.",
        aliases: &["greyscale", "gray"],
        parameters: &[],
    };

    fn new(_: &Values<'_>) -> Self {
        Self
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
        let channels = input.channels.gray();
        if channels == input.channels {
            return input.cropped(output);
        }
        let image = input.image;
        let mut rows = Rows::new(output, channels);
        for y in output.y..output.y + output.height {
            let row = rows.next();
            let source = input.row(y, output.x, output.width);
            match input.channels.count() {
                3 => {
                    luma_row(source, row);
                    if let Some(no_data) = input.meaning.no_data_intensity() {
                        for (to, from) in row.iter_mut().zip(source.chunks_exact(3)) {
                            let is_missing = from.iter().any(|&sample| sample.into() == no_data);
                            *to = if is_missing {
                                S::wrap(no_data)
                            } else {
                                with_data(input.meaning, *to)
                            };
                        }
                    }
                }
                _ => luma_alpha_row(source, row),
            }
        }
        Patch::owned(image, output, channels, rows.finish())
    }
}
