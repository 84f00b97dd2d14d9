//! Workers: what they say of themselves and what is shown of them.

use serde::{Deserialize, Serialize};

use crate::bounds::{self, MAX_HEARTBEAT_BYTES, MAX_ID_BYTES, MAX_PARTITIONS, MAX_SLOTS, MAX_TEXT_BYTES};
use crate::{Pattern, Timestamp};

/// Seconds between heartbeats of a worker that does not say.
const DEFAULT_INTERVAL: f64 = 5.0;

/// Most versions of the record format that a heartbeat names.
const MAX_VERSIONS: usize = 32;

/// What a worker is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
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
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
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
    #[cfg_attr(feature = "openapi", schema(value_type = time::OffsetDateTime))]
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
    /// Resident memory, bytes; 0 where its system does not tell.
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
    /// A UUID made when the process started: tells two processes with one id apart. Empty when it does not say.
    #[serde(default)]
    pub instance: String,
    /// Versions of the record format that it reads. Empty means 1 alone: see [`Heartbeat::reads`].
    #[serde(default)]
    pub versions: Vec<u32>,
    /// `job/tile/attempt` of an inherited tile that it renders, with nothing else in hand: if the worker dies now, this
    /// is the tile that it died with.
    #[serde(default)]
    pub alone: Option<String>,
    /// What does not work at this worker, such as results that are refused.
    #[serde(default)]
    pub trouble: Option<String>,
}

/// A heartbeat that says nothing usable.
#[derive(Debug, thiserror::Error)]
pub enum HeartbeatError {
    /// Too long to be one.
    #[error("it has {0} bytes, more than the {MAX_HEARTBEAT_BYTES} of a heartbeat")]
    TooLarge(usize),
    /// Not JSON, or a field is missing or of another kind.
    #[error("it does not parse: {0}")]
    Json(#[from] serde_json::Error),
    /// The id of the worker is none.
    #[error("worker id '{0}': an id has 1 to 128 bytes and no control characters")]
    Id(String),
}

impl Heartbeat {
    /// Reads a heartbeat and brings it within bounds: see [`Heartbeat::bounded`].
    ///
    /// # Errors
    /// When it is too long, no heartbeat, or has no usable id.
    pub fn from_json(json: &[u8]) -> Result<Self, HeartbeatError> {
        if json.len() > MAX_HEARTBEAT_BYTES {
            return Err(HeartbeatError::TooLarge(json.len()));
        }
        serde_json::from_slice::<Self>(json)?.bounded()
    }

    /// The heartbeat with every field within bounds: numbers finite and not negative, counters within `i64`, 1 to 1024
    /// slots, an interval of 0.1 to 600 s (5 when it is none), at most 10,000 partitions, texts of at most 256 bytes.
    ///
    /// # Errors
    /// When the id is not usable: it cannot be cut without becoming another worker's.
    pub fn bounded(mut self) -> Result<Self, HeartbeatError> {
        if !bounds::is_id(&self.worker_id) {
            let shown = bounds::cut(&self.worker_id, MAX_ID_BYTES).escape_debug();
            return Err(HeartbeatError::Id(shown.to_string()));
        }
        for number in [
            &mut self.uptime,
            &mut self.avg_processing_time,
            &mut self.tasks_per_minute,
        ] {
            // NaN, too, becomes 0. A trillion seconds or tiles are more than any worker has seen.
            *number = if *number > 0.0 { number.min(1e12) } else { 0.0 };
        }
        for counter in [
            &mut self.tasks_processed,
            &mut self.tasks_failed,
            &mut self.memory_bytes,
        ] {
            *counter = (*counter).min(i64::MAX as u64);
        }
        self.interval = if self.interval > 0.0 {
            self.interval.clamp(0.1, 600.0)
        } else {
            DEFAULT_INTERVAL
        };
        self.slots = self.slots.clamp(1, MAX_SLOTS);
        self.busy = self.busy.min(self.slots);
        self.partitions.retain(|partition| *partition >= 0);
        self.partitions.truncate(MAX_PARTITIONS);
        self.versions.truncate(MAX_VERSIONS);
        let optional = [&mut self.current_task, &mut self.alone, &mut self.trouble];
        let texts = [&mut self.host, &mut self.version, &mut self.instance];
        for text in optional.into_iter().flatten().chain(texts) {
            text.truncate(bounds::cut(text, MAX_TEXT_BYTES).len());
        }
        Ok(self)
    }

    /// Whether the worker reads records of `version`.
    pub fn reads(&self, version: u32) -> bool {
        if self.versions.is_empty() {
            version == 1
        } else {
            self.versions.contains(&version)
        }
    }
}

/// A worker as the server sees it. The first five fields are those of the original API's rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WorkerInfo {
    /// Its id.
    pub worker_id: String,
    /// When it was heard of last.
    #[serde(with = "time::serde::rfc3339")]
    #[cfg_attr(feature = "openapi", schema(value_type = time::OffsetDateTime))]
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
    /// Resident memory, bytes; 0 where its system does not tell.
    pub memory_bytes: u64,
    /// Name of its machine.
    pub host: String,
    /// Version of the program.
    pub version: String,
    /// Its process: see [`Heartbeat::instance`].
    #[serde(default)]
    pub instance: String,
    /// Versions of the record format that it reads.
    #[serde(default)]
    pub versions: Vec<u32>,
    /// What is wrong with it, such as "too old: reads record version 1, this server sends 2".
    #[serde(default)]
    pub note: Option<String>,
    /// Its tile pattern, the same for as long as the server knows it.
    #[serde(default)]
    pub pattern: Option<Pattern>,
}

#[cfg(test)]
mod tests;
