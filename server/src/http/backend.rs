//! What the pages see of the server: [`Backend`] over the engine and intake.

use async_trait::async_trait;
use azulejo_app::backend::Backend;
use azulejo_imaging::Encoding;
use azulejo_protocol::{ApiError, Costs, Health, Job, JobId, JobQuery, TileInfo, WorkerInfo};
use uuid::Uuid;

use super::check_format::check_format;
use super::check_recipe::check_recipe;
use crate::engine::{Engine, Upload};
use crate::intake::{Intake, Received};

/// The engine and intake, together.
#[derive(Clone)]
pub struct ServerBackend {
    engine: Engine,
    intake: Intake,
}

impl ServerBackend {
    /// A backend over `engine` that finds uploads in `intake`.
    pub fn new(engine: Engine, intake: Intake) -> Self {
        Self { engine, intake }
    }

    /// Starts a job on a received file. It is started, or refused, as a whole even when the client goes away meanwhile.
    ///
    /// # Errors
    /// Those of the engine; the file is deleted then.
    pub async fn submit(
        &self,
        received: Received,
        recipe: String,
        encoding: Option<Encoding>,
    ) -> Result<Job, ApiError> {
        let engine = self.engine.clone();
        in_full(async move { start(&engine, &received, &recipe, encoding, None).await }).await
    }
}

/// Starts a job on a received file, with the id `job` where it was chosen before. The file is where it was when that fails.
///
/// # Errors
/// Those of the engine.
pub async fn start(
    engine: &Engine,
    received: &Received,
    recipe: &str,
    encoding: Option<Encoding>,
    job: Option<JobId>,
) -> Result<Job, ApiError> {
    let upload = Upload {
        id: received.id,
        path: received.file.path().to_owned(),
        filename: received.filename.clone(),
        bytes: received.bytes,
        info: received.info.clone(),
        started_at: received.started_at,
        encoding,
        job,
    };
    engine.submit(upload, recipe).await
}

/// Runs `work` to its end even when the caller is dropped.
///
/// # Errors
/// Those of `work`; 500 when it panics.
pub async fn in_full<T: Send + 'static>(
    work: impl Future<Output = Result<T, ApiError>> + Send + 'static,
) -> Result<T, ApiError> {
    match tokio::spawn(work).await {
        Ok(result) => result,
        Err(error) => {
            tracing::error!(%error, "a request ended unexpectedly");
            Err(ApiError::new(
                500,
                "internal",
                "the server failed at this; its log says more",
            ))
        }
    }
}

#[async_trait]
impl Backend for ServerBackend {
    async fn process(&self, upload: Uuid, recipe: &str, format: Option<&str>) -> Result<Job, ApiError> {
        check_recipe(recipe)?;
        let encoding = check_format(format.unwrap_or_default())?;
        let (engine, intake, recipe) = (self.engine.clone(), self.intake.clone(), recipe.to_owned());
        in_full(async move {
            let received = intake.take(upload).await?;
            let result = start(&engine, &received, &recipe, encoding, None).await;
            if result.is_err() && received.file.path().exists() {
                // The file is good: it waits for another recipe, or for the broker.
                intake.keep(received)?;
            }
            result
        })
        .await
    }

    async fn again(&self, id: JobId, recipe: &str, format: Option<&str>) -> Result<Job, ApiError> {
        check_recipe(recipe)?;
        let encoding = check_format(format.unwrap_or_default())?;
        let original = self.engine.original_file(id).await?;
        let (engine, intake, recipe) = (self.engine.clone(), self.intake.clone(), recipe.to_owned());
        in_full(async move {
            let received = intake.borrow(&original.path, &original.filename).await?;
            start(&engine, &received, &recipe, encoding, None).await
        })
        .await
    }

    async fn jobs(&self, query: JobQuery) -> Result<Vec<Job>, ApiError> {
        self.engine.jobs(query).await
    }

    async fn job(&self, id: JobId) -> Result<Job, ApiError> {
        self.engine.job(id).await
    }

    async fn tile(&self, id: JobId, tile: u32) -> Result<TileInfo, ApiError> {
        self.engine.tile(id, tile).await
    }

    async fn cancel(&self, id: JobId) -> Result<Job, ApiError> {
        let engine = self.engine.clone();
        in_full(async move { engine.cancel(id).await }).await
    }

    async fn retry(&self, id: JobId) -> Result<Job, ApiError> {
        let engine = self.engine.clone();
        in_full(async move { engine.retry(id).await }).await
    }

    async fn delete(&self, id: JobId) -> Result<(), ApiError> {
        let engine = self.engine.clone();
        in_full(async move { engine.delete(id).await }).await
    }

    async fn workers(&self) -> Result<Vec<WorkerInfo>, ApiError> {
        Ok(self.engine.workers())
    }

    async fn costs(&self) -> Result<Costs, ApiError> {
        Ok(self.engine.costs())
    }

    async fn health(&self) -> Result<Health, ApiError> {
        Ok(self.engine.health())
    }
}
