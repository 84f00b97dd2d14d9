//! Telling how far the work is, over all of its passes.

use super::FileError;

/// How far [`apply_file`](super::apply_file) is, in rows: those of the result, those of the input of each operation that measures it
/// and, where the image has to be put into a temporary file first, those of the input of the recipe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ApplyProgress {
    /// Rows read or written.
    pub done: u64,
    /// Rows in all.
    pub total: u64,
}

/// Rows read and written, and whom to tell.
pub(super) struct Progress<'a> {
    done: u64,
    total: u64,
    tell: &'a mut dyn FnMut(ApplyProgress) -> bool,
}

impl<'a> Progress<'a> {
    /// At the beginning of what has `total` rows.
    pub(super) fn new(total: u64, tell: &'a mut dyn FnMut(ApplyProgress) -> bool) -> Self {
        Self { done: 0, total, tell }
    }

    /// That there are so many rows more to do than was said.
    pub(super) fn expect(&mut self, rows: u64) {
        self.total += rows;
    }

    /// That so many rows more are read or written.
    pub(super) fn add(&mut self, rows: u64) -> Result<(), FileError> {
        self.done += rows;
        self.still_wanted()
    }

    pub(super) fn still_wanted(&mut self) -> Result<(), FileError> {
        let (done, total) = (self.done, self.total);
        if (self.tell)(ApplyProgress { done, total }) {
            Ok(())
        } else {
            Err(FileError::unsupported("stopped before the end"))
        }
    }
}
