//! What goes into the engine and what comes out of it: its settings, uploads, result files, changes.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use azulejo_imaging::Encoding;
use azulejo_imaging::file::ImageInfo;
use azulejo_protocol::health::IntakeLimits;
use azulejo_protocol::{JobId, Retention, Timestamp, Topics};
use azulejo_transport::{KafkaSettings, TopicSettings};
use bytes::Bytes;
use uuid::Uuid;

use super::quotas::Quotas;
use super::reuse::{Once, Reuse};

/// How the engine runs. The values were checked when the settings were read.
#[derive(Debug, Clone)]
pub struct EngineConfig {
    /// How to reach Kafka.
    pub kafka: KafkaSettings,
    /// Names of the topics.
    pub topics: Topics,
    /// How topics that are missing are made.
    pub topic_settings: TopicSettings,
    /// The server's name among those that share the workers; `None` takes the one that the data folder keeps.
    pub server_id: Option<String>,
    /// Folder of the database (`azulejo.sqlite`) and of the jobs (`jobs/ID/`).
    pub data_dir: PathBuf,
    /// What an image must keep to. Results keep to its upper bounds, too.
    pub limits: IntakeLimits,
    /// An outstanding tile is sent again after this time at the earliest.
    pub tile_timeout: Duration,
    /// Attempts of a tile before it is given up and its job fails.
    pub max_attempts: u32,
    /// What an earlier request may be used for again.
    pub reuse: Reuse,
    /// How long jobs are kept after they have ended.
    pub retention: Retention,
    /// How much one owner may ask for.
    pub quotas: Quotas,
}

/// A file that is on disk, whole, with its header checked.
#[derive(Debug, Clone)]
pub struct Upload {
    /// Its id.
    pub id: Uuid,
    /// Where it is: on the same file system as the data folder, because it is moved, not copied.
    pub path: PathBuf,
    /// The client's name for it, made harmless.
    pub filename: String,
    /// Its length.
    pub bytes: u64,
    /// What its header says.
    pub info: ImageInfo,
    /// The page that the job is on, from 1 on; `None` for the one that is the image.
    pub page: Option<u32>,
    /// When its first byte came, if that is known.
    pub started_at: Option<Timestamp>,
    /// How the result is to be written, where the client has a wish.
    pub encoding: Option<Encoding>,
    /// The id that its job gets, where it was chosen before; of version 7, as jobs are sorted by it.
    pub job: Option<JobId>,
    /// Who its job belongs to.
    pub owner: Option<String>,
    /// Whether its bytes were counted for its owner's quota as they came.
    pub is_counted: bool,
    /// SHA-256 of its bytes, where it was taken.
    pub content: Option<[u8; 32]>,
    /// Whether it is to be rendered even where an earlier job has its result.
    pub fresh: bool,
    /// The request that it came with, where that is to start one job at most.
    pub once: Option<Once>,
}

/// A finished result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResultFile {
    /// Where it is.
    pub path: PathBuf,
    /// The name that a download gets.
    pub filename: String,
    /// `image/png` and the like.
    pub mime: &'static str,
    /// Its length.
    pub bytes: u64,
}

/// A job's picture as far as it is done.
#[derive(Debug, Clone)]
pub struct Mosaic {
    /// Its version: `Job::mosaic_version` at the time it was drawn.
    pub version: u64,
    /// The picture as a PNG of 8-bit gray and alpha or RGBA.
    pub png: Bytes,
}

/// Something that whoever shows it should look at again. The same subject is told at most a few times a second.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Change {
    /// A job is new or has changed.
    Job(JobId),
    /// A job was deleted, which belonged to this owner.
    JobGone(JobId, Option<Arc<str>>),
    /// A worker came, went or said something.
    Workers,
    /// The state of the installation.
    Health,
    /// What is known of costs.
    Costs,
}
