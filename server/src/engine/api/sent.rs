//! Bytes of uploads, which count for their owner's quota as they come: those that are promised by requests under way, and those that
//! are here. A job on an upload whose bytes were counted counts none.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use azulejo_protocol::{ApiError, Timestamp};

use super::work::unavailable;
use crate::engine::Engine;
use crate::engine::quotas::Excess;
use crate::engine::store::usage;

/// What is promised. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Promises {
    by_owner: Arc<Mutex<HashMap<String, u64>>>,
    /// Held from the look at the quota to the promise, so that two at the same time cannot both be the last.
    turn: Arc<tokio::sync::Mutex<()>>,
}

impl Promises {
    /// Bytes that requests of `owner` under way may still bring.
    pub fn of(&self, owner: &str) -> u64 {
        self.lock().get(owner).copied().unwrap_or_default()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, u64>> {
        self.by_owner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Bytes that a request is about to bring. Dropped, they are not promised any more.
#[derive(Debug)]
pub struct Promise {
    promises: Promises,
    owner: Option<String>,
    bytes: u64,
}

impl Drop for Promise {
    fn drop(&mut self) {
        let Some(owner) = &self.owner else { return };
        let mut by_owner = self.promises.lock();
        if let Some(bytes) = by_owner.get_mut(owner) {
            *bytes -= self.bytes;
            if *bytes == 0 {
                by_owner.remove(owner);
            }
        }
    }
}

impl Engine {
    /// Whether `owner` may send `bytes` more today: they are promised until what this gives is dropped.
    ///
    /// # Errors
    /// 429 when the quota does not allow them, 503 when the database does not answer.
    pub async fn promise(&self, owner: Option<&str>, bytes: u64) -> Result<Promise, ApiError> {
        let promises = self.promises.clone();
        let quotas = self.config.quotas;
        let Some(owner) = owner else {
            return Ok(Promise {
                promises,
                owner: None,
                bytes: 0,
            });
        };
        let _turn = self.promises.turn.lock().await;
        if quotas.bytes_per_day.is_some() {
            let (of, all) = (owner.to_owned(), promises.of(owner).saturating_add(bytes));
            let store = &self.driver.drivers().store;
            let excess =
                store.read(move |db| usage::excess_of_bytes(db, &of, all, Timestamp::now_utc(), &quotas));
            if let Some(excess) = excess.await.map_err(|error| unavailable(&error))? {
                return Err(excess.error());
            }
        }
        let bytes = {
            let mut by_owner = promises.lock();
            let all = by_owner.entry(owner.to_owned()).or_default();
            let added = bytes.min(u64::MAX - *all);
            *all += added;
            added
        };
        Ok(Promise {
            promises,
            owner: Some(owner.to_owned()),
            bytes,
        })
    }

    /// Counts the bytes that came in the end. More than were promised count only where the quota allows them.
    ///
    /// # Errors
    /// 429 when it does not, 503 or 507 when they cannot be stored: then they are not counted.
    pub async fn count_sent(&self, promise: Promise, bytes: u64) -> Result<(), ApiError> {
        let Some(owner) = promise.owner.clone() else {
            return Ok(());
        };
        if bytes == 0 {
            return Ok(());
        }
        let (quotas, promised) = (self.config.quotas, promise.bytes);
        let others = self.promises.of(&owner).saturating_sub(promised);
        let store = &self.driver.drivers().store;
        let counted = store.write(move |db| {
            let now = Timestamp::now_utc();
            if bytes > promised
                && let Some(excess) =
                    usage::excess_of_bytes(db, &owner, bytes.saturating_add(others), now, &quotas)?
            {
                return Ok(Some(excess));
            }
            usage::note(db, &owner, bytes, now)?;
            Ok(None)
        });
        let excess = counted.await.map_err(|error| unavailable(&error))?;
        drop(promise);
        excess.map_or(Ok(()), |excess| Err(Excess::error(excess)))
    }
}
