//! Mirror images.

use super::reverse::reverse;
use crate::operation::{Group, Operation, OperationInfo, Values};
use crate::patch::{Patch, Rows};
use crate::sample::{Bits, Sample};
use crate::{Affine, Region, Size};

/// Left and right exchanged.
pub(crate) struct FlipHorizontal;

impl Operation for FlipHorizontal {
    const INFO: &'static OperationInfo = &OperationInfo {
        name: "flip_horizontal",
        title: "Flip horizontally",
        group: Group::Shape,
        summary: "Mirrors it: left and right change places.",
        method: "Pixels are moved, never changed.",
        aliases: &["mirror", "flip_h"],
        parameters: &[],
    };

    fn new(_: &Values<'_>) -> Self {
        Self
    }

    fn input_region(&self, image: Size, output: Region) -> Region {
        Region {
            x: image.width - output.x - output.width,
            ..output
        }
    }

    fn moves_pixels(&self) -> bool {
        true
    }

    fn pixel_map(&self, input: Size) -> Option<Affine> {
        Some(Affine {
            x: [-1.0, 0.0, input.width.into()],
            ..Affine::IDENTITY
        })
    }

    fn apply<S: Sample>(&self, input: Patch<'_, S>, output: Region) -> Patch<'static, S> {
        self.moved(input, output)
    }

    fn apply32(&self, input: Patch<'_, u32>, output: Region) -> Option<Patch<'static, u32>> {
        Some(self.moved(input, output))
    }
}

impl FlipHorizontal {
    fn moved<B: Bits>(&self, input: Patch<'_, B>, output: Region) -> Patch<'static, B> {
        let region = self.input_region(input.image, output);
        let channels = input.channels.count();
        let samples = Rows::written(output, input.channels, |y, out| {
            reverse(input.row(y, region.x, region.width), channels, out);
        });
        Patch::owned(input.image, output, input.channels, samples)
    }
}

/// Top and bottom exchanged.
pub(crate) struct FlipVertical;

impl Operation for FlipVertical {
    const INFO: &'static OperationInfo = &OperationInfo {
        name: "flip_vertical",
        title: "Flip vertically",
        group: Group::Shape,
        summary: "Mirrors it: top and bottom change places.",
        method: "Pixels are moved, never changed.",
        aliases: &["flip_v"],
        parameters: &[],
    };

    fn new(_: &Values<'_>) -> Self {
        Self
    }

    fn input_region(&self, image: Size, output: Region) -> Region {
        Region {
            y: image.height - output.y - output.height,
            ..output
        }
    }

    fn moves_pixels(&self) -> bool {
        true
    }

    fn pixel_map(&self, input: Size) -> Option<Affine> {
        Some(Affine {
            y: [0.0, -1.0, input.height.into()],
            ..Affine::IDENTITY
        })
    }

    fn apply<S: Sample>(&self, input: Patch<'_, S>, output: Region) -> Patch<'static, S> {
        self.moved(input, output)
    }

    fn apply32(&self, input: Patch<'_, u32>, output: Region) -> Option<Patch<'static, u32>> {
        Some(self.moved(input, output))
    }
}

impl FlipVertical {
    fn moved<B: Bits>(&self, input: Patch<'_, B>, output: Region) -> Patch<'static, B> {
        let mut samples = Vec::with_capacity(output.size().pixels() as usize * input.channels.count());
        for y in output.y..output.y + output.height {
            samples.extend_from_slice(input.row(input.image.height - 1 - y, output.x, output.width));
        }
        Patch::owned(input.image, output, input.channels, samples)
    }
}
