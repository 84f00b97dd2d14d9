//! What an earlier request is used for again: its answer, by the key of a request that is repeated, and the result of its job.

use std::time::Duration;

use azulejo_protocol::{JobId, JobStatus};

/// Most keys of idempotency that are kept; the oldest go first.
pub const MAX_KEYS: u32 = 100_000;

/// What may be used again, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reuse {
    /// How long it is remembered what a request with a key was answered.
    pub key_expiry: Duration,
    /// Whose results may answer a job with the same image, recipe and format.
    pub results: Sharing,
}

impl Default for Reuse {
    fn default() -> Self {
        Self {
            key_expiry: Duration::from_secs(24 * 3600),
            results: Sharing::Nobody,
        }
    }
}

/// Whose results may answer a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Sharing {
    /// Every job is rendered.
    #[value(name = "off")]
    Nobody,
    /// Those of the same owner.
    #[value(name = "own")]
    Owner,
    /// Everybody's. Who gets an answer at once learns that somebody had that image and recipe.
    #[value(name = "shared")]
    Everybody,
}

/// A request that starts at most one job, however often it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Once {
    /// Whose key it is; empty where nobody has a name.
    pub owner: String,
    /// The key that the client chose.
    pub key: String,
    /// SHA-256 of what is asked for: a key stands for one request.
    pub fingerprint: [u8; 32],
}

/// What a request with a key was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// SHA-256 of what was asked for.
    pub fingerprint: [u8; 32],
    /// The job that was started. It may have been deleted since.
    pub job: JobId,
    /// Its tiles.
    pub total_tiles: u32,
    /// Its recipe in canonical text.
    pub recipe: String,
    /// Its status at the time of the answer.
    pub status: JobStatus,
}
