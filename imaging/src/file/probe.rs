//! What a file says of itself, without a decoder to keep.

use std::path::Path;

use super::{Decoder, FileError, ImageInfo, Limits};

/// Reads the header of the image at `path`: magic bytes, size, format, metadata. No pixel is decoded.
///
/// # Errors
/// When it is no image, damaged, beyond the limits or of a kind that is not read.
pub fn probe(path: &Path, limits: &Limits) -> Result<ImageInfo, FileError> {
    probe_page(path, limits, None)
}

/// As [`probe`], of page number `page`, from 1 on: see [`Decoder::open_page`].
///
/// # Errors
/// As [`probe`], and when there is no such page.
pub fn probe_page(path: &Path, limits: &Limits, page: Option<u32>) -> Result<ImageInfo, FileError> {
    Ok(Decoder::open_page(path, limits, page)?.info().clone())
}
