//! What may be said of the pixels that the preview shows at 1:1.
//!
//! Decoders and kernels are those of the server and the workers, so what was rendered is the result, in its own pixel format.
//! Two things lie between that and what somebody sees in the file: the canvas, which has 8 bit and gives back the colours of
//! opaque pixels only, and the way in which the file is written.

use azulejo_imaging::{Channels, Depth, Encoding, FileKind, PixelFormat, Size, TiffCompression};

/// A part of a result that was rendered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rendered {
    /// Pixel format of the result.
    pub format: PixelFormat,
    /// Size of the whole result.
    pub size: Size,
    /// Whether every pixel that is shown is opaque.
    pub is_opaque: bool,
}

/// What is true of what is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// The canvas has the very bytes that the result's file gives.
    SameBytes,
    /// The result has 16 bit a sample, of which the canvas shows the upper 8.
    UpperBits,
    /// The canvas has the bytes that the encoder of a JPEG gets, which then changes them.
    BeforeJpeg,
    /// The same of a WebP with a quality.
    BeforeWebP,
    /// The canvas has the bytes of which the 256 colours of a GIF are chosen.
    BeforeGif,
    /// The result has the numbers that are shown stretched: a measurement.
    Stretched,
}

impl Claim {
    /// What may be said of `rendered` when the result is written as `encoding` says; `None` where the canvas does not hold it or
    /// the file cannot.
    pub fn of(rendered: Rendered, encoding: Encoding) -> Option<Self> {
        if !rendered.is_opaque || encoding.problem(rendered.size, rendered.format).is_some() {
            return None;
        }
        Some(match (encoding.kind(), rendered.format.depth) {
            (FileKind::Jpeg, _) => Self::BeforeJpeg,
            (FileKind::Tiff, _) if encoding.tiff().compression == TiffCompression::Jpeg => Self::BeforeJpeg,
            (FileKind::WebP, _) if encoding.quality().is_some() => Self::BeforeWebP,
            (FileKind::Gif, _) => Self::BeforeGif,
            (_, Depth::SignedSixteen | Depth::ThirtyTwo | Depth::Float) => Self::Stretched,
            _ if matches!(rendered.format.channels, Channels::Bands(_)) => Self::Stretched,
            // A farbfeld has 16 bit always.
            (FileKind::Farbfeld, _) | (_, Depth::Sixteen) => Self::UpperBits,
            // All others are written without loss.
            (_, Depth::Eight) => Self::SameBytes,
        })
    }

    /// In words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::SameBytes => "same bytes as the result",
            Self::Stretched => "the result has the numbers, shown from 2 % to 98 % of the picture",
            Self::UpperBits => "the result has 16 bit, shown in 8",
            Self::BeforeJpeg => "same pixels as before JPEG compression",
            Self::BeforeWebP => "same pixels as before WebP compression",
            Self::BeforeGif => "same pixels as before 256 colours are chosen",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(format: PixelFormat, is_opaque: bool, encoding: impl Into<Encoding>) -> Option<Claim> {
        let size = Size::new(2000, 1000);
        Claim::of(
            Rendered {
                format,
                size,
                is_opaque,
            },
            encoding.into(),
        )
    }

    #[test]
    fn same_bytes_is_said_of_opaque_8_bit_that_is_written_without_loss() {
        for format in PixelFormat::ALL {
            for kind in FileKind::WRITTEN {
                let is_same = of(format, true, kind) == Some(Claim::SameBytes);
                let changes = matches!(kind, FileKind::Jpeg | FileKind::Gif | FileKind::Farbfeld);
                assert_eq!(
                    is_same,
                    format.depth == Depth::Eight
                        && !changes
                        && kind.problem(Size::new(9, 9), format).is_none(),
                    "{format} {kind}"
                );
                assert_eq!(of(format, false, kind), None, "{format} {kind}");
            }
        }
    }

    #[test]
    fn what_the_file_or_the_canvas_changes_is_said() {
        for format in [PixelFormat::GRAY8, PixelFormat::RGB8] {
            assert_eq!(of(format, true, FileKind::Jpeg), Some(Claim::BeforeJpeg));
        }
        for kind in [FileKind::Png, FileKind::Tiff] {
            assert_eq!(of(PixelFormat::RGB16, true, kind), Some(Claim::UpperBits));
        }
        let jpeg: Encoding = "tiff:compression=jpeg".parse().unwrap();
        for (encoding, claim) in [(Encoding::webp(80), Claim::BeforeWebP), (jpeg, Claim::BeforeJpeg)] {
            assert_eq!(of(PixelFormat::RGB8, true, encoding), Some(claim));
        }
        // The server refuses to write these.
        assert_eq!(of(PixelFormat::RGBA8, true, FileKind::Jpeg), None);
        assert_eq!(of(PixelFormat::RGB16, true, FileKind::WebP), None);
    }
}
