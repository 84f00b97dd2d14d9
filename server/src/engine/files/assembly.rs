//! The encoder of a job between two visits.

use std::path::PathBuf;

use azulejo_imaging::file::Encoder;

use super::job::remove_if_there;

/// An encoder between two visits.
pub struct Assembly {
    /// The encoder.
    pub encoder: Encoder,
    /// The file that it writes.
    pub part: Part,
    /// The row of tiles that it is at.
    pub band: u32,
    /// The row of pixels in it.
    pub top: u32,
    /// A piece of a tile as it lies in scratch. Used again and again.
    pub piece: Vec<u8>,
    /// Rows of pixels. Used again and again.
    pub rows: Vec<u8>,
}

/// The unfinished result. It goes when the encoder is given up; once it was renamed, nothing is found.
pub struct Part(pub PathBuf);

impl Drop for Part {
    fn drop(&mut self) {
        remove_if_there(&self.0);
    }
}
