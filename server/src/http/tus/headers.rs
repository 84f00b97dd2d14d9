//! The headers of tus, and what is read from and written to them.

use axum::http::header::HeaderName;
use axum::http::{HeaderMap, HeaderValue};
use azulejo_protocol::{ApiError, Timestamp};
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

pub const VERSION: HeaderValue = HeaderValue::from_static("1.0.0");
pub const EXTENSIONS: HeaderValue =
    HeaderValue::from_static("creation,creation-with-upload,termination,expiration,checksum");

pub const TUS_RESUMABLE: HeaderName = HeaderName::from_static("tus-resumable");
pub const TUS_VERSION: HeaderName = HeaderName::from_static("tus-version");
pub const TUS_EXTENSION: HeaderName = HeaderName::from_static("tus-extension");
pub const TUS_MAX_SIZE: HeaderName = HeaderName::from_static("tus-max-size");
pub const TUS_CHECKSUM_ALGORITHM: HeaderName = HeaderName::from_static("tus-checksum-algorithm");
pub const UPLOAD_CHECKSUM: HeaderName = HeaderName::from_static("upload-checksum");
pub const UPLOAD_EXPIRES: HeaderName = HeaderName::from_static("upload-expires");
pub const UPLOAD_LENGTH: HeaderName = HeaderName::from_static("upload-length");
pub const UPLOAD_METADATA: HeaderName = HeaderName::from_static("upload-metadata");
pub const UPLOAD_OFFSET: HeaderName = HeaderName::from_static("upload-offset");

/// How HTTP writes a moment.
pub const HTTP_DATE: &[BorrowedFormatItem<'_>] =
    format_description!("[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT");

/// A header that is a count of bytes.
pub fn count(headers: &HeaderMap, name: &HeaderName) -> Result<Option<u64>, ApiError> {
    let Some(value) = headers.get(name) else {
        return Ok(None);
    };
    // No sign, no space.
    let digits = Some(value.as_bytes()).filter(|value| value.iter().all(u8::is_ascii_digit));
    let read = digits.and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
    read.map(Some)
        .ok_or_else(|| bad_header(name, "must be a whole number of bytes"))
}

pub fn bad_header(name: &HeaderName, what: &str) -> ApiError {
    ApiError::new(400, "bad_header", format!("the header {name} {what}"))
}

/// `Upload-Expires`.
pub fn expires(at: Timestamp) -> Option<(HeaderName, HeaderValue)> {
    let text = at.to_offset(time::UtcOffset::UTC).format(HTTP_DATE).ok()?;
    Some((UPLOAD_EXPIRES, HeaderValue::from_str(&text).ok()?))
}
