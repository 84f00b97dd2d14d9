//! The kind of file that a result is to be, as clients name it.

use azulejo_imaging::file::FileKind;
use azulejo_protocol::ApiError;

/// Longest name of a file format, bytes.
pub const MAX_FORMAT_BYTES: usize = 40;

/// The kind of file called `text`; nothing at all is no wish.
///
/// # Errors
/// 422 `unknown_format` for what is none that is written.
pub fn check_format(text: &str) -> Result<Option<FileKind>, ApiError> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    FileKind::from_name(text).map(Some).ok_or_else(|| {
        let shown: String = text.chars().filter(|c| !c.is_control()).take(20).collect();
        let detail = format!("'{shown}' is no file format to write; there are png, jpeg, tiff and webp");
        ApiError::unprocessable("unknown_format", detail)
    })
}
