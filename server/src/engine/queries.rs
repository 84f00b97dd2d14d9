//! What clients ask the engine: jobs, tiles, pictures, results, workers, health.

use std::collections::HashSet;
use std::time::Instant;

use azulejo_protocol::{
    ApiError, Health, Job, JobId, JobQuery, JobStatus, Progress, TileInfo, Timestamp, WorkerInfo,
};
use bytes::Bytes;

use super::Engine;
use super::commands::{blocking, unavailable};
use super::job::{JobFolder, JobSpec};
use super::kind;
use super::mosaic;
use super::recovery;
use super::settings::{Mosaic, ResultFile};
use super::store::{jobs, tiles};
use super::views::{self, Detail};

impl Engine {
    /// Jobs, newest first, without steps and workers; those under way with the states of their tiles.
    ///
    /// # Errors
    /// 503 when the database does not answer.
    pub async fn jobs(&self, query: JobQuery) -> Result<Vec<Job>, ApiError> {
        let live: HashSet<JobId> = self.shared.core().jobs().map(|job| job.run.spec.id()).collect();
        let found = self
            .shared
            .store
            .read(move |db| {
                let rows = jobs::list(db, &query)?;
                rows.into_iter()
                    .map(|row| {
                        let under_way = row.status == JobStatus::Processing && live.contains(&row.id);
                        let stored = if under_way {
                            None
                        } else {
                            Some(views::stored(db, &row, Detail::Summary)?)
                        };
                        Ok((row.id, stored, row))
                    })
                    .collect::<rusqlite::Result<Vec<_>>>()
            })
            .await
            .map_err(|error| unavailable(&error))?;
        let mut list = Vec::with_capacity(found.len());
        let mut late = Vec::new();
        {
            let core = self.shared.core();
            let now = Instant::now();
            for (id, stored, row) in found {
                match (stored, core.job(id)) {
                    (Some(job), _) => list.push(job),
                    (None, Some(job)) => list.push(views::live(job, Detail::Summary, now)),
                    // It ended between the two looks.
                    (None, None) => {
                        late.push(list.len());
                        list.push(views::bare(&row));
                    }
                }
            }
        }
        for index in late {
            if let Ok(job) = self.job(list[index].job_id).await {
                list[index] = Job {
                    stages: Vec::new(),
                    workers: Vec::new(),
                    ..job
                };
            }
        }
        Ok(list)
    }

    /// One job, whole.
    ///
    /// # Errors
    /// 404 when there is none.
    pub async fn job(&self, id: JobId) -> Result<Job, ApiError> {
        if let Some(job) = self.shared.core().job(id) {
            return Ok(views::live(job, Detail::Whole, Instant::now()));
        }
        self.shared
            .store
            .read(move |db| {
                let row = jobs::get(db, id)?;
                row.map(|row| views::stored(db, &row, Detail::Whole)).transpose()
            })
            .await
            .map_err(|error| unavailable(&error))?
            .ok_or_else(|| views::no_such_job(id))
    }

    /// A job's tiles by state.
    ///
    /// # Errors
    /// 404 when there is no such job.
    pub async fn progress(&self, id: JobId) -> Result<Progress, ApiError> {
        if let Some(job) = self.shared.core().job(id) {
            return Ok(job.progress());
        }
        Ok(self.job(id).await?.progress)
    }

    /// One tile of a job.
    ///
    /// # Errors
    /// 404 when there is no such job or tile.
    pub async fn tile(&self, id: JobId, tile: u32) -> Result<TileInfo, ApiError> {
        let cell = self.shared.core().job(id).and_then(|job| job.cell(tile));
        let (row, stored) = self
            .shared
            .store
            .read(move |db| Ok((jobs::get(db, id)?, tiles::get(db, id, tile)?)))
            .await
            .map_err(|error| unavailable(&error))?;
        let row = row.ok_or_else(|| views::no_such_job(id))?;
        views::tile(&row, tile, cell, stored).ok_or_else(|| {
            let detail = format!(
                "the job has {} tiles, 0 to {}",
                row.total_tiles,
                row.total_tiles.saturating_sub(1)
            );
            ApiError::not_found("tile_not_found", format!("there is no tile {tile}: {detail}"))
        })
    }

