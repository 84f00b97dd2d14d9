//! The frame header: size, components and how they are sampled.

use super::upsample::Upsampling;
use crate::Size;
use crate::file::FileError;

/// What the frame header says.
pub(in crate::file) struct Frame {
    /// Size of the image; the height may be zero until the segment that tells it is found.
    pub size: Size,
    pub components: Vec<Component>,
    pub progressive: bool,
    /// Whether its codes are arithmetic, not Huffman's.
    pub arithmetic: bool,
    /// Whether the samples are stored by their differences, without a transform.
    pub lossless: bool,
    /// Bits of a sample: 8, or 2 to 16 where it is lossless.
    pub precision: u32,
    /// Largest sampling factors, across and down.
    pub most: (u32, u32),
}

/// A component of the frame.
#[derive(Debug, Clone)]
pub(in crate::file) struct Component {
    pub id: u8,
    /// Sampling across and down, 1 to 4.
    pub h: u32,
    pub v: u32,
    /// Which quantization table it uses.
    pub quantization: usize,
}

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
    /// From a frame segment without its length.
    pub(super) fn of(marker: u8, segment: &[u8]) -> Result<Self, FileError> {
        let damaged = || FileError::damaged("its frame header is broken");
        let [precision, h1, h0, w1, w0, count] = *segment.first_chunk::<6>().ok_or_else(damaged)?;
        let kind = match marker {
            0xc5..=0xc7 => Some("hierarchical"),
            0xcb => Some("lossless with arithmetic coding"),
            0xcd..=0xcf => Some("hierarchical with arithmetic coding"),
            _ => None,
        };
        if let Some(kind) = kind {
            return Err(unsupported(kind));
        }
        let lossless = marker == 0xc3;
        if precision == 12 && !lossless {
            return Err(unsupported("12 bits a sample"));
        }
        if precision != 8 && !(lossless && (2..=16).contains(&precision)) {
            return Err(damaged());
        }
        let list = segment.get(6..6 + 3 * usize::from(count)).ok_or_else(damaged)?;
        let components: Vec<Component> = list
            .chunks_exact(3)
            .map(|component| Component {
                id: component[0],
                h: (component[1] >> 4).into(),
                v: (component[1] & 15).into(),
                quantization: component[2].into(),
            })
            .collect();
        let sound = |component: &Component| {
            (1..=4).contains(&component.h) && (1..=4).contains(&component.v) && component.quantization < 4
        };
        if components.is_empty() || !components.iter().all(sound) {
            return Err(damaged());
        }
        if !matches!(components.len(), 1 | 3 | 4) {
            let count = components.len();
            return Err(unsupported(&format!(
                "{count} components, which are no known colours"
            )));
        }
        let is_even = components.len() == 1
            || components
                .iter()
                .all(|component| (component.h, component.v) == (1, 1));
        if lossless && (!is_even || components.len() == 4) {
            return Err(unsupported(
                "lossless, of components that are no gray and no RGB of one size",
            ));
        }
        let most = |f: fn(&Component) -> u32| components.iter().map(f).max().unwrap_or(1);
        Ok(Self {
            size: Size::new(
                u16::from_be_bytes([w1, w0]).into(),
                u16::from_be_bytes([h1, h0]).into(),
            ),
            most: (most(|component| component.h), most(|component| component.v)),
            components,
            progressive: matches!(marker, 0xc2 | 0xca),
            arithmetic: matches!(marker, 0xc9 | 0xca),
            lossless,
            precision: precision.into(),
        })
    }

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

/// What is said of a kind that is not read.
pub(super) fn unsupported(kind: &str) -> FileError {
    FileError::unsupported(format!(
        "this kind of JPEG is not read ({kind}); save it as baseline or PNG"
    ))
}
