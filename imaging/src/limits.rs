//! How much a file may ask for.

use crate::{FileError, Size};

/// What a file may ask for. Everything is checked against these before it is allocated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the file.
    pub max_bytes: u64,
    /// Pixels of the image.
    pub max_pixels: u64,
    /// Pixels of the longer side.
    pub max_side: u32,
    /// Bytes of each piece of metadata, unpacked: ICC profile, EXIF.
    pub max_metadata_bytes: usize,
    /// Pixels of an image that cannot be read in strips and is held in memory as a whole: WebP, interlaced PNG, and whatever is
    /// neither PNG, JPEG nor TIFF.
    pub max_unstreamed_pixels: u64,
}

impl Default for Limits {
    /// A file of 4 GiB, 2 gigapixels, 200,000 pixels a side, 8 MiB of metadata; 134 megapixels where the whole image has
    /// to be in memory.
    fn default() -> Self {
        Self {
            max_bytes: 4 << 30,
            max_pixels: 2_000_000_000,
            max_side: 200_000,
            max_metadata_bytes: 8 << 20,
            max_unstreamed_pixels: 1 << 27,
        }
    }
}

impl Limits {
    /// None: for headers alone, of which nothing is allocated.
    pub(crate) const NONE: Self = Self {
        max_bytes: u64::MAX,
        max_pixels: u64::MAX,
        max_side: u32::MAX,
        max_metadata_bytes: usize::MAX,
        max_unstreamed_pixels: u64::MAX,
    };

    /// Checks the size that a header announces.
    pub(crate) fn check_size(&self, size: Size) -> Result<(), FileError> {
        if size.is_empty() {
            return Err(FileError::damaged(format!("its header says {size} pixels")));
        }
        if size.width > self.max_side || size.height > self.max_side {
            let limit = self.max_side;
            return Err(FileError::too_large(format!(
                "{size} pixels; the longest side allowed is {limit} pixels"
            )));
        }
        if size.pixels() > self.max_pixels {
            let limit = self.max_pixels;
            return Err(FileError::too_large(format!(
                "{size} pixels; {limit} pixels are allowed in all"
            )));
        }
        Ok(())
    }

    /// Checks the size of an image that has to be held in memory; `why` says what makes it so.
    pub(crate) fn check_unstreamed(&self, size: Size, why: &str) -> Result<(), FileError> {
        if size.pixels() > self.max_unstreamed_pixels {
            let limit = self.max_unstreamed_pixels;
            return Err(FileError::too_large(format!(
                "{size} pixels; {why} cannot be read in strips, and {limit} pixels are allowed then; \
                 PNG (not interlaced), TIFF and JPEG are read in strips"
            )));
        }
        Ok(())
    }
}

/// What deflate can make of a byte at most, generously: beyond it a header does not belong to the data.
#[cfg(feature = "decode")]
pub(crate) const MAX_INFLATE_RATIO: u64 = 1040;
