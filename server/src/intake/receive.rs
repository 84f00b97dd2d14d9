//! From the network to the disk: one upload's bytes, counted, timed, and gone again when anything fails.

use azulejo_imaging::file::ImageInfo;
use azulejo_protocol::{ApiError, Timestamp, filename};
use bytes::Bytes;
use futures::{Stream, StreamExt};
use sha2::{Digest, Sha256};
use tokio::fs::File;
use tokio::io::{AsyncWriteExt, BufWriter};
use uuid::Uuid;

use super::received::Received;
use super::trouble::{off_the_runtime, on_disk, too_large};
use super::{Intake, PartFile, inspect};
use crate::engine::files::disk;

/// Bytes gathered before they go to the file: one hop to the blocking pool for each.
pub(super) const BUFFER_BYTES: usize = 512 * 1024;

/// Bytes that are written between two looks at the room on the disk.
pub(super) const LOOK_EVERY: u64 = 64 << 20;

impl Intake {
    /// Whether a file of `owner` with `declared` bytes would be taken in at this moment, to be asked before any of it is read.
    ///
    /// # Errors
    /// 413 when it would be too large, 429 when too many uploads are under way, 507 when the disk has no room.
    pub fn admit(&self, declared: Option<u64>, owner: Option<&str>) -> Result<(), ApiError> {
        let most = self.config.limits.max_bytes;
        if declared.is_some_and(|length| length > most) {
            return Err(too_large(most));
        }
        self.places.look(owner)?;
        // Looked at before and on the way: the disk is also the database's and the running jobs', which must not be
        // the ones to find it full.
        self.check_room(declared.unwrap_or(0))
    }

    /// Streams `body` to disk and inspects it. `declared` is the length that the client announced, if it did; `owner` is whose it is.
    ///
    /// # Errors
    /// 413, 415 or 422 for the file, 408 for a client that stalls, 400 for one that goes away, 429 when too many uploads
    /// are under way, 507 when the disk is full. Nothing is left on disk then.
    pub async fn receive<S>(
        &self,
        body: S,
        declared: Option<u64>,
        name: &str,
        owner: Option<&str>,
    ) -> Result<Received, ApiError>
    where
        S: Stream<Item = Result<Bytes, ApiError>>,
    {
        let mut body = std::pin::pin!(body);
        let most = self.config.limits.max_bytes;
        self.admit(declared, owner)?;
        let _place = self.places.take(owner)?;
        let mut look_at = LOOK_EVERY;
        let id = Uuid::new_v4();
        let started_at = Some(Timestamp::now_utc());
        let file = PartFile::new(self.config.folder.join(format!("{id}.part")));
        let handle = File::create_new(file.path())
            .await
            .map_err(|error| on_disk(&error))?;
        let mut writer = BufWriter::with_capacity(BUFFER_BYTES, handle);
        let (mut bytes, mut content) = (0_u64, Sha256::new());
        while let Some(chunk) = self.next(&mut body).await? {
            bytes += chunk.len() as u64;
            if bytes > most {
                return Err(too_large(most));
            }
            if bytes >= look_at {
                look_at = bytes + LOOK_EVERY;
                let left = declared.map_or(LOOK_EVERY, |length| length.saturating_sub(bytes));
                self.check_room(left.min(LOOK_EVERY))?;
            }
            content.update(&chunk);
            writer.write_all(&chunk).await.map_err(|error| on_disk(&error))?;
        }
        // Flushing waits for the last write, so nothing writes to the file after this.
        writer.flush().await.map_err(|error| on_disk(&error))?;
        drop(writer);
        if bytes == 0 {
            return Err(ApiError::unprocessable(
                "image_empty",
                "the file is empty: choose an image",
            ));
        }
        let received = self.pass(id, file, name, started_at).await?;
        Ok(Received {
            owner: owner.map(str::to_owned),
            content: Some(content.finalize().into()),
            ..received
        })
    }

    /// What the header of a received file says of its page `page`, from 1 on.
    ///
    /// # Errors
    /// 413, 415 or 422 when there is no such page, or it does not keep to the limits. The file stays.
    pub async fn page(&self, received: &Received, page: u32) -> Result<ImageInfo, ApiError> {
        let (path, limits) = (received.file.path().to_owned(), self.config.limits);
        off_the_runtime(move || inspect::header(&path, Some(page), &limits)).await
    }

    /// Inspects a file that is all there.
    ///
    /// # Errors
    /// 413, 415 or 422 for the file; it is deleted then.
    pub(super) async fn pass(
        &self,
        id: Uuid,
        file: PartFile,
        name: &str,
        started_at: Option<Timestamp>,
    ) -> Result<Received, ApiError> {
        let path = file.path().to_owned();
        let limits = self.config.limits;
        let look = move || {
            Ok((
                inspect::inspect(&path, &limits)?,
                disk::length(&path).unwrap_or(0),
            ))
        };
        let (info, bytes) = off_the_runtime(look).await?;
        Ok(Received {
            id,
            file,
            owner: None,
            filename: filename::sanitise(name),
            bytes,
            info,
            is_counted: false,
            content: None,
            started_at,
        })
    }

    async fn next<S>(&self, body: &mut S) -> Result<Option<Bytes>, ApiError>
    where
        S: Stream<Item = Result<Bytes, ApiError>> + Unpin,
    {
        self.in_time(async { body.next().await.transpose() }).await
    }

    /// Waits for something of an upload, though not for a client that has fallen silent.
    ///
    /// # Errors
    /// 408 when it does not come, and what `step` says.
    pub async fn in_time<T>(&self, step: impl Future<Output = Result<T, ApiError>>) -> Result<T, ApiError> {
        let most = self.config.idle_timeout;
        tokio::time::timeout(most, step).await.unwrap_or_else(|_| {
            let detail = format!(
                "nothing came for {} seconds, so the upload was given up: send it again",
                most.as_secs()
            );
            Err(ApiError::new(408, "upload_stalled", detail))
        })
    }

    pub(super) fn check_room(&self, needed: u64) -> Result<(), ApiError> {
        disk::check_room(
            &self.config.folder,
            "the upload",
            needed,
            self.resumable.reserved(),
        )
    }
}
