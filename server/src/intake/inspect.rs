//! What a file is, before a pixel of it is decoded: its header, the limits, and whether it is all there.

use std::fs::File;
use std::path::Path;

use azulejo_imaging::Size;
use azulejo_imaging::file::{FileError, FileErrorKind, FileKind, ImageInfo, Limits, probe_page};
use azulejo_imaging::header::Header;
use azulejo_protocol::ApiError;
use azulejo_protocol::health::IntakeLimits;

use super::whole::{NotWhole, check_jpeg, check_png, check_webp};

/// Reads the header of the file at `path` and checks it against `limits`. Blocks.
///
/// # Errors
/// 415 for what is no image that we read, 413 for one that is too large, 422 for one that is too small or damaged.
pub fn inspect(path: &Path, limits: &IntakeLimits) -> Result<ImageInfo, ApiError> {
    let info = header(path, None, limits)?;
    match info.kind {
        FileKind::Png => check_png(path),
        FileKind::Jpeg => check_jpeg(path),
        FileKind::WebP => check_webp(path),
        // Pixels may lie anywhere in a TIFF file: decoding finds out, and the job says so.
        FileKind::Tiff => Ok(()),
        // These are decoded as a whole: decoding finds out, too.
        _ => Ok(()),
    }
    .map_err(from_whole)?;
    Ok(info)
}

/// Reads the header alone: what it says of `page`, from 1 on, or of the page that is the image where none is named.
///
/// # Errors
/// Those of [`inspect`], for what the header says; 422 for a page that is not there.
pub fn header(path: &Path, page: Option<u32>, limits: &IntakeLimits) -> Result<ImageInfo, ApiError> {
    refuse_by_header(path, page, limits)?;
    let info = probe_page(path, &bounds(limits), page).map_err(|error| from_file(&error))?;
    check_smallness(info.size(), limits)?;
    Ok(info)
}

/// The limits of what reads a file.
fn bounds(limits: &IntakeLimits) -> Limits {
    Limits {
        max_bytes: limits.max_bytes,
        max_pixels: limits.max_pixels,
        max_side: limits.max_side,
        ..Limits::default()
    }
}

/// Refuses by the header alone what is no image or of a size that is not taken, before a codec sees any of it. On everything else the
/// decoder has the word.
fn refuse_by_header(path: &Path, page: Option<u32>, limits: &IntakeLimits) -> Result<(), ApiError> {
    let read = File::open(path).and_then(|file| Ok((file.metadata()?.len(), file)));
    match read {
        Ok((length, mut file)) if length <= limits.max_bytes => match Header::read(&mut file, length, page) {
            Ok(header) => check(&header, limits),
            Err(error) if error.kind() == FileErrorKind::NotAnImage => Err(from_file(&error)),
            Err(_) => Ok(()),
        },
        _ => Ok(()),
    }
}

/// Checks the size that a header says.
///
/// # Errors
/// 413 for an image that is too large, 422 for one that is too small.
pub fn check(header: &Header, limits: &IntakeLimits) -> Result<(), ApiError> {
    let checked = header.check(&bounds(limits));
    checked.map_err(|error| from_file(&error))?;
    check_smallness(header.size(), limits)
}

fn check_smallness(size: Size, limits: &IntakeLimits) -> Result<(), ApiError> {
    if size.width < limits.min_side || size.height < limits.min_side {
        let detail = format!(
            "the image is {} x {}; each side must have at least {} pixels (MIN_IMAGE_SIZE)",
            size.width, size.height, limits.min_side
        );
        return Err(ApiError::unprocessable("image_too_small", detail));
    }
    Ok(())
}

/// What an error of a file is to who sent it.
pub fn from_file(error: &FileError) -> ApiError {
    let (status, code) = match error.kind() {
        FileErrorKind::NotAnImage => (415, "not_an_image"),
        FileErrorKind::Unsupported => (415, "unsupported_image"),
        FileErrorKind::NoPage => (422, "no_such_page"),
        FileErrorKind::Damaged => (422, "image_damaged"),
        FileErrorKind::TooLarge => (413, "image_too_large"),
        FileErrorKind::DiskFull => (507, "disk_full"),
        FileErrorKind::Shortage | FileErrorKind::Io => (503, "storage_unavailable"),
    };
    ApiError::new(status, code, error.to_string())
}

fn from_whole(error: NotWhole) -> ApiError {
    match error {
        NotWhole::Truncated { .. } | NotWhole::Damaged(_) => {
            ApiError::unprocessable("image_damaged", format!("{error}; send the original file again"))
        }
        NotWhole::Io(_) => ApiError::new(503, "storage_unavailable", error.to_string()),
    }
}
