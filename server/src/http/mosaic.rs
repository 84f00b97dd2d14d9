//! `GET /job/{id}/mosaic.png`: the picture of a job as far as it is done.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::backend::ServerBackend;
use super::conditional::Validators;
use super::error::Answer;
use super::jobs::job_id;
use super::state::AppState;

/// Which picture of a job's tiles is asked for: `v`, its version, and `fit`, the longest side in pixels.
#[derive(Debug, Default, Deserialize)]
pub struct MosaicQuery {
    v: Option<String>,
    fit: Option<String>,
}

/// `GET /job/{id}/mosaic.png?v=N`, and with `&fit=S` scaled down to at most S pixels a side, for lists. With the current
/// version in the address it may be kept forever: another version has another address.
#[utoipa::path(
    get,
    path = "/job/{id}/mosaic.png",
    operation_id = "mosaic",
    tag = "results",
    summary = "The picture of a job as far as it is done",
    description = "The result scaled down to at most 1024 pixels a side, transparent where nothing is done yet. With the current version in `v` it may be cached for ever.",
    params(
        ("id" = azulejo_protocol::JobId, Path, description = "The job's id."),
        ("v" = Option<u64>, Query, description = "The job's `mosaic_version`, which makes the address one of its own."),
        ("fit" = Option<u32>, Query, description = "At most so many pixels a side, from 16 to 1024."),
        ("If-None-Match" = Option<String>, Header, description = "An entity tag that the client has."),
    ),
    responses(
        (status = 200, description = "The picture.", body = super::openapi::schemas::ImageFile, content_type = "image/png", headers(("etag" = String))),
        (status = 304, description = "The client has it already."),
    ),
    extensions(("x-role" = json!("read")), ("x-codes" = json!(["job_not_found", "job_not_usable", "precondition_failed"]))),
)]
pub async fn mosaic(
    State(app): State<AppState>,
    backend: ServerBackend,
    Path(id): Path<String>,
    query: Result<Query<MosaicQuery>, QueryRejection>,
    method: Method,
    headers: HeaderMap,
) -> Answer<Response> {
    let id = job_id(&id)?;
    let query = query.map(|Query(query)| query).unwrap_or_default();
    let asked = query.v.and_then(|v| v.parse().ok());
    let mosaic = backend.mosaic(id, asked).await?;
    let fit = query
        .fit
        .and_then(|fit| fit.parse::<u32>().ok())
        .map(|fit| fit.clamp(16, 1024));
    let current = asked == Some(mosaic.version);
    let cache = if current {
        "private, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    // Weak: a version names a picture, which may be compressed anew after a restart.
    let tag = match fit {
        Some(fit) => format!("W/\"{}-{fit}\"", mosaic.version),
        None => format!("W/\"{}\"", mosaic.version),
    };
    let state = Validators::new(&tag, None);
    if let Some(response) = state.refusal(&method, &headers, cache) {
        return Ok(response);
    }
    let png = match fit {
        Some(fit) => {
            let key = (id, mosaic.version, fit);
            app.thumbnails.of(key, &mosaic.png).await?
        }
        None => mosaic.png,
    };
    let mut response = ([(header::CONTENT_TYPE, "image/png")], png).into_response();
    state.tell(response.headers_mut());
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    Ok(response)
}
