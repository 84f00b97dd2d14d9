//! Images of which any part can be read at any time.

use super::FileError;
use crate::{PixelFormat, Raster, Region, Size};

/// Gives any part of an image, to several threads at once.
pub(super) trait Blocks: Send + Sync {
    /// The pixels of `region`, which lies within the image.
    ///
    /// # Errors
    /// When they cannot be read.
    fn read(&self, region: Region) -> Result<Raster, FileError>;
}

/// A raster of that size whose bytes `fill` writes.
pub(super) fn raster(
    size: Size,
    format: PixelFormat,
    fill: impl FnOnce(&mut [u8]) -> Result<(), FileError>,
) -> Result<Raster, FileError> {
    let length = Raster::byte_length(size, format).map_err(|error| FileError::recipe(&error))?;
    let mut pixels = vec![0; length];
    fill(&mut pixels)?;
    Raster::from_bytes(size, format, pixels).map_err(|error| FileError::recipe(&error))
}
