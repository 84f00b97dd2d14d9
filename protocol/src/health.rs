//! Whether the whole is well: what `GET /health` answers and the head of every page shows.

use serde::{Deserialize, Serialize};

use crate::bounds;
use crate::retention::Retention;
use crate::topics::MAX_RECORD_BYTES;

/// Longest subject of a problem, bytes.
const MAX_SUBJECT_BYTES: usize = 128;

/// Longest detail of a problem, bytes.
const MAX_DETAIL_BYTES: usize = 1024;

/// State of the installation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Health {
    /// `healthy`; `waiting` when no worker is live; `degraded` when the broker is away.
    pub status: String,
    /// Whether the broker answers.
    pub kafka_connected: bool,
    /// Address that the server reaches Kafka at.
    pub kafka_broker: String,
    /// Why it does not answer, while it does not.
    #[serde(default)]
    pub kafka_error: Option<String>,
    /// The topics of this server, as of the last look; none while Kafka is away from the start.
    #[serde(default)]
    pub topics: Vec<TopicInfo>,
    /// Live workers.
    pub workers: u32,
    /// Their slots in all.
    pub slots: u32,
    /// Jobs under way.
    pub jobs_processing: u32,
    /// Tiles in flight over all jobs.
    pub tiles_in_flight: u32,
    /// Age of the oldest tile in flight: lag in time, seconds.
    pub lag_seconds: f32,
    /// Tiles stored in a second, over the last few seconds.
    pub tiles_per_second: f32,
    /// Estimate of the seconds until the jobs under way are done; `None` when they, or their recipes, were not measured or no worker
    /// is live.
    #[serde(default)]
    pub queue_seconds: Option<f32>,
    /// Version of the server.
    pub version: String,
    /// Seconds since the server started.
    pub uptime: f64,
    /// Limits that a client may want to know before it uploads.
    pub limits: IntakeLimits,
    /// Room on the server's disk; `None` where the system does not say.
    #[serde(default)]
    pub disk: Option<DiskInfo>,
    /// How long jobs are kept.
    #[serde(default)]
    pub retention: Retention,
    /// What does not work although the whole does, each with what to do.
    #[serde(default)]
    pub problems: Vec<Problem>,
}

impl Health {
    /// Whether Kafka answers. It does also where a topic keeps the jobs waiting: then [`Health::problems`] says which.
    pub fn kafka_answers(&self) -> bool {
        self.kafka_connected || (self.kafka_error.is_none() && !self.topics.is_empty())
    }
}

/// What a topic is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum TopicRole {
    /// Tiles to be rendered.
    Tasks,
    /// Tiles that were rendered, for one server.
    Results,
    /// What workers say of themselves.
    Heartbeats,
    /// Tiles that were given up.
    DeadLetters,
    /// Words to the workers.
    Control,
}

/// A topic as the cluster tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TopicInfo {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub role: TopicRole,
    /// Its partitions; 0 when it is not there.
    pub partitions: u32,
    /// Copies of each partition, as of the one with the fewest.
    pub replicas: u32,
}

/// Room on the disk of the server's data folder, bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DiskInfo {
    /// Free for this user.
    pub free_bytes: u64,
    /// What jobs under way may still take of it.
    pub promised_bytes: u64,
    /// What is kept free for the database and logs.
    pub reserve_bytes: u64,
}

impl DiskInfo {
    /// What the server's disk must have room for before a job is accepted: the decoded image, the result's pixels, and the file
    /// made of them, which may be as large.
    pub const fn needed_bytes(source_bytes: u64, result_bytes: u64) -> u64 {
        source_bytes.saturating_add(result_bytes.saturating_mul(2))
    }

    /// What is left for new jobs.
    pub const fn usable_bytes(&self) -> u64 {
        self.free_bytes
            .saturating_sub(self.promised_bytes)
            .saturating_sub(self.reserve_bytes)
    }
}

/// Something that does not work, for as long as it does not.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Problem {
    /// What it is about, such as a topic or a worker; at most 128 bytes.
    pub subject: String,
    /// What is wrong and what to do; at most 1 KiB.
    pub detail: String,
    /// Whether jobs wait or fail for as long as it lasts. Not so of one worker of several, for example.
    #[serde(default = "yes")]
    pub holds_jobs: bool,
}

const fn yes() -> bool {
    true
}

impl Problem {
    /// A problem, its texts cut where they are too long.
    pub fn new(subject: &str, detail: &str, holds_jobs: bool) -> Self {
        Self {
            subject: bounds::cut(subject, MAX_SUBJECT_BYTES).to_owned(),
            detail: bounds::cut(detail, MAX_DETAIL_BYTES).to_owned(),
            holds_jobs,
        }
    }
}

/// What an image must keep to.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct IntakeLimits {
    /// Smallest width and height, pixels.
    pub min_side: u32,
    /// Largest width and height, pixels.
    pub max_side: u32,
    /// Most pixels.
    pub max_pixels: u64,
    /// Most bytes of a file.
    pub max_bytes: u64,
    /// Side of a tile, pixels. A job gets smaller tiles when its recipe needs more of the image for one than a record holds.
    pub tile_size: u32,
    /// Most bytes of pixels in a record of a tile.
    #[serde(default = "max_record_bytes")]
    pub max_record_bytes: u64,
}

const fn max_record_bytes() -> u64 {
    MAX_RECORD_BYTES as u64
}
