//! What gives the coefficients of a scan: Huffman or arithmetic codes.

use super::idct::Block;
use crate::file::FileError;
use crate::header::bytes::ReadAt;

/// What a scan gives of its coefficients.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Sequential,
    DcFirst,
    DcRefine,
    AcFirst,
    AcRefine,
}

/// Reads the blocks of a scan one after another. The scan is made for each kind of codes, so that none is asked for by block.
pub(super) trait Codes {
    /// Gets ready for a block.
    ///
    /// # Errors
    /// When the file cannot be read.
    fn prepare(&mut self, source: &mut impl ReadAt) -> Result<(), FileError>;

    /// Goes on behind the restart marker of that number, 0 to 7, and forgets what was before.
    ///
    /// # Errors
    /// When it is not there.
    fn restart(&mut self, number: u8, source: &mut impl ReadAt) -> Result<(), FileError>;

    /// Reads what comes next into a block of the scan's component `index`.
    ///
    /// # Errors
    /// When the data makes no sense or ends early.
    fn block(&mut self, index: usize, block: &mut Block, source: &mut impl ReadAt) -> Result<(), FileError>;
}
