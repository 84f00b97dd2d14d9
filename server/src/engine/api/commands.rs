//! What clients tell the engine to do: submit, cancel, retry, delete.
//!
//! Commands about the same job take turns, so that a retry that still checks files cannot be overtaken by a cancellation.

use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Duration;

use azulejo_engine::{Accepted, Event};
use azulejo_protocol::health::DiskInfo;
use azulejo_protocol::{ApiError, Job, JobId, JobStatus, Timestamp};
use rusqlite::Connection;
use tokio::sync::MutexGuard;

use super::work::{blocking, detached, unavailable};
use super::{cache, views};
use crate::engine::Engine;
use crate::engine::files::disk;
use crate::engine::files::job::{JobFolder, JobSpec, remove_if_there};
use crate::engine::files::sweep;
use crate::engine::quotas::Excess;
use crate::engine::settings::{Change, Upload};
use crate::engine::store::StoreError;
use crate::engine::store::jobs::{self, JobRow};
use crate::engine::store::{cache as stored_cache, idempotency, retention, tiles, usage};

/// How often it is looked whether an earlier run has left.
const LOOK: Duration = Duration::from_millis(20);

impl Engine {
    /// Makes a job of an upload: when this returns, the job is in the database, the file in its folder, and the work begins.
    /// The file is moved only when that succeeds.
    ///
    /// # Errors
    /// 422 when the recipe does not parse or does not suit the image, 429 when its owner's quota is used up, 507 when the disk has no room for it.
    pub async fn submit(&self, upload: Upload, recipe: &str) -> Result<Job, ApiError> {
        let (engine, recipe) = (self.clone(), recipe.to_owned());
        detached(async move { engine.submit_now(upload, &recipe).await }).await
    }

    async fn submit_now(&self, upload: Upload, recipe: &str) -> Result<Job, ApiError> {
        let now = Timestamp::now_utc();
        let config = &self.config;
        let (recipe, limits, jobs_dir) = (recipe.to_owned(), self.limits(), self.jobs_dir.clone());
        // It reads the profile of the file where colours are to be converted.
        let plan = move || {
            let spec = JobSpec::plan(&upload, &recipe, &limits, &jobs_dir, now);
            (upload, spec)
        };
        let (upload, spec) = blocking(plan).await?;
        let spec = spec?;
        let promised = views::promised(&self.driver.core());
        let needed = DiskInfo::needed_bytes(spec.source_bytes(), spec.result_bytes());
        let content = self.content_of(&upload).await?;
        let earlier = self.earlier(&spec, &upload, content).await?;
        let (from, data_dir, jobs_dir) = (
            upload.path.clone(),
            config.data_dir.clone(),
            self.jobs_dir.clone(),
        );
        let spec = blocking(move || {
            let check_room = || disk::check_room(&data_dir, "the job", needed, promised);
            // What is there already needs no room.
            if earlier.is_empty() {
                check_room()?;
            }
            adopt(&from, spec.folder.path(), &spec.folder.original())?;
            let spec = cache::take(spec, &earlier, &jobs_dir);
            if !earlier.is_empty()
                && spec.row.cached_from.is_none()
                && let Err(error) = check_room()
            {
                give_back(&spec.folder, &from);
                return Err(error);
            }
            Ok(spec)
        })
        .await??;
        let (id, row, once) = (spec.id(), spec.row.clone(), upload.once.clone());
        let store = &self.driver.drivers().store;
        let (quotas, promises, is_counted) = (config.quotas, self.promises.clone(), upload.is_counted);
        let stored = store.write_durably(move |db| {
            if let Some(owner) = &row.owner {
                // Here, where one write follows the other, two at the same time cannot both be the last.
                if let Some(excess) = usage::excess_of_jobs(db, owner, &quotas)? {
                    return Ok(Some(excess));
                }
                if !is_counted {
                    let bytes = row.input_bytes.saturating_add(promises.of(owner));
                    if let Some(excess) = usage::excess_of_bytes(db, owner, bytes, now, &quotas)? {
                        return Ok(Some(excess));
                    }
                    usage::note(db, owner, row.input_bytes, now)?;
                }
            }
            jobs::insert(db, &row)?;
            if let Some(content) = &content {
                stored_cache::note(db, row.id, content)?;
            }
            if row.cached_from.is_some() {
                stored_cache::complete(db, &row)?;
            }
            // Together, so that whoever sends the request again finds its job however this process ends.
            if let Some(once) = &once {
                idempotency::put(db, once, &row)?;
            }
            Ok(None)
        });
        let refused = match stored.await {
            Ok(excess) => excess.map(Excess::error),
            Err(error) => Some(unavailable(&error)),
        };
        if let Some(error) = refused {
            let (folder, back) = (spec.folder.clone(), upload.path);
            // The upload is given back: the client may try again with another recipe.
            drop(blocking(move || give_back(&folder, &back)).await);
            return Err(error);
        }
        tracing::info!(job = %id, file = spec.row.filename, size = %spec.row.input_size, recipe = spec.row.recipe,
            tiles = spec.row.total_tiles, "a job is accepted");
        match spec.row.cached_from {
            Some(earlier) => {
                tracing::info!(job = %id, %earlier, "it has the result of an earlier job");
                self.driver.drivers().events.mark(Change::Job(id));
            }
            None => self.take_up(spec, false),
        }
        self.job(id).await
    }

