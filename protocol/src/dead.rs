//! Tiles that were given up, over all jobs.

use serde::{Deserialize, Serialize};

use crate::{JobId, JobStatus, Timestamp};

/// A tile that was given up, with what is known of its job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DeadTile {
    /// Its job.
    pub job_id: JobId,
    /// Its number in the job's grid, row by row.
    pub tile: u32,
    /// How often it was sent.
    pub attempt: u32,
    /// The worker of the last try.
    pub worker_id: Option<String>,
    /// Why the last try failed.
    pub error: Option<String>,
    /// The job's recipe in canonical text.
    pub transformation: String,
    /// The name of the job's uploaded file.
    pub original_filename: String,
    /// Where the job stands.
    pub status: JobStatus,
    /// When the job ended.
    #[serde(with = "time::serde::rfc3339::option")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<time::OffsetDateTime>))]
    pub completed_at: Option<Timestamp>,
}

/// Which dead tiles are meant. All fields are optional; texts are parts of what they are compared with.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadTileQuery {
    /// Only those of jobs in this state.
    #[serde(default)]
    pub status: Option<JobStatus>,
    /// Only those whose job's recipe contains this text.
    #[serde(default)]
    pub recipe: Option<String>,
    /// Only those whose error contains this text.
    #[serde(default)]
    pub error: Option<String>,
    /// Only those whose error, worker, job's recipe, file name or id contains this text.
    #[serde(default)]
    pub search: Option<String>,
    /// Only those of jobs of this owner. The server sets it: whoever asks sees no others.
    #[serde(skip)]
    pub owner: Option<String>,
    /// At most so many (default 50, at most 500).
    #[serde(default)]
    pub limit: Option<u32>,
    /// Skip so many.
    #[serde(default)]
    pub offset: Option<u32>,
}

/// What became of the replay of many jobs' dead tiles.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Replayed {
    /// Jobs that go on.
    pub jobs: Vec<JobId>,
    /// Jobs that do not.
    pub refused: Vec<NotReplayed>,
    /// Whether there are more jobs with such tiles than are replayed at once: ask again.
    pub more: bool,
}

/// A job whose dead tiles are not replayed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NotReplayed {
    /// The job.
    pub job_id: JobId,
    /// The error's code.
    pub code: String,
    /// Why.
    pub detail: String,
}
