//! The answer to whoever starts a job by a form.

use axum::Json;
use axum::response::{IntoResponse, Redirect, Response};
use azulejo_protocol::{ApiError, Job, JobId, JobStatus};
use serde::Serialize;

use super::accept::vary;
use super::error::Failure;

/// What `POST /process` and `POST /job/ID/again` answer.
#[derive(Debug, Serialize)]
struct Accepted {
    job_id: JobId,
    total_tiles: u32,
    transformation: String,
    status: JobStatus,
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
pub fn started(outcome: Result<Job, ApiError>, page: bool) -> Response {
    vary(match outcome {
        Ok(job) if page => Redirect::to(&format!("/job/{}", job.job_id)).into_response(),
        Ok(job) => Json(Accepted::from(job)).into_response(),
        Err(error) if page => Failure(error).into_page(),
        Err(error) => Failure(error).into_response(),
    })
}
