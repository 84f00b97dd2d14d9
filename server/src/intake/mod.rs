//! Intake: an upload on its way from the network to a job.
//!
//! The bytes stream to `uploads/ID.part` in the data folder, never whole in memory. When they are all there, the
//! file's header is read, the limits are checked, and the file is checked to be whole, all before a pixel is decoded.
//! What passes is a [`Received`]; what does not leaves nothing behind, whoever is at fault and whenever the client
//! goes away, because the file's guard ([`PartFile`]) deletes it when dropped.
//!
//! - [`resumable`]: uploads that may come in pieces.
//! - [`receive`]: from the network to the disk, with limits. [`borrow`]: a file that is on the disk already.
//! - [`inspect`]: header, limits, completeness. [`whole`]: whether a PNG, JPEG or WebP file is all there.
//! - [`waiting`]: uploads that wait for their job. [`places`]: how many may be under way.

mod borrow;
mod inspect;
mod part_file;
mod places;
mod receive;
mod received;
pub mod resumable;
mod trouble;
mod waiting;
mod whole;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use azulejo_protocol::ApiError;
use azulejo_protocol::health::IntakeLimits;
use uuid::Uuid;

pub use part_file::PartFile;
use places::Places;
pub use received::Received;
use resumable::Resumable;
pub use resumable::ResumableLimits;
pub use trouble::too_large;
use waiting::Waiting;
pub use waiting::{WaitingLimits, no_such_upload};

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
    /// How many resumable uploads there may be, and how long.
    pub resumable: ResumableLimits,
}

impl IntakeConfig {
    /// The usual times for `limits`, with files in `folder`.
    pub fn new(folder: impl Into<PathBuf>, limits: IntakeLimits) -> Self {
        Self {
            folder: folder.into(),
            limits,
            idle_timeout: Duration::from_secs(30),
            waiting: WaitingLimits::default(),
            resumable: ResumableLimits::default(),
        }
    }
}

/// Takes uploads in. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Intake {
    config: Arc<IntakeConfig>,
    waiting: Arc<Waiting>,
    resumable: Arc<Resumable>,
    places: Places,
}

impl Intake {
    /// Makes the folder and deletes what an earlier run left in it, except for resumable uploads: nothing that was accepted lies
    /// there.
    ///
    /// # Errors
    /// The folder cannot be made or read.
    pub fn open(config: IntakeConfig) -> anyhow::Result<Self> {
        let resumable = clean(&config).with_context(|| {
            format!(
                "cannot prepare the folder of uploads, {}",
                config.folder.display()
            )
        })?;
        Ok(Self {
            waiting: Arc::new(Waiting::new(config.waiting)),
            resumable: Arc::new(resumable),
            config: Arc::new(config),
            places: Places::new(MAX_CONCURRENT),
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
        if received.file.has_record() {
            return self
                .resumable
                .take_back(&self.config.folder, &self.config.limits, received);
        }
        self.waiting.keep(received)
    }

    /// Who an upload belongs to, however it came; the outer `None` when there is no such upload.
    pub fn owner(&self, id: Uuid) -> Option<Option<String>> {
        self.resumable.owner(id).or_else(|| self.waiting.owner(id))
    }

    /// Hands over a file that was kept, or a resumable upload that is complete.
    ///
    /// # Errors
    /// 404 when there is none: it was used, it expired, or the server was started again since. 409 when it is not complete, 422 when
    /// it does not pass.
    pub async fn take(&self, id: Uuid) -> Result<Received, ApiError> {
        if !self.resumable.has(id) {
            return self.waiting.take(id);
        }
        let mut held = self.hold(id).await?;
        if !held.is_complete() {
            let detail = format!(
                "{} of {} bytes of the upload are here: send the rest first",
                held.offset(),
                held.length()
            );
            return Err(ApiError::conflict("upload_not_complete", detail));
        }
        if held.job().is_some() {
            // Not found, in the words for every upload that was used.
            return self.waiting.take(id);
        }
        let received = held.received().await?;
        Ok(held.hand_over(received))
    }

    /// Deletes a file that was kept, or a resumable upload in whatever state.
    ///
    /// # Errors
    /// 404 when there is none, 423 when a request that has it does not put it down.
    pub async fn give_up(&self, id: Uuid) -> Result<(), ApiError> {
        if self.resumable.has(id) {
            self.hold(id).await?.delete();
            return Ok(());
        }
        self.waiting.take(id).map(drop)
    }

    /// Deletes the files whose time is over. To be called at the start and now and then.
    pub fn expire(&self) {
        self.waiting.expire();
        self.resumable.expire();
    }
}

fn clean(config: &IntakeConfig) -> std::io::Result<Resumable> {
    let folder = &config.folder;
    std::fs::create_dir_all(folder)?;
    let resumable = Resumable::open(folder, &config.limits, config.resumable)?;
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let stem = path.file_stem().and_then(|stem| stem.to_str()?.parse().ok());
        let goes_on = stem.is_some_and(|id| resumable.has(id));
        if path.extension().is_some_and(|extension| extension == "part") && !goes_on {
            tracing::info!(path = %path.display(), "deleting an upload that never became a job");
            std::fs::remove_file(path)?;
        }
    }
    Ok(resumable)
}

#[cfg(test)]
mod tests;
