//! Turns for what goes through many rows: one of a caller at a time, so that whoever asks for many long lists waits for their own and
//! leaves the database's threads to others.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The turns of everybody. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Turns(Arc<Mutex<HashMap<String, Arc<Semaphore>>>>);

/// A turn, over when this is dropped.
#[derive(Debug)]
pub struct Turn {
    turns: Turns,
    by: String,
    permit: Option<OwnedSemaphorePermit>,
}

impl Turns {
    /// Waits for the turn of `by`. Who cannot be told from others has none, and does not wait.
    pub async fn of(&self, by: Option<&str>) -> Option<Turn> {
        let by = by?;
        let one = Arc::clone(
            self.lock()
                .entry(by.to_owned())
                .or_insert_with(|| Arc::new(Semaphore::new(1))),
        );
        // Made before it waits, so that what is kept of `by` goes also when nobody waits any more.
        let mut turn = Turn {
            turns: self.clone(),
            by: by.to_owned(),
            permit: None,
        };
        turn.permit = one.acquire_owned().await.ok();
        Some(turn)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Arc<Semaphore>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut turns = self.turns.lock();
        drop(self.permit.take());
        // One that is held or waited for has another name than this.
        if turns.get(&self.by).is_some_and(|one| Arc::strong_count(one) == 1) {
            turns.remove(&self.by);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn one_of_a_caller_at_a_time_and_nobody_waits_for_another_caller() {
        let turns = Turns::default();
        let first = turns.of(Some("ann")).await;
        let soon = Duration::from_secs(1);
        assert!(tokio::time::timeout(soon, turns.of(Some("ann"))).await.is_err());
        assert!(tokio::time::timeout(soon, turns.of(Some("bob"))).await.is_ok());
        assert!(tokio::time::timeout(soon, turns.of(None)).await.is_ok());
        let (second, ()) = tokio::join!(turns.of(Some("ann")), async { drop(first) });
        assert!(second.is_some());
        drop(second);
        assert!(turns.lock().is_empty(), "nothing is kept of who is gone");
    }
}
