//! Uploads that may come in pieces and go on after whatever cut them: the line, the browser, the server.
//!
//! An upload is two files in the folder of uploads: `ID.part`, to which bytes are only ever added, and `ID.json`, its
//! [`Record`]. How far it is, is the length of the first: there is nothing beside the file that could say otherwise. Both are
//! there until the upload becomes a job, is given up, or expires; a restart finds them.
//!
//! One request at a time has an upload in its hands ([`Held`]). A later one gets it at once and ends the earlier: a client comes
//! back because its line is dead, and the server may not know that for minutes.

mod checksum;
mod early;
mod held;
mod record;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use azulejo_imaging::file::ImageInfo;
use azulejo_protocol::health::IntakeLimits;
use azulejo_protocol::{ApiError, Timestamp};
use tokio::sync::watch;
use uuid::Uuid;

pub use self::checksum::{ALGORITHMS, Checksum};
use self::early::Early;
pub use self::held::{Held, Order};
use self::record::Record;
use super::receive::{off_the_runtime, on_disk, too_large};
use super::{Intake, Received, filename};
use crate::engine::files::disk;
use crate::engine::files::job::remove_if_there;

/// How long a request waits for an earlier one to put the upload down.
const PATIENCE: Duration = Duration::from_secs(10);

/// Uploads that became jobs and are remembered.
const MAX_USED: usize = 256;

/// How many there may be, and for how long.
#[derive(Debug, Clone, Copy)]
pub struct ResumableLimits {
    /// Uploads that are not yet a job.
    pub count: usize,
    /// An unfinished one is deleted when no byte of it came for so long.
    pub age: Duration,
    /// A finished one is deleted, and a used one forgotten, after so long.
    pub finished_age: Duration,
}

impl Default for ResumableLimits {
    fn default() -> Self {
        Self {
            count: 64,
            age: Duration::from_secs(24 * 60 * 60),
            finished_age: Duration::from_secs(60 * 60),
        }
    }
}

/// What an upload is created with.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Announced {
    /// The client's name for the file.
    pub filename: String,
    /// Bytes of the whole file.
    pub length: u64,
    /// The recipe of the job that is to be started once it is there.
    pub recipe: Option<String>,
    /// The kind of file that the result is to be.
    pub format: Option<String>,
}

/// An upload, as a list shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its id.
    pub id: Uuid,
    /// The client's name for the file, made harmless.
    pub filename: String,
    /// Bytes of the whole file.
    pub bytes: u64,
    /// Bytes that came.
    pub offset: u64,
    /// When it is deleted if nothing happens.
    pub expires: Timestamp,
}

/// What only the request that has the upload changes.
#[derive(Debug)]
struct Turn {
    record: Record,
    early: Early,
    info: Option<ImageInfo>,
}

#[derive(Debug)]
struct Upload {
    id: Uuid,
    filename: String,
    length: u64,
    part: PathBuf,
    record_path: PathBuf,
    turn: Arc<tokio::sync::Mutex<Turn>>,
    /// Counts the requests that wanted it.
    calls: watch::Sender<u64>,
    offset: AtomicU64,
    /// When something last happened to it, milliseconds since 1970.
    touched: AtomicI64,
    /// Whether its file has become its job.
    used: AtomicBool,
}

impl Upload {
    fn new(folder: &Path, id: Uuid, record: Record, offset: u64, touched: i64) -> Arc<Self> {
        Arc::new(Self {
            id,
            filename: record.filename.clone(),
            length: record.length,
            part: folder.join(format!("{id}.part")),
            record_path: record_path(folder, id),
            turn: Arc::new(tokio::sync::Mutex::new(Turn {
                record,
                early: Early::default(),
                info: None,
            })),
            calls: watch::Sender::new(0),
            offset: AtomicU64::new(offset),
            touched: AtomicI64::new(touched),
            used: AtomicBool::new(false),
        })
    }

    fn touch(&self) {
        self.touched.store(now(), Ordering::Relaxed);
    }

    fn is_used(&self) -> bool {
        self.used.load(Ordering::Relaxed)
    }

    fn set_used(&self) {
        self.used.store(true, Ordering::Relaxed);
        self.touch();
    }

    fn delete_files(&self) {
        // The record last: a file without one is deleted at the next start.
        remove_if_there(&self.part);
        remove_if_there(&self.record_path);
    }
}

/// All resumable uploads.
#[derive(Debug)]
pub(super) struct Resumable {
    limits: ResumableLimits,
    uploads: Mutex<HashMap<Uuid, Arc<Upload>>>,
}

