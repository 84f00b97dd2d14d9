//! Jobs: one image, one recipe, many tiles.

use std::fmt;
use std::str::FromStr;

use azulejo_imaging::{PixelFormat, Size};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Pattern, TileStates, Timestamp};

/// Header of the answer to `GET /job/ID/progress` that says the job's status, so that a client that looks again and again
/// need not ask for the whole job.
pub const STATUS_HEADER: &str = "azulejo-job-status";

/// The header with the id of the job that an upload has become.
pub const JOB_HEADER: &str = "azulejo-job-id";

/// Identifies a job. A UUID (version 7, so that ids sort by time) made by the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(transparent)]
pub struct JobId(pub Uuid);

impl JobId {
    /// The last eight digits, for titles and tables: the first ones are time and look alike.
    pub fn short(self) -> String {
        let text = self.0.simple().to_string();
        text[text.len() - 8..].to_owned()
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for JobId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Uuid::parse_str(text).map(Self)
    }
}

/// Where a job stands. A job ends in one of the last three and stays there unless it is retried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum JobStatus {
    /// Accepted; decoding, tiles under way or assembling.
    Processing,
    /// The result can be downloaded.
    Completed,
    /// Ended without a result; the job's `error` says why.
    Failed,
    /// Ended by request.
    Cancelled,
}

impl JobStatus {
    /// The word that the API and the database use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Processing => "processing",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether nothing more will happen by itself.
    pub const fn is_final(self) -> bool {
        !matches!(self, Self::Processing)
    }
}

impl fmt::Display for JobStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for JobStatus {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::Processing, Self::Completed, Self::Failed, Self::Cancelled]
            .into_iter()
            .find(|status| status.name() == text)
            .ok_or_else(|| {
                format!("'{text}' is not a job status: processing, completed, failed or cancelled")
            })
    }
}

/// Tiles of a job by state: what `GET /job/{id}/progress` answers. `pending` counts those queued and in flight.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Progress {
    /// All tiles of the job.
    pub total: u32,
    /// Neither completed nor failed yet.
    pub pending: u32,
    /// Pixels stored.
    pub completed: u32,
    /// Given up after the last attempt.
    pub failed: u32,
}

/// The steps of a job, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum StageName {
    /// The file arrives on the server's disk.
    Upload,
    /// Its pixels are decoded to scratch.
    Decode,
    /// Tiles go through Kafka and come back as numbers, which the recipe needs of the whole image. Only where it needs some.
    Measure,
    /// Tiles go through Kafka.
    Tiles,
    /// The result file is encoded.
    Assemble,
}

/// How far one step is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Stage {
    /// Which step.
    pub name: StageName,
    /// When it began.
    #[serde(with = "time::serde::rfc3339::option")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<time::OffsetDateTime>))]
    pub started_at: Option<Timestamp>,
    /// When it was done.
    #[serde(with = "time::serde::rfc3339::option")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<time::OffsetDateTime>))]
    pub finished_at: Option<Timestamp>,
    /// One short sentence: `214 MB`, `done to row 9 of 16`.
    pub note: String,
}

