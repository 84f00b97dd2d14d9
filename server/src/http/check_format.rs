//! How a result is to be written, as clients name it.

use azulejo_imaging::Encoding;
use azulejo_protocol::ApiError;

/// The encoding that `text` names: `tiff`, `jpeg:quality=80`; nothing at all is no wish.
///
/// # Errors
/// 422 `unknown_format` for what is none that is written.
pub fn check_format(text: &str) -> Result<Option<Encoding>, ApiError> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    text.parse()
        .map(Some)
        .map_err(|error: azulejo_imaging::ParseEncodingError| {
            ApiError::unprocessable("unknown_format", error.to_string())
        })
}
