//! The kinds of files that have no codec of this crate's own, read and written by the crate `image`: BMP, PNM, GIF, TGA, QOI and
//! farbfeld; ICO, DDS, HDR and OpenEXR are read only.
//!
//! # Tour
//! - `limits`: what a header may ask for, looked at before a codec sees it where the codec itself does not look.
//! - `frames`: which of the pictures in a GIF or an ICO is read.
//! - `read`: the whole image is decoded when its first rows are asked for, up to `Limits::max_unstreamed_pixels`.
//! - `write`: the rows are kept until the last, and then written at once. `plain`: PNM and farbfeld are numbers behind a header
//!   and need no codec, so that they are written row by row.
//!
//! PNG, TIFF and JPEG are not read by `image`: the readers of this crate give their rows one after another, and `docs/formats.md`
//! has the times and the memory of both.

mod error;
mod frames;
mod limits;
mod plain;
mod read;
mod write;

pub(super) use plain::PlainWriter;
pub(super) use read::{OtherReader, Pictures};
pub(super) use write::OtherWriter;
