//! Tiles that were given up: the list, all their attempts anew, and one as a file.

use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query};
use axum::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use azulejo_app::backend::Backend;
use azulejo_protocol::dead::{DeadTile, DeadTileQuery, Replayed};
use azulejo_protocol::{ApiError, Job, JobId};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::backend::ServerBackend;
use super::error::Answer;
use super::jobs::job_id;

/// Longest text that is looked for, characters.
const MAX_TEXT: usize = 200;

/// Reports that there are at the same time, from before they are made until they are sent: each may have ten megabytes.
static REPORTS: Semaphore = Semaphore::const_new(8);

/// How long a report waits for its turn. One that is sent slowly takes much longer, so the client is better off elsewhere.
const PATIENCE: Duration = Duration::from_secs(2);

/// When it is worth trying again.
const AGAIN: Duration = Duration::from_secs(5);

type Pairs = Result<Query<Vec<(String, String)>>, QueryRejection>;

/// `GET /dead-tiles?status=&recipe=&error=&search=&limit=&offset=`. An empty value is none at all.
#[utoipa::path(
    get,
    path = "/dead-tiles",
    operation_id = "deadTiles",
    tag = "jobs",
    summary = "List tiles that were given up",
    description = "Those of the job that ended last come first. A parameter with an empty value is as good as none.",
    params(
        ("status" = Option<azulejo_protocol::JobStatus>, Query, description = "Only tiles of jobs in this state."),
        ("recipe" = Option<String>, Query, description = "Only tiles whose job's recipe contains this text, of which 200 characters count."),
        ("error" = Option<String>, Query, description = "Only tiles whose error contains this text."),
        ("search" = Option<String>, Query, description = "Only tiles whose error, worker, job's recipe, file name or id contains this text."),
        ("limit" = Option<u32>, Query, description = "At most so many; 50 unless said, never more than 500."),
        ("offset" = Option<u32>, Query, description = "Skip so many."),
    ),
    responses((status = 200, description = "The tiles, with what is known of their jobs.", body = Vec<DeadTile>)),
    extensions(("x-role" = json!("read")), ("x-codes" = json!(["bad_query"]))),
)]
pub async fn list(backend: ServerBackend, query: Pairs) -> Answer<Json<Vec<DeadTile>>> {
    let query = dead_query(query)?;
    Ok(Json(backend.dead_tiles(query).await?))
}

/// `POST /dead-tiles/replay?status=&recipe=&error=&search=`.
#[utoipa::path(
    post,
    path = "/dead-tiles/replay",
    operation_id = "replayDeadTiles",
    tag = "jobs",
    summary = "Have all dead tiles that match rendered again",
    description = "As POST /job/{id}/replay, for up to 100 jobs that have ended with a tile that matches, the one that ended last first.",
    params(
        ("status" = Option<azulejo_protocol::JobStatus>, Query, description = "Only tiles of jobs in this state."),
        ("recipe" = Option<String>, Query, description = "Only tiles whose job's recipe contains this text, of which 200 characters count."),
        ("error" = Option<String>, Query, description = "Only tiles whose error contains this text."),
        ("search" = Option<String>, Query, description = "Only tiles whose error, worker, job's recipe, file name or id contains this text."),
    ),
    responses((status = 200, description = "Which jobs go on, which do not and why, and whether there are more.", body = Replayed)),
    extensions(("x-role" = json!("submit")), ("x-codes" = json!(["bad_query"]))),
)]
pub async fn replay_all(backend: ServerBackend, query: Pairs) -> Answer<Json<Replayed>> {
    let query = dead_query(query)?;
    Ok(Json(backend.replay_all(query).await?))
}

