//! How far uploads are: HEAD of one, and the list of all.

use axum::Json;
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use azulejo_protocol::{ApiError, JOB_HEADER};
use uuid::Uuid;

use super::headers::{UPLOAD_LENGTH, UPLOAD_METADATA, UPLOAD_OFFSET, expires};
use super::metadata;
use crate::http::backend::ServerBackend;
use crate::http::state::AppState;

/// `HEAD /files/{id}`.
#[utoipa::path(
    head,
    path = "/files/{id}",
    operation_id = "lookAtUpload",
    tag = "uploads",
    summary = "How far a resumable upload is",
    description = "A client asks this after a cut, and goes on from there.",
    params(("id" = Uuid, Path, description = "The upload's id."), ("Tus-Resumable" = String, Header, description = "The version of the protocol: 1.0.0.", example = "1.0.0")),
    responses(
        (status = 200, description = "Where to go on.", headers(("tus-resumable" = String), ("upload-offset" = u64, description = "Bytes that are there."), ("upload-length" = u64), ("upload-metadata" = String), ("upload-expires" = String, description = "When it is deleted unless more comes, as HTTP writes a moment."), ("azulejo-job-id" = azulejo_protocol::JobId, description = "The job that it has become, if it has."))),
    ),
    extensions(("x-role" = json!("submit")), ("x-codes" = json!(["unknown_tus_version", "upload_not_found", "job_not_found", "upload_locked"]))),
)]
pub async fn head(app: &AppState, id: Uuid) -> Result<Response, ApiError> {
    let mut held = app.intake.hold(id).await?;
    let job = held.job();
    if let Some(job) = job {
        // The job may have been deleted, and a process that died may not have come as far as it.
        if let Err(error) = app.engine.job(job).await {
            if error.status == 404 {
                held.delete();
            }
            return Err(error);
        }
    }
    let order = held.order();
    let about = metadata::write(&[
        ("filename", Some(held.filename())),
        (
            "transformation",
            order.as_ref().map(|order| order.recipe.as_str()),
        ),
        ("format", order.as_ref().map(|order| order.format.as_str())),
        (
            "page",
            order
                .as_ref()
                .map(|order| order.page.as_str())
                .filter(|page| !page.is_empty()),
        ),
    ]);
    let mut response = StatusCode::OK.into_response();
    let headers = response.headers_mut();
    headers.insert(UPLOAD_OFFSET, HeaderValue::from(held.offset()));
    headers.insert(UPLOAD_LENGTH, HeaderValue::from(held.length()));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.extend(expires(held.expires()));
    headers.extend(
        HeaderValue::from_str(&about)
            .ok()
            .map(|about| (UPLOAD_METADATA, about)),
    );
    if let Some(job) = job.and_then(|job| HeaderValue::from_str(&job.to_string()).ok()) {
        headers.insert(JOB_HEADER, job);
    }
    Ok(response)
}

/// `GET /files`. Their number is bounded where they are created.
#[utoipa::path(
    get,
    path = "/files",
    operation_id = "listUploads",
    tag = "uploads",
    summary = "Resumable uploads that are no job yet",
    description = "Those that came in pieces, or are coming.",
    responses(
        (status = 200, description = "The uploads.", body = Vec<crate::intake::resumable::Listed>, headers(("tus-resumable" = String))),
    ),
    extensions(("x-role" = json!("read"))),
)]
pub fn list(backend: &ServerBackend) -> Response {
    Json(backend.uploads()).into_response()
}
