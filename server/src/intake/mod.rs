//! Intake: an upload on its way from the network to a job.
//!
//! The bytes stream to `uploads/ID.part` in the data folder, never whole in memory. When they are all there, the
//! file's header is read, the limits are checked, and the file is checked to be whole, all before a pixel is decoded.
//! What passes is a [`Received`]; what does not leaves nothing behind, whoever is at fault and whenever the client
//! goes away, because the file's guard ([`PartFile`]) deletes it when dropped.
//!
//! - [`receive`]: from the network to the disk, with limits.
//! - [`inspect`]: header, limits, completeness. [`whole`]: whether a PNG, JPEG or WebP file is all there.
//! - [`waiting`]: uploads that wait for their job. [`filename`]: names as clients give them, made harmless.

pub mod filename;
mod inspect;
mod part_file;
mod receive;
mod received;
mod waiting;
mod whole;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use azulejo_protocol::ApiError;
use azulejo_protocol::health::IntakeLimits;
use tokio::sync::Semaphore;
use uuid::Uuid;

pub use part_file::PartFile;
pub use receive::too_large;
pub use received::Received;
use waiting::Waiting;
pub use waiting::WaitingLimits;

/// Uploads that may be under way at the same time.
const MAX_CONCURRENT: usize = 32;

/// How intake behaves. Only the limits are settings of the program; tests shorten the times.
#[derive(Debug, Clone)]
pub struct IntakeConfig {
    /// Folder of the files; made when it is not there, emptied at the start.
    pub folder: PathBuf,
    /// What an image must keep to.
    pub limits: IntakeLimits,
    /// An upload that sends nothing for so long is given up.
    pub idle_timeout: Duration,
    /// How many finished uploads may wait for their job, and how long.
    pub waiting: WaitingLimits,
}

impl IntakeConfig {
    /// The usual times for `limits`, with files in `folder`.
    pub fn new(folder: impl Into<PathBuf>, limits: IntakeLimits) -> Self {
        Self {
            folder: folder.into(),
            limits,
            idle_timeout: Duration::from_secs(30),
            waiting: WaitingLimits::default(),
        }
    }
}

/// Takes uploads in. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Intake {
    config: Arc<IntakeConfig>,
    waiting: Arc<Waiting>,
    places: Arc<Semaphore>,
}

impl Intake {
    /// Makes the folder and deletes what an earlier run left in it: nothing that was accepted lies there.
    ///
    /// # Errors
    /// The folder cannot be made or read.
    pub fn open(config: IntakeConfig) -> anyhow::Result<Self> {
        clean(&config.folder).with_context(|| {
            format!(
                "cannot prepare the folder of uploads, {}",
                config.folder.display()
            )
        })?;
        Ok(Self {
            waiting: Arc::new(Waiting::new(config.waiting)),
            config: Arc::new(config),
            places: Arc::new(Semaphore::new(MAX_CONCURRENT)),
        })
    }

    /// The limits on what is taken in.
    pub fn limits(&self) -> &IntakeLimits {
        &self.config.limits
    }

    /// Keeps a received file until [`Intake::take`] asks for it.
    ///
    /// # Errors
    /// 429 when too many, or too large ones, wait already.
    pub fn keep(&self, received: Received) -> Result<(), ApiError> {
        self.waiting.keep(received)
    }

    /// Hands over a file that was kept.
    ///
    /// # Errors
    /// 404 when there is none: it was used, it expired, or the server was started again since.
    pub fn take(&self, id: Uuid) -> Result<Received, ApiError> {
        self.waiting.take(id)
    }

    /// Deletes the files whose time is over. To be called now and then.
    pub fn expire(&self) {
        self.waiting.expire();
    }
}

fn clean(folder: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "part") {
            tracing::info!(path = %path.display(), "deleting an upload that never became a job");
            std::fs::remove_file(path)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
