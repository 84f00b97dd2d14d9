//! Jobs, tiles, workers and the state of the whole, as JSON.

use axum::Json;
use axum::extract::{Path, Query};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use azulejo_app::backend::Backend;
use azulejo_protocol::{ApiError, Health, Job, JobId, JobQuery, STATUS_HEADER, TileInfo, WorkerInfo};

use super::backend::ServerBackend;
use super::error::Answer;

/// A job's id in an address. What is no id is no job, either: 404, as for an unknown one.
pub fn job_id(text: &str) -> Result<JobId, ApiError> {
    text.parse().map_err(|_| {
        let shown: String = text.chars().filter(|c| !c.is_control()).take(64).collect();
        ApiError::not_found("job_not_found", format!("there is no job '{shown}'"))
    })
}

/// `GET /jobs?status=&search=&limit=&offset=`. An empty value is none at all, as a form without JavaScript sends it.
#[utoipa::path(
    get,
    path = "/jobs",
    operation_id = "jobs",
    tag = "jobs",
    summary = "List jobs, newest first",
    description = "A parameter with an empty value is as good as none. With `Accept: text/html` the answer is the page of the same address.",
    params(
        ("status" = Option<azulejo_protocol::JobStatus>, Query, description = "Only jobs in this state."),
        ("search" = Option<String>, Query, description = "Only jobs whose file name, recipe or id contains this text, of which 200 characters count."),
        ("limit" = Option<u32>, Query, description = "At most so many; 50 unless said, never more than 500."),
        ("offset" = Option<u32>, Query, description = "Skip so many."),
    ),
    responses(
        (status = 200, description = "The jobs, without their steps and workers.", body = Vec<Job>),
    ),
    extensions(("x-role" = json!("read")), ("x-codes" = json!(["bad_query"]))),
)]
pub async fn list(
    backend: ServerBackend,
    query: Result<Query<Vec<(String, String)>>, axum::extract::rejection::QueryRejection>,
) -> Answer<Json<Vec<Job>>> {
    let Query(pairs) = query.map_err(|error| ApiError::new(400, "bad_query", error.body_text()))?;
    Ok(Json(backend.jobs(job_query(&pairs)?).await?))
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
            "owner" => query.owner = Some(value.chars().take(200).collect()),
            "limit" => query.limit = Some(number("limit", value)?),
            "offset" => query.offset = Some(number("offset", value)?),
            _ => {}
        }
    }
    Ok(query)
}

/// `GET /job/{id}`.
#[utoipa::path(
    get,
    path = "/job/{id}",
    operation_id = "job",
    tag = "jobs",
    summary = "One job with its steps, tiles and workers",
    description = "With `Accept: text/html` the answer is the page of the same address.",
    params(("id" = JobId, Path, description = "The job's id.")),
    responses(
        (status = 200, description = "The job.", body = Job),
    ),
    extensions(("x-role" = json!("read")), ("x-codes" = json!(["job_not_found"]))),
)]
pub async fn one(backend: ServerBackend, Path(id): Path<String>) -> Answer<Json<Job>> {
    Ok(Json(backend.job(job_id(&id)?).await?))
}

/// `GET /job/{id}/progress`: the tiles by state; the job's status is in the header [`STATUS_HEADER`]. The cheapest way to look
/// again and again.
#[utoipa::path(
    get,
    path = "/job/{id}/progress",
    operation_id = "progress",
    tag = "jobs",
    summary = "How many tiles of a job are done",
    description = "The cheapest way to look again and again: it costs the same whatever the size of the job.",
    params(("id" = JobId, Path, description = "The job's id.")),
    responses(
        (status = 200, description = "Tiles by state.", body = azulejo_protocol::Progress, headers(("azulejo-job-status" = azulejo_protocol::JobStatus, description = "The job's status."))),
    ),
    extensions(("x-role" = json!("read")), ("x-codes" = json!(["job_not_found"]))),
)]
pub async fn progress(backend: ServerBackend, Path(id): Path<String>) -> Answer<Response> {
    let (status, progress) = backend.progress(job_id(&id)?).await?;
    let status = [(STATUS_HEADER, status.name())];
    Ok((status, Json(progress)).into_response())
}

