//! What a pixel is made of: channels and depth.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The channels of a pixel, in the order in which they are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Channels {
    /// Luma.
    Gray,
    /// Luma, alpha.
    GrayAlpha,
    /// Red, green, blue.
    Rgb,
    /// Red, green, blue, alpha (not premultiplied).
    Rgba,
}

impl Channels {
    /// Samples in a pixel: 1 to 4.
    pub const fn count(self) -> usize {
        match self {
            Self::Gray => 1,
            Self::GrayAlpha => 2,
            Self::Rgb => 3,
            Self::Rgba => 4,
        }
    }

    /// Whether the last channel is alpha.
    pub const fn has_alpha(self) -> bool {
        matches!(self, Self::GrayAlpha | Self::Rgba)
    }

    /// The same without colour: gray, with alpha where there was alpha.
    pub const fn gray(self) -> Self {
        if self.has_alpha() {
            Self::GrayAlpha
        } else {
            Self::Gray
        }
    }
}

/// Bits in a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Depth {
    /// 8 bit, one byte.
    Eight,
    /// 16 bit, two bytes, little endian in records and scratch files.
    Sixteen,
}

impl Depth {
    /// Bytes in a sample: 1 or 2.
    pub const fn bytes(self) -> usize {
        match self {
            Self::Eight => 1,
            Self::Sixteen => 2,
        }
    }
}

/// Channels and depth. Its text is the one that records carry: `gray8`, `graya8`, `rgb8`, `rgba8`,
/// `gray16le`, `graya16le`, `rgb16le`, `rgba16le`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PixelFormat {
    /// Which samples.
    pub channels: Channels,
    /// How wide each is.
    pub depth: Depth,
}

impl PixelFormat {
    /// One gray sample of 8 bit.
    pub const GRAY8: Self = Self {
        channels: Channels::Gray,
        depth: Depth::Eight,
    };
    /// Gray and alpha, 8 bit each.
    pub const GRAYA8: Self = Self {
        channels: Channels::GrayAlpha,
        depth: Depth::Eight,
    };
    /// Red, green, blue, 8 bit each.
    pub const RGB8: Self = Self {
        channels: Channels::Rgb,
        depth: Depth::Eight,
    };
    /// Red, green, blue, alpha, 8 bit each.
    pub const RGBA8: Self = Self {
        channels: Channels::Rgba,
        depth: Depth::Eight,
    };
    /// One gray sample of 16 bit.
    pub const GRAY16: Self = Self {
        channels: Channels::Gray,
        depth: Depth::Sixteen,
    };
    /// Gray and alpha, 16 bit each.
    pub const GRAYA16: Self = Self {
        channels: Channels::GrayAlpha,
        depth: Depth::Sixteen,
    };
    /// Red, green, blue, 16 bit each.
    pub const RGB16: Self = Self {
        channels: Channels::Rgb,
        depth: Depth::Sixteen,
    };
    /// Red, green, blue, alpha, 16 bit each.
    pub const RGBA16: Self = Self {
        channels: Channels::Rgba,
        depth: Depth::Sixteen,
    };

    /// Every format there is.
    pub const ALL: [Self; 8] = [
        Self::GRAY8,
        Self::GRAYA8,
        Self::RGB8,
        Self::RGBA8,
        Self::GRAY16,
        Self::GRAYA16,
        Self::RGB16,
        Self::RGBA16,
    ];

    /// Bytes in a pixel: 1 to 8.
    pub const fn bytes_per_pixel(self) -> usize {
        self.channels.count() * self.depth.bytes()
    }

    /// The name that records carry.
    pub const fn name(self) -> &'static str {
        match (self.channels, self.depth) {
            (Channels::Gray, Depth::Eight) => "gray8",
            (Channels::GrayAlpha, Depth::Eight) => "graya8",
            (Channels::Rgb, Depth::Eight) => "rgb8",
            (Channels::Rgba, Depth::Eight) => "rgba8",
            (Channels::Gray, Depth::Sixteen) => "gray16le",
            (Channels::GrayAlpha, Depth::Sixteen) => "graya16le",
            (Channels::Rgb, Depth::Sixteen) => "rgb16le",
            (Channels::Rgba, Depth::Sixteen) => "rgba16le",
        }
    }

    /// The name that people read: `RGB 8 bit`.
    pub const fn label(self) -> &'static str {
        match (self.channels, self.depth) {
            (Channels::Gray, Depth::Eight) => "gray 8 bit",
            (Channels::GrayAlpha, Depth::Eight) => "gray + alpha 8 bit",
            (Channels::Rgb, Depth::Eight) => "RGB 8 bit",
            (Channels::Rgba, Depth::Eight) => "RGBA 8 bit",
            (Channels::Gray, Depth::Sixteen) => "gray 16 bit",
            (Channels::GrayAlpha, Depth::Sixteen) => "gray + alpha 16 bit",
            (Channels::Rgb, Depth::Sixteen) => "RGB 16 bit",
            (Channels::Rgba, Depth::Sixteen) => "RGBA 16 bit",
        }
    }
}

impl fmt::Display for PixelFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for PixelFormat {
    type Err = ParseFormatError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|format| format.name() == text)
            .ok_or_else(|| ParseFormatError(text.chars().take(64).collect()))
    }
}

impl TryFrom<String> for PixelFormat {
    type Error = ParseFormatError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<PixelFormat> for String {
    fn from(format: PixelFormat) -> Self {
        format.name().to_owned()
    }
}

/// A pixel format name that is not one of [`PixelFormat::ALL`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a pixel format; there are gray8, graya8, rgb8, rgba8 and the same with 16le")]
pub struct ParseFormatError(String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip() {
        for format in PixelFormat::ALL {
            assert_eq!(format.name().parse(), Ok(format));
        }
        assert!("rgb9".parse::<PixelFormat>().is_err());
    }
}