/// `POST /job/{id}/replay`.
#[utoipa::path(
    post,
    path = "/job/{id}/replay",
    operation_id = "replayJob",
    tag = "jobs",
    summary = "Have a job's dead tiles rendered again",
    description = "Only the dead tiles get all their attempts anew, and the job goes on. Retrying it gives them to every tile that is not done.",
    params(("id" = JobId, Path, description = "The job's id.")),
    responses((status = 200, description = "The job, which is under way.", body = Job)),
    extensions(("x-role" = json!("submit")), ("x-codes" = json!(["job_not_found", "no_dead_tiles", "wrong_state", "job_not_usable", "upload_gone", "quota_exceeded", "disk_full"]))),
)]
pub async fn replay_job(backend: ServerBackend, Path(id): Path<String>) -> Answer<Json<Job>> {
    Ok(Json(backend.replay(job_id(&id)?, None).await?))
}

/// `POST /job/{id}/tile/{n}/replay`.
#[utoipa::path(
    post,
    path = "/job/{id}/tile/{tile}/replay",
    operation_id = "replayTile",
    tag = "jobs",
    summary = "Have a dead tile rendered again",
    description = "The tile must be the only dead one of its job, which cannot go on without the others.",
    params(
        ("id" = JobId, Path, description = "The job's id."),
        ("tile" = u32, Path, description = "The tile's index, row by row from 0."),
    ),
    responses((status = 200, description = "The job, which is under way.", body = Job)),
    extensions(("x-role" = json!("submit")), ("x-codes" = json!(["job_not_found", "tile_not_found", "tile_not_dead", "other_dead_tiles", "wrong_state", "job_not_usable", "upload_gone", "quota_exceeded", "disk_full"]))),
)]
pub async fn replay_tile(
    backend: ServerBackend,
    Path((id, tile)): Path<(String, String)>,
) -> Answer<Json<Job>> {
    let id = job_id(&id)?;
    let tile = tile_number(id, &tile)?;
    Ok(Json(backend.replay(id, Some(tile)).await?))
}

/// `GET /job/{id}/tile/{n}/report`.
#[utoipa::path(
    get,
    path = "/job/{id}/tile/{tile}/report",
    operation_id = "tileReport",
    tag = "jobs",
    summary = "What a worker gets of a tile, as one file",
    description = "For `azulejo apply --tile-report`, which renders it elsewhere. The pixels are decoded from the job's uploaded file again, which may take a while.",
    params(
        ("id" = JobId, Path, description = "The job's id."),
        ("tile" = u32, Path, description = "The tile's index, row by row from 0."),
    ),
    responses((status = 200, description = "A line of text, a line of JSON, and the pixels.", body = super::openapi::schemas::ImageFile, content_type = "application/octet-stream", headers(("content-disposition" = String)))),
    extensions(("x-role" = json!("read")), ("x-codes" = json!(["job_not_found", "tile_not_found", "job_not_usable", "original_gone"]))),
)]
pub async fn report(backend: ServerBackend, Path((id, tile)): Path<(String, String)>) -> Answer<Response> {
    let id = job_id(&id)?;
    let tile = tile_number(id, &tile)?;
    let place = place(&REPORTS).await?;
    let report = backend.tile_report(id, tile).await?;
    let bytes = report
        .to_bytes()
        .map_err(|error| ApiError::new(500, "internal", error.to_string()))?;
    let headers = [
        (CONTENT_TYPE, "application/octet-stream".to_owned()),
        (CACHE_CONTROL, "private, no-store".to_owned()),
        (
            CONTENT_DISPOSITION,
            format!("attachment; filename=\"{}-{tile}.tile\"", id.short()),
        ),
    ];
    Ok((headers, held(bytes, place)).into_response())
}

/// A place for one report.
///
/// # Errors
/// 503: there is none within a short time.
async fn place(places: &'static Semaphore) -> Result<SemaphorePermit<'static>, ApiError> {
    match tokio::time::timeout(PATIENCE, places.acquire()).await {
        Ok(Ok(place)) => Ok(place),
        Ok(Err(_)) | Err(_) => {
            let detail = "as many tile reports are under way as there may be: try again later";
            Err(ApiError::new(503, "unavailable", detail).after(AGAIN))
        }
    }
}

/// The bytes of a report together with its place, which is free when the last of them is sent, or nobody wants them any more.
fn held(report: Vec<u8>, place: SemaphorePermit<'static>) -> Bytes {
    Bytes::from_owner(Held {
        report,
        _place: place,
    })
}

struct Held {
    report: Vec<u8>,
    _place: SemaphorePermit<'static>,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.report
    }
}

