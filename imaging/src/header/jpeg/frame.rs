//! The frame header: size, components and how they are sampled.

use crate::{FileError, Size};

/// What the frame header says.
pub(crate) struct Frame {
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
pub(crate) struct Component {
    pub id: u8,
    /// Sampling across and down, 1 to 4.
    pub h: u32,
    pub v: u32,
    /// Which quantization table it uses.
    pub quantization: usize,
}

impl Frame {
    /// From a frame segment without its length.
    pub(crate) fn of(marker: u8, segment: &[u8]) -> Result<Self, FileError> {
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
}

/// What is said of a kind that is not read.
pub(crate) fn unsupported(kind: &str) -> FileError {
    FileError::unsupported(format!(
        "this kind of JPEG is not read ({kind}); save it as baseline or PNG"
    ))
}
