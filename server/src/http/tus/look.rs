//! How far uploads are: HEAD of one, and the list of all.

use axum::Json;
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use azulejo_protocol::{ApiError, JOB_HEADER};
use uuid::Uuid;

use super::headers::{UPLOAD_LENGTH, UPLOAD_METADATA, UPLOAD_OFFSET, expires};
use super::metadata;
use crate::http::state::AppState;

/// `HEAD /files/{id}`.
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
pub fn list(app: &AppState) -> Response {
    Json(app.intake.unfinished()).into_response()
}
