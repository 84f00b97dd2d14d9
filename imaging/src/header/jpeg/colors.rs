//! What the components of a JPEG are: gray, colours or inks.

use super::frame::{Component, Frame, unsupported};
use super::segments::Pieces;
use crate::{Channels, Depth, FileError, PixelFormat};

/// What the components of a JPEG are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Colors {
    /// One component.
    Gray,
    /// Three components, as they are.
    Rgb,
    /// Luma and two differences.
    YCbCr,
    /// Four inks, stored as light.
    Cmyk,
    /// Three of the inks as luma and differences, and black.
    Ycck,
    /// The same, to be given as four inks.
    YcckLight,
    /// Components as they are, side by side.
    Raw,
}

impl Colors {
    /// What libjpeg takes the components for. `adobe` is the transform that Adobe's segment names.
    pub(crate) fn of(components: &[Component], jfif: bool, adobe: Option<u8>) -> Option<Self> {
        match components {
            [_] => Some(Self::Gray),
            [a, b, c] => Some(match adobe {
                _ if jfif => Self::YCbCr,
                Some(0) => Self::Rgb,
                None if [a.id, b.id, c.id] == *b"RGB" => Self::Rgb,
                _ => Self::YCbCr,
            }),
            [_, _, _, _] => Some(match adobe {
                None | Some(0) => Self::Cmyk,
                Some(_) => Self::Ycck,
            }),
            _ => None,
        }
    }

    /// What components are of which nothing is said, where they are no transform of colours: gray or RGB.
    pub(crate) fn of_samples(count: usize) -> Self {
        if count == 1 { Self::Gray } else { Self::Rgb }
    }

    /// Whether the picture is one of inks, given as RGB.
    pub(crate) fn are_inks(self) -> bool {
        matches!(self, Self::Cmyk | Self::Ycck)
    }

    /// The same inks given as they are stored: as the light that each lets through.
    pub(crate) fn as_light(self) -> Self {
        match self {
            Self::Cmyk => Self::Raw,
            Self::Ycck => Self::YcckLight,
            other => other,
        }
    }

    /// Bytes of a pixel that the conversion gives, of a picture with that many components.
    pub(crate) fn channels(self, components: usize) -> usize {
        match self {
            Self::Gray => 1,
            Self::Rgb | Self::YCbCr | Self::Cmyk | Self::Ycck => 3,
            Self::YcckLight => 4,
            Self::Raw => components,
        }
    }
}

impl Colors {
    /// What the components of a file's frame are by its segments.
    ///
    /// # Errors
    /// When they are no known colours, or none that is read.
    pub(crate) fn of_file(frame: &Frame, pieces: &Pieces) -> Result<Self, FileError> {
        if frame.lossless && !pieces.jfif && pieces.adobe.is_none() {
            return Ok(Self::of_samples(frame.components.len()));
        }
        let colors = Self::of_frame(frame, pieces)?;
        if frame.lossless && colors == Self::YCbCr {
            return Err(unsupported("lossless, of YCbCr"));
        }
        Ok(colors)
    }

    /// What libjpeg takes the components for.
    ///
    /// # Errors
    /// When they are no known colours.
    pub(crate) fn of_frame(frame: &Frame, pieces: &Pieces) -> Result<Self, FileError> {
        Self::of(&frame.components, pieces.jfif, pieces.adobe)
            .ok_or_else(|| FileError::unsupported("the number of its components is that of no known colours"))
    }

    /// The pixels that become of them, with samples of so many bits.
    pub(crate) fn format(self, precision: u32) -> PixelFormat {
        PixelFormat {
            channels: if self == Self::Gray {
                Channels::Gray
            } else {
                Channels::Rgb
            },
            depth: if precision > 8 {
                Depth::Sixteen
            } else {
                Depth::Eight
            },
        }
    }
}