impl Resumable {
    /// Finds what an earlier process left in `folder`, and deletes what is nothing.
    pub(super) fn open(
        folder: &Path,
        intake: &IntakeLimits,
        limits: ResumableLimits,
    ) -> std::io::Result<Self> {
        let mut uploads = HashMap::new();
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "draft") {
                remove_if_there(&path);
            }
            if path.extension().is_none_or(|extension| extension != "json") {
                continue;
            }
            let id = path
                .file_stem()
                .and_then(|stem| stem.to_str()?.parse::<Uuid>().ok());
            let Some(id) = id.filter(|id| record_path(folder, *id) == path) else {
                continue;
            };
            match found(folder, id, intake) {
                Ok(upload) => {
                    uploads.insert(id, upload);
                }
                Err(error) => {
                    tracing::warn!(upload = %id, %error, "an unfinished upload cannot go on and is deleted");
                    remove_if_there(&path);
                    remove_if_there(&folder.join(format!("{id}.part")));
                }
            }
        }
        Ok(Self {
            limits,
            uploads: Mutex::new(uploads),
        })
    }

    /// Takes an upload back that was handed over.
    pub(super) fn take_back(
        &self,
        folder: &Path,
        intake: &IntakeLimits,
        received: Received,
    ) -> Result<(), ApiError> {
        let upload = found(folder, received.id, intake).map_err(|error| on_disk(&error))?;
        self.lock().insert(received.id, upload);
        received.file.keep();
        Ok(())
    }

    /// Whether `id` is one of these.
    pub(super) fn has(&self, id: Uuid) -> bool {
        self.lock().contains_key(&id)
    }

    /// Bytes of disk that unfinished uploads will still take up.
    pub(super) fn reserved(&self) -> u64 {
        let uploads = self.lock();
        let rest = |upload: &Arc<Upload>| {
            upload
                .length
                .saturating_sub(upload.offset.load(Ordering::Relaxed))
        };
        uploads.values().map(rest).fold(0, u64::saturating_add)
    }

    /// Deletes those whose time is over and which nobody has in hand.
    pub(super) fn expire(&self) {
        let now = now();
        let over: Vec<Arc<Upload>> = {
            let uploads = self.lock();
            let is_over = |upload: &&Arc<Upload>| {
                let since = u128::try_from(now.saturating_sub(upload.touched.load(Ordering::Relaxed)));
                since.is_ok_and(|since| since >= self.age(upload).as_millis())
            };
            uploads.values().filter(is_over).cloned().collect()
        };
        for upload in over {
            if let Ok(_turn) = upload.turn.try_lock() {
                tracing::info!(upload = %upload.id, "an upload has expired");
                self.remove(upload.id);
                upload.delete_files();
            }
        }
    }

    fn age(&self, upload: &Upload) -> Duration {
        if upload.offset.load(Ordering::Relaxed) == upload.length {
            self.limits.finished_age
        } else {
            self.limits.age
        }
    }

    fn expires(&self, upload: &Upload) -> Timestamp {
        let at = i128::from(upload.touched.load(Ordering::Relaxed)) * 1_000_000;
        let at = Timestamp::from_unix_timestamp_nanos(at).unwrap_or(Timestamp::UNIX_EPOCH);
        at.saturating_add(self.age(upload).try_into().unwrap_or(time::Duration::ZERO))
    }

    /// Forgets the oldest of those that became jobs when there are too many.
    fn bound_used(&self) {
        let mut used: Vec<Arc<Upload>> = self
            .lock()
            .values()
            .filter(|upload| upload.is_used())
            .cloned()
            .collect();
        used.sort_by_key(|upload| std::cmp::Reverse(upload.touched.load(Ordering::Relaxed)));
        for upload in used.iter().skip(MAX_USED) {
            self.remove(upload.id);
            upload.delete_files();
        }
    }

    fn remove(&self, id: Uuid) {
        self.lock().remove(&id);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Uuid, Arc<Upload>>> {
        self.uploads.lock().unwrap_or_else(PoisonError::into_inner)
    }
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
            length => disk::check_room(
                &self.config.folder,
                "the upload",
                length,
                self.resumable.reserved(),
            )?,
        }
        let (id, now) = (Uuid::new_v4(), now());
        let record = Record {
            filename: filename::sanitise(&announced.filename),
            length: announced.length,
            recipe: announced.recipe,
            format: announced.format,
            created_at: now / 1000,
            unverified_from: None,
            job: None,
        };
        let upload = Upload::new(&self.config.folder, id, record.clone(), 0, now);
        self.resumable.expire();
        {
            let mut uploads = self.resumable.lock();
            let limits = &self.resumable.limits;
            let count = uploads.values().filter(|upload| !upload.is_used()).count();
            if count >= limits.count {
                let detail = format!(
                    "{count} uploads are unfinished or wait for a job already, and no more are kept: finish or delete one (GET /files)"
                );
                return Err(ApiError::new(429, "too_many_uploads", detail));
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
                bytes: upload.length,
                offset: upload.offset.load(Ordering::Relaxed),
                expires: self.resumable.expires(upload),
            })
            .collect();
        listed.sort_by_key(|upload| (upload.expires, upload.id));
        listed
    }
}

/// The upload `id` as an earlier process left it.
fn found(folder: &Path, id: Uuid, limits: &IntakeLimits) -> std::io::Result<Arc<Upload>> {
    let path = record_path(folder, id);
    let mut record = Record::read(&path, limits)?;
    let part = folder.join(format!("{id}.part"));
    let (length, changed, is_used) = match std::fs::symlink_metadata(&part) {
        Ok(file) if file.is_file() => (file.len(), file.modified()?, false),
        // Its job has taken the file.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && record.job.is_some() => {
            (record.length, std::fs::metadata(&path)?.modified()?, true)
        }
        Err(error) => return Err(error),
        Ok(_) => return Err(std::io::Error::other("it is not a file")),
    };
    // What came under a checksum that nobody compared, and what cannot be of this file.
    let sound = length
        .min(record.length)
        .min(record.unverified_from.unwrap_or(u64::MAX));
    if sound < length && !is_used {
        std::fs::OpenOptions::new()
            .write(true)
            .open(&part)?
            .set_len(sound)?;
    }
    if record.unverified_from.take().is_some() {
        record.write(&path)?;
    }
    let upload = Upload::new(folder, id, record, sound, milliseconds(changed).min(now()));
    upload.used.store(is_used, Ordering::Relaxed);
    Ok(upload)
}

fn record_path(folder: &Path, id: Uuid) -> PathBuf {
    folder.join(format!("{id}.json"))
}

fn not_found() -> ApiError {
    let detail =
        "there is no such upload: it became a job, it was deleted, or it has expired; send the file again";
    ApiError::not_found("upload_not_found", detail)
}

/// Milliseconds since 1970.
fn now() -> i64 {
    milliseconds(SystemTime::now())
}

fn milliseconds(time: SystemTime) -> i64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
