//! Results going out: as an attachment or for the browser to show, whole or in ranges.

use axum::body::Body;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use azulejo_protocol::{ApiError, JobId};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::time::UNIX_EPOCH;
use tokio::fs::File;

use super::backend::ServerBackend;
use super::byteranges::{Pieces, content_range};
use super::conditional::Validators;
use super::error::{Answer, Failure};
use super::jobs::job_id;
use super::ranges::{Extent, asked};
use crate::engine::ResultFile;

/// The same job always has the same result, but a job that is deleted should be gone.
const CACHE: &str = "private, no-cache";

/// What RFC 5987 lets stand in `filename*`.
const ATTR_CHAR: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'!')
    .remove(b'#')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'-')
    .remove(b'.')
    .remove(b'^')
    .remove(b'_')
    .remove(b'`')
    .remove(b'|')
    .remove(b'~');

/// `GET /download/{id}`: saved under the result's name.
#[utoipa::path(
    get,
    path = "/download/{id}",
    operation_id = "download",
    tag = "results",
    summary = "The result, as a file to save",
    description = "Whole or in ranges; conditional as RFC 9110 has it.",
    params(
        ("id" = JobId, Path, description = "The job's id."),
        ("Range" = Option<String>, Header, description = "Which bytes are wanted, so that a broken download can go on."),
        ("If-Range" = Option<String>, Header, description = "An entity tag or a date: the range is wanted of this state only."),
        ("If-None-Match" = Option<String>, Header, description = "An entity tag that the client has."),
    ),
    responses(
        (status = 200, description = "The file.", body = super::openapi::schemas::ImageFile, content_type = "image/*", headers(("etag" = String), ("content-disposition" = String))),
        (status = 206, description = "The bytes that were asked for; several ranges come as `multipart/byteranges`.", content((super::openapi::schemas::ImageFile = "image/*"), (super::openapi::schemas::ImageFile = "multipart/byteranges"))),
        (status = 304, description = "The client has it already."),
    ),
    extensions(("x-role" = json!("read")), ("x-codes" = json!(["job_not_found", "job_not_completed", "job_not_usable", "result_gone", "bad_range", "precondition_failed"]))),
)]
pub async fn attachment(
    backend: ServerBackend,
    Path(id): Path<String>,
    method: Method,
    headers: HeaderMap,
) -> Answer<Response> {
    let id = job_id(&id)?;
    let result = backend.result_file(id).await?;
    send(id, &result, &method, &headers, "attachment").await
}

/// `GET /job/{id}/result`: shown by the browser.
#[utoipa::path(
    get,
    path = "/job/{id}/result",
    operation_id = "result",
    tag = "results",
    summary = "The result, for a browser to show",
    description = "Whole or in ranges; conditional as RFC 9110 has it.",
    params(
        ("id" = JobId, Path, description = "The job's id."),
        ("Range" = Option<String>, Header, description = "Which bytes are wanted, so that a broken download can go on."),
        ("If-Range" = Option<String>, Header, description = "An entity tag or a date: the range is wanted of this state only."),
        ("If-None-Match" = Option<String>, Header, description = "An entity tag that the client has."),
    ),
    responses(
        (status = 200, description = "The file.", body = super::openapi::schemas::ImageFile, content_type = "image/*", headers(("etag" = String), ("content-disposition" = String))),
        (status = 206, description = "The bytes that were asked for; several ranges come as `multipart/byteranges`.", content((super::openapi::schemas::ImageFile = "image/*"), (super::openapi::schemas::ImageFile = "multipart/byteranges"))),
        (status = 304, description = "The client has it already."),
    ),
    extensions(("x-role" = json!("read")), ("x-codes" = json!(["job_not_found", "job_not_completed", "job_not_usable", "result_gone", "bad_range", "precondition_failed"]))),
)]
pub async fn inline(
    backend: ServerBackend,
    Path(id): Path<String>,
    method: Method,
    headers: HeaderMap,
) -> Answer<Response> {
    let id = job_id(&id)?;
    let result = backend.result_file(id).await?;
    send(id, &result, &method, &headers, "inline").await
}

/// `GET /job/{id}/original`: the uploaded file, shown by the browser beside the result.
#[utoipa::path(
    get,
    path = "/job/{id}/original",
    operation_id = "original",
    tag = "results",
    summary = "The uploaded image, for a browser to show",
    description = "Whole or in ranges; conditional as RFC 9110 has it.",
    params(
        ("id" = JobId, Path, description = "The job's id."),
        ("Range" = Option<String>, Header, description = "Which bytes are wanted, so that a broken download can go on."),
        ("If-Range" = Option<String>, Header, description = "An entity tag or a date: the range is wanted of this state only."),
        ("If-None-Match" = Option<String>, Header, description = "An entity tag that the client has."),
    ),
    responses(
        (status = 200, description = "The file as it came.", body = super::openapi::schemas::ImageFile, content_type = "image/*", headers(("etag" = String), ("content-disposition" = String))),
        (status = 206, description = "The bytes that were asked for; several ranges come as `multipart/byteranges`.", content((super::openapi::schemas::ImageFile = "image/*"), (super::openapi::schemas::ImageFile = "multipart/byteranges"))),
        (status = 304, description = "The client has it already."),
    ),
    extensions(("x-role" = json!("read")), ("x-codes" = json!(["job_not_found", "job_not_usable", "original_gone", "bad_range", "precondition_failed"]))),
)]
pub async fn original(
    backend: ServerBackend,
    Path(id): Path<String>,
    method: Method,
    headers: HeaderMap,
) -> Answer<Response> {
    let id = job_id(&id)?;
    let original = backend.original_file(id).await?;
    send(id, &original, &method, &headers, "inline").await
}

