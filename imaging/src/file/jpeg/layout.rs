//! Where the samples of a frame's components lie, in blocks and MCUs.

use super::upsample::Upsampling;
use crate::header::jpeg::{Component, Frame};

/// Where the samples of a component lie.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layout {
    /// Samples that belong to the picture.
    pub width: u32,
    pub height: u32,
    /// Blocks that hold them.
    pub blocks_across: u32,
    pub blocks_down: u32,
    /// Blocks in a row of whole MCUs.
    pub padded_across: u32,
    pub upsampling: Upsampling,
}

impl Frame {
    /// MCUs across and down.
    pub(super) fn mcus(&self) -> (u32, u32) {
        (
            self.size.width.div_ceil(8 * self.most.0),
            self.size.height.div_ceil(8 * self.most.1),
        )
    }

    pub(super) fn layout(&self, component: &Component) -> Layout {
        let width = (self.size.width * component.h).div_ceil(self.most.0);
        let height = (self.size.height * component.v).div_ceil(self.most.1);
        Layout {
            width,
            height,
            blocks_across: width.div_ceil(8),
            blocks_down: height.div_ceil(8),
            padded_across: self.mcus().0 * component.h,
            upsampling: Upsampling::of((component.h, component.v), self.most, width),
        }
    }

    /// Blocks of 8 by 8 samples.
    pub(super) fn blocks(&self) -> u64 {
        self.components
            .iter()
            .map(|component| self.blocks_of(component))
            .sum()
    }

    /// Those of one component.
    pub(super) fn blocks_of(&self, component: &Component) -> u64 {
        let layout = self.layout(component);
        u64::from(layout.blocks_across) * u64::from(layout.blocks_down)
    }

    /// Fewest bytes of compressed data that an image of this size takes. The shortest Huffman code has one bit. A block of
    /// a baseline image is a DC code and at least one AC code, the end of the block; of a progressive one it may be a DC
    /// code alone, since a whole band of AC coefficients can be skipped by one code or never be sent; of a lossless one, a sample is.
    /// Arithmetic codes of a block that is as expected take next to nothing, and zeros at the end are not stored.
    pub(in crate::file) fn least_bytes(&self) -> u64 {
        if self.lossless {
            return self.size.pixels() * self.components.len() as u64 / 8;
        }
        if self.arithmetic {
            return 0;
        }
        self.blocks() * if self.progressive { 1 } else { 2 } / 8
    }
}