    /// Tells the core of a job that is stored.
    fn take_up(&self, spec: JobSpec, again: bool) {
        let run = self.driver.drivers().files.open(spec);
        self.driver.tell(Event::Accepted(Box::new(Accepted {
            plan: run.plan(),
            run: run.id,
            decoded: false,
            check: again,
            resume: again,
        })));
    }

    /// Ends a job that is under way.
    ///
    /// # Errors
    /// 404 when there is none, 409 when it has ended.
    pub async fn cancel(&self, id: JobId) -> Result<Job, ApiError> {
        let engine = self.clone();
        detached(async move { engine.cancel_now(id).await }).await
    }

    async fn cancel_now(&self, id: JobId) -> Result<Job, ApiError> {
        let _turn = self.turn(id).await;
        let ticket = self.tickets.fetch_add(1, Ordering::Relaxed);
        let reply = self.driver.reply(ticket);
        self.driver.tell(Event::Cancel { job: id, ticket });
        if !reply.await.unwrap_or(false) {
            let row = self.row(id).await?;
            return Err(already(row.status, "it cannot be cancelled"));
        }
        tracing::info!(job = %id, "a job is cancelled");
        self.job(id).await
    }

    /// Starts a failed or cancelled job again. Tiles that are done stay done, dead ones get all their tries anew.
    ///
    /// # Errors
    /// 404 when there is none, 409 when it is under way or completed, 410 when its file is gone, 507 when the disk is full.
    pub async fn retry(&self, id: JobId) -> Result<Job, ApiError> {
        let engine = self.clone();
        detached(async move { engine.retry_now(id).await }).await
    }

    async fn retry_now(&self, id: JobId) -> Result<Job, ApiError> {
        let _turn = self.turn(id).await;
        let job = self.revive(id, move |db| tiles::forget_failures(db, id)).await?;
        tracing::info!(job = %id, "a job is retried");
        Ok(job)
    }

    /// Starts a failed or cancelled job again, of whose tiles `forget` forgets what is to be tried anew. The turn must be held.
    ///
    /// # Errors
    /// Those of [`Engine::retry`].
    pub(super) async fn revive(
        &self,
        id: JobId,
        forget: impl FnOnce(&Connection) -> rusqlite::Result<()> + Send + 'static,
    ) -> Result<Job, ApiError> {
        let row = self.row(id).await?;
        if !matches!(row.status, JobStatus::Failed | JobStatus::Cancelled) {
            return Err(already(
                row.status,
                "only a failed or cancelled one can be retried",
            ));
        }
        let spec = JobSpec::from_row(
            JobRow {
                decoded: false,
                ..row
            },
            &self.jobs_dir,
        )
        .map_err(|reason| ApiError::conflict("job_not_usable", reason))?;
        let promised = views::promised(&self.driver.core());
        let needed = DiskInfo::needed_bytes(spec.source_bytes(), spec.result_bytes());
        let (data_dir, original) = (self.config.data_dir.clone(), spec.folder.original());
        blocking(move || {
            if !original.is_file() {
                let detail = "the uploaded file is gone from the server's disk: submit the image again";
                return Err(ApiError::new(410, "upload_gone", detail));
            }
            disk::check_room(&data_dir, "the job", needed, promised)
        })
        .await??;
        // Its end is stored, and the core may not have been told yet.
        while self.driver.core().job(id).is_some() {
            tokio::time::sleep(LOOK).await;
        }
        let (owner, quotas) = (spec.row.owner.clone(), self.config.quotas);
        let revived = self
            .driver
            .drivers()
            .store
            .write_durably(move |db| {
                if let Some(owner) = &owner
                    && let Some(excess) = usage::excess_of_jobs(db, owner, &quotas)?
                {
                    return Ok(Err(excess));
                }
                forget(db)?;
                let row = jobs::revive(db, id)?.then(|| jobs::get(db, id)).transpose()?;
                Ok(Ok(row.flatten()))
            })
            .await
            .map_err(|error| unavailable(&error))?
            .map_err(Excess::error)?;
        let Some(row) = revived else {
            let status = self.row(id).await?.status;
            return Err(already(status, "only a failed or cancelled one can be retried"));
        };
        // Should the process die here, the next start takes it up.
        self.take_up(JobSpec { row, ..spec }, true);
        self.job(id).await
    }

    /// Forgets a job that has ended and deletes its files.
    ///
    /// # Errors
    /// 404 when there is none, 409 while it is under way.
    pub async fn delete(&self, id: JobId) -> Result<(), ApiError> {
        let engine = self.clone();
        detached(async move { engine.delete_now(id, None).await }).await
    }

    /// As [`Engine::delete`], of a job whose last end was at `ended`: one that was retried since stays.
    ///
    /// # Errors
    /// 404 when there is none, 409 while it is under way and when it ended at another time.
    pub(in crate::engine) async fn delete_ended(&self, id: JobId, ended: Timestamp) -> Result<(), ApiError> {
        let engine = self.clone();
        detached(async move { engine.delete_now(id, Some(ended)).await }).await
    }

