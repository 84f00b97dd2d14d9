//! TIFF and BigTIFF, read by a reader of this crate with borrowed packings, and written.
//!
//! # Tour
//! - `ifd`: header and directories. `page`: what one of them says about its pixels, and which page is the image: the one
//!   that was asked for, else the largest, the first among equals.
//! - `codec`, `fax`, `lerc`, `logluv`: the packings; each gives exactly the bytes that a strip or tile has by its size. `samples`: predictors and
//!   widths of samples. `color`: what the samples mean. `numbers`: what is read as a measurement; `measured`: how one is written.
//! - `read`: the reader, a row of tiles or a strip at a time, and strips that are not packed in parts. `write`: writing.
//!
//! # What is converted
//! Samples of 1 to 7 bits become 8 bit, from the least to the most. Gray and colours of 9 to 15 bits keep their numbers in 16
//! bit. Signed samples, floating point, whole numbers of more bits, and bands that are neither colour nor alpha, are measurements,
//! whose numbers are not changed: see `numbers`. Beside inks, palettes, YCbCr and Lab such bands are left out. What changes or is
//! left out is said by [`Decoder::notes`](super::Decoder::notes).

mod codec;
mod color;
mod fax;
mod geo;
mod ifd;
#[cfg(feature = "files")]
mod lerc;
mod logluv;
#[cfg(feature = "files")]
mod measured;
mod numbers;
mod page;
mod read;
mod samples;
#[cfg(feature = "files")]
pub(super) mod write;

pub(super) use read::TiffReader;

use super::FileError;

fn unsupported(what: &str) -> FileError {
    FileError::unsupported(format!(
        "this kind of TIFF is not read: {what}; save it as gray, RGB or bands of 8 or 16 bit or of floating point of 32 bit"
    ))
}
