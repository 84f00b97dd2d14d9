//! What the pages see of the server: [`Backend`] over the engine and intake.

use std::convert::Infallible;

use async_trait::async_trait;
use axum::extract::FromRequestParts;
use axum::http::Extensions;
use axum::http::request::Parts;
use azulejo_app::backend::Backend;
use azulejo_imaging::Encoding;
use azulejo_protocol::dead::{DeadTile, DeadTileQuery, Replayed};
use azulejo_protocol::{
    ApiError, Costs, Health, Job, JobId, JobQuery, JobStatus, Progress, TileInfo, TileReport, WorkerInfo,
};
use uuid::Uuid;

use super::access::Touched;
use super::check_format::check_format;
use super::check_recipe::check_recipe;
use super::in_full::in_full;
use super::live::snapshot::without_tasks;
use super::state::AppState;
use crate::access::{Caller, Role, Scope};
use crate::engine::api::views::no_such_job;
use crate::engine::reuse::Once;
use crate::engine::{Engine, Mosaic, ResultFile, Upload};
use crate::intake::resumable::Listed;
use crate::intake::{Intake, Received, no_such_upload};

/// The engine and intake, together, as one caller may use them. This is the one place that knows whose jobs are whose: what
/// reads or changes a job on behalf of a request goes through here. A job that may not be seen is one that there is not.
#[derive(Clone)]
pub struct ServerBackend {
    engine: Engine,
    intake: Intake,
    caller: Caller,
    touched: Touched,
}

impl ServerBackend {
    /// A backend over `engine` that finds uploads in `intake`, for `caller`.
    pub fn new(engine: Engine, intake: Intake, caller: Caller) -> Self {
        Self {
            engine,
            intake,
            caller,
            touched: Touched::default(),
        }
    }

    /// Who uses it.
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// Checks that the caller may see the job.
    ///
    /// # Errors
    /// 404 when there is none, or none that they may see.
    pub async fn check_seen(&self, id: JobId) -> Result<(), ApiError> {
        self.owner_of_seen(id).await.map(drop)
    }

    /// Checks that the caller may change the job.
    ///
    /// # Errors
    /// 404 as [`ServerBackend::check_seen`]; 403 when it belongs to somebody else.
    pub async fn check_own(&self, id: JobId) -> Result<(), ApiError> {
        let owner = self.owner_of_seen(id).await?;
        if self.caller.may_change(owner.as_deref()) {
            self.touched.note(id);
            return Ok(());
        }
        let detail = "the job belongs to somebody else: who submitted it, or an admin, can change it";
        Err(ApiError::new(403, "not_yours", detail))
    }

    async fn owner_of_seen(&self, id: JobId) -> Result<Option<String>, ApiError> {
        if self.caller.role == Role::Admin {
            // Whether there is one is said by whatever is asked of it.
            return Ok(None);
        }
        let owner = self.engine.owner(id).await?;
        if self.caller.sees(owner.as_deref()) {
            return Ok(owner);
        }
        Err(no_such_job(id))
    }

    /// Checks that the upload is the caller's.
    ///
    /// # Errors
    /// 404 when there is none, or it belongs to somebody else.
    pub fn check_upload(&self, id: Uuid) -> Result<(), ApiError> {
        match self.intake.owner(id) {
            Some(owner) if self.caller.may_change(owner.as_deref()) => Ok(()),
            _ => Err(no_such_upload(id)),
        }
    }

    /// Uploads that came in pieces, or are coming, and are no job yet, the oldest first: those that the caller may see.
    pub fn uploads(&self) -> Vec<Listed> {
        let mut uploads = self.intake.unfinished();
        uploads.retain(|upload| self.caller.sees(upload.owner.as_deref()));
        uploads
    }

    /// A job's status and its tiles by state.
    ///
    /// # Errors
    /// 404 when there is no such job.
    pub async fn progress(&self, id: JobId) -> Result<(JobStatus, Progress), ApiError> {
        self.check_seen(id).await?;
        self.engine.progress(id).await
    }

    /// The finished result of a job.
    ///
    /// # Errors
    /// 404 when there is no such job, 409 when it is not completed, 410 when the file is gone.
    pub async fn result_file(&self, id: JobId) -> Result<ResultFile, ApiError> {
        self.check_seen(id).await?;
        self.engine.result_file(id).await
    }

