//! Where the parts of a TIFF go, and where each came to lie.

use std::io::Write as _;

use super::pack::Packed;
use crate::file::FileError;
use crate::file::writer::Output;

/// Where packed chunks go.
pub(super) struct Sink {
    pub output: Output,
    pub position: u64,
    pub big: bool,
    /// Offset and length of the chunks of each level.
    pub places: Vec<Vec<(u64, u64)>>,
}

impl Sink {
    pub fn put(&mut self, packed: &Packed) -> Result<(), FileError> {
        if let Some(places) = self.places.get_mut(packed.level) {
            places.push((self.position, packed.bytes.len() as u64));
        }
        self.write(&packed.bytes)
    }

    pub fn write(&mut self, bytes: &[u8]) -> Result<(), FileError> {
        self.output.write_all(bytes)?;
        self.position += bytes.len() as u64;
        if !self.big && self.position > u64::from(u32::MAX) {
            return Err(FileError::unsupported(
                "the TIFF grew beyond 4 GiB; write it with bigtiff=true",
            ));
        }
        Ok(())
    }

    /// Writes a byte more where that is needed for an even place.
    pub fn align(&mut self) -> Result<(), FileError> {
        if self.position.is_multiple_of(2) {
            Ok(())
        } else {
            self.write(&[0])
        }
    }
}
