//! What an image file says of itself before any of its pixels is decoded: kind, size, format, orientation. It needs no codec, so that
//! a browser says the same of a file before an upload as the server after it.
//!
//! # Tour
//! - [`Header::read`] reads from a [`ReadAt`]: a file, bytes in memory, or [`Parts`] of a file that are fetched as they are needed.
//! - `jp2`, `jpeg`, `png`, `tiff`: what the decoders of these files read their headers with, too. `webp`, `bmp`, `exr`, `jxl`, `plain` and
//!   `text`: what the codecs of others read, which the tests compare. `boxes`: where the parts of JP2 and JPEG XL lie. `ico`: which picture of an icon is read.
//! - `exif`: the orientation that JPEG, PNG and WebP carry.
//!
//! # What a header is not
//! A promise that the file is sound. The decoders refuse more; what they read has the size, the format and the orientation that are
//! said here.
//!
//! ```
//! use azulejo_imaging::header::Header;
//! use azulejo_imaging::{FileKind, PixelFormat, Size};
//!
//! let mut file: &[u8] = b"P5 640 480 65535\n";
//! let length = file.len() as u64;
//! let header = Header::read(&mut file, length, None)?;
//! assert_eq!((header.kind, header.format), (FileKind::Pnm, PixelFormat::GRAY16));
//! assert_eq!(header.size(), Size::new(640, 480));
//! # Ok::<(), azulejo_imaging::FileError>(())
//! ```
#![cfg_attr(
    not(feature = "files"),
    allow(
        dead_code,
        unused_imports,
        reason = "what else is read here is for the decoders"
    )
)]

mod bmp;
pub(crate) mod boxes;
pub(crate) mod bytes;
pub(crate) mod exif;
pub(crate) mod exr;
pub(crate) mod ico;
pub(crate) mod jp2;
pub(crate) mod jpeg;
pub(crate) mod jxl;
mod parts;
mod plain;
pub(crate) mod png;
mod read;
mod text;
pub(crate) mod tiff;
mod webp;

pub use bytes::ReadAt;
pub use parts::{Found, Parts};

use crate::{FileError, FileKind, Limits, Orientation, PixelFormat, Size};

/// What is known of an image before it is decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// The format of the file.
    pub kind: FileKind,
    /// Size as stored, pixels.
    pub stored_size: Size,
    /// The pixels as they are carried: after palettes and small samples are expanded and inks are converted.
    pub format: PixelFormat,
    /// How the stored pixels have to be turned.
    pub orientation: Orientation,
    /// How many pages there are to choose from, where the header tells: it does not in a GIF.
    pub pages: Option<u32>,
}

impl Header {
    /// Size of the upright image, pixels: that of everything that is shown and computed.
    pub fn size(&self) -> Size {
        self.orientation.upright(self.stored_size)
    }

    /// Checks the size against `limits`, as the decoders do.
    ///
    /// # Errors
    /// When a side is zero or too long, or there are too many pixels, for a file of that kind or for any.
    pub fn check(&self, limits: &Limits) -> Result<(), FileError> {
        limits.check_size(self.stored_size)?;
        match self.kind {
            FileKind::Png | FileKind::Jpeg | FileKind::Tiff => Ok(()),
            FileKind::WebP => limits.check_unstreamed(self.stored_size, "a WebP"),
            FileKind::Exr => limits.check_unstreamed(self.stored_size, "an OpenEXR"),
            FileKind::Jp2 => limits.check_unstreamed(self.stored_size, "a JPEG 2000"),
            FileKind::Jxl => limits.check_unstreamed(self.stored_size, "a JPEG XL"),
            kind => limits.check_unstreamed(self.stored_size, kind.label()),
        }
    }

    /// Of a kind that has one upright picture and nothing else.
    fn plain(kind: FileKind, stored_size: Size, format: PixelFormat) -> Self {
        Self {
            kind,
            stored_size,
            format,
            orientation: Orientation::Upright,
            pages: Some(1),
        }
    }
}

/// Fills `bytes` from byte `at` on.
fn read_exact(source: &mut impl ReadAt, at: u64, bytes: &mut [u8]) -> Result<(), FileError> {
    match source.read_at(at, bytes) {
        Ok(read) if read == bytes.len() => Ok(()),
        Ok(_) => Err(FileError::reading(&std::io::ErrorKind::UnexpectedEof.into())),
        Err(error) => Err(FileError::reading(&error)),
    }
}

/// The bytes from byte `at` on.
fn array<const N: usize>(source: &mut impl ReadAt, at: u64) -> Result<[u8; N], FileError> {
    let mut bytes = [0; N];
    read_exact(source, at, &mut bytes)?;
    Ok(bytes)
}

/// What is said of a header that does not go together.
fn broken() -> FileError {
    FileError::damaged("its header is broken")
}
