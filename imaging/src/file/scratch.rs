//! A raw image in a temporary file, for recipes that do not read from top to bottom.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};

use super::FileError;
use crate::{PixelFormat, Raster, Region, Size};

/// The rows of an image on disk, in a file that disappears with it.
pub(super) struct Scratch {
    file: File,
    size: Size,
    format: PixelFormat,
}

impl Scratch {
    pub(super) fn new(
        directory: &std::path::Path,
        size: Size,
        format: PixelFormat,
    ) -> Result<Self, FileError> {
        Ok(Self {
            file: tempfile::tempfile_in(directory)?,
            size,
            format,
        })
    }

    /// Appends rows.
    pub(super) fn append(&mut self, rows: &[u8]) -> Result<(), FileError> {
        Ok(self.file.write_all(rows)?)
    }

    /// The pixels of `region`.
    pub(super) fn read(&mut self, region: Region) -> Result<Raster, FileError> {
        let length =
            Raster::byte_length(region.size(), self.format).map_err(|error| FileError::recipe(&error))?;
        let pixel = self.format.bytes_per_pixel();
        let stride = self.size.width as u64 * pixel as u64;
        let mut bytes = vec![0; length];
        for (y, row) in (region.y..).zip(bytes.chunks_exact_mut(region.width as usize * pixel)) {
            self.file.seek(SeekFrom::Start(
                u64::from(y) * stride + u64::from(region.x) * pixel as u64,
            ))?;
            self.file.read_exact(row)?;
        }
        Raster::from_bytes(region.size(), self.format, bytes).map_err(|error| FileError::recipe(&error))
    }
}
