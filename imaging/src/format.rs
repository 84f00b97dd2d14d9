//! What a pixel is made of: channels and depth.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Most bands of a pixel without colours: more than the instruments in use have.
pub const MAX_BANDS: u16 = 256;

/// How many bands a pixel without colours has: 2 to [`MAX_BANDS`]. A single one is [`Channels::Gray`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Bands(u16);

impl Bands {
    /// That many bands, if there may be so many.
    pub const fn new(count: usize) -> Option<Self> {
        if count >= 2 && count <= MAX_BANDS as usize {
            Some(Self(count as u16))
        } else {
            None
        }
    }

    /// How many.
    pub const fn count(self) -> usize {
        self.0 as usize
    }
}

/// The channels of a pixel, in the order in which they are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Channels {
    /// Luma, or the only band.
    Gray,
    /// Luma, alpha.
    GrayAlpha,
    /// Red, green, blue.
    Rgb,
    /// Red, green, blue, alpha (not premultiplied).
    Rgba,
    /// Measurements side by side that are no colours: of a satellite, a microscope, a terrain. None of them is alpha.
    Bands(Bands),
}

impl Channels {
    /// Samples in a pixel: 1 to [`MAX_BANDS`].
    pub const fn count(self) -> usize {
        match self {
            Self::Gray => 1,
            Self::GrayAlpha => 2,
            Self::Rgb => 3,
            Self::Rgba => 4,
            Self::Bands(bands) => bands.count(),
        }
    }

    /// `count` channels that are no colours: a single one is gray.
    pub const fn without_colour(count: usize) -> Option<Self> {
        match Bands::new(count) {
            Some(bands) => Some(Self::Bands(bands)),
            None if count == 1 => Some(Self::Gray),
            None => None,
        }
    }

    /// Whether the last channel is alpha.
    pub const fn has_alpha(self) -> bool {
        matches!(self, Self::GrayAlpha | Self::Rgba)
    }

    /// The same without colour: gray, with alpha where there was alpha. Bands have no colour to lose.
    pub const fn gray(self) -> Self {
        match self {
            Self::Gray | Self::Rgb => Self::Gray,
            Self::GrayAlpha | Self::Rgba => Self::GrayAlpha,
            Self::Bands(bands) => Self::Bands(bands),
        }
    }
}

/// What a sample is: bits and kind of number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Depth {
    /// 8 bit, one byte: an intensity from 0 to 255.
    Eight,
    /// 16 bit, two bytes, little endian in records and scratch files: an intensity from 0 to 65535.
    Sixteen,
    /// 16 bit with a sign, in two's complement: a number without a known range.
    SignedSixteen,
    /// 32 bit without a sign: a number without a known range.
    ThirtyTwo,
    /// Floating point of 32 bit (IEEE 754 binary32): a number without a known range. What is not a number is no data.
    Float,
}

impl Depth {
    /// Every kind there is.
    pub const ALL: [Self; 5] = [
        Self::Eight,
        Self::Sixteen,
        Self::SignedSixteen,
        Self::ThirtyTwo,
        Self::Float,
    ];

    /// Bytes in a sample: 1, 2 or 4.
    pub const fn bytes(self) -> usize {
        match self {
            Self::Eight => 1,
            Self::Sixteen | Self::SignedSixteen => 2,
            Self::ThirtyTwo | Self::Float => 4,
        }
    }

    /// Whether samples are intensities, between nothing and full: 8 and 16 bit without a sign. All others are numbers that mean
    /// what the measurement says.
    pub const fn is_intensity(self) -> bool {
        matches!(self, Self::Eight | Self::Sixteen)
    }

    /// The end of a format's name.
    const fn suffix(self) -> &'static str {
        match self {
            Self::Eight => "u8",
            Self::Sixteen => "u16le",
            Self::SignedSixteen => "i16le",
            Self::ThirtyTwo => "u32le",
            Self::Float => "f32le",
        }
    }

    /// The name that people read.
    const fn label(self) -> &'static str {
        match self {
            Self::Eight => "8 bit",
            Self::Sixteen => "16 bit",
            Self::SignedSixteen => "signed 16 bit",
            Self::ThirtyTwo => "32 bit",
            Self::Float => "floating point 32 bit",
        }
    }
}

