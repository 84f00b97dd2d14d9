//! Jobs, tiles, workers and the state of the whole, as JSON.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use azulejo_app::backend::Backend;
use azulejo_protocol::{ApiError, Health, Job, JobId, JobQuery, STATUS_HEADER, TileInfo, WorkerInfo};
use serde::Deserialize;

use super::error::Answer;
use super::state::AppState;

/// A job's id in an address. What is no id is no job, either: 404, as for an unknown one.
pub fn job_id(text: &str) -> Result<JobId, ApiError> {
    text.parse().map_err(|_| {
        let shown: String = text.chars().filter(|c| !c.is_control()).take(64).collect();
        ApiError::not_found("job_not_found", format!("there is no job '{shown}'"))
    })
}

/// `GET /jobs?status=&search=&limit=&offset=`. An empty value is none at all, as a form without JavaScript sends it.
pub async fn list(
    State(app): State<AppState>,
    query: Result<Query<Vec<(String, String)>>, axum::extract::rejection::QueryRejection>,
) -> Answer<Json<Vec<Job>>> {
    let Query(pairs) = query.map_err(|error| ApiError::new(400, "bad_query", error.body_text()))?;
    Ok(Json(app.backend.jobs(job_query(&pairs)?).await?))
}

fn job_query(pairs: &[(String, String)]) -> Result<JobQuery, ApiError> {
    let number = |name: &str, value: &str| {
        value.parse().map_err(|_| {
            let shown: String = value.chars().take(40).collect();
            ApiError::unprocessable(
                "bad_query",
                format!("{name} is '{shown}': it must be a whole number"),
            )
        })
    };
    let mut query = JobQuery::default();
    for (name, value) in pairs.iter().filter(|(_, value)| !value.is_empty()) {
        match name.as_str() {
            "status" => {
                let status = value
                    .parse()
                    .map_err(|error: String| ApiError::unprocessable("bad_query", error))?;
                query.status = Some(status);
            }
            "search" => query.search = Some(value.chars().take(200).collect()),
            "limit" => query.limit = Some(number("limit", value)?),
            "offset" => query.offset = Some(number("offset", value)?),
            _ => {}
        }
    }
    Ok(query)
}

/// `GET /job/{id}`.
pub async fn one(State(app): State<AppState>, Path(id): Path<String>) -> Answer<Json<Job>> {
    Ok(Json(app.backend.job(job_id(&id)?).await?))
}

/// `GET /job/{id}/progress`: the tiles by state; the job's status is in the header [`STATUS_HEADER`]. The cheapest way to look
/// again and again.
pub async fn progress(State(app): State<AppState>, Path(id): Path<String>) -> Answer<Response> {
    let (status, progress) = app.engine.progress(job_id(&id)?).await?;
    let status = [(STATUS_HEADER, status.name())];
    Ok((status, Json(progress)).into_response())
}

/// `GET /job/{id}/tile/{n}`.
pub async fn tile(
    State(app): State<AppState>,
    Path((id, tile)): Path<(String, String)>,
) -> Answer<Json<TileInfo>> {
    let id = job_id(&id)?;
    let tile = tile
        .parse()
        .map_err(|_| ApiError::not_found("tile_not_found", format!("job {id} has no such tile")))?;
    Ok(Json(app.backend.tile(id, tile).await?))
}

/// `POST /job/{id}/cancel`.
pub async fn cancel(State(app): State<AppState>, Path(id): Path<String>) -> Answer<Json<Job>> {
    Ok(Json(app.backend.cancel(job_id(&id)?).await?))
}

/// `POST /job/{id}/retry`.
pub async fn retry(State(app): State<AppState>, Path(id): Path<String>) -> Answer<Json<Job>> {
    Ok(Json(app.backend.retry(job_id(&id)?).await?))
}

/// `DELETE /job/{id}`.
pub async fn delete(State(app): State<AppState>, Path(id): Path<String>) -> Answer<StatusCode> {
    app.backend.delete(job_id(&id)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `GET /workers`.
pub async fn workers(State(app): State<AppState>) -> Answer<Json<Vec<WorkerInfo>>> {
    Ok(Json(app.backend.workers().await?))
}

/// `GET /health`.
pub async fn health(State(app): State<AppState>) -> Answer<Json<Health>> {
    Ok(Json(app.backend.health().await?))
}

/// Which picture of a job's tiles is asked for: `v`, its version, and `fit`, the longest side in pixels.
#[derive(Debug, Default, Deserialize)]
pub struct MosaicQuery {
    v: Option<String>,
    fit: Option<String>,
}

/// `GET /job/{id}/mosaic.png?v=N`, and with `&fit=S` scaled down to at most S pixels a side, for lists. With the current
/// version in the address it may be kept forever: another version has another address.
pub async fn mosaic(
    State(app): State<AppState>,
    Path(id): Path<String>,
    query: Result<Query<MosaicQuery>, axum::extract::rejection::QueryRejection>,
    headers: HeaderMap,
) -> Answer<Response> {
    let id = job_id(&id)?;
    let query = query.map(|Query(query)| query).unwrap_or_default();
    let asked = query.v.and_then(|v| v.parse().ok());
    let mosaic = app.engine.mosaic(id, asked).await?;
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
    let tag = match fit {
        Some(fit) => format!("\"{}-{fit}\"", mosaic.version),
        None => format!("\"{}\"", mosaic.version),
    };
    let unchanged = headers
        .get(header::IF_NONE_MATCH)
        .is_some_and(|known| known.as_bytes() == tag.as_bytes());
    let mut response = if unchanged {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let png = match fit {
            Some(fit) => {
                let (thumbnails, key) = (app.thumbnails.clone(), (id, mosaic.version, fit));
                let scaled = tokio::task::spawn_blocking(move || thumbnails.of(key, &mosaic.png)).await;
                scaled.unwrap_or_else(|error| Err(ApiError::new(500, "internal", error.to_string())))?
            }
            None => mosaic.png,
        };
        ([(header::CONTENT_TYPE, "image/png")], png).into_response()
    };
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;
    use azulejo_protocol::JobStatus;

    fn query(text: &str) -> Result<JobQuery, ApiError> {
        let pairs: Vec<_> = text
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        job_query(&pairs)
    }

    #[test]
    fn queries_are_read_and_empty_values_are_none() {
        let read = query("status=completed&search=cat&limit=5&offset=10&unknown=1").unwrap();
        assert_eq!(read.status, Some(JobStatus::Completed));
        assert_eq!(
            (read.search.as_deref(), read.limit, read.offset),
            (Some("cat"), Some(5), Some(10))
        );
        assert_eq!(query("status=&search=&limit=").unwrap(), JobQuery::default());
    }

    #[test]
    fn wrong_values_are_named() {
        assert!(query("limit=-1").unwrap_err().detail.contains("limit is '-1'"));
        assert!(query("status=lost").unwrap_err().detail.contains("'lost'"));
        assert_eq!(job_id("../etc").unwrap_err().status, 404);
    }
}
