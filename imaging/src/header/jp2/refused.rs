//! What is said of a JPEG 2000 that is not read.

use crate::FileError;

/// `what`: a sentence of which kind it is.
pub(super) fn unsupported(what: &str) -> FileError {
    FileError::unsupported(format!(
        "this kind of JPEG 2000 is not read: {what}; save it as PNG"
    ))
}