fn tile_number(id: JobId, text: &str) -> Result<u32, ApiError> {
    text.parse()
        .map_err(|_| ApiError::not_found("tile_not_found", format!("job {id} has no such tile")))
}

fn dead_query(pairs: Pairs) -> Result<DeadTileQuery, ApiError> {
    let Query(pairs) = pairs.map_err(|error| ApiError::new(400, "bad_query", error.body_text()))?;
    let wrong = |error: String| ApiError::unprocessable("bad_query", error);
    let number = |name: &str, value: &str| {
        value.parse().map_err(|_| {
            let shown: String = value.chars().take(40).collect();
            wrong(format!("{name} is '{shown}': it must be a whole number"))
        })
    };
    let text = |value: &str| Some(value.chars().take(MAX_TEXT).collect());
    let mut query = DeadTileQuery::default();
    for (name, value) in pairs.iter().filter(|(_, value)| !value.is_empty()) {
        match name.as_str() {
            "status" => query.status = Some(value.parse().map_err(wrong)?),
            "recipe" => query.recipe = text(value),
            "error" => query.error = text(value),
            "search" => query.search = text(value),
            "limit" => query.limit = Some(number("limit", value)?),
            "offset" => query.offset = Some(number("offset", value)?),
            _ => {}
        }
    }
    Ok(query)
}

#[cfg(test)]
mod tests {
    use super::*;
    use azulejo_protocol::JobStatus;

    fn read(pairs: &[(&str, &str)]) -> Result<DeadTileQuery, ApiError> {
        let owned = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        dead_query(Ok(Query(owned.collect())))
    }

    #[tokio::test(start_paused = true)]
    async fn a_report_has_its_place_until_it_is_sent() {
        static ONE: Semaphore = Semaphore::const_new(1);
        let bytes = held(vec![1, 2, 3], place(&ONE).await.unwrap());
        let error = place(&ONE).await.unwrap_err();
        assert_eq!((error.status, error.code.as_str()), (503, "unavailable"));
        assert_eq!(error.retry_after, Some(AGAIN.as_secs()));
        let mut body = bytes.into_response().into_body().into_data_stream();
        let sent = futures::StreamExt::next(&mut body).await.unwrap().unwrap();
        drop(body);
        assert_eq!((ONE.available_permits(), &sent[..]), (0, &[1, 2, 3][..]));
        drop(sent);
        assert_eq!(ONE.available_permits(), 1);
        // One that waits is let in when another is sent.
        let first = held(Vec::new(), place(&ONE).await.unwrap());
        let (second, ()) = tokio::join!(place(&ONE), async { drop(first) });
        assert!(second.is_ok());
    }

    #[test]
    fn queries_are_read_and_wrong_values_are_named() {
        let query = read(&[
            ("status", "failed"),
            ("error", "poison"),
            ("recipe", ""),
            ("limit", "7"),
            ("other", "x"),
        ]);
        let wanted = DeadTileQuery {
            status: Some(JobStatus::Failed),
            error: Some("poison".into()),
            limit: Some(7),
            ..DeadTileQuery::default()
        };
        assert_eq!(query.unwrap(), wanted);
        assert!(
            read(&[("limit", "-1")])
                .unwrap_err()
                .detail
                .contains("limit is '-1'")
        );
        assert_eq!(read(&[("status", "lost")]).unwrap_err().status, 422);
        let long = read(&[("search", &"ä".repeat(300))]).unwrap();
        assert_eq!(long.search.unwrap().chars().count(), MAX_TEXT);
    }
}
