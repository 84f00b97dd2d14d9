//! Workers: what they say of themselves and what is shown of them.

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// What a worker is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WorkerState {
    /// Connecting; has no partitions yet.
    Starting,
    /// Takes tiles, has none at the moment.
    Idle,
    /// Rendering.
    Busy,
    /// Finishing what it has; takes nothing new.
    Draining,
    /// Said goodbye.
    Stopped,
    /// Not heard of for three heartbeat intervals. Only the server says this of a worker.
    Lost,
}

impl WorkerState {
    /// The word for people and the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Idle => "idle",
            Self::Busy => "busy",
            Self::Draining => "draining",
            Self::Stopped => "stopped",
            Self::Lost => "lost",
        }
    }

    /// Whether tiles can be sent to it.
    pub const fn is_live(self) -> bool {
        matches!(self, Self::Idle | Self::Busy)
    }
}

/// The value of a record in `heartbeats`; its key is the worker's id. Sent every few seconds and on change of state.
/// Also what a worker's own `GET /status` answers, whose original fields are the first eight.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Heartbeat {
    /// The worker's id: unique, at most 128 characters.
    pub worker_id: String,
    /// What it is doing.
    pub status: WorkerState,
    /// Tiles finished since it started.
    pub tasks_processed: u64,
    /// `job/tile` of one tile it is rendering.
    pub current_task: Option<String>,
    /// When this was said.
    #[serde(with = "time::serde::rfc3339")]
    pub timestamp: Timestamp,
    /// Seconds since it started.
    pub uptime: f64,
    /// Mean rendering time, seconds.
    pub avg_processing_time: f64,
    /// Tiles finished in the last minute.
    pub tasks_per_minute: f64,
    /// Tiles that it can render at a time.
    #[serde(default)]
    pub slots: u32,
    /// Slots in use.
    #[serde(default)]
    pub busy: u32,
    /// Tiles that ended in an error result since it started.
    #[serde(default)]
    pub tasks_failed: u64,
    /// The partitions of `tasks` that it holds.
    #[serde(default)]
    pub partitions: Vec<i32>,
    /// Resident memory, bytes.
    #[serde(default)]
    pub memory_bytes: u64,
    /// Seconds between its heartbeats.
    #[serde(default)]
    pub interval: f64,
    /// Name of its machine.
    #[serde(default)]
    pub host: String,
    /// Version of the program.
    #[serde(default)]
    pub version: String,
}

/// A worker as the server sees it. The first five fields are those of the original API's rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WorkerInfo {
    /// Its id.
    pub worker_id: String,
    /// When it was heard of last.
    #[serde(with = "time::serde::rfc3339")]
    pub last_heartbeat: Timestamp,
    /// Tiles finished since it started.
    pub tasks_processed: u64,
    /// `job/tile` of one tile it is rendering.
    pub current_task: Option<String>,
    /// What it is doing.
    pub status: WorkerState,
    /// Seconds since it started, as of its last heartbeat.
    pub uptime: f64,
    /// Mean rendering time, seconds.
    pub avg_processing_time: f64,
    /// Tiles finished in the last minute.
    pub tasks_per_minute: f64,
    /// Tiles finished in a second at its last heartbeats, oldest first, at most 60.
    pub rate_history: Vec<f32>,
    /// Tiles that it can render at a time.
    pub slots: u32,
    /// Slots in use.
    pub busy: u32,
    /// Tiles that ended in an error result.
    pub tasks_failed: u64,
    /// The partitions of `tasks` that it holds.
    pub partitions: Vec<i32>,
    /// Resident memory, bytes.
    pub memory_bytes: u64,
    /// Name of its machine.
    pub host: String,
    /// Version of the program.
    pub version: String,
}
