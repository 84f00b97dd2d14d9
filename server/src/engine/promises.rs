//! Bytes that requests under way may still bring, by owner: they count for the quota from before they come.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What is promised. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Promises {
    by_owner: Arc<Mutex<HashMap<String, u64>>>,
    turn: Arc<tokio::sync::Mutex<()>>,
}

impl Promises {
    /// To be held from the look at the quota to the promise, so that two at the same time cannot both be the last.
    pub async fn turn(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.turn.lock().await
    }

    /// Bytes that requests of `owner` may still bring.
    pub fn of(&self, owner: &str) -> u64 {
        self.lock().get(owner).copied().unwrap_or_default()
    }

    /// Promises bytes of `owner`; those of nobody count for nobody.
    pub fn add(&self, owner: Option<&str>, bytes: u64) -> Promise {
        let mut promise = Promise {
            promises: self.clone(),
            owner: owner.map(str::to_owned),
            bytes: 0,
        };
        if let Some(owner) = owner {
            let mut by_owner = self.lock();
            let all = by_owner.entry(owner.to_owned()).or_default();
            promise.bytes = bytes.min(u64::MAX - *all);
            *all += promise.bytes;
        }
        promise
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, u64>> {
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

impl Promise {
    /// Whose they are.
    pub fn owner(&self) -> Option<&str> {
        self.owner.as_deref()
    }

    /// How many.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_promised_counts_until_it_is_dropped() {
        let promises = Promises::default();
        let (first, second) = (promises.add(Some("ann"), 5), promises.add(Some("ann"), u64::MAX));
        assert_eq!((first.bytes(), second.bytes()), (5, u64::MAX - 5));
        assert_eq!((promises.of("ann"), promises.of("bob")), (u64::MAX, 0));
        drop(second);
        assert_eq!(promises.of("ann"), 5);
        let nobodys = promises.add(None, 7);
        assert_eq!((nobodys.owner(), nobodys.bytes()), (None, 0));
        drop((first, nobodys));
        assert!(promises.lock().is_empty());
    }
}
