//! The frame of a JPEG inside of another file, from a stream.

use std::io::Read;

use super::FileError;
use super::jpeg::embedded::{self, Frame};

/// What comes before the first scan.
pub(super) struct Head {
    /// The frame header.
    pub frame: Frame,
}

impl Head {
    /// Reads markers from the start of an image to its first scan, `most` bytes at most.
    pub(super) fn read(source: impl Read, most: u64) -> Result<Self, FileError> {
        let mut bytes = Vec::new();
        source
            .take(most)
            .read_to_end(&mut bytes)
            .map_err(|error| FileError::reading(&error))?;
        let frame = embedded::frame(&bytes)?;
        Ok(Self { frame })
    }
}