/// Channels and depth. Its text is the one that records carry: `gray8`, `graya8`, `rgb8`, `rgba8`, `gray16le`, `graya16le`,
/// `rgb16le`, `rgba16le` for intensities; `gray-i16le`, `rgb-f32le` for other numbers; `bands4-u16le` for bands. Only intensities
/// have alpha.
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

    /// Every format whose samples are intensities and whose channels are gray or colours: those that every operation takes.
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

    /// Bytes in a pixel: 1 to 1024.
    pub const fn bytes_per_pixel(self) -> usize {
        self.channels.count() * self.depth.bytes()
    }

    /// Whether this is none of [`PixelFormat::ALL`]: bands, or numbers that are no intensities.
    pub const fn is_measurement(self) -> bool {
        matches!(self.channels, Channels::Bands(_)) || !self.depth.is_intensity()
    }

    /// The name that records carry.
    pub fn name(self) -> String {
        let channels = match self.channels {
            Channels::Gray => "gray",
            Channels::GrayAlpha => "graya",
            Channels::Rgb => "rgb",
            Channels::Rgba => "rgba",
            Channels::Bands(bands) => return format!("bands{}-{}", bands.count(), self.depth.suffix()),
        };
        match self.depth {
            Depth::Eight => format!("{channels}8"),
            Depth::Sixteen => format!("{channels}16le"),
            depth => format!("{channels}-{}", depth.suffix()),
        }
    }

    /// The name that people read: `RGB 8 bit`, `4 bands 16 bit`.
    pub fn label(self) -> String {
        let depth = self.depth.label();
        match self.channels {
            Channels::Gray => format!("gray {depth}"),
            Channels::GrayAlpha => format!("gray + alpha {depth}"),
            Channels::Rgb => format!("RGB {depth}"),
            Channels::Rgba => format!("RGBA {depth}"),
            Channels::Bands(bands) => format!("{} bands {depth}", bands.count()),
        }
    }
}

impl fmt::Display for PixelFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())
    }
}

/// Longest text of a format that is looked at, bytes.
const MAX_NAME: usize = 32;

impl FromStr for PixelFormat {
    type Err = ParseFormatError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text).ok_or_else(|| ParseFormatError(text.chars().take(64).collect()))
    }
}

/// The format of that name, which has to be written exactly as [`PixelFormat::name`] writes it.
fn parse(text: &str) -> Option<PixelFormat> {
    if text.len() > MAX_NAME {
        return None;
    }
    let format = match text.split_once('-') {
        None => PixelFormat::ALL
            .into_iter()
            .find(|format| format.name() == text)?,
        Some((channels, depth)) => PixelFormat {
            channels: match channels {
                "gray" => Channels::Gray,
                "rgb" => Channels::Rgb,
                bands => Channels::Bands(Bands::new(bands.strip_prefix("bands")?.parse().ok()?)?),
            },
            depth: Depth::ALL.into_iter().find(|each| each.suffix() == depth)?,
        },
    };
    // `gray-u8` and `bands04-u8` are names of nothing.
    (format.name() == text).then_some(format)
}

impl TryFrom<String> for PixelFormat {
    type Error = ParseFormatError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<PixelFormat> for String {
    fn from(format: PixelFormat) -> Self {
        format.name()
    }
}

/// A text that is the name of no pixel format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{0}' is not a pixel format; there are gray8, graya8, rgb8, rgba8 and the same with 16le; gray and rgb with -i16le, -u32le \
     and -f32le; bandsN, of 2 to {MAX_BANDS}, with -u8, -u16le, -i16le, -u32le and -f32le"
)]
pub struct ParseFormatError(String);

#[cfg(test)]
mod tests {
    use super::*;

    /// Every format there is, of bands only some counts.
    fn formats() -> impl Iterator<Item = PixelFormat> {
        let counts = [2, 4, 13, 256].map(|count| Channels::without_colour(count).unwrap());
        let measured = [Channels::Gray, Channels::Rgb].into_iter().chain(counts);
        let measured = measured.flat_map(|channels| Depth::ALL.map(|depth| PixelFormat { channels, depth }));
        PixelFormat::ALL
            .into_iter()
            .chain(measured.filter(|format| format.is_measurement()))
    }

    #[test]
    fn names_round_trip() {
        let mut names = std::collections::BTreeSet::new();
        for format in formats() {
            assert_eq!(format.name().parse(), Ok(format));
            assert!(names.insert(format.name()), "{format}");
        }
        for name in ["bands4-u16le", "gray-i16le", "rgb-f32le", "bands2-u8"] {
            assert!(names.contains(name), "{name}");
        }
    }

    #[test]
    fn a_name_has_one_spelling_and_a_bound() {
        let long = format!("bands{}4-u8", "0".repeat(5000));
        for text in [
            "rgb9",
            "gray-u8",
            "gray-u16le",
            "rgba-f32le",
            "bands1-u8",
            "bands257-u8",
            "bands04-u8",
            "bands+4-u8",
            "bands4",
            "bands4-f64le",
            "bands-4-u8",
            "-u8",
            "",
            &long,
        ] {
            assert!(text.parse::<PixelFormat>().is_err(), "{text}");
        }
    }
}
