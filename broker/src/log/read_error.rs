//! Why records cannot be read.

use std::io;

use thiserror::Error;

/// Why records cannot be read.
#[derive(Debug, Error)]
pub enum ReadError {
    /// Before the first or behind the last offset.
    #[error("offset {offset} is not within {start} to {end}")]
    OutOfRange {
        /// Offset asked for.
        offset: i64,
        /// First offset.
        start: i64,
        /// Offset after the last.
        end: i64,
    },
    /// The topic was deleted.
    #[error("the topic was deleted")]
    Deleted,
    /// The disk did not give it.
    #[error("cannot read the log: {0}")]
    Storage(#[from] io::Error),
}
