//! Rows of an image whose file is decoded as a whole.

use super::FileError;

/// All pixels, and how many bytes of them were given.
pub(super) struct Whole {
    pixels: Vec<u8>,
    given: usize,
}

impl Whole {
    /// Of `pixels`, none of which were given.
    pub(super) fn new(pixels: Vec<u8>) -> Self {
        Self { pixels, given: 0 }
    }

    /// All pixels.
    #[cfg(feature = "files")]
    pub(super) fn into_pixels(self) -> Vec<u8> {
        self.pixels
    }

    /// Fills `buffer` with the next rows of `whole`, which `decode` gives where there is none yet.
    pub(super) fn read_on(
        whole: Option<Self>,
        buffer: &mut [u8],
        decode: impl FnOnce() -> Result<Vec<u8>, FileError>,
    ) -> Result<Self, FileError> {
        let mut whole = match whole {
            Some(whole) => whole,
            None => Self::new(decode()?),
        };
        whole.read_rows(buffer)?;
        Ok(whole)
    }

    /// Fills `buffer` with the next rows.
    fn read_rows(&mut self, buffer: &mut [u8]) -> Result<(), FileError> {
        let rows = self.pixels.get(self.given..self.given + buffer.len());
        buffer.copy_from_slice(rows.ok_or_else(|| FileError::damaged("rows are missing at the end"))?);
        self.given += buffer.len();
        Ok(())
    }
}
