//! What the pages need from the server. The server implements it and puts it into Leptos' context as
//! [`BackendRef`]; this crate knows nothing of Kafka, SQLite or files.

use std::sync::Arc;

use async_trait::async_trait;
use azulejo_protocol::dead::{DeadTileQuery, Replayed};
use azulejo_protocol::{ApiError, Costs, Health, Job, JobId, JobQuery, TileInfo, WorkerInfo};
use uuid::Uuid;

/// The server, as the pages see it.
#[async_trait]
pub trait Backend: Send + Sync + 'static {
    /// Starts a job on a finished upload: tiles it and produces to Kafka. An upload is used up by it. `format` names the kind of
    /// file that the result is to be; `None` or empty is no wish. `page` is the page of the file, from 1 on; `None` is the one that
    /// is the image.
    async fn process(
        &self,
        upload: Uuid,
        recipe: &str,
        format: Option<&str>,
        page: Option<u32>,
    ) -> Result<Job, ApiError>;
    /// Starts a new job on the stored original of job `id`, which stays as it is. `format` as in [`Backend::process`];
    /// without a `page` it is on that of the job.
    async fn again(
        &self,
        id: JobId,
        recipe: &str,
        format: Option<&str>,
        page: Option<u32>,
    ) -> Result<Job, ApiError>;
    /// Jobs, newest first, without tiles and stages (jobs under way have their tile states).
    async fn jobs(&self, query: JobQuery) -> Result<Vec<Job>, ApiError>;
    /// One job, whole.
    async fn job(&self, id: JobId) -> Result<Job, ApiError>;
    /// One tile of a job.
    async fn tile(&self, id: JobId, tile: u32) -> Result<TileInfo, ApiError>;
    /// Ends a job that is under way.
    async fn cancel(&self, id: JobId) -> Result<Job, ApiError>;
    /// Starts a failed or cancelled job again; tiles that are done stay done.
    async fn retry(&self, id: JobId) -> Result<Job, ApiError>;
    /// Gives the dead tile `tile` of a job, or all its dead tiles, their attempts anew, and lets the job go on.
    async fn replay(&self, id: JobId, tile: Option<u32>) -> Result<Job, ApiError>;
    /// Replays the dead tiles of all jobs that `query` means and the caller may change, of so many jobs at a time as the answer says.
    async fn replay_all(&self, query: DeadTileQuery) -> Result<Replayed, ApiError>;
    /// Forgets an ended job and deletes its files.
    async fn delete(&self, id: JobId) -> Result<(), ApiError>;
    /// Workers known, live ones first.
    async fn workers(&self) -> Result<Vec<WorkerInfo>, ApiError>;
    /// What work costs, as far as it was measured.
    async fn costs(&self) -> Result<Costs, ApiError>;
    /// State of the installation and its limits.
    async fn health(&self) -> Result<Health, ApiError>;
}

/// The backend as it is provided in Leptos' context.
pub type BackendRef = Arc<dyn Backend>;
