//! TIFF and BigTIFF, read by a reader of this crate with borrowed packings, and written.
//!
//! # Tour
//! - `header::tiff`: directories, what one of them says about its pixels, which page is the image, what becomes of its samples, and
//!   what is read as a measurement. It needs no codec.
//! - `codec`, `fax`, `lerc`, `logluv`, `zstd`: the packings; each gives exactly the bytes that a strip or tile has by its size. `samples`: predictors
//!   and widths of samples. `color`: what the samples mean. `numbers`: those of a measurement; `measured`: how one is written.
//! - `exif`, `geo`: what else the directory tells.
//! - `chunks`: where strips and tiles lie and how their bytes become pixels. `read`: the reader, rows of tiles or strips at a time, on several
//!   threads where they are packed, and strips that are not packed in parts. `blocks`: any part of a page that is not packed. `write`: writing.
//!
//! # What is converted
//! Samples of 1 to 7 bits become 8 bit, from the least to the most. Gray and colours of 9 to 15 bits keep their numbers in 16
//! bit. Signed samples, floating point, whole numbers of more bits, and bands that are neither colour nor alpha, are measurements,
//! whose numbers are not changed: see `header::tiff::numbers`. Beside inks, palettes, YCbCr and Lab such bands are left out. What changes or is
//! left out is said by [`Decoder::notes`](super::Decoder::notes).

#[cfg(feature = "files")]
mod blocks;
mod chunks;
mod codec;
mod color;
mod exif;
mod fax;
mod geo;
#[cfg(feature = "files")]
mod lerc;
mod logluv;
#[cfg(feature = "files")]
mod measured;
mod numbers;
mod read;
mod samples;
#[cfg(feature = "files")]
pub(super) mod write;
mod zstd;

pub(super) use read::TiffReader;

use super::source::Source;
use crate::header::tiff::unsupported;

/// The file, and how its numbers are stored.
type TiffFile = crate::header::tiff::TiffFile<Source>;
