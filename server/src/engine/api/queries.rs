//! What clients ask the engine: jobs, tiles, pictures, results, workers, health.

use std::collections::HashSet;

use azulejo_protocol::{
    ApiError, Costs, Health, Job, JobId, JobQuery, JobStatus, Progress, TileInfo, Timestamp, WorkerInfo,
};
use bytes::Bytes;

use super::views::{self, Detail};
use super::work::{blocking, unavailable};
use crate::engine::Engine;
use crate::engine::files::job::{JobFolder, JobSpec};
use crate::engine::files::{check, kind, mosaic};
use crate::engine::settings::{Mosaic, ResultFile};
use crate::engine::store::{Store, jobs, tiles};

impl Engine {
    /// Jobs, newest first, without steps and workers; those under way with the states of their tiles.
    ///
    /// # Errors
    /// 503 when the database does not answer.
    pub async fn jobs(&self, query: JobQuery) -> Result<Vec<Job>, ApiError> {
        let revisions = self.revisions.clone();
        let live: HashSet<JobId> = self.driver.core().jobs().map(|(id, _)| *id).collect();
        let found = self
            .store()
            .scan(move |db| {
                let revision = revisions.draw();
                let rows = jobs::list(db, &query)?;
                rows.into_iter()
                    .map(|row| {
                        let under_way = row.status == JobStatus::Processing && live.contains(&row.id);
                        let stored = if under_way {
                            None
                        } else {
                            Some(views::stored(db, &row, Detail::Summary, revision)?)
                        };
                        Ok((row.id, stored, views::bare(&row, revision)))
                    })
                    .collect::<rusqlite::Result<Vec<_>>>()
            })
            .await
            .map_err(|error| unavailable(&error))?;
        let mut list = Vec::with_capacity(found.len());
        let mut late = Vec::new();
        for (id, stored, bare) in found {
            match stored.or_else(|| self.live(id, Detail::Summary)) {
                Some(job) => list.push(job),
                // It ended between the two looks.
                None => {
                    late.push(list.len());
                    list.push(bare);
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
        for job in &mut list {
            job.expires_at = self.config.retention.expires_at(job.status, job.completed_at);
        }
        Ok(list)
    }

    /// Who a job belongs to; `None` where authentication was off when it was submitted.
    ///
    /// # Errors
    /// 404 when there is no such job.
    pub async fn owner(&self, id: JobId) -> Result<Option<String>, ApiError> {
        self.store()
            .read(move |db| jobs::owner(db, id))
            .await
            .map_err(|error| unavailable(&error))?
            .ok_or_else(|| views::no_such_job(id))
    }

    /// One job, whole.
    ///
    /// # Errors
    /// 404 when there is none.
    pub async fn job(&self, id: JobId) -> Result<Job, ApiError> {
        let revisions = self.revisions.clone();
        let mut job = match self.live(id, Detail::Whole) {
            Some(job) => job,
            None => self
                .store()
                .scan(move |db| {
                    let revision = revisions.draw();
                    let row = jobs::get(db, id)?;
                    row.map(|row| views::stored(db, &row, Detail::Whole, revision))
                        .transpose()
                })
                .await
                .map_err(|error| unavailable(&error))?
                .ok_or_else(|| views::no_such_job(id))?,
        };
        job.expires_at = self.config.retention.expires_at(job.status, job.completed_at);
        let core = self.driver.core();
        for share in &mut job.workers {
            share.pattern = core.workers().pattern(&share.worker_id);
        }
        Ok(job)
    }

    fn store(&self) -> &Store {
        &self.driver.drivers().store
    }

    /// A job that is under way and whose tiles are known.
    fn live(&self, id: JobId, detail: Detail) -> Option<Job> {
        let run = self.driver.drivers().files.run(id)?;
        let core = self.driver.core();
        let job = core.job(id).filter(|job| job.is_known())?;
        let revision = self.revisions.draw();
        Some(views::live(&run, job, detail, self.driver.now(), revision))
    }

    /// A job's status and its tiles by state, without looking at each tile.
    ///
    /// # Errors
    /// 404 when there is no such job.
    pub async fn progress(&self, id: JobId) -> Result<(JobStatus, Progress), ApiError> {
        let run = self.driver.drivers().files.run(id);
        if let Some(run) = run
            && let Some(job) = self.driver.core().job(id).filter(|job| job.is_known())
        {
            return Ok((JobStatus::Processing, views::live_progress(&run.spec.row, job)));
        }
        self.store()
            .read(move |db| {
                let row = jobs::get(db, id)?;
                row.map(|row| Ok((row.status, views::progress(db, &row)?)))
                    .transpose()
            })
            .await
            .map_err(|error| unavailable(&error))?
            .ok_or_else(|| views::no_such_job(id))
    }

    /// One tile of a job.
    ///
    /// # Errors
    /// 404 when there is no such job or tile.
    pub async fn tile(&self, id: JobId, tile: u32) -> Result<TileInfo, ApiError> {
        let live = self
            .driver
            .core()
            .job(id)
            .filter(|job| job.is_known() && job.plan.measure.is_none())
            .and_then(|job| Some((job.tiles.phase(tile)?, job.tiles.attempt(tile))));
        let (row, stored) = self
            .store()
            .read(move |db| Ok((jobs::get(db, id)?, tiles::get(db, id, tile)?)))
            .await
            .map_err(|error| unavailable(&error))?;
        let row = row.ok_or_else(|| views::no_such_job(id))?;
        // What is known is of tiles that are measured, as long as some are.
        let stored = stored.filter(|_| row.to_measure == 0);
        let found = views::tile(&row, tile, live, stored).map(|found| TileInfo {
            pattern: found
                .worker_id
                .as_deref()
                .and_then(|id| self.driver.core().workers().pattern(id)),
            ..found
        });
        found.ok_or_else(|| {
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
        let kind = kind::of_row(&row.encoding)
            .map_err(|reason| ApiError::conflict("job_not_usable", reason))?
            .kind();
        let path = JobFolder::new(&self.jobs_dir, id).result(kind.extension());
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
        let kind = kind::of_row(&row.kind)
            .map_err(|reason| ApiError::conflict("job_not_usable", reason))?
            .kind();
        let path = JobFolder::new(&self.jobs_dir, id).original();
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

    /// A job's picture as far as it is done. For whoever asks for version `asked`, a picture that was made for somebody else is
    /// good enough when it is that version or a newer one: watchers are told of the same versions, so each is made once.
    ///
    /// # Errors
    /// 404 when there is no such job.
    pub async fn mosaic(&self, id: JobId, asked: Option<u64>) -> Result<Mosaic, ApiError> {
        let version = self.driver.core().job(id).map(|job| job.mosaic_version);
        if let (Some(run), Some(version)) = (self.driver.drivers().files.run(id), version) {
            // A version that there is not yet is no better than the current one.
            let wanted = asked.unwrap_or(version).min(version);
            let picture = blocking(move || run.picture(wanted, version)).await?;
            let (version, png) = picture.map_err(|error| unpaintable(&error))?;
            return Ok(Mosaic { version, png });
        }
        let row = self.row(id).await?;
        let version = row.mosaic_version;
        let path = JobFolder::new(&self.jobs_dir, id).mosaic();
        if let Ok(bytes) = tokio::fs::read(&path).await {
            return Ok(Mosaic {
                version,
                png: Bytes::from(bytes),
            });
        }
        let spec = JobSpec::from_row(row, &self.jobs_dir)
            .map_err(|reason| ApiError::conflict("job_not_usable", reason))?;
        let rows = self
            .store()
            .scan(move |db| tiles::of_job(db, id))
            .await
            .map_err(|error| unavailable(&error))?;
        let png = blocking(move || match check::mosaic_of(&spec, &rows) {
            Some(canvas) => canvas.png(),
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
        let workers = self
            .driver
            .core()
            .workers()
            .list(self.driver.now(), Timestamp::now_utc());
        views::standing_by(workers, &self.line.seen())
    }

    /// What work costs, as far as it was measured.
    pub fn costs(&self) -> Costs {
        self.driver.core().costs()
    }

    /// State of the installation and its limits.
    pub fn health(&self) -> Health {
        views::health(self)
    }

    /// Whether nobody holds the core at this moment. It is held for moments only: one that is never free is stuck.
    pub fn is_free(&self) -> bool {
        self.driver.is_free()
    }
}

fn unpaintable(error: &png::EncodingError) -> ApiError {
    ApiError::new(503, "unavailable", format!("the picture cannot be made: {error}"))
}
