//! How the pixels of a TIFF lie and how they are packed.

use std::fmt;

use crate::{Channels, Depth, PixelFormat};

/// How a TIFF is written. Its default is what most programs read fast: tiles of 256 pixels, deflate, no reduced pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TiffOptions {
    /// How tiles or strips are packed.
    pub compression: TiffCompression,
    /// Tiles or strips.
    pub layout: TiffLayout,
    /// Whether the image is followed by pictures of it, each half as large as the one before, until one fits a tile. Programs
    /// that show large images read the one that fits the screen.
    pub pyramid: bool,
    /// Whether it is a BigTIFF; `None` where 4 GiB might not do.
    pub big: Option<bool>,
}

/// How tiles or strips are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TiffCompression {
    /// As they are.
    None,
    /// Runs of equal bytes.
    PackBits,
    /// Lempel-Ziv-Welch, with horizontal differences.
    Lzw,
    /// Deflate, with horizontal differences. Has levels.
    #[default]
    Deflate,
    /// Zstandard, with horizontal differences. Has levels.
    Zstd,
    /// JPEG, which loses a little; for gray and RGB of 8 bit. Has a quality.
    Jpeg,
}

/// How the pixels of a TIFF are cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TiffLayout {
    /// Square tiles of that side in pixels, a multiple of 16 from 16 to 1024; `None` for 256, or less for an image so wide that a
    /// row of such tiles would take too much memory.
    Tiles(Option<u16>),
    /// Strips of whole rows.
    Strips,
}

impl Default for TiffLayout {
    fn default() -> Self {
        Self::Tiles(None)
    }
}

impl TiffLayout {
    /// Smallest side of a tile, and what it is a multiple of.
    pub const STEP: u16 = 16;
    /// Largest side of a tile.
    pub const MAX_TILE: u16 = 1024;

    /// Tiles of that side, where there are such.
    pub fn tiles(side: u16) -> Option<Self> {
        let fits = (Self::STEP..=Self::MAX_TILE).contains(&side) && side.is_multiple_of(Self::STEP);
        fits.then_some(Self::Tiles(Some(side)))
    }
}

impl TiffCompression {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::None,
        Self::PackBits,
        Self::Lzw,
        Self::Deflate,
        Self::Zstd,
        Self::Jpeg,
    ];

    /// The name in texts: `deflate`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::PackBits => "packbits",
            Self::Lzw => "lzw",
            Self::Deflate => "deflate",
            Self::Zstd => "zstd",
            Self::Jpeg => "jpeg",
        }
    }

    /// From its name, in any case.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|each| each.name().eq_ignore_ascii_case(name))
    }

    /// The levels that there are, from fast to small; none where there is nothing to choose.
    pub const fn levels(self) -> Option<(u8, u8)> {
        match self {
            Self::Deflate => Some((1, 9)),
            Self::Zstd => Some((1, 19)),
            _ => None,
        }
    }

    /// Why pixels of that format cannot be packed so, to be read after "TIFF with JPEG"; `None` where they can.
    pub fn problem(self, format: PixelFormat) -> Option<&'static str> {
        match self {
            Self::Jpeg if format.depth != Depth::Eight => Some("holds 8 bit only"),
            Self::Jpeg => match format.channels {
                Channels::Gray | Channels::Rgb => None,
                Channels::GrayAlpha | Channels::Rgba => Some("has no alpha"),
                Channels::Bands(_) => Some("holds gray or RGB, not bands"),
            },
            _ => None,
        }
    }
}

impl fmt::Display for TiffCompression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
