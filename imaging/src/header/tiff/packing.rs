//! How the strips and tiles of a page are packed.

use super::refused::unsupported;
use crate::FileError;

/// How chunks are packed.
pub(crate) enum Codec {
    None,
    PackBits,
    Lzw,
    Deflate,
    Zstd,
    Lzma,
    Fax(Fax),
    /// With the tables that all share; `converts` from YCbCr to RGB.
    Jpeg {
        tables: Option<Vec<u8>>,
        converts: bool,
    },
    WebP,
    /// Logarithms of light, which become floating point of 32 bit, little endian.
    LogLuv,
    /// A JPEG 2000, whose samples come little endian; `converts` from YCbCr to RGB.
    Jpeg2000 {
        converts: bool,
    },
    /// LERC: numbers, whose bytes, the lower first, are in the order of the file.
    Lerc(Around),
}

/// What a blob of LERC is packed with once more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Around {
    Nothing,
    Deflate,
    Zstd,
}

impl Around {
    /// From the second number of the tag with the parameters, where there is one.
    pub(crate) fn of(parameter: Option<u64>) -> Option<Self> {
        match parameter.unwrap_or(0) {
            0 => Some(Self::Nothing),
            1 => Some(Self::Deflate),
            2 => Some(Self::Zstd),
            _ => None,
        }
    }
}

/// Which coding of scans.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fax {
    /// Runs, each row from a whole byte on.
    Huffman,
    /// Runs after marks, and rows that tell the difference where `differences`.
    Group3 { differences: bool },
    /// Differences alone.
    Group4,
}

impl Codec {
    /// The packing of that number; those of JPEG, JPEG 2000, LERC and scans have more to say.
    pub(crate) fn of(compression: u64) -> Result<Self, FileError> {
        Ok(match compression {
            1 => Self::None,
            2 => Self::Fax(Fax::Huffman),
            3 => Self::Fax(Fax::Group3 { differences: false }),
            4 => Self::Fax(Fax::Group4),
            5 => Self::Lzw,
            7 => Self::Jpeg {
                tables: None,
                converts: false,
            },
            8 | 32946 => Self::Deflate,
            32773 => Self::PackBits,
            34676 => Self::LogLuv,
            34925 => Self::Lzma,
            33003 | 33004 | 33005 | 34712 => Self::Jpeg2000 {
                converts: compression == 33003,
            },
            34887 => Self::Lerc(Around::Nothing),
            50000 => Self::Zstd,
            50001 => Self::WebP,
            other => {
                let name = match other {
                    6 => "old-style JPEG (compression 6)",
                    9 | 10 | 34661 => "JBIG",
                    32766 => "NeXT",
                    32771 => "CCITT runs in words (compression 32771)",
                    32809 => "ThunderScan",
                    32909 => "PixarLog",
                    34677 => "SGI LogLuv of 24 bits",
                    34892 => "lossy JPEG of DNG",
                    50002 | 52546 => "JPEG XL",
                    _ => return Err(unsupported(&format!("its compression is number {other}"))),
                };
                return Err(unsupported(&format!("it is packed with {name}")));
            }
        })
    }

    /// Whether a predictor means something with it.
    pub(crate) fn has_predictor(&self) -> bool {
        matches!(self, Self::Lzw | Self::Deflate | Self::Zstd | Self::Lzma)
    }

    /// Whether a chunk is a picture of its own with colours of its own, of which the file says no more.
    pub(crate) fn is_picture(&self) -> bool {
        matches!(self, Self::Jpeg { .. } | Self::Jpeg2000 { .. })
    }
}
