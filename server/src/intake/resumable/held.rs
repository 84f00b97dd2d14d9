//! One resumable upload in the hands of one request.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use azulejo_imaging::file::ImageInfo;
use azulejo_protocol::{ApiError, JobId, Timestamp};
use bytes::Bytes;
use futures::{Stream, StreamExt};
use tokio::fs::OpenOptions;
use tokio::io::{AsyncWriteExt, BufWriter};
use tokio::sync::{OwnedMutexGuard, watch};
use uuid::Uuid;

use super::checksum::Checksum;
use super::early;
use super::upload::{Turn, Upload, not_found};
use crate::engine::files::disk;
use crate::intake::receive::{BUFFER_BYTES, LOOK_EVERY};
use crate::intake::trouble::{off_the_runtime, on_disk};
use crate::intake::{Intake, PartFile, Received, inspect};

/// What a finished upload is to become by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// The recipe.
    pub recipe: String,
    /// The kind of file that the result is to be, as the client named it; empty for no wish.
    pub format: String,
    /// The page that it is on, as the client named it; empty for no wish.
    pub page: String,
}

/// An upload that this request alone may change.
pub struct Held {
    pub(super) intake: Intake,
    pub(super) upload: Arc<Upload>,
    pub(super) turn: OwnedMutexGuard<Turn>,
    /// Grows beyond `ticket` when a later request wants the upload.
    pub(super) calls: watch::Receiver<u64>,
    pub(super) ticket: u64,
}

impl Held {
    /// Its id.
    pub fn id(&self) -> Uuid {
        self.upload.id
    }

    /// Bytes that are on the disk.
    pub fn offset(&self) -> u64 {
        self.upload.offset.load(Ordering::Relaxed)
    }

    /// Bytes of the whole file.
    pub fn length(&self) -> u64 {
        self.upload.length
    }

    /// Whether all of it is there, or was.
    pub fn is_complete(&self) -> bool {
        self.offset() == self.length()
    }

    /// The job that it became.
    pub fn job(&self) -> Option<JobId> {
        self.turn.record.job.filter(|_| self.upload.is_used())
    }

    /// Who it belongs to.
    pub fn owner(&self) -> Option<&str> {
        self.turn.record.owner.as_deref()
    }

    /// The client's name for the file.
    pub fn filename(&self) -> &str {
        &self.turn.record.filename
    }

    /// What it is to become by itself.
    pub fn order(&self) -> Option<Order> {
        Some(Order {
            recipe: self.turn.record.recipe.clone()?,
            format: self.turn.record.format.clone().unwrap_or_default(),
            page: self.turn.record.page.clone().unwrap_or_default(),
        })
    }

    /// When it is deleted if nothing happens.
    pub fn expires(&self) -> Timestamp {
        self.intake.resumable.expires(&self.upload)
    }

    /// Adds `body`, which begins at `offset`. Whatever happens, what came is kept, except for what the file's header rules out
    /// and what came under a checksum that it does not have.
    ///
    /// # Errors
    /// 409 when the upload is not at `offset`, 413 when `body` does not end where the file does, 460 for a wrong checksum, 423 when
    /// a later request wants the upload, and those of [`Intake::receive`]. After 413, 415 and 422 of the file itself the upload is
    /// gone.
    pub async fn append<S>(
        &mut self,
        offset: u64,
        declared: Option<u64>,
        body: S,
        checksum: Option<Checksum>,
    ) -> Result<(), ApiError>
    where
        S: Stream<Item = Result<Bytes, ApiError>> + Unpin,
    {
        let at = self.offset();
        if offset != at {
            let detail = format!(
                "the upload is at byte {at}, and this begins at byte {offset}: ask where it is and go on there"
            );
            return Err(ApiError::conflict("offset_mismatch", detail));
        }
        let most = self.length() - at;
        if declared.is_some_and(|declared| declared > most) {
            return Err(self.too_long());
        }
        if most == 0 {
            return Ok(());
        }
        let _place = self.intake.places.take(self.owner())?;
        let is_checked = checksum.is_some();
        if is_checked {
            self.turn.record.unverified_from = Some(at);
            self.write_record().await?;
        }
        let written = self.write(body, checksum).await;
        if is_checked {
            if written.is_err() {
                self.cut(at).await?;
            }
            self.turn.record.unverified_from = None;
            self.write_record().await?;
        }
        self.measure().await?;
        if let Err(error) = &written
            && matches!(error.status, 413 | 415 | 422)
            && error.code != "upload_too_long"
        {
            self.delete();
        }
        written
    }