    /// The uploaded file of a job.
    ///
    /// # Errors
    /// 404 when there is no such job, 410 when the file is gone.
    pub async fn original_file(&self, id: JobId) -> Result<ResultFile, ApiError> {
        self.check_seen(id).await?;
        self.engine.original_file(id).await
    }

    /// A job's picture as far as it is done.
    ///
    /// # Errors
    /// 404 when there is no such job.
    pub async fn mosaic(&self, id: JobId, asked: Option<u64>) -> Result<Mosaic, ApiError> {
        self.check_seen(id).await?;
        self.engine.mosaic(id, asked).await
    }

    /// Starts a job on a received file. It is started, or refused, as a whole even when the client goes away meanwhile.
    ///
    /// # Errors
    /// Those of the engine; the file is deleted then.
    pub async fn submit(
        &self,
        mut received: Received,
        recipe: String,
        terms: Terms,
    ) -> Result<Job, ApiError> {
        received.owner = self.caller.owner().map(str::to_owned);
        let (engine, intake) = (self.engine.clone(), self.intake.clone());
        let job = in_full(async move { start(&engine, &intake, &received, &recipe, terms).await }).await;
        job.inspect(|job| self.touched.note(job.job_id))
    }

    /// Tiles that were given up.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn dead_tiles(&self, mut query: DeadTileQuery) -> Result<Vec<DeadTile>, ApiError> {
        query.owner = self.caller.scope().only().map(str::to_owned);
        let _turn = self.engine.list_turn(self.caller.owner()).await;
        self.engine.dead_tiles(query).await
    }

    /// Replays the dead tiles of all jobs that `query` means and the caller may change.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn replay_all(&self, mut query: DeadTileQuery) -> Result<Replayed, ApiError> {
        let own = match self.caller.role {
            Role::Admin => Scope::Everybody,
            _ => Scope::One(self.caller.owner().map(Into::into)),
        };
        query.owner = own.only().map(str::to_owned);
        let engine = self.engine.clone();
        let replayed = in_full(async move { engine.replay_all(query).await }).await;
        replayed.inspect(|replayed| replayed.jobs.iter().for_each(|job| self.touched.note(*job)))
    }

    /// What a worker got of a tile.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn tile_report(&self, id: JobId, tile: u32) -> Result<TileReport, ApiError> {
        self.check_seen(id).await?;
        self.engine.tile_report(id, tile).await
    }

    /// Starts a new job on the stored original of job `id`, which stays as it is, and on the same page unless `terms` name one.
    ///
    /// # Errors
    /// 404 when there is no such job, 410 when its original is gone; those of the engine.
    pub async fn run_again(&self, id: JobId, recipe: String, mut terms: Terms) -> Result<Job, ApiError> {
        let original = self.original_file(id).await?;
        if terms.page.is_none() {
            terms.page = self.engine.job(id).await?.page;
        }
        let (engine, intake) = (self.engine.clone(), self.intake.clone());
        let owner = self.caller.owner().map(str::to_owned);
        let job = in_full(async move {
            let mut received = intake.borrow(&original.path, &original.filename).await?;
            received.owner = owner;
            received.content = engine.content(id).await?;
            start(&engine, &intake, &received, &recipe, terms).await
        })
        .await;
        job.inspect(|job| self.touched.note(job.job_id))
    }
}

impl AppState {
    /// The engine and intake as the caller among the extensions of a request may use them. What it changes is noted there.
    pub fn backend_of(&self, extensions: &Extensions) -> ServerBackend {
        let backend = ServerBackend::new(self.engine.clone(), self.intake.clone(), Caller::of(extensions));
        ServerBackend {
            touched: extensions.get::<Touched>().cloned().unwrap_or_default(),
            ..backend
        }
    }
}

impl FromRequestParts<AppState> for ServerBackend {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Result<Self, Infallible> {
        Ok(app.backend_of(&parts.extensions))
    }
}

/// What is said of a job beside its image and its recipe.
#[derive(Debug, Default)]
pub struct Terms {
    /// How the result is to be written, where the client has a wish.
    pub encoding: Option<Encoding>,
    /// The page that it is on, from 1 on, where the client has a wish.
    pub page: Option<u32>,
    /// Its id, where that was chosen before.
    pub job: Option<JobId>,
    /// Whether it is to be rendered even where an earlier job has its result.
    pub fresh: bool,
    /// The request that it came with, where that is to start one job at most.
    pub once: Option<Once>,
}

