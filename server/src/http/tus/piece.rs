//! `PATCH /files/{id}`: the next bytes of an upload.

use axum::extract::Request;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use azulejo_protocol::{ApiError, JOB_HEADER};
use futures::TryStreamExt;
use uuid::Uuid;

use super::finish;
use super::headers::{UPLOAD_CHECKSUM, UPLOAD_OFFSET, bad_header, count, expires};
use crate::http::backend::in_full;
use crate::http::state::AppState;
use crate::http::submit::{declared_length, drain, interrupted};
use crate::intake::resumable::{Checksum, Held};

pub async fn patch(app: &AppState, id: Uuid, request: Request) -> Result<Response, ApiError> {
    let offset = count(request.headers(), &UPLOAD_OFFSET)?
        .ok_or_else(|| bad_header(&UPLOAD_OFFSET, "must say where the bytes begin"))?;
    let held = app.intake.hold(id).await?;
    take(app, held, offset, request).await
}

/// Adds the body to the upload, and finishes it when that was all. Runs to its end even when the client is gone, so that nothing
/// that came is lost.
pub async fn take(
    app: &AppState,
    mut held: Held,
    offset: u64,
    request: Request,
) -> Result<Response, ApiError> {
    let (parts, body) = request.into_parts();
    check_type(&parts.headers)?;
    let checksum = checksum(&parts.headers)?;
    let declared = declared_length(&parts.headers);
    let app = app.clone();
    in_full(async move {
        let mut body = body.into_data_stream();
        let stream = (&mut body).map_err(|_| interrupted());
        if let Err(error) = held.append(offset, declared, stream, checksum).await {
            // Whoever made way for another request, or fell silent, is not listened to.
            if !matches!(error.status, 408 | 423) {
                drop(held);
                drain(body).await;
            }
            return Err(error);
        }
        let job = if held.is_complete() {
            finish::finish(&app, &mut held).await?
        } else {
            None
        };
        let mut response = StatusCode::NO_CONTENT.into_response();
        let headers = response.headers_mut();
        headers.insert(UPLOAD_OFFSET, HeaderValue::from(held.offset()));
        headers.extend(expires(held.expires()));
        if let Some(job) = job.and_then(|job| HeaderValue::from_str(&job.to_string()).ok()) {
            headers.insert(JOB_HEADER, job);
        }
        Ok(response)
    })
    .await
}

fn check_type(headers: &HeaderMap) -> Result<(), ApiError> {
    let kind = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    if kind.is_some_and(|kind| kind.eq_ignore_ascii_case(b"application/offset+octet-stream")) {
        return Ok(());
    }
    let detail = "the bytes of an upload come with the Content-Type application/offset+octet-stream";
    Err(ApiError::new(415, "not_a_piece", detail))
}

fn checksum(headers: &HeaderMap) -> Result<Option<Checksum>, ApiError> {
    let Some(text) = headers.get(UPLOAD_CHECKSUM) else {
        return Ok(None);
    };
    let text = text
        .to_str()
        .map_err(|_| bad_header(&UPLOAD_CHECKSUM, "is not ASCII"))?;
    Checksum::parse(text).map(Some)
}