    async fn write<S>(&mut self, mut body: S, mut checksum: Option<Checksum>) -> Result<(), ApiError>
    where
        S: Stream<Item = Result<Bytes, ApiError>> + Unpin,
    {
        let file = OpenOptions::new().append(true).open(&self.upload.part).await;
        let mut writer = BufWriter::with_capacity(BUFFER_BYTES, file.map_err(|error| on_disk(&error))?);
        let ended = self.pass_on(&mut body, &mut writer, checksum.as_mut()).await;
        // What came is kept, whatever ended it. Flushing waits for the last write, so nothing writes to the file after this.
        writer.flush().await.map_err(|error| on_disk(&error))?;
        drop(writer);
        ended?;
        checksum.map_or(Ok(()), Checksum::check)?;
        self.look_early(self.offset()).await
    }

    /// Bytes from the network into the writer.
    async fn pass_on<S>(
        &mut self,
        body: &mut S,
        writer: &mut BufWriter<tokio::fs::File>,
        mut checksum: Option<&mut Checksum>,
    ) -> Result<(), ApiError>
    where
        S: Stream<Item = Result<Bytes, ApiError>> + Unpin,
    {
        let mut at = self.offset();
        let mut look_at = at;
        loop {
            if at >= look_at {
                look_at = at + LOOK_EVERY;
                // Its bytes are among those that are reserved.
                let rest = (self.length() - at).min(LOOK_EVERY);
                disk::check_room(&self.intake.config.folder, "the upload", rest, 0)?;
            }
            let chunk = tokio::select! {
                biased;
                () = overtaken(&mut self.calls, self.ticket) => {
                    let detail = "a later request goes on with this upload";
                    return Err(ApiError::new(423, "upload_taken_over", detail));
                }
                chunk = self.intake.in_time(async { body.next().await.transpose() }) => chunk?,
            };
            let Some(chunk) = chunk else { return Ok(()) };
            let fits = usize::try_from(self.length() - at).unwrap_or(usize::MAX);
            let kept = &chunk[..chunk.len().min(fits)];
            writer.write_all(kept).await.map_err(|error| on_disk(&error))?;
            if let Some(checksum) = &mut checksum {
                checksum.update(kept);
            }
            at += kept.len() as u64;
            self.upload.offset.store(at, Ordering::Relaxed);
            self.upload.touch();
            if kept.len() < chunk.len() {
                return Err(self.too_long());
            }
            // What is not verified yet is not judged by.
            if checksum.is_none() && self.turn.early.is_due(at) {
                writer.flush().await.map_err(|error| on_disk(&error))?;
                self.look_early(at).await?;
            }
        }
    }

    /// Looks at the first `bytes` bytes, which are on the disk, if it is time to. The whole file is looked at anyway.
    async fn look_early(&mut self, bytes: u64) -> Result<(), ApiError> {
        if bytes == self.length() || !self.turn.early.is_due(bytes) {
            return Ok(());
        }
        self.turn.early.looked(bytes);
        let (path, limits) = (self.upload.part.clone(), self.intake.config.limits);
        let length = self.length();
        off_the_runtime(move || early::look(&path, length, &limits)).await
    }

    /// Checks a file that is all there; does nothing when that was done.
    ///
    /// # Errors
    /// 413, 415 or 422 when it does not pass: the upload is gone then.
    pub async fn inspect(&mut self) -> Result<ImageInfo, ApiError> {
        if let Some(info) = &self.turn.info {
            return Ok(info.clone());
        }
        let (path, limits) = (self.upload.part.clone(), self.intake.config.limits);
        match off_the_runtime(move || inspect::inspect(&path, &limits)).await {
            Ok(info) => {
                self.turn.info = Some(info.clone());
                Ok(info)
            }
            Err(error) => {
                if error.status < 500 {
                    self.delete();
                }
                Err(error)
            }
        }
    }

