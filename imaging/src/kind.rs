//! The kinds of image files: their names and what each can hold. No codec is needed to know that.

use std::path::Path;

use crate::{Depth, PixelFormat, Size};

/// Most pixels of a WebP that is written: the whole image is held in memory.
const MAX_WEBP_PIXELS: u64 = 1 << 27;

/// The file formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FileKind {
    /// Portable Network Graphics.
    Png,
    /// JPEG.
    Jpeg,
    /// TIFF and BigTIFF.
    Tiff,
    /// WebP.
    WebP,
}

impl FileKind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Png, Self::Jpeg, Self::Tiff, Self::WebP];

    /// `png`, `jpeg`, `tiff` or `webp`: what APIs and settings use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Jpeg => "jpeg",
            Self::Tiff => "tiff",
            Self::WebP => "webp",
        }
    }

    /// The name for people.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Png => "PNG",
            Self::Jpeg => "JPEG",
            Self::Tiff => "TIFF",
            Self::WebP => "WebP",
        }
    }

    /// The usual file name extension, without a dot.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Jpeg => "jpg",
            Self::Tiff => "tif",
            Self::WebP => "webp",
        }
    }

    /// The media type.
    pub const fn mime(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Tiff => "image/tiff",
            Self::WebP => "image/webp",
        }
    }

    /// From a name or an extension, in any case.
    pub fn from_name(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "png" => Some(Self::Png),
            "jpeg" | "jpg" | "jpe" | "jfif" => Some(Self::Jpeg),
            "tiff" | "tif" => Some(Self::Tiff),
            "webp" => Some(Self::WebP),
            _ => None,
        }
    }

    /// From the extension of a path.
    pub fn from_path(path: &Path) -> Option<Self> {
        Self::from_name(path.extension()?.to_str()?)
    }

    /// From the first bytes of a file; twelve are enough.
    pub fn from_magic(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some(Self::Png),
            [0xff, 0xd8, 0xff, ..] => Some(Self::Jpeg),
            [b'I', b'I', 42 | 43, 0, ..] | [b'M', b'M', 0, 42 | 43, ..] => Some(Self::Tiff),
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(Self::WebP),
            _ => None,
        }
    }

    /// Why an image of that size and format cannot be written as this kind without losing something, to be read after the
    /// kind's name; `None` where it can.
    pub fn problem(self, size: Size, format: PixelFormat) -> Option<&'static str> {
        let eight = format.depth == Depth::Eight;
        match self {
            Self::Jpeg if !eight => Some("holds 8 bit only"),
            Self::Jpeg if format.channels.has_alpha() => Some("has no alpha"),
            Self::Jpeg if size.width > 65535 || size.height > 65535 => {
                Some("holds 65535 pixels a side at most")
            }
            Self::WebP if !eight => Some("holds 8 bit only"),
            Self::WebP if size.pixels() > MAX_WEBP_PIXELS => {
                Some("is coded in memory, 134 megapixels at most")
            }
            Self::WebP if size.width > 16383 || size.height > 16383 => {
                Some("holds 16383 pixels a side at most")
            }
            _ => None,
        }
    }

    /// The kind that a result of that size and format gets from an input of this kind when nobody asks for another: the
    /// same where that can hold it, else PNG.
    pub fn usual_result(self, size: Size, format: PixelFormat) -> Self {
        match self.problem(size, format) {
            None => self,
            Some(_) => Self::Png,
        }
    }
}

impl std::fmt::Display for FileKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.label())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_stays_of_its_inputs_kind_where_that_holds_it() {
        let size = Size::new(2000, 1000);
        for kind in FileKind::ALL {
            assert_eq!(kind.usual_result(size, PixelFormat::RGB8), kind);
        }
        for (kind, format, result) in [
            (FileKind::Jpeg, PixelFormat::RGBA8, FileKind::Png),
            (FileKind::Jpeg, PixelFormat::GRAY16, FileKind::Png),
            (FileKind::WebP, PixelFormat::RGB16, FileKind::Png),
            (FileKind::WebP, PixelFormat::GRAYA8, FileKind::WebP),
            (FileKind::Tiff, PixelFormat::RGBA16, FileKind::Tiff),
        ] {
            assert_eq!(kind.usual_result(size, format), result, "{kind} {format}");
        }
        let long = Size::new(20_000, 10);
        assert_eq!(
            FileKind::WebP.usual_result(long, PixelFormat::RGB8),
            FileKind::Png
        );
    }
}
