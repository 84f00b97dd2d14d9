//! Whether the whole is well: what `GET /health` answers and the head of every page shows.

use serde::{Deserialize, Serialize};

/// State of the installation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Health {
    /// `healthy`; `waiting` when no worker is live; `degraded` when the broker is away.
    pub status: String,
    /// Whether the broker answers.
    pub kafka_connected: bool,
    /// Address that the server reaches Kafka at.
    pub kafka_broker: String,
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
    /// Version of the server.
    pub version: String,
    /// Seconds since the server started.
    pub uptime: f64,
    /// Limits that a client may want to know before it uploads.
    pub limits: IntakeLimits,
}

/// What an image must keep to.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct IntakeLimits {
    /// Smallest width and height, pixels.
    pub min_side: u32,
    /// Largest width and height, pixels.
    pub max_side: u32,
    /// Most pixels.
    pub max_pixels: u64,
    /// Most bytes of a file.
    pub max_bytes: u64,
    /// Side of a tile, pixels.
    pub tile_size: u32,
}
