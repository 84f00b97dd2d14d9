//! Uploads that are on disk and wait for their job: a browser sends the file first and the recipe afterwards.
//! Their number, their bytes and their time are bounded, so a page that is left open costs a bounded piece of disk.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use azulejo_protocol::ApiError;
use uuid::Uuid;

use super::received::Received;

/// How much may wait.
#[derive(Debug, Clone, Copy)]
pub struct WaitingLimits {
    /// Files.
    pub count: usize,
    /// Bytes of all files.
    pub bytes: u64,
    /// Time of one.
    pub age: Duration,
}

impl Default for WaitingLimits {
    fn default() -> Self {
        Self {
            count: 64,
            bytes: 32 << 30,
            age: Duration::from_secs(60 * 60),
        }
    }
}

/// An owner has at most this part of the places for uploads, so that one cannot keep the others out.
pub const SHARE: usize = 4;

/// What is said to an owner who has `most` uploads already.
pub fn too_many_of_one(most: usize) -> ApiError {
    let detail = format!(
        "{most} of your uploads are unfinished or wait for a job already, and no more of one owner are kept: start jobs on them, \
         or delete some (GET /files)"
    );
    ApiError::new(429, "too_many_uploads", detail)
}

/// What is said of an upload that there is none of.
pub fn no_such_upload(id: Uuid) -> ApiError {
    let detail = format!(
        "there is no upload {id}: it was used already, it expired, or the server was started again since; send the \
         file again"
    );
    ApiError::not_found("upload_not_found", detail)
}

#[derive(Debug)]
struct Kept {
    received: Received,
    since: Instant,
}

#[derive(Debug)]
pub(super) struct Waiting {
    limits: WaitingLimits,
    kept: Mutex<HashMap<Uuid, Kept>>,
}

impl Waiting {
    pub(super) fn new(limits: WaitingLimits) -> Self {
        Self {
            limits,
            kept: Mutex::default(),
        }
    }

    pub(super) fn keep(&self, received: Received) -> Result<(), ApiError> {
        self.expire();
        let mut kept = self.lock();
        let bytes: u64 = kept.values().map(|kept| kept.received.bytes).sum();
        if received.owner.is_some() {
            let own = kept.values().filter(|kept| kept.received.owner == received.owner);
            if own.count() >= self.limits.count / SHARE {
                return Err(too_many_of_one(self.limits.count / SHARE));
            }
        }
        if kept.len() >= self.limits.count || bytes.saturating_add(received.bytes) > self.limits.bytes {
            let detail = format!(
                "{} uploads with {bytes} bytes already wait for a recipe, and no more fit: start jobs on them, or wait \
                 until they expire ({} minutes after they arrived)",
                kept.len(),
                self.limits.age.as_secs() / 60
            );
            let refusal = ApiError::new(429, "too_many_uploads", detail);
            let wait = self.wait_for(&kept, received.bytes);
            return Err(match wait {
                Some(wait) => refusal.after(wait),
                None => refusal,
            });
        }
        kept.insert(
            received.id,
            Kept {
                received,
                since: Instant::now(),
            },
        );
        Ok(())
    }

    /// When enough of those that wait have expired for a file with `bytes` bytes: at the latest, because a job may be started on
    /// them before. `None` when it would not fit alone.
    fn wait_for(&self, kept: &HashMap<Uuid, Kept>, bytes: u64) -> Option<Duration> {
        let mut oldest_first: Vec<&Kept> = kept.values().collect();
        oldest_first.sort_by_key(|kept| kept.since);
        let mut count = kept.len();
        let mut left: u64 = kept.values().map(|kept| kept.received.bytes).sum();
        for kept in oldest_first {
            count -= 1;
            left -= kept.received.bytes;
            if count < self.limits.count && left.saturating_add(bytes) <= self.limits.bytes {
                return Some(self.limits.age.saturating_sub(kept.since.elapsed()));
            }
        }
        None
    }

    /// Who the file `id` belongs to; the outer `None` when there is no such file.
    pub(super) fn owner(&self, id: Uuid) -> Option<Option<String>> {
        self.lock().get(&id).map(|kept| kept.received.owner.clone())
    }

    pub(super) fn take(&self, id: Uuid) -> Result<Received, ApiError> {
        self.expire();
        let kept = self.lock().remove(&id);
        kept.map(|kept| kept.received).ok_or_else(|| no_such_upload(id))
    }

    pub(super) fn expire(&self) {
        // The files are deleted outside the lock.
        let over: Vec<Kept> = {
            let mut kept = self.lock();
            let ids: Vec<Uuid> = kept
                .iter()
                .filter(|(_, kept)| kept.since.elapsed() >= self.limits.age)
                .map(|(id, _)| *id)
                .collect();
            ids.iter().filter_map(|id| kept.remove(id)).collect()
        };
        for kept in over {
            tracing::info!(upload = %kept.received.id, "deleting an upload that nobody started a job on");
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Uuid, Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
