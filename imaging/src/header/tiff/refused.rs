//! What is said of a TIFF that is not read.

use crate::FileError;

/// `what`: a sentence of which kind it is.
pub(crate) fn unsupported(what: &str) -> FileError {
    FileError::unsupported(format!(
        "this kind of TIFF is not read: {what}; save it as gray, RGB or bands of 8 or 16 bit or of floating point of 32 bit"
    ))
}
