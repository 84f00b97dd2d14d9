//! Bytes of uploads, which count for their owner's quota as they come: those that are promised by requests under way, and those that
//! are here. A job on an upload whose bytes were counted counts none.

use azulejo_protocol::{ApiError, Timestamp};

use super::work::unavailable;
use crate::engine::Engine;
use crate::engine::promises::Promise;
use crate::engine::quotas::Excess;
use crate::engine::store::usage;

impl Engine {
    /// Whether `owner` may send `bytes` more today: they are promised until what this gives is dropped.
    ///
    /// # Errors
    /// 429 when the quota does not allow them, 503 when the database does not answer.
    pub async fn promise(&self, owner: Option<&str>, bytes: u64) -> Result<Promise, ApiError> {
        let quotas = self.config.quotas;
        let Some(owner) = owner else {
            return Ok(self.promises.add(None, 0));
        };
        let _turn = self.promises.turn().await;
        if quotas.bytes_per_day.is_some() {
            let (of, all) = (owner.to_owned(), self.promises.of(owner).saturating_add(bytes));
            let store = &self.driver.drivers().store;
            let excess =
                store.read(move |db| usage::excess_of_bytes(db, &of, all, Timestamp::now_utc(), &quotas));
            if let Some(excess) = excess.await.map_err(|error| unavailable(&error))? {
                return Err(excess.error());
            }
        }
        Ok(self.promises.add(Some(owner), bytes))
    }

    /// Counts the bytes that came in the end. More than were promised count only where the quota allows them.
    ///
    /// # Errors
    /// 429 when it does not, 503 or 507 when they cannot be stored: then they are not counted.
    pub async fn count_sent(&self, promise: Promise, bytes: u64) -> Result<(), ApiError> {
        let Some(owner) = promise.owner().map(str::to_owned) else {
            return Ok(());
        };
        if bytes == 0 {
            return Ok(());
        }
        let (quotas, promised) = (self.config.quotas, promise.bytes());
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
