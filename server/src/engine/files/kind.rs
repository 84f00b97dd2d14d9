//! How a result is written, and what it is called.

use azulejo_imaging::file::{FileKind, Limits};
use azulejo_imaging::{Encoding, PixelFormat, Size};
use azulejo_protocol::ApiError;
use azulejo_protocol::health::IntakeLimits;

/// How a result is written: as was asked for; without a wish as the input's kind where that can hold it, else as PNG.
///
/// # Errors
/// 422 when the kind that was asked for cannot hold the result.
pub fn encoding(
    asked: Option<Encoding>,
    input: FileKind,
    size: Size,
    format: PixelFormat,
) -> Result<Encoding, ApiError> {
    match asked {
        Some(encoding) => match encoding.check(size, format) {
            Ok(()) => Ok(encoding),
            Err(error) => Err(ApiError::unprocessable("unsuitable_format", error.to_string())),
        },
        None => Ok(input.usual_result(size, format).into()),
    }
}

/// The encoding that the database names.
///
/// # Errors
/// A sentence, when this version has none.
pub fn of_row(text: &str) -> Result<Encoding, String> {
    text.parse()
        .map_err(|_| format!("this version does not know files of kind '{text}'"))
}

/// The imaging crate's limits for ours.
pub fn limits(limits: &IntakeLimits) -> Limits {
    Limits {
        max_bytes: limits.max_bytes,
        max_side: limits.max_side,
        max_pixels: limits.max_pixels,
        ..Limits::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_is_of_the_kind_asked_for_else_of_the_inputs_where_that_holds_it() {
        let size = Size::new(2000, 1000);
        let kind = |asked: Option<FileKind>, input, format| {
            let encoding = encoding(asked.map(Encoding::from), input, size, format);
            encoding.map(Encoding::kind).map_err(|error| error.code)
        };
        for input in [FileKind::Png, FileKind::Jpeg, FileKind::Tiff, FileKind::WebP] {
            assert_eq!(kind(None, input, PixelFormat::RGB8), Ok(input));
            assert_eq!(
                kind(Some(FileKind::Tiff), input, PixelFormat::RGBA16),
                Ok(FileKind::Tiff)
            );
        }
        assert_eq!(kind(None, FileKind::Jpeg, PixelFormat::RGBA8), Ok(FileKind::Png));
        let error = kind(Some(FileKind::Jpeg), FileKind::Png, PixelFormat::RGB16);
        assert_eq!(error, Err("unsuitable_format".to_owned()));
        let packed = "tiff:compression=jpeg".parse().ok();
        assert!(encoding(packed, FileKind::Png, size, PixelFormat::RGB8).is_ok());
        let error = encoding(packed, FileKind::Png, size, PixelFormat::RGBA8).map_err(|error| error.code);
        assert_eq!(error, Err("unsuitable_format".to_owned()));
    }
}
