//! The kinds of image files: their names and what each can hold. No codec is needed to know that.

use std::path::Path;

use crate::{Channels, Depth, PixelFormat, Size};

/// Most pixels of a WebP that is written: the whole image is held in memory.
const MAX_WEBP_PIXELS: u64 = 1 << 27;
/// Most bytes of the pixels of a file that is written by the crate `image`: the whole image is held in memory.
const MAX_WHOLE_BYTES: u64 = 1 << 29;

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
    /// Windows bitmap.
    Bmp,
    /// Netpbm: PBM, PGM, PPM and PAM.
    Pnm,
    /// Graphics Interchange Format.
    Gif,
    /// Truevision TGA.
    Tga,
    /// Quite OK Image.
    Qoi,
    /// Farbfeld.
    Farbfeld,
    /// Windows icon. Read, not written.
    Ico,
    /// DirectDraw surface of packed pixels. Read, not written.
    Dds,
    /// Radiance HDR. Read, not written.
    Hdr,
    /// OpenEXR. Read, not written.
    Exr,
    /// JPEG 2000: JP2 files and codestreams. Read, not written.
    Jp2,
    /// JPEG XL. Read, not written.
    Jxl,
}

/// Name, label, usual extension and media type of a kind, and the names and extensions that it has beside its name.
struct Names(
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static [&'static str],
);

impl FileKind {
    /// All that are read.
    pub const ALL: [Self; 16] = [
        Self::Png,
        Self::Jpeg,
        Self::Tiff,
        Self::WebP,
        Self::Bmp,
        Self::Pnm,
        Self::Gif,
        Self::Tga,
        Self::Qoi,
        Self::Farbfeld,
        Self::Ico,
        Self::Dds,
        Self::Hdr,
        Self::Exr,
        Self::Jp2,
        Self::Jxl,
    ];
    /// Those that are written, too.
    pub const WRITTEN: [Self; 10] = [
        Self::Png,
        Self::Jpeg,
        Self::Tiff,
        Self::WebP,
        Self::Bmp,
        Self::Pnm,
        Self::Gif,
        Self::Tga,
        Self::Qoi,
        Self::Farbfeld,
    ];
    /// Bytes from a file's beginning that [`FileKind::from_magic`] looks at.
    pub const MAGIC_BYTES: usize = 18;

    const fn names(self) -> Names {
        match self {
            Self::Png => Names("png", "PNG", "png", "image/png", &[]),
            Self::Jpeg => Names("jpeg", "JPEG", "jpg", "image/jpeg", &["jpg", "jpe", "jfif"]),
            Self::Tiff => Names("tiff", "TIFF", "tif", "image/tiff", &["tif"]),
            Self::WebP => Names("webp", "WebP", "webp", "image/webp", &[]),
            Self::Bmp => Names("bmp", "BMP", "bmp", "image/bmp", &["dib"]),
            Self::Pnm => Names(
                "pnm",
                "PNM",
                "pnm",
                "image/x-portable-anymap",
                &["pbm", "pgm", "ppm", "pam"],
            ),
            Self::Gif => Names("gif", "GIF", "gif", "image/gif", &[]),
            Self::Tga => Names("tga", "TGA", "tga", "image/x-tga", &[]),
            Self::Qoi => Names("qoi", "QOI", "qoi", "image/x-qoi", &[]),
            Self::Farbfeld => Names("farbfeld", "farbfeld", "ff", "image/x-farbfeld", &["ff"]),
            Self::Ico => Names("ico", "ICO", "ico", "image/x-icon", &[]),
            Self::Dds => Names("dds", "DDS", "dds", "image/vnd-ms.dds", &[]),
            Self::Hdr => Names("hdr", "HDR", "hdr", "image/vnd.radiance", &[]),
            Self::Exr => Names("exr", "OpenEXR", "exr", "image/x-exr", &[]),
            Self::Jp2 => Names(
                "jp2",
                "JPEG 2000",
                "jp2",
                "image/jp2",
                &["j2k", "j2c", "jpc", "jpf", "jpx"],
            ),
            Self::Jxl => Names("jxl", "JPEG XL", "jxl", "image/jxl", &[]),
        }
    }

    /// What APIs and settings use: `png`, `jpeg`, `tiff` and so on.
    pub const fn name(self) -> &'static str {
        self.names().0
    }

    /// The name for people.
    pub const fn label(self) -> &'static str {
        self.names().1
    }

    /// The usual file name extension, without a dot.
    pub const fn extension(self) -> &'static str {
        self.names().2
    }

    /// The media type.
    pub const fn mime(self) -> &'static str {
        self.names().3
    }

    /// From a name or an extension, in any case.
    pub fn from_name(name: &str) -> Option<Self> {
        let is = |other: &&str| other.eq_ignore_ascii_case(name);
        Self::ALL.into_iter().find(|kind| {
            let Names(own, _, _, _, others) = kind.names();
            is(&own) || others.iter().any(is)
        })
    }

    /// From the extension of a path.
    pub fn from_path(path: &Path) -> Option<Self> {
        Self::from_name(path.extension()?.to_str()?)
    }

    /// Whether files of this kind are written.
    pub fn is_written(self) -> bool {
        Self::WRITTEN.contains(&self)
    }

    /// From the first [`FileKind::MAGIC_BYTES`] bytes of a file.
    pub fn from_magic(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some(Self::Png),
            [0xff, 0xd8, 0xff, ..] => Some(Self::Jpeg),
            [b'I', b'I', 42 | 43, 0, ..] | [b'M', b'M', 0, 42 | 43, ..] => Some(Self::Tiff),
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(Self::WebP),
            // The length of the header behind the file's own: others begin with these letters.
            [b'B', b'M', .., 12 | 16 | 40 | 52 | 56 | 64 | 108 | 124, 0, 0, 0] if bytes.len() == 18 => {
                Some(Self::Bmp)
            }
            [b'P', b'1'..=b'7', next, ..] if next.is_ascii_whitespace() || *next == b'#' => Some(Self::Pnm),
            [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some(Self::Gif),
            [b'q', b'o', b'i', b'f', ..] => Some(Self::Qoi),
            [b'f', b'a', b'r', b'b', b'f', b'e', b'l', b'd', ..] => Some(Self::Farbfeld),
            [0, 0, 1, 0, count, more, ..] if *count > 0 || *more > 0 => Some(Self::Ico),
            [b'D', b'D', b'S', b' ', ..] => Some(Self::Dds),
            [b'#', b'?', b'R', b'A', b'D', b'I', b'A', b'N', b'C', b'E', ..]
            | [b'#', b'?', b'R', b'G', b'B', b'E', ..] => Some(Self::Hdr),
            [0x76, 0x2f, 0x31, 1, ..] => Some(Self::Exr),
            [0, 0, 0, 12, b'j', b'P', b' ', b' ', 13, 10, 0x87, 10, ..] | [0xff, 0x4f, 0xff, 0x51, ..] => {
                Some(Self::Jp2)
            }
            [0, 0, 0, 12, b'J', b'X', b'L', b' ', 13, 10, 0x87, 10, ..] | [0xff, 0x0a, ..] => Some(Self::Jxl),
            _ if is_tga(bytes) => Some(Self::Tga),
            _ => None,
        }
    }

    /// Why an image of that size and format cannot be written as this kind without losing something, to be read after the
    /// kind's name; `None` where it can.
    pub fn problem(self, size: Size, format: PixelFormat) -> Option<&'static str> {
        let eight = format.depth == Depth::Eight;
        match self {
            Self::Tiff => None,
            _ if matches!(format.channels, Channels::Bands(_)) => {
                Some("holds gray and colours only, no bands")
            }
            _ if !format.depth.is_intensity() => Some("holds no signed, floating-point or 32-bit samples"),
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
            Self::Bmp | Self::Gif | Self::Tga | Self::Qoi if !eight => Some("holds 8 bit only"),
            Self::Bmp if format.channels == Channels::GrayAlpha => Some("has no alpha beside gray"),
            Self::Gif | Self::Tga if size.width > 65535 || size.height > 65535 => {
                Some("holds 65535 pixels a side at most")
            }
            Self::Bmp | Self::Gif | Self::Tga | Self::Qoi
                if size.pixels().saturating_mul(format.bytes_per_pixel() as u64) > MAX_WHOLE_BYTES =>
            {
                Some("is coded in memory, 512 MiB of pixels at most")
            }
            Self::Ico | Self::Dds | Self::Hdr | Self::Exr | Self::Jp2 | Self::Jxl => {
                Some("is read and not written")
            }
            _ => None,
        }
    }

    /// The kind that a result of that size and format gets from an input of this kind when nobody asks for another: the
    /// same where that can hold it, else PNG, else TIFF, which holds everything. A GIF becomes a PNG, since 256 colours do not hold
    /// what a recipe makes.
    pub fn usual_result(self, size: Size, format: PixelFormat) -> Self {
        match self.problem(size, format) {
            None if self != Self::Gif => self,
            _ if Self::Png.problem(size, format).is_some() => Self::Tiff,
            _ => Self::Png,
        }
    }
}

