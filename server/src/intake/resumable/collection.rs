//! All resumable uploads, and how many there may be for how long.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use azulejo_protocol::health::IntakeLimits;
use azulejo_protocol::{ApiError, Timestamp};
use uuid::Uuid;

use super::upload::{Upload, found, now, record_path};
use crate::engine::files::job::remove_if_there;
use crate::intake::received::Received;
use crate::intake::trouble::on_disk;

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

/// All resumable uploads.
#[derive(Debug)]
pub(in crate::intake) struct Resumable {
    pub(super) limits: ResumableLimits,
    uploads: Mutex<HashMap<Uuid, Arc<Upload>>>,
}

impl Resumable {
    /// Finds what an earlier process left in `folder`, and deletes what is nothing.
    pub(in crate::intake) fn open(
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
    pub(in crate::intake) fn take_back(
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
    pub(in crate::intake) fn has(&self, id: Uuid) -> bool {
        self.lock().contains_key(&id)
    }

    /// Bytes of disk that unfinished uploads will still take up.
    pub(in crate::intake) fn reserved(&self) -> u64 {
        let uploads = self.lock();
        let rest = |upload: &Arc<Upload>| {
            upload
                .length
                .saturating_sub(upload.offset.load(Ordering::Relaxed))
        };
        uploads.values().map(rest).fold(0, u64::saturating_add)
    }

    /// Deletes those whose time is over and which nobody has in hand.
    pub(in crate::intake) fn expire(&self) {
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

    pub(super) fn age(&self, upload: &Upload) -> Duration {
        if upload.offset.load(Ordering::Relaxed) == upload.length {
            self.limits.finished_age
        } else {
            self.limits.age
        }
    }

    pub(super) fn expires(&self, upload: &Upload) -> Timestamp {
        let at = i128::from(upload.touched.load(Ordering::Relaxed)) * 1_000_000;
        let at = Timestamp::from_unix_timestamp_nanos(at).unwrap_or(Timestamp::UNIX_EPOCH);
        at.saturating_add(self.age(upload).try_into().unwrap_or(time::Duration::ZERO))
    }

    /// Forgets the oldest of those that became jobs when there are too many.
    pub(super) fn bound_used(&self) {
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

    pub(super) fn remove(&self, id: Uuid) {
        self.lock().remove(&id);
    }

    /// Who the upload `id` belongs to; the outer `None` when there is no such upload.
    pub fn owner(&self, id: Uuid) -> Option<Option<String>> {
        self.lock().get(&id).map(|upload| upload.owner.clone())
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, HashMap<Uuid, Arc<Upload>>> {
        self.uploads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
