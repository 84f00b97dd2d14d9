//! `PATCH /files/{id}`: the next bytes of an upload.

use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::Request;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use azulejo_protocol::{ApiError, JOB_HEADER};
use futures::TryStreamExt;
use uuid::Uuid;

use super::finish;
use super::headers::{UPLOAD_CHECKSUM, UPLOAD_OFFSET, bad_header, count, expires};
use crate::access::{Caller, missing};
use crate::http::in_full::in_full;
use crate::http::incoming::Incoming;
use crate::http::state::AppState;
use crate::http::submit::{declared_length, interrupted};
use crate::intake::resumable::{Checksum, Held};

#[utoipa::path(
    patch,
    path = "/files/{id}",
    operation_id = "continueUpload",
    tag = "uploads",
    summary = "Go on with a resumable upload",
    description = "What arrived of a piece stays, however the piece ends; only one with a checksum counts as a whole or not at all. The last piece starts the job, if the upload names a recipe.",
    params(
        ("id" = Uuid, Path, description = "The upload's id."),
        ("Tus-Resumable" = String, Header, description = "The version of the protocol: 1.0.0.", example = "1.0.0"),
        ("Upload-Offset" = u64, Header, description = "Where the piece begins: how many bytes the server has."),
        ("Upload-Checksum" = Option<String>, Header, description = "`sha1` or `sha256`, a space, and the digest of the piece in base64."),
    ),
    request_body(content = crate::http::openapi::schemas::Piece, content_type = "application/offset+octet-stream"),
    responses(
        (status = 204, description = "The piece is there.", headers(("tus-resumable" = String), ("upload-offset" = u64, description = "Bytes that are there."), ("upload-expires" = String, description = "When it is deleted unless more comes, as HTTP writes a moment."), ("azulejo-job-id" = azulejo_protocol::JobId, description = "The job that it has become, if it has."))),
    ),
    extensions(("x-role" = json!("submit")), ("x-codes" = json!(["upload_not_found", "too_many_uploads", "+piece", "+image", "+plan", "+room"]))),
)]
pub async fn patch(
    app: &AppState,
    caller: &Caller,
    id: Uuid,
    request: Request,
) -> Result<Response, ApiError> {
    let offset = count(request.headers(), &UPLOAD_OFFSET)?
        .ok_or_else(|| bad_header(&UPLOAD_OFFSET, "must say where the bytes begin"))?;
    let held = app.intake.hold(id).await?;
    take(app, caller, held, offset, request).await
}

/// Adds the body to the upload, and finishes it when that was all. Runs to its end even when the client is gone, so that nothing
/// that came is lost. Its bytes count for the owner's quota.
pub async fn take(
    app: &AppState,
    caller: &Caller,
    mut held: Held,
    offset: u64,
    request: Request,
) -> Result<Response, ApiError> {
    let (parts, body) = request.into_parts();
    check_type(&parts.headers)?;
    let checksum = checksum(&parts.headers)?;
    let declared = declared_length(&parts.headers);
    let (app, caller) = (app.clone(), caller.clone());
    in_full(async move {
        let mut body = Incoming::new(&parts.headers, body);
        if let Err(error) = add(&app, &mut held, (offset, declared, checksum), &mut body).await {
            // Whoever made way for another request, or fell silent, is not listened to.
            if !matches!(error.status, 408 | 423) {
                drop(held);
                body.drain().await;
            }
            return Err(error);
        }
        let job = if held.is_complete() {
            // Bytes may take long to come.
            if !app.access.is_still(&caller).await {
                held.withhold().await?;
                return Err(missing());
            }
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

/// Adds the bytes of a piece, and counts them, whatever ended it.
async fn add(
    app: &AppState,
    held: &mut Held,
    (offset, declared, checksum): (u64, Option<u64>, Option<Checksum>),
    body: &mut Incoming,
) -> Result<(), ApiError> {
    let rest = held.length() - held.offset();
    let owner = held.owner().map(str::to_owned);
    let promise = app
        .engine
        .promise(owner.as_deref(), declared.unwrap_or(rest).min(rest))
        .await?;
    let came = AtomicU64::new(0);
    let stream = body.map_err(|_| interrupted()).inspect_ok(|chunk| {
        came.fetch_add(chunk.len() as u64, Ordering::Relaxed);
    });
    let appended = held.append(offset, declared, stream, checksum).await;
    // What came beyond the end of the file was not kept.
    let came = came.into_inner().min(rest);
    if let Err(error) = app.engine.count_sent(promise, came).await {
        // They are here, and the upload can go on: the next piece is looked at again.
        tracing::warn!(upload = %held.id(), bytes = came, error = error.detail, "bytes of an upload are not counted");
    }
    appended
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
