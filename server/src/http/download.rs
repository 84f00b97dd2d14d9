//! Results going out: as an attachment or for the browser to show, whole or in ranges.

use axum::extract::{Path, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use azulejo_protocol::ApiError;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use tower::ServiceExt;
use tower_http::services::ServeFile;

use super::error::Answer;
use super::jobs::job_id;
use super::state::AppState;
use crate::engine::ResultFile;

/// Bytes read from the file at a time.
const CHUNK_BYTES: usize = 256 * 1024;

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
pub async fn attachment(
    State(app): State<AppState>,
    Path(id): Path<String>,
    request: Request,
) -> Answer<Response> {
    let result = app.engine.result_file(job_id(&id)?).await?;
    send(&result, request, "attachment").await
}

/// `GET /job/{id}/result`: shown by the browser.
pub async fn inline(
    State(app): State<AppState>,
    Path(id): Path<String>,
    request: Request,
) -> Answer<Response> {
    let result = app.engine.result_file(job_id(&id)?).await?;
    send(&result, request, "inline").await
}

/// `GET /job/{id}/original`: the uploaded file, shown by the browser beside the result.
pub async fn original(
    State(app): State<AppState>,
    Path(id): Path<String>,
    request: Request,
) -> Answer<Response> {
    let original = app.engine.original_file(job_id(&id)?).await?;
    send(&original, request, "inline").await
}

async fn send(result: &ResultFile, request: Request, how: &str) -> Answer<Response> {
    let mime = result.mime.parse().map_err(|_| {
        ApiError::new(
            500,
            "internal",
            format!("the result has no usable type: '{}'", result.mime),
        )
    })?;
    let files = ServeFile::new_with_mime(&result.path, &mime).with_buf_chunk_size(CHUNK_BYTES);
    let Ok(served) = files.oneshot(request).await;
    if served.status() == StatusCode::NOT_FOUND {
        let detail = "the result's file is gone from the server's disk: run the job again";
        return Err(ApiError::not_found("result_gone", detail).into());
    }
    if served.status() == StatusCode::RANGE_NOT_SATISFIABLE {
        let mut refusal = super::error::Failure(ApiError::new(
            416,
            "bad_range",
            format!("the range is outside the result's {} bytes", result.bytes),
        ))
        .into_response();
        if let Some(range) = served.headers().get(header::CONTENT_RANGE) {
            refusal.headers_mut().insert(header::CONTENT_RANGE, range.clone());
        }
        return Ok(refusal);
    }
    let mut response = served.into_response();
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(&disposition(how, &result.filename)) {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    // The same job always has the same result, but a job that is deleted should be gone.
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("private, no-cache"),
    );
    Ok(response)
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
