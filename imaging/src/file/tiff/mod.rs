//! TIFF and BigTIFF, read by a reader of this crate with borrowed packings, and written.
//!
//! # Tour
//! - `ifd`: header and directories. `page`: what one of them says about its pixels, and which page is the image: the one
//!   that was asked for, else the largest, the first among equals.
//! - `codec`, `fax`: the packings; each gives exactly the bytes that a strip or tile has by its size. `samples`: predictors and
//!   widths of samples. `color`: what the samples mean.
//! - `read`: the reader, a row of tiles or a strip at a time, and strips that are not packed in parts. `write`: writing.
//!
//! # What is converted
//! Samples of 1 to 7 bits become 8 bit, from the least to the most. Gray and colours of 9 to 15 bits keep their numbers in 16
//! bit. Signed samples are read where none is below 0. Whole numbers of 32 and 64 bits are read where none
//! is outside of 0 to 65535, floating point from 0 to 1 becomes 0 to 65535; whether it is so is looked at when the file is
//! opened. Bands that are neither colour nor alpha are left out. What changes or is left out is said by
//! [`Decoder::notes`](super::Decoder::notes).

mod codec;
mod color;
mod fax;
mod ifd;
mod page;
mod read;
mod samples;
#[cfg(feature = "files")]
pub(super) mod write;

pub(super) use read::TiffReader;

use super::FileError;

fn unsupported(what: &str) -> FileError {
    FileError::unsupported(format!(
        "this kind of TIFF is not read: {what}; save it as RGB or gray, 8 or 16 bit"
    ))
}
