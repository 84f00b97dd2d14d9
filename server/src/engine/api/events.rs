//! Changes for whoever shows them, told at most a few times a second for each subject.
//!
//! The threads that change something mark its subject; a task sends every marked subject on at a steady beat. So a job that
//! stores two hundred tiles a second is told of four times, and marking costs a set insertion.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, broadcast};

use crate::engine::settings::Change;

/// Time between two tellings of the same subject.
pub const BEAT: Duration = Duration::from_millis(250);
/// A listener that is so far behind misses the oldest and is told how many.
const BACKLOG: usize = 1024;

/// Where changes are marked and listened to.
#[derive(Debug, Clone)]
pub struct Events {
    marked: Arc<Mutex<HashSet<Change>>>,
    some: Arc<Notify>,
    sender: broadcast::Sender<Change>,
}

impl Events {
    /// Begins to tell. Needs the async runtime.
    pub fn start() -> Self {
        let events = Self {
            marked: Arc::default(),
            some: Arc::new(Notify::new()),
            sender: broadcast::channel(BACKLOG).0,
        };
        // The task holds no sender: it ends with the last handle.
        let (marked, some, sender) = (
            events.marked.clone(),
            Arc::downgrade(&events.some),
            events.sender.downgrade(),
        );
        tokio::spawn(async move {
            loop {
                let Some(waiter) = some.upgrade() else { return };
                // A last handle that is dropped here leaves a task that waits once more at most.
                if tokio::time::timeout(Duration::from_secs(5), waiter.notified())
                    .await
                    .is_err()
                {
                    continue;
                }
                drop(waiter);
                let Some(sender) = sender.upgrade() else { return };
                let changes = std::mem::take(&mut *marked.lock().unwrap_or_else(PoisonError::into_inner));
                for change in changes {
                    // Nobody listening is fine.
                    drop(sender.send(change));
                }
                drop(sender);
                tokio::time::sleep(BEAT).await;
            }
        });
        events
    }

    /// Marks a subject as changed.
    pub fn mark(&self, change: Change) {
        if self
            .marked
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(change)
        {
            self.some.notify_one();
        }
    }

    /// Listens from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<Change> {
        self.sender.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn many_marks_are_told_a_few_times_and_the_last_is_not_lost() {
        let events = Events::start();
        let mut listener = events.subscribe();
        for _ in 0..100 {
            events.mark(Change::Workers);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        tokio::time::sleep(BEAT * 2).await;
        let mut told = 0;
        while listener.try_recv().is_ok() {
            told += 1;
        }
        assert!((2..=6).contains(&told), "{told}");
        events.mark(Change::Health);
        tokio::time::sleep(BEAT * 2).await;
        assert_eq!(listener.try_recv(), Ok(Change::Health));
    }
}