/// One job as lists and pages show it. The first seven fields are those of the original API's rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Job {
    /// Its id.
    pub job_id: JobId,
    /// The name of the uploaded file, as the client gave it.
    pub original_filename: String,
    /// Tiles of the result.
    pub total_tiles: u32,
    /// The recipe in canonical text.
    pub transformation: String,
    /// Where it stands.
    pub status: JobStatus,
    /// Who it belongs to; not there where authentication was off when it was submitted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// When it was accepted.
    #[serde(with = "time::serde::rfc3339")]
    #[cfg_attr(feature = "openapi", schema(value_type = time::OffsetDateTime))]
    pub created_at: Timestamp,
    /// When it ended, in whatever way.
    #[serde(with = "time::serde::rfc3339::option")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<time::OffsetDateTime>))]
    pub completed_at: Option<Timestamp>,
    /// When it goes because of its age, with its result; `None` while it is under way and where jobs are kept for ever.
    #[serde(default, with = "time::serde::rfc3339::option")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<time::OffsetDateTime>))]
    pub expires_at: Option<Timestamp>,
    /// Whether the uploaded file was deleted because of its age: then the job cannot be started again, nor another on its image.
    #[serde(default)]
    pub original_gone: bool,
    /// The page of the uploaded file that it is on, from 1 on; `None` where it is the one that the file is known by: of a TIFF the
    /// largest.
    #[serde(default)]
    pub page: Option<u32>,
    /// Size of the upright input.
    #[cfg_attr(feature = "openapi", schema(value_type = crate::schema::Size))]
    pub input_size: Size,
    /// Size of the result.
    #[cfg_attr(feature = "openapi", schema(value_type = crate::schema::Size))]
    pub output_size: Size,
    /// Pixel format of the input.
    #[cfg_attr(feature = "openapi", schema(value_type = crate::schema::PixelFormat))]
    pub input_format: PixelFormat,
    /// Pixel format of the result.
    #[cfg_attr(feature = "openapi", schema(value_type = crate::schema::PixelFormat))]
    pub output_format: PixelFormat,
    /// Side of a tile, in pixels of the result.
    pub tile_size: u32,
    /// Bytes of the uploaded file.
    pub input_bytes: u64,
    /// Bytes of the result file, once there is one.
    pub output_bytes: Option<u64>,
    /// File name that a download gets.
    pub result_filename: String,
    /// Which of two tellings of this job is the newer one: the one with the higher number, also when the server was restarted in
    /// between. 0 from a server that does not say.
    #[serde(default)]
    pub revision: u64,
    /// Tiles by state.
    pub progress: Progress,
    /// Tiles at workers or on their way.
    pub in_flight: u32,
    /// Tiles finished in a second, over the last few seconds (over the whole run once it has ended).
    pub tiles_per_second: f32,
    /// Estimate of the time to the end, seconds.
    pub seconds_left: Option<f32>,
    /// Why it failed, and what to do.
    pub error: Option<String>,
    /// What of the image was left out or changed as it was read, and what the result has no room for, in sentences: at most 16 of
    /// at most 300 characters.
    #[serde(default)]
    pub notes: Vec<String>,
    /// Counts up whenever the mosaic picture (`/job/{id}/mosaic.png`) changes.
    pub mosaic_version: u64,
    /// The earlier job whose result it has; it had the same image, recipe and format, and may be gone.
    #[serde(default)]
    pub cached_from: Option<JobId>,
    /// The steps. Empty in lists.
    #[serde(default)]
    pub stages: Vec<Stage>,
    /// State of every tile, row by row. Empty in lists of jobs that have ended.
    #[serde(default)]
    pub tiles: TileStates,
    /// Tiles by worker, most first. Empty in lists.
    #[serde(default)]
    pub workers: Vec<WorkerShare>,
}

impl Job {
    /// Columns and rows of the tile grid over the result.
    pub fn grid(&self) -> (u32, u32) {
        let tile = self.tile_size.max(1);
        (
            self.output_size.width.div_ceil(tile),
            self.output_size.height.div_ceil(tile),
        )
    }
}

/// What one worker did for a job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WorkerShare {
    /// Its id.
    pub worker_id: String,
    /// Tiles finished.
    pub tiles: u32,
    /// Mean rendering time of one, milliseconds.
    pub mean_ms: f32,
    /// Its tile pattern, if the server still knows it.
    #[serde(default)]
    pub pattern: Option<Pattern>,
}

/// Which jobs a list shows. All fields are optional.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobQuery {
    /// Only jobs in this state.
    #[serde(default)]
    pub status: Option<JobStatus>,
    /// Only jobs whose file name, recipe or id contains this text.
    #[serde(default)]
    pub search: Option<String>,
    /// At most so many, newest first (default 50, at most 500).
    #[serde(default)]
    pub limit: Option<u32>,
    /// Skip so many.
    #[serde(default)]
    pub offset: Option<u32>,
    /// Only jobs that belong to this name.
    #[serde(default)]
    pub owner: Option<String>,
}
