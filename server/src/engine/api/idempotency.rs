//! Requests that are repeated: what they were answered the first time.

use azulejo_protocol::{ApiError, Timestamp};

use super::work::unavailable;
use crate::engine::Engine;
use crate::engine::reuse::{Answered, MAX_KEYS};
use crate::engine::store::idempotency;

impl Engine {
    /// What the request of `owner` with `key` was answered, if that is still remembered.
    ///
    /// # Errors
    /// 503 when the database does not answer.
    pub async fn answered(&self, owner: &str, key: &str) -> Result<Option<Answered>, ApiError> {
        let (owner, key, since) = (owner.to_owned(), key.to_owned(), self.keys_since());
        let found = self
            .driver
            .drivers()
            .store
            .read(move |db| idempotency::get(db, &owner, &key, since))
            .await;
        found.map_err(|error| unavailable(&error))
    }

    /// Forgets keys whose time is over, and the oldest where there are too many. To be called now and then.
    pub async fn forget_keys(&self) {
        let since = self.keys_since();
        let store = &self.driver.drivers().store;
        match store
            .write(move |db| idempotency::sweep(db, since, MAX_KEYS))
            .await
        {
            Ok(0) => {}
            Ok(keys) => tracing::debug!(keys, "keys of idempotency are forgotten"),
            Err(error) => tracing::warn!(%error, "keys of idempotency cannot be forgotten for now"),
        }
    }

    fn keys_since(&self) -> Timestamp {
        Timestamp::now_utc() - self.config.reuse.key_expiry
    }
}