/// Starts a job on a received file. The file is where it was when that fails.
///
/// # Errors
/// Those of the engine, and of the page that `terms` name.
pub async fn start(
    engine: &Engine,
    intake: &Intake,
    received: &Received,
    recipe: &str,
    terms: Terms,
) -> Result<Job, ApiError> {
    let info = match terms.page {
        Some(page) => intake.page(received, page).await?,
        None => received.info.clone(),
    };
    let upload = Upload {
        id: received.id,
        path: received.file.path().to_owned(),
        filename: received.filename.clone(),
        bytes: received.bytes,
        info,
        page: terms.page,
        started_at: received.started_at,
        encoding: terms.encoding,
        job: terms.job,
        owner: received.owner.clone(),
        is_counted: received.is_counted,
        content: received.content,
        fresh: terms.fresh,
        once: terms.once,
    };
    engine.submit(upload, recipe).await
}

#[async_trait]
impl Backend for ServerBackend {
    async fn process(
        &self,
        upload: Uuid,
        recipe: &str,
        format: Option<&str>,
        page: Option<u32>,
    ) -> Result<Job, ApiError> {
        check_recipe(recipe)?;
        let encoding = check_format(format.unwrap_or_default())?;
        self.check_upload(upload)?;
        let (engine, intake, recipe) = (self.engine.clone(), self.intake.clone(), recipe.to_owned());
        let job = in_full(async move {
            let received = intake.take(upload).await?;
            let terms = Terms {
                encoding,
                page,
                ..Terms::default()
            };
            let result = start(&engine, &intake, &received, &recipe, terms).await;
            if result.is_err() && received.file.path().exists() {
                // The file is good: it waits for another recipe, or for the broker.
                intake.keep(received)?;
            }
            result
        })
        .await;
        job.inspect(|job| self.touched.note(job.job_id))
    }

    async fn again(
        &self,
        id: JobId,
        recipe: &str,
        format: Option<&str>,
        page: Option<u32>,
    ) -> Result<Job, ApiError> {
        check_recipe(recipe)?;
        let encoding = check_format(format.unwrap_or_default())?;
        let terms = Terms {
            encoding,
            page,
            ..Terms::default()
        };
        self.run_again(id, recipe.to_owned(), terms).await
    }

    async fn jobs(&self, mut query: JobQuery) -> Result<Vec<Job>, ApiError> {
        if let Some(only) = self.caller.scope().only() {
            query.owner = Some(only.to_owned());
        }
        let _turn = self.engine.list_turn(self.caller.owner()).await;
        self.engine.jobs(query).await
    }

    async fn job(&self, id: JobId) -> Result<Job, ApiError> {
        self.check_seen(id).await?;
        self.engine.job(id).await
    }

    async fn tile(&self, id: JobId, tile: u32) -> Result<TileInfo, ApiError> {
        self.check_seen(id).await?;
        self.engine.tile(id, tile).await
    }

    async fn cancel(&self, id: JobId) -> Result<Job, ApiError> {
        self.check_own(id).await?;
        let engine = self.engine.clone();
        in_full(async move { engine.cancel(id).await }).await
    }

    async fn retry(&self, id: JobId) -> Result<Job, ApiError> {
        self.check_own(id).await?;
        let engine = self.engine.clone();
        in_full(async move { engine.retry(id).await }).await
    }

    async fn replay(&self, id: JobId, tile: Option<u32>) -> Result<Job, ApiError> {
        self.check_own(id).await?;
        self.engine.replay(id, tile).await
    }

    async fn replay_all(&self, query: DeadTileQuery) -> Result<Replayed, ApiError> {
        ServerBackend::replay_all(self, query).await
    }

    async fn delete(&self, id: JobId) -> Result<(), ApiError> {
        self.check_own(id).await?;
        let engine = self.engine.clone();
        in_full(async move { engine.delete(id).await }).await
    }

    async fn workers(&self) -> Result<Vec<WorkerInfo>, ApiError> {
        let workers = self.engine.workers();
        Ok(match self.caller.scope() {
            Scope::Everybody => workers,
            Scope::One(_) => without_tasks(&workers),
        })
    }

    async fn costs(&self) -> Result<Costs, ApiError> {
        Ok(self.engine.costs())
    }

    async fn health(&self) -> Result<Health, ApiError> {
        Ok(self.engine.health())
    }
}
