//! How files are written.

use super::{FileError, FileKind};
use crate::{Encoding, PixelFormat, Size, TiffOptions, encoding};

/// How to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodeOptions {
    /// Quality of a JPEG, of a TIFF that is packed so and of a WebP, 1 to 100. `None` is [`Encoding::USUAL_QUALITY`], and for a WebP
    /// that it loses nothing. From 90 on JPEG stores colour in full resolution; a WebP with a quality never does.
    pub quality: Option<u8>,
    /// How hard is tried to make a PNG or a TIFF small: 0 (PNG) or 1 to 9, 19 with Zstandard; `None` is fast.
    pub level: Option<u8>,
    /// How a TIFF is written.
    pub tiff: TiffOptions,
    /// Threads that compress a PNG or a TIFF: 0 or 1 is the caller's own, more are started beside it.
    pub threads: usize,
    /// Whether EXIF carries over. Off by default: it may hold the place and the camera's serial number.
    pub keep_exif: bool,
}

/// Most threads that are used unless told otherwise: more hardly help, since the caller computes the pixels.
const MAX_DEFAULT_THREADS: usize = 4;

impl EncodeOptions {
    /// Whether an image of that size and format can be written as this kind, with these options, without losing something.
    ///
    /// # Errors
    /// With a sentence that says how it can.
    pub fn check(&self, kind: FileKind, size: Size, format: PixelFormat) -> Result<(), FileError> {
        let problem = encoding::problem(kind, self.tiff, size, format);
        problem.map_or(Ok(()), |problem| Err(FileError::unsupported(problem)))
    }

    /// The quality of what is packed as JPEG.
    pub(super) fn jpeg_quality(&self) -> u8 {
        self.quality.unwrap_or(Encoding::USUAL_QUALITY).clamp(1, 100)
    }

    /// As many threads as the machine has processors, up to four; one where it has one.
    pub fn usual_threads() -> usize {
        std::thread::available_parallelism().map_or(1, |count| count.get().min(MAX_DEFAULT_THREADS))
    }
}

impl Default for EncodeOptions {
    fn default() -> Self {
        Self {
            quality: None,
            level: None,
            tiff: TiffOptions::default(),
            threads: Self::usual_threads(),
            keep_exif: false,
        }
    }
}

/// The options of an encoding; the others are the usual ones.
impl From<Encoding> for EncodeOptions {
    fn from(encoding: Encoding) -> Self {
        Self {
            quality: encoding.quality(),
            level: encoding.level(),
            tiff: encoding.tiff(),
            ..Self::default()
        }
    }
}