    /// Remembers that whoever sent the last byte might not start its job any more: it is not started by itself, also not by the next
    /// process. Whoever may goes on with it.
    ///
    /// # Errors
    /// It cannot be stored.
    pub async fn withhold(&mut self) -> Result<(), ApiError> {
        self.turn.record.is_withheld = true;
        self.write_record().await
    }

    /// Whether its job is not started by itself.
    pub fn is_withheld(&self) -> bool {
        self.turn.record.is_withheld
    }

    /// The id of the job that will be started on it, which is stored first.
    ///
    /// # Errors
    /// It cannot be stored.
    pub async fn choose_job(&mut self) -> Result<JobId, ApiError> {
        if let Some(job) = self.turn.record.job {
            return Ok(job);
        }
        let job = JobId(Uuid::now_v7());
        self.turn.record.job = Some(job);
        self.turn.record.is_withheld = false;
        self.write_record().await?;
        Ok(job)
    }

    /// The file as one that has arrived. Deletes it when dropped, unless it was moved away or is [put back](Held::put_back).
    ///
    /// # Errors
    /// Those of [`Held::inspect`].
    pub async fn received(&mut self) -> Result<Received, ApiError> {
        let info = self.inspect().await?;
        Ok(Received {
            id: self.upload.id,
            file: PartFile::new(self.upload.part.clone()),
            filename: self.turn.record.filename.clone(),
            owner: self.turn.record.owner.clone(),
            bytes: self.upload.length,
            info,
            is_counted: true,
            content: None,
            started_at: Timestamp::from_unix_timestamp(self.turn.record.created_at).ok(),
        })
    }

    /// Leaves the file of a job that could not be started where it is.
    pub fn put_back(&self, received: Received) {
        received.file.keep();
    }

    /// Remembers that the file has become its job, so that a client that did not hear of it can ask.
    pub fn used(&mut self) {
        self.upload.set_used();
        self.intake.resumable.bound_used();
    }

    /// Takes the upload out of the collection: what becomes of `received` is the caller's business. [`Intake::keep`] puts it back.
    pub fn hand_over(self, mut received: Received) -> Received {
        received.file = received.file.with_record(self.upload.record_path.clone());
        self.intake.resumable.remove(self.upload.id);
        received
    }

    /// Deletes the upload.
    pub fn delete(&mut self) {
        self.intake.resumable.remove(self.upload.id);
        self.upload.delete_files();
    }

    async fn cut(&self, at: u64) -> Result<(), ApiError> {
        let file = OpenOptions::new().write(true).open(&self.upload.part).await;
        let cut = async { file?.set_len(at).await };
        cut.await.map_err(|error| on_disk(&error))
    }

    /// What is on the disk is what counts.
    async fn measure(&self) -> Result<(), ApiError> {
        let path = self.upload.part.clone();
        let length = off_the_runtime(move || disk::length(&path).ok_or_else(not_found)).await?;
        self.upload
            .offset
            .store(length.min(self.upload.length), Ordering::Relaxed);
        Ok(())
    }

    async fn write_record(&self) -> Result<(), ApiError> {
        let (record, path) = (self.turn.record.clone(), self.upload.record_path.clone());
        off_the_runtime(move || record.write(&path).map_err(|error| on_disk(&error))).await
    }

    fn too_long(&self) -> ApiError {
        let detail = format!(
            "the body goes beyond the end of the file, which has {} bytes as its upload was created",
            self.length()
        );
        ApiError::new(413, "upload_too_long", detail)
    }
}

/// Waits until a later request has called.
async fn overtaken(calls: &mut watch::Receiver<u64>, ticket: u64) {
    // Whoever could call holds the sender.
    drop(calls.wait_for(|calls| *calls != ticket).await);
}