/// Whether that is the header of a TGA, which has no signature: the fields have to go together.
fn is_tga(bytes: &[u8]) -> bool {
    let [_, map, kind, map_spec @ .., depth, descriptor] = bytes else {
        return false;
    };
    let [_, _, length, more, entry, _, _, _, _, w0, w1, h0, h1] = map_spec else {
        return false;
    };
    let has_map = *map == 1 && (*length > 0 || *more > 0) && matches!(entry, 15 | 16 | 24 | 32);
    let has_none = *map == 0 && map_spec.iter().take(5).all(|byte| *byte == 0);
    let sound = match kind {
        1 | 9 => has_map && matches!(depth, 8 | 16),
        2 | 10 => (has_map || has_none) && matches!(depth, 15 | 16 | 24 | 32),
        3 | 11 => has_none && matches!(depth, 8 | 16),
        _ => false,
    };
    sound && descriptor & 0xc0 == 0 && descriptor & 0x0f <= 8 && (*w0 > 0 || *w1 > 0) && (*h0 > 0 || *h1 > 0)
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
    fn names_and_extensions_lead_to_their_kind() {
        for kind in FileKind::ALL {
            for name in [kind.name(), kind.extension(), &kind.label().to_uppercase()] {
                let known = FileKind::from_name(name) == Some(kind);
                // These labels are longer than the names.
                let is_label = matches!(name, "OPENEXR" | "JPEG 2000" | "JPEG XL");
                assert!(known || is_label, "{name}");
            }
        }
        assert_eq!(FileKind::from_path(Path::new("a/b.PGM")), Some(FileKind::Pnm));
        assert_eq!(FileKind::from_name("txt"), None);
    }

    #[test]
    fn texts_are_taken_for_no_picture() {
        for text in [
            &b"BM is how this begins, and so on"[..],
            b"P4ssword",
            b"GIF8 ",
            b"\0\0\x02\0\x01\0 \0\0\0\0\0\0\0\0\0\0\0",
            b"",
            b"\0\0",
            &[0; 18],
        ] {
            assert_eq!(
                FileKind::from_magic(&text[..text.len().min(18)]),
                None,
                "{text:?}"
            );
        }
    }

    #[test]
    fn a_result_stays_of_its_inputs_kind_where_that_holds_it() {
        let size = Size::new(2000, 1000);
        for kind in FileKind::ALL {
            let usual = if kind.is_written() && kind != FileKind::Gif {
                kind
            } else {
                FileKind::Png
            };
            assert_eq!(kind.usual_result(size, PixelFormat::RGB8), usual, "{kind}");
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
        for name in [
            "gray-f32le",
            "gray-i16le",
            "rgb-u32le",
            "bands4-u8",
            "bands13-u16le",
        ] {
            let format: PixelFormat = name.parse().unwrap();
            for kind in FileKind::ALL {
                assert_eq!(kind.usual_result(size, format), FileKind::Tiff, "{kind} {format}");
            }
        }
        let long = Size::new(20_000, 10);
        assert_eq!(
            FileKind::WebP.usual_result(long, PixelFormat::RGB8),
            FileKind::Png
        );
    }
}