/// `GET /job/{id}/tile/{n}`.
#[utoipa::path(
    get,
    path = "/job/{id}/tile/{tile}",
    operation_id = "tile",
    tag = "jobs",
    summary = "One tile of a job",
    description = "State, worker, attempt and times of one rectangle of the result.",
    params(
        ("id" = JobId, Path, description = "The job's id."),
        ("tile" = u32, Path, description = "The tile's index, row by row from 0."),
    ),
    responses(
        (status = 200, description = "Its state, worker, attempt and times.", body = TileInfo),
    ),
    extensions(("x-role" = json!("read")), ("x-codes" = json!(["job_not_found", "tile_not_found", "job_not_usable"]))),
)]
pub async fn tile(
    backend: ServerBackend,
    Path((id, tile)): Path<(String, String)>,
) -> Answer<Json<TileInfo>> {
    let id = job_id(&id)?;
    let tile = tile
        .parse()
        .map_err(|_| ApiError::not_found("tile_not_found", format!("job {id} has no such tile")))?;
    Ok(Json(backend.tile(id, tile).await?))
}

/// `POST /job/{id}/cancel`.
#[utoipa::path(
    post,
    path = "/job/{id}/cancel",
    operation_id = "cancel",
    tag = "jobs",
    summary = "End a job that is under way",
    description = "What is with workers is not waited for.",
    params(("id" = JobId, Path, description = "The job's id.")),
    responses(
        (status = 200, description = "The job, which is cancelled.", body = Job),
    ),
    extensions(("x-role" = json!("submit")), ("x-codes" = json!(["job_not_found", "wrong_state"]))),
)]
pub async fn cancel(backend: ServerBackend, Path(id): Path<String>) -> Answer<Json<Job>> {
    Ok(Json(backend.cancel(job_id(&id)?).await?))
}

/// `POST /job/{id}/retry`.
#[utoipa::path(
    post,
    path = "/job/{id}/retry",
    operation_id = "retry",
    tag = "jobs",
    summary = "Start a failed or cancelled job again",
    description = "Tiles that are done stay done, the others get all their attempts anew.",
    params(("id" = JobId, Path, description = "The job's id.")),
    responses(
        (status = 200, description = "The job, which is under way again.", body = Job),
    ),
    extensions(("x-role" = json!("submit")), ("x-codes" = json!(["job_not_found", "wrong_state", "job_not_usable", "upload_gone", "quota_exceeded", "+room"]))),
)]
pub async fn retry(backend: ServerBackend, Path(id): Path<String>) -> Answer<Json<Job>> {
    Ok(Json(backend.retry(job_id(&id)?).await?))
}

/// `DELETE /job/{id}`.
#[utoipa::path(
    delete,
    path = "/job/{id}",
    operation_id = "deleteJob",
    tag = "jobs",
    summary = "Forget an ended job and delete its files",
    description = "Its files are deleted before the answer.",
    params(("id" = JobId, Path, description = "The job's id.")),
    responses(
        (status = 204, description = "The job is gone."),
    ),
    extensions(("x-role" = json!("submit")), ("x-codes" = json!(["job_not_found", "wrong_state"]))),
)]
pub async fn delete(backend: ServerBackend, Path(id): Path<String>) -> Answer<StatusCode> {
    backend.delete(job_id(&id)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `GET /workers`.
#[utoipa::path(
    get,
    path = "/workers",
    operation_id = "workers",
    tag = "installation",
    summary = "Workers, live ones first",
    description = "With `Accept: text/html` the answer is the page of the same address.",
    responses(
        (status = 200, description = "Every worker known.", body = Vec<WorkerInfo>),
    ),
    extensions(("x-role" = json!("read"))),
)]
pub async fn workers(backend: ServerBackend) -> Answer<Json<Vec<WorkerInfo>>> {
    Ok(Json(backend.workers().await?))
}

/// `GET /health`.
#[utoipa::path(
    get,
    path = "/health",
    operation_id = "health",
    tag = "installation",
    summary = "State of the installation",
    description = "Kafka, topics, workers, disk, the limits on images, and what does not work.",
    responses(
        (status = 200, description = "The state, whatever it is.", body = Health),
    ),
    extensions(("x-role" = json!("read"))),
)]
pub async fn health(backend: ServerBackend) -> Answer<Json<Health>> {
    Ok(Json(backend.health().await?))
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
