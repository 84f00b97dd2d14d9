//! What a kind of file brings to be read.

use super::FileError;
#[cfg(feature = "files")]
use super::blocks::Blocks;

/// Gives the pixels of one image file.
pub(super) trait ImageReader: Send {
    /// Fills `rows` with the next whole rows, laid out as in a [`Raster`](crate::Raster) of the stored width.
    ///
    /// # Errors
    /// When the data is damaged or ends early.
    fn read_rows(&mut self, rows: &mut [u8]) -> Result<(), FileError>;

    /// All pixels, from a reader that has given no rows yet, where it has them at once anyway; a second copy of them is not made.
    ///
    /// # Errors
    /// As [`ImageReader::read_rows`].
    fn read_all(&mut self) -> Option<Result<Vec<u8>, FileError>> {
        None
    }

    /// Reads on behind the last row, so that what is broken there is noticed.
    ///
    /// # Errors
    /// When something is.
    fn finish(&mut self) -> Result<(), FileError> {
        Ok(())
    }

    /// Has that many threads decode, where pieces of the file stand for themselves; 0 or 1 is the caller's own.
    fn set_threads(&mut self, _threads: usize) {}

    /// The image as something of which any part can be read at once, where that costs no more than reading its rows.
    #[cfg(feature = "files")]
    fn blocks(&self) -> Option<Box<dyn Blocks>> {
        None
    }

    /// What of the file is left out or changed, in sentences.
    fn notes(&self) -> &[String];

    /// Bytes that decoding takes beside the file and the pixels.
    fn extra_bytes(&self) -> u64;

    /// What of EXIF and XMP is left out, in sentences for who wants to keep them.
    fn private_notes(&self) -> &[String] {
        &[]
    }
}
