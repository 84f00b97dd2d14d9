//! How a result is written: the kind of file and its options. Its text is what APIs, the database and addresses of pages carry:
//! `png`, `png:level=6`, `jpeg:quality=80`, `webp:quality=80`, `tiff:compression=zstd,tile=512,pyramid=true`.

mod parse;
mod tiff;

use std::fmt;

pub use parse::ParseEncodingError;
pub use tiff::{TiffCompression, TiffLayout, TiffOptions};

use crate::{FileKind, PixelFormat, Size};

/// The kind of file and its options. Options that a kind does not have keep their defaults, so that equal files have equal texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Encoding {
    kind: FileKind,
    /// Only what is not usual; of a WebP every one, since the usual WebP has none.
    quality: Option<u8>,
    level: Option<u8>,
    tiff: TiffOptions,
}

impl Encoding {
    /// Longest text that is looked at, bytes.
    pub const MAX_TEXT: usize = 120;
    /// Quality of what is packed as JPEG where nobody asks for another.
    pub const USUAL_QUALITY: u8 = 90;
    /// The levels of a PNG, from not compressed to small.
    pub const PNG_LEVELS: (u8, u8) = (0, 9);

    /// A JPEG of that quality, 1 to 100; what is beyond is taken for the nearest.
    pub fn jpeg(quality: u8) -> Self {
        Self::from(FileKind::Jpeg).of_quality(quality)
    }

    /// A WebP of that quality, 1 to 100, which loses a little; what is beyond is taken for the nearest. Without a quality,
    /// from the kind, a WebP loses nothing.
    pub fn webp(quality: u8) -> Self {
        Self::from(FileKind::WebP).of_quality(quality)
    }

    /// A PNG of that level, 0 to 9; what is beyond is taken for the nearest.
    pub fn png(level: u8) -> Self {
        Self {
            level: Some(level.min(Self::PNG_LEVELS.1)),
            ..FileKind::Png.into()
        }
    }

    /// The kind of file.
    pub const fn kind(self) -> FileKind {
        self.kind
    }

    /// The quality, 1 to 100, of a JPEG, a TIFF that is packed so and a WebP. `None` is [`Encoding::USUAL_QUALITY`], and for a WebP
    /// that it loses nothing.
    pub const fn quality(self) -> Option<u8> {
        self.quality
    }

    fn of_quality(mut self, quality: u8) -> Self {
        let quality = quality.clamp(1, 100);
        let is_usual = quality == Self::USUAL_QUALITY && self.kind != FileKind::WebP;
        self.quality = (!is_usual).then_some(quality);
        self
    }

    /// How hard is tried to make the file small; `None` is fast.
    pub const fn level(self) -> Option<u8> {
        self.level
    }

    /// How a TIFF is written.
    pub const fn tiff(self) -> TiffOptions {
        self.tiff
    }

    /// Why an image of that size and format cannot be written so without losing something: a sentence; `None` where it can.
    pub fn problem(self, size: Size, format: PixelFormat) -> Option<String> {
        problem(self.kind, self.tiff, size, format)
    }
}

/// The same for a kind of file and, where that is a TIFF, its options.
pub(crate) fn problem(kind: FileKind, tiff: TiffOptions, size: Size, format: PixelFormat) -> Option<String> {
    let result = format!("and the result is {size} pixels of {}", format.label());
    if let Some(problem) = kind.problem(size, format) {
        return Some(format!(
            "{} {problem}, {result}; choose {}",
            kind.label(),
            if format.is_measurement() {
                "tiff"
            } else {
                "png or tiff"
            },
        ));
    }
    let problem = tiff
        .compression
        .problem(format)
        .filter(|_| kind == FileKind::Tiff)?;
    Some(format!(
        "TIFF with compression={} {problem}, {result}; choose compression=deflate or zstd",
        tiff.compression
    ))
}

impl From<FileKind> for Encoding {
    fn from(kind: FileKind) -> Self {
        Self {
            kind,
            quality: None,
            level: None,
            tiff: TiffOptions::default(),
        }
    }
}

/// The canonical text: options that are not the usual ones, in a fixed order.
impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.name())?;
        let mut separator = ':';
        let mut option = |name: &str, value: &dyn fmt::Display| {
            let written = write!(f, "{separator}{name}={value}");
            separator = ',';
            written
        };
        let (usual, tiff) = (TiffOptions::default(), self.tiff);
        if tiff.compression != usual.compression {
            option("compression", &tiff.compression)?;
        }
        if let Some(level) = self.level {
            option("level", &level)?;
        }
        if let Some(quality) = self.quality {
            option("quality", &quality)?;
        }
        match tiff.layout {
            TiffLayout::Tiles(None) => {}
            TiffLayout::Tiles(Some(side)) => option("tile", &side)?,
            TiffLayout::Strips => option("tile", &"strips")?,
        }
        if tiff.pyramid {
            option("pyramid", &true)?;
        }
        if let Some(big) = tiff.big {
            option("bigtiff", &big)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read_as_they_are_written() {
        let every = FileKind::WRITTEN.into_iter().map(Encoding::from);
        let qualities = [1, 90, 100].map(Encoding::webp);
        let others = [Encoding::jpeg(1), Encoding::jpeg(100), Encoding::png(0)];
        for format in every.chain(others).chain(qualities) {
            assert_eq!(format.to_string().parse(), Ok(format));
        }
        assert_eq!(Encoding::jpeg(80).to_string(), "jpeg:quality=80");
        assert_eq!(Encoding::jpeg(90).to_string(), "jpeg");
        assert_eq!("jpeg:quality=90".parse(), Ok(Encoding::from(FileKind::Jpeg)));
        assert_eq!(Encoding::webp(90).to_string(), "webp:quality=90");
        assert_eq!(Encoding::png(6).to_string(), "png:level=6");
        assert_eq!("JPG".parse(), Ok(Encoding::from(FileKind::Jpeg)));
    }

    #[test]
    fn the_longest_text_is_short_enough() {
        let longest =
            "tiff:compression=packbits,level=19,quality=100,tile=strips,pyramid=false,bigtiff=false";
        assert!(longest.len() < Encoding::MAX_TEXT);
    }

    #[test]
    fn a_packing_that_cannot_hold_the_pixels_is_said_with_one_that_can() {
        let size = Size::new(10, 10);
        let jpeg: Encoding = "tiff:compression=jpeg".parse().unwrap();
        assert_eq!(jpeg.problem(size, PixelFormat::RGB8), None);
        let bands = "bands3-u8".parse().unwrap();
        for format in [PixelFormat::RGBA8, PixelFormat::GRAY16, bands] {
            let problem = jpeg.problem(size, format).unwrap_or_default();
            assert!(
                problem.contains("compression=jpeg") && problem.contains("zstd"),
                "{problem}"
            );
            assert_eq!(Encoding::from(FileKind::Tiff).problem(size, format), None);
        }
    }
}