    /// The finished result of a job.
    ///
    /// # Errors
    /// 404 when there is no such job, 409 when it is not completed, 410 when the file is gone.
    pub async fn result_file(&self, id: JobId) -> Result<ResultFile, ApiError> {
        let row = self.row(id).await?;
        if row.status != JobStatus::Completed {
            let detail = format!("the job is {}: there is no result to download", row.status);
            return Err(ApiError::conflict("job_not_completed", detail));
        }
        let kind =
            kind::of_name(&row.result_kind).map_err(|reason| ApiError::conflict("job_not_usable", reason))?;
        let path = JobFolder::new(&self.shared.jobs_dir, id).result(kind.extension());
        let bytes = tokio::fs::metadata(&path)
            .await
            .map_err(|error| {
                tracing::error!(job = %id, %error, "a result is gone");
                ApiError::new(
                    410,
                    "result_gone",
                    "the result is gone from the server's disk: submit the image again",
                )
            })?
            .len();
        Ok(ResultFile {
            path,
            filename: row.result_filename,
            mime: kind.mime(),
            bytes,
        })
    }

    /// The uploaded file of a job, as it came.
    ///
    /// # Errors
    /// 404 when there is no such job, 410 when the file is gone.
    pub async fn original_file(&self, id: JobId) -> Result<ResultFile, ApiError> {
        let row = self.row(id).await?;
        let kind = kind::of_name(&row.kind).map_err(|reason| ApiError::conflict("job_not_usable", reason))?;
        let path = JobFolder::new(&self.shared.jobs_dir, id).original();
        let bytes = tokio::fs::metadata(&path)
            .await
            .map_err(|_| {
                ApiError::new(
                    410,
                    "original_gone",
                    "the uploaded file is gone from the server's disk",
                )
            })?
            .len();
        Ok(ResultFile {
            path,
            filename: row.filename,
            mime: kind.mime(),
            bytes,
        })
    }

    /// A job's picture as far as it is done.
    ///
    /// # Errors
    /// 404 when there is no such job.
    pub async fn mosaic(&self, id: JobId) -> Result<Mosaic, ApiError> {
        let live = self
            .shared
            .core()
            .job(id)
            .map(|job| (job.run.clone(), job.mosaic_version));
        if let Some((run, version)) = live {
            let png = blocking(move || {
                let mut snapshot = {
                    let canvas = run.canvas();
                    let Some(canvas) = &*canvas else {
                        return mosaic::empty(run.spec.row.output_size, run.spec.row.output_format);
                    };
                    if let Some(png) = canvas.encoded() {
                        return Ok(png);
                    }
                    canvas.snapshot()
                };
                // The collector goes on drawing meanwhile.
                let png = snapshot.png()?;
                if let Some(canvas) = run.canvas().as_mut() {
                    canvas.remember(snapshot);
                }
                Ok(png)
            })
            .await?;
            return Ok(Mosaic {
                version,
                png: png.map_err(|error| unpaintable(&error))?,
            });
        }
        let row = self.row(id).await?;
        let version = row.mosaic_version;
        let path = JobFolder::new(&self.shared.jobs_dir, id).mosaic();
        if let Ok(bytes) = tokio::fs::read(&path).await {
            return Ok(Mosaic {
                version,
                png: Bytes::from(bytes),
            });
        }
        let spec = JobSpec::from_row(row, &self.shared.jobs_dir)
            .map_err(|reason| ApiError::conflict("job_not_usable", reason))?;
        let rows = self
            .shared
            .store
            .read(move |db| tiles::of_job(db, id))
            .await
            .map_err(|error| unavailable(&error))?;
        let png = blocking(move || match recovery::verify(&spec, &rows).0 {
            Some(mut canvas) => canvas.png(),
            None => mosaic::empty(spec.row.output_size, spec.row.output_format),
        })
        .await?;
        Ok(Mosaic {
            version,
            png: png.map_err(|error| unpaintable(&error))?,
        })
    }

    /// Workers known, live ones first.
    pub fn workers(&self) -> Vec<WorkerInfo> {
        self.shared
            .core()
            .workers
            .list(Instant::now(), Timestamp::now_utc())
    }

    /// State of the installation and its limits.
    pub fn health(&self) -> Health {
        views::health(&self.shared)
    }
}

fn unpaintable(error: &png::EncodingError) -> ApiError {
    ApiError::new(503, "unavailable", format!("the picture cannot be made: {error}"))
}
