//! The answer to whoever starts a job by a form.

use axum::Json;
use axum::response::{IntoResponse, Redirect, Response};
use azulejo_protocol::{ApiError, Job, JobId, JobStatus};
use serde::Serialize;

use super::accept::vary;
use super::error::Failure;

/// What `POST /process` and `POST /job/ID/again` answer.
#[derive(Debug, utoipa::ToSchema, Serialize)]
pub struct Accepted {
    /// The job.
    pub job_id: JobId,
    /// Its tiles.
    pub total_tiles: u32,
    /// Its recipe in canonical text.
    pub transformation: String,
    /// Its status when it was accepted.
    pub status: JobStatus,
}

impl From<Job> for Accepted {
    fn from(job: Job) -> Self {
        Self {
            job_id: job.job_id,
            total_tiles: job.total_tiles,
            transformation: job.transformation,
            status: job.status,
        }
    }
}

/// The job in short, or the error; with `page`, for a form without JavaScript, the way to the job's page or a page with the error.
pub fn started(outcome: Result<Accepted, ApiError>, page: bool) -> Response {
    vary(match outcome {
        Ok(job) if page => Redirect::to(&format!("/job/{}", job.job_id)).into_response(),
        Ok(job) => Json(job).into_response(),
        Err(error) if page => Failure(error).into_page(),
        Err(error) => Failure(error).into_response(),
    })
}