async fn send(
    id: JobId,
    result: &ResultFile,
    method: &Method,
    headers: &HeaderMap,
    how: &str,
) -> Answer<Response> {
    // From here on it is this file, also when the job is deleted meanwhile.
    let file = File::open(&result.path)
        .await
        .map_err(|error| unreadable(&error))?;
    let about = file.metadata().await.map_err(|error| unreadable(&error))?;
    let length = about.len();
    let modified = about.modified().ok();
    let nanoseconds = modified
        .and_then(|time| time.duration_since(UNIX_EPOCH).ok())
        .map_or(0, |since| since.as_nanos());
    // The file of a job is put there once, by a rename. Another one in its place differs in its length or its time.
    let state = Validators::new(&format!("\"{id}-{length:x}-{nanoseconds:x}\""), modified);
    if let Some(response) = state.refusal(method, headers, CACHE) {
        return Ok(response);
    }
    // Ranges are defined for GET alone.
    let extent = if *method == Method::GET && state.allow_range(headers) {
        asked(headers, length)
    } else {
        Extent::Whole
    };
    let (status, range, pieces) = match extent {
        Extent::Whole => (StatusCode::OK, None, Pieces::one(0..length)),
        Extent::One(range) => {
            let told = content_range(&range, length);
            (StatusCode::PARTIAL_CONTENT, Some(told), Pieces::one(range))
        }
        Extent::Several(ranges) => {
            let pieces = Pieces::several(&ranges, result.mime, length);
            if pieces.length < length {
                (StatusCode::PARTIAL_CONTENT, None, pieces)
            } else {
                (StatusCode::OK, None, Pieces::one(0..length))
            }
        }
        Extent::Outside => return Ok(outside(&state, length)),
    };
    let kind = pieces.kind.as_deref().unwrap_or(result.mime);
    let mut told = HeaderMap::new();
    let disposition = disposition(how, &result.filename);
    for (name, value) in [
        (header::CONTENT_TYPE, Some(kind)),
        (header::CONTENT_LENGTH, Some(pieces.length.to_string().as_str())),
        (header::CONTENT_RANGE, range.as_deref()),
        (header::CONTENT_DISPOSITION, Some(disposition.as_str())),
        (header::ACCEPT_RANGES, Some("bytes")),
        (header::CACHE_CONTROL, Some(CACHE)),
    ] {
        if let Some(value) = value.and_then(|value| HeaderValue::from_str(value).ok()) {
            told.insert(name, value);
        }
    }
    state.tell(&mut told);
    let body = if *method == Method::HEAD {
        Body::empty()
    } else {
        pieces.body(file)
    };
    Ok((status, told, body).into_response())
}

fn unreadable(error: &std::io::Error) -> ApiError {
    tracing::error!(%error, "a job's file cannot be read");
    if error.kind() == std::io::ErrorKind::NotFound {
        let detail = "the file is gone from the server's disk: run the job again";
        return ApiError::new(410, "result_gone", detail);
    }
    let detail = format!("the server cannot read the file: {error}");
    ApiError::new(503, "storage_unavailable", detail)
}

fn outside(state: &Validators, length: u64) -> Response {
    let detail = format!("the range is outside the file's {length} bytes");
    let mut response = Failure(ApiError::new(416, "bad_range", detail)).into_response();
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(&format!("bytes */{length}")) {
        headers.insert(header::CONTENT_RANGE, value);
    }
    state.tell(headers);
    response
}

/// `Content-Disposition` with the name twice: in ASCII for old clients, in full for the others.
fn disposition(how: &str, name: &str) -> String {
    let ascii: String = name
        .chars()
        .map(|c| {
            if c.is_ascii_graphic() && !matches!(c, '"' | '\\' | '%') || c == ' ' {
                c
            } else {
                '_'
            }
        })
        .collect();
    format!(
        "{how}; filename=\"{ascii}\"; filename*=UTF-8''{}",
        utf8_percent_encode(name, ATTR_CHAR)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_survive_whatever_is_in_them() {
        assert_eq!(
            disposition("attachment", "a \"b\" 風.png"),
            "attachment; filename=\"a _b_ _.png\"; filename*=UTF-8''a%20%22b%22%20%E9%A2%A8.png"
        );
        assert!(HeaderValue::from_str(&disposition("inline", "x\r\ny\u{7f}é")).is_ok());
    }
}
