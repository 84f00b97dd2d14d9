//! Where requests come for resumable uploads: a new one, one to go on with, the list.

use std::sync::atomic::Ordering;
use std::time::Duration;

use azulejo_protocol::{ApiError, Timestamp, filename};
use serde::Serialize;
use uuid::Uuid;

use super::held::Held;
use super::record::Record;
use super::upload::{Upload, not_found, now};
use crate::intake::Intake;
use crate::intake::trouble::{off_the_runtime, on_disk, too_large};
use crate::intake::waiting::{SHARE, too_many_of_one};

/// How long a request waits for an earlier one to put the upload down.
const PATIENCE: Duration = Duration::from_secs(10);

/// What an upload is created with.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Announced {
    /// The client's name for the file.
    pub filename: String,
    /// Who it belongs to; `None` where authentication is off.
    pub owner: Option<String>,
    /// Bytes of the whole file.
    pub length: u64,
    /// The recipe of the job that is to be started once it is there.
    pub recipe: Option<String>,
    /// The kind of file that the result is to be.
    pub format: Option<String>,
    /// The page that the job is to be on.
    pub page: Option<String>,
}

/// An upload, as the list shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Listed {
    /// Its id.
    pub id: Uuid,
    /// The client's name for the file, made harmless.
    pub filename: String,
    /// Who it belongs to; not there where authentication was off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Bytes of the whole file.
    pub bytes: u64,
    /// Bytes that came.
    pub offset: u64,
    /// When it is deleted if nothing happens.
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = time::OffsetDateTime)]
    pub expires: Timestamp,
}

impl Intake {
    /// Makes an empty upload.
    ///
    /// # Errors
    /// 413 when it would be too large, 422 when it would be empty, 429 when there are too many, 507 when the disk has no room.
    pub async fn create(&self, announced: Announced) -> Result<Held, ApiError> {
        let most = self.config.limits.max_bytes;
        match announced.length {
            0 => {
                let detail = "the file is empty: choose an image";
                return Err(ApiError::unprocessable("image_empty", detail));
            }
            length if length > most => return Err(too_large(most)),
            length => self.check_room(length)?,
        }
        let (id, now) = (Uuid::new_v4(), now());
        let record = Record {
            filename: filename::sanitise(&announced.filename),
            owner: announced.owner,
            length: announced.length,
            recipe: announced.recipe,
            format: announced.format,
            page: announced.page,
            created_at: now / 1000,
            unverified_from: None,
            is_withheld: false,
            job: None,
        };
        let upload = Upload::new(&self.config.folder, id, record.clone(), 0, now);
        self.resumable.expire();
        {
            let mut uploads = self.resumable.lock();
            let limits = &self.resumable.limits;
            let count = uploads.values().filter(|upload| !upload.is_used()).count();
            if upload.owner.is_some() {
                let own = uploads
                    .values()
                    .filter(|other| !other.is_used() && other.owner == upload.owner);
                if own.count() >= limits.count / SHARE {
                    return Err(too_many_of_one(limits.count / SHARE));
                }
            }
            if count >= limits.count {
                let detail = format!(
                    "{count} uploads are unfinished or wait for a job already, and no more are kept: finish or delete one (GET /files)"
                );
                let first = uploads.values().filter(|upload| !upload.is_used());
                let first = first.map(|upload| self.resumable.expires(upload)).min();
                let wait = first.and_then(|first| (first - Timestamp::now_utc()).try_into().ok());
                let refusal = ApiError::new(429, "too_many_uploads", detail);
                return Err(refusal.after(wait.unwrap_or_default()));
            }
            uploads.insert(id, upload.clone());
        }
        let (part, path) = (upload.part.clone(), upload.record_path.clone());
        let made = off_the_runtime(move || {
            // A part without a record is deleted at the next start.
            let made = std::fs::File::create_new(&part).and_then(|_| record.write(&path));
            made.map_err(|error| on_disk(&error))
        });
        if let Err(error) = made.await {
            self.resumable.remove(id);
            upload.delete_files();
            return Err(error);
        }
        self.hold(id).await
    }

    /// Takes upload `id` into this request's hands, and out of those of an earlier one.
    ///
    /// # Errors
    /// 404 when there is none, 423 when the earlier request does not put it down in time.
    pub async fn hold(&self, id: Uuid) -> Result<Held, ApiError> {
        self.resumable.expire();
        let find = || self.resumable.lock().get(&id).cloned().ok_or_else(not_found);
        let upload = find()?;
        let mut ticket = 0;
        upload.calls.send_modify(|calls| {
            *calls += 1;
            ticket = *calls;
        });
        let calls = upload.calls.subscribe();
        let turn = tokio::time::timeout(PATIENCE, upload.turn.clone().lock_owned()).await;
        let turn = turn.map_err(|_| {
            let detail = "another request is still at this upload: try again in a little while";
            ApiError::new(423, "upload_locked", detail)
        })?;
        // It may have become something else while this waited.
        find()?;
        Ok(Held {
            intake: self.clone(),
            upload,
            turn,
            calls,
            ticket,
        })
    }

    /// Uploads that came in pieces, or are coming, and are no job yet; the oldest first.
    pub fn unfinished(&self) -> Vec<Listed> {
        self.resumable.expire();
        let uploads = self.resumable.lock();
        let mut listed: Vec<_> = uploads
            .values()
            .filter(|upload| !upload.is_used())
            .map(|upload| Listed {
                id: upload.id,
                filename: upload.filename.clone(),
                owner: upload.owner.clone(),
                bytes: upload.length,
                offset: upload.offset.load(Ordering::Relaxed),
                expires: self.resumable.expires(upload),
            })
            .collect();
        listed.sort_by_key(|upload| (upload.expires, upload.id));
        listed
    }
}
