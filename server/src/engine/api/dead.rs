//! Tiles that were given up: which there are, all their attempts anew, and what a worker got of one.

use azulejo_protocol::dead::{DeadTile, DeadTileQuery, NotReplayed, Replayed};
use azulejo_protocol::{ApiError, Job, JobId, TileReport, TileState};
use tokio::sync::Semaphore;

use super::views;
use super::work::{blocking, detached, unavailable};
use crate::engine::Engine;
use crate::engine::files::job::JobSpec;
use crate::engine::files::{kind, region};
use crate::engine::store::{dead, jobs, tiles};

/// Most jobs whose dead tiles are replayed by one command.
const MAX_JOBS: u32 = 100;

/// Reports that are made at the same time: each decodes an image as far as its tile.
static DECODING: Semaphore = Semaphore::const_new(2);

impl Engine {
    /// Tiles that were given up, those of the job that ended last first.
    ///
    /// # Errors
    /// 503 when the database does not answer.
    pub async fn dead_tiles(&self, query: DeadTileQuery) -> Result<Vec<DeadTile>, ApiError> {
        let store = &self.driver.drivers().store;
        let found = store.scan(move |db| dead::list(db, &query)).await;
        found.map_err(|error| unavailable(&error))
    }

    /// Gives dead tiles of a job all their attempts anew, `tile` or all of them, and lets the job go on. Tiles that are done stay
    /// done, and those that failed without being given up have what is left of their attempts.
    ///
    /// # Errors
    /// 404 when there is no such job or tile; 409 when the job is under way or completed, when the tile is not dead, and when it is
    /// not the only one, because the job cannot go on with the others; 410 when the job's file is gone, 507 when the disk is full.
    pub async fn replay(&self, id: JobId, tile: Option<u32>) -> Result<Job, ApiError> {
        let engine = self.clone();
        detached(async move { engine.replay_now(id, tile).await }).await
    }

    async fn replay_now(&self, id: JobId, tile: Option<u32>) -> Result<Job, ApiError> {
        let _turn = self.turn(id).await;
        // Whether there is such a job, and such a tile.
        match tile {
            // While something is measured, the tiles are not those of the result.
            Some(tile) if self.row(id).await?.to_measure == 0 => drop(self.tile(id, tile).await?),
            _ => drop(self.row(id).await?),
        }
        let store = &self.driver.drivers().store;
        let dead = store.read(move |db| dead::of_job(db, id)).await;
        let mut dead = dead.map_err(|error| unavailable(&error))?;
        if let Some(tile) = tile {
            only(tile, &dead)?;
        }
        if dead.is_empty() {
            let detail = "the job has no dead tile: a failed or cancelled job is retried as a whole (POST /job/ID/retry)";
            return Err(ApiError::conflict("no_dead_tiles", detail));
        }
        dead.sort_unstable();
        let count = dead.len();
        let job = self.revive(id, move |db| tiles::forget(db, id, &dead)).await?;
        tracing::info!(job = %id, tiles = count, "dead tiles are replayed");
        Ok(job)
    }

    /// Replays all dead tiles of the jobs that have ended with one that `query` means, of so many jobs at a time as the answer says.
    ///
    /// # Errors
    /// 503 when the database does not answer. What does not go on is part of the answer.
    pub async fn replay_all(&self, query: DeadTileQuery) -> Result<Replayed, ApiError> {
        let store = &self.driver.drivers().store;
        let found = store.scan(move |db| dead::jobs(db, &query, MAX_JOBS + 1)).await;
        let mut found = found.map_err(|error| unavailable(&error))?;
        let mut replayed = Replayed {
            more: found.len() > MAX_JOBS as usize,
            ..Replayed::default()
        };
        found.truncate(MAX_JOBS as usize);
        for id in found {
            match self.replay(id, None).await {
                Ok(_) => replayed.jobs.push(id),
                Err(error) => replayed.refused.push(NotReplayed {
                    job_id: id,
                    code: error.code,
                    detail: error.detail,
                }),
            }
        }
        Ok(replayed)
    }

    /// A tile in whatever state as a report: the task as it was sent last, with the pixels that a worker gets, which are decoded from
    /// the uploaded file again.
    ///
    /// # Errors
    /// 404 when there is no such job or tile, 409 when this version does not know the job's recipe, 410 when the file is gone or
    /// does not have those pixels any more.
    pub async fn tile_report(&self, id: JobId, tile: u32) -> Result<TileReport, ApiError> {
        let store = &self.driver.drivers().store;
        let found = store
            .read(move |db| Ok((jobs::get(db, id)?, tiles::get(db, id, tile)?)))
            .await;
        let (row, stored) = found.map_err(|error| unavailable(&error))?;
        let row = row.ok_or_else(|| views::no_such_job(id))?;
        let unusable = |reason| ApiError::conflict("job_not_usable", reason);
        let spec = JobSpec::from_row(row, &self.jobs_dir).map_err(unusable)?;
        let (state, attempts, worker, error) = if spec.measuring.is_none() {
            let info = self.tile(id, tile).await?;
            (info.state, info.attempt, info.worker_id, info.error)
        } else if tile < spec.tiles().len() {
            // No tile of the result, so there is no more to tell of it than what is stored.
            stored.map_or((TileState::Queued, 0, None, None), |row| {
                (row.state, row.attempt, row.worker, row.error)
            })
        } else {
            let detail = format!("there is no tile {tile}: {} are measured", spec.tiles().len());
            return Err(ApiError::not_found("tile_not_found", detail));
        };
        let (part, output) = spec
            .tile_regions(tile)
            .ok_or_else(|| unusable("the recipe does not say what the tile needs".to_owned()))?;
        let task = spec.task(tile, attempts.max(1), part, output);
        let limits = kind::limits(&self.config.limits);
        let place = DECODING.acquire().await.map_err(|_| gone("the server stops"))?;
        let pixels = blocking(move || {
            let pixels = region::decode(&spec, part, &limits);
            drop(place);
            pixels
        })
        .await?;
        Ok(TileReport {
            task,
            pixels: pixels.map_err(|error| gone(&error.to_string()))?,
            state,
            attempts,
            worker,
            error,
            version: env!("CARGO_PKG_VERSION").to_owned(),
        })
    }
}

/// Whether `tile` is the only one of `dead`.
fn only(tile: u32, dead: &[u32]) -> Result<(), ApiError> {
    if !dead.contains(&tile) {
        let detail = format!("tile {tile} is not dead: only one that was given up can be replayed");
        return Err(ApiError::conflict("tile_not_dead", detail));
    }
    let others: Vec<String> = dead
        .iter()
        .filter(|other| **other != tile)
        .take(10)
        .map(u32::to_string)
        .collect();
    if others.is_empty() {
        return Ok(());
    }
    let detail = format!(
        "tile {tile} is not the only dead one of its job, which cannot go on without {}: replay all of the job's \
         (POST /job/ID/replay)",
        others.join(", ")
    );
    Err(ApiError::conflict("other_dead_tiles", detail))
}

fn gone(reason: &str) -> ApiError {
    let detail = format!("the pixels of the tile cannot be had from the uploaded file: {reason}");
    ApiError::new(410, "original_gone", detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_tile_is_replayed_alone_only_when_no_other_is_dead() {
        assert!(only(3, &[3]).is_ok());
        assert_eq!(only(2, &[3]).unwrap_err().code, "tile_not_dead");
        let error = only(3, &[1, 3, 5]).unwrap_err();
        assert_eq!((error.status, error.code.as_str()), (409, "other_dead_tiles"));
        assert!(error.detail.contains("without 1, 5:"), "{}", error.detail);
    }
}