    async fn delete_now(&self, id: JobId, ended: Option<Timestamp>) -> Result<(), ApiError> {
        let _turn = self.turn(id).await;
        let row = self.row(id).await?;
        if !row.status.is_final() {
            return Err(already(row.status, "cancel it before it can be deleted"));
        }
        if ended.is_some() && row.ended_at != ended {
            return Err(already(row.status, "it was retried, and ended anew"));
        }
        // The files first: on a full disk they make the room that forgetting the row needs. A row without files is deleted
        // by the same command again, and files without a row would look like those of a database that lacks them.
        let (data_dir, folder) = (self.config.data_dir.clone(), JobFolder::new(&self.jobs_dir, id));
        blocking(move || {
            if let Err(error) = sweep::throw_away(&data_dir, &folder) {
                tracing::warn!(job = %id, %error, "cannot move a job's files to the trash");
                sweep::delete(folder.path());
            }
            sweep::empty_trash(&data_dir);
        })
        .await?;
        let deleted = self.write_for_room(move |db| jobs::delete(db, id)).await;
        if !deleted.map_err(|error| unavailable(&error))? {
            let row = self.row(id).await?;
            return Err(already(row.status, "cancel it before it can be deleted"));
        }
        tracing::info!(job = %id, "a job is deleted");
        let owner = row.owner.as_deref().map(Into::into);
        self.driver.drivers().events.mark(Change::JobGone(id, owner));
        Ok(())
    }

    /// Deletes the uploaded file of a job whose last end was at `ended`, and keeps the job.
    ///
    /// # Errors
    /// 404 when there is none, 409 while it is under way and when it ended at another time, 503 or 507 when the file cannot be
    /// deleted or that cannot be noted.
    pub(in crate::engine) async fn drop_original(&self, id: JobId, ended: Timestamp) -> Result<(), ApiError> {
        let engine = self.clone();
        detached(async move { engine.drop_original_now(id, ended).await }).await
    }

    async fn drop_original_now(&self, id: JobId, ended: Timestamp) -> Result<(), ApiError> {
        let _turn = self.turn(id).await;
        let row = self.row(id).await?;
        if !row.status.is_final() || row.ended_at != Some(ended) {
            return Err(already(row.status, "it was retried"));
        }
        // The file first: it makes the room that the note may need, and without the note it is only looked for again.
        let original = JobFolder::new(&self.jobs_dir, id).original();
        blocking(move || remove_if_there(&original)).await?;
        let noted = self
            .write_for_room(move |db| retention::original_gone(db, id))
            .await;
        noted.map_err(|error| unavailable(&error))?;
        // It cannot be run again, which its page says.
        self.driver.drivers().events.mark(Change::Job(id));
        Ok(())
    }

    /// Writes what follows from making room. Where even that met a full disk the database has some now: its ballast is gone.
    async fn write_for_room<T: Send + 'static>(
        &self,
        work: impl Fn(&rusqlite::Connection) -> rusqlite::Result<T> + Clone + Send + 'static,
    ) -> Result<T, StoreError> {
        let store = &self.driver.drivers().store;
        match store.write(work.clone()).await {
            Err(error) if error.is_disk_full() => store.write(work).await,
            other => other,
        }
    }

    /// Waits for other commands about the same job.
    pub(super) async fn turn(&self, id: JobId) -> MutexGuard<'_, ()> {
        let lock = (id.0.as_u128() % self.commands.len() as u128) as usize;
        self.commands[lock].lock().await
    }

    /// The stored row of a job.
    pub(super) async fn row(&self, id: JobId) -> Result<JobRow, ApiError> {
        let row = self
            .driver
            .drivers()
            .store
            .read(move |db| jobs::get(db, id))
            .await;
        row.map_err(|error| unavailable(&error))?
            .ok_or_else(|| views::no_such_job(id))
    }
}

/// Makes the job's folder and moves the upload into it.
fn adopt(from: &Path, folder: &Path, to: &Path) -> Result<(), ApiError> {
    let moved = std::fs::create_dir_all(folder).and_then(|()| std::fs::rename(from, to));
    moved.map_err(|error| {
        drop(std::fs::remove_dir_all(folder));
        match error.kind() {
            std::io::ErrorKind::NotFound => ApiError::not_found(
                "upload_not_found",
                "there is no such upload any more: send the file again",
            ),
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
                ApiError::new(507, "disk_full", disk::explain("accepting the job", &error))
            }
            _ => ApiError::new(
                503,
                "unavailable",
                format!("the server cannot keep the file: {error}"),
            ),
        }
    })
}

/// Gives the upload of a job that does not come about back to `place`, and deletes the job's folder.
fn give_back(folder: &JobFolder, place: &Path) {
    drop(std::fs::rename(folder.original(), place));
    drop(std::fs::remove_dir_all(folder.path()));
}

fn already(status: JobStatus, remedy: &str) -> ApiError {
    ApiError::conflict("wrong_state", format!("the job is {status}: {remedy}"))
}
