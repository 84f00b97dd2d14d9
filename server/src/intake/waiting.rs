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
        if kept.len() >= self.limits.count || bytes.saturating_add(received.bytes) > self.limits.bytes {
            let detail = format!(
                "{} uploads with {bytes} bytes already wait for a recipe, and no more fit: start jobs on them, or wait \
                 until they expire ({} minutes after they arrived)",
                kept.len(),
                self.limits.age.as_secs() / 60
            );
            return Err(ApiError::new(429, "too_many_uploads", detail));
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

    pub(super) fn take(&self, id: Uuid) -> Result<Received, ApiError> {
        self.expire();
        self.lock().remove(&id).map(|kept| kept.received).ok_or_else(|| {
            let detail = format!(
                "there is no upload {id}: it was used already, it expired, or the server was started again since; \
                 send the file again"
            );
            ApiError::not_found("upload_not_found", detail)
        })
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
