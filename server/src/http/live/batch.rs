//! The changes of a moment, each subject once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use azulejo_protocol::JobId;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};

use crate::engine::Change;

/// How long the first change waits for company. The engine tells each subject at most a few times a second, all in one go.
const GATHER: Duration = Duration::from_millis(20);

/// What has changed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Batch {
    /// Too much happened to say what.
    pub everything: bool,
    pub health: bool,
    pub workers: bool,
    pub costs: bool,
    pub jobs: BTreeSet<JobId>,
    pub gone: BTreeMap<JobId, Option<Arc<str>>>,
}

impl Batch {
    fn note(&mut self, change: Change) {
        match change {
            Change::Health => self.health = true,
            Change::Workers => self.workers = true,
            Change::Costs => self.costs = true,
            Change::Job(id) => {
                self.jobs.insert(id);
            }
            Change::JobGone(id, owner) => {
                self.jobs.remove(&id);
                self.gone.insert(id, owner);
            }
        }
    }
}

/// Waits for the next changes; `None` when the engine has ended.
pub(super) async fn gather(changes: &mut Receiver<Change>) -> Option<Batch> {
    let mut batch = Batch::default();
    match changes.recv().await {
        Ok(change) => batch.note(change),
        Err(RecvError::Lagged(_)) => batch.everything = true,
        Err(RecvError::Closed) => return None,
    }
    tokio::time::sleep(GATHER).await;
    loop {
        match changes.try_recv() {
            Ok(change) => batch.note(change),
            Err(TryRecvError::Lagged(_)) => batch.everything = true,
            // The engine's end is noticed by the next call.
            Err(TryRecvError::Empty | TryRecvError::Closed) => return Some(batch),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::broadcast;
    use uuid::Uuid;

    use super::*;

    fn job(n: u128) -> JobId {
        JobId(Uuid::from_u128(n))
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_is_one_batch_that_says_each_thing_once() {
        let (sender, mut receiver) = broadcast::channel(64);
        for _ in 0..10 {
            sender.send(Change::Job(job(1))).unwrap();
        }
        sender.send(Change::Job(job(2))).unwrap();
        sender.send(Change::JobGone(job(2), None)).unwrap();
        sender.send(Change::Workers).unwrap();
        let wanted = Batch {
            workers: true,
            jobs: [job(1)].into(),
            gone: [(job(2), None)].into(),
            ..Batch::default()
        };
        assert_eq!(gather(&mut receiver).await, Some(wanted));
    }

    #[tokio::test(start_paused = true)]
    async fn a_hub_that_falls_behind_starts_over_and_ends_with_the_engine() {
        let (sender, mut receiver) = broadcast::channel(2);
        for n in 0..9 {
            sender.send(Change::Job(job(n))).unwrap();
        }
        assert!(gather(&mut receiver).await.is_some_and(|batch| batch.everything));
        drop(sender);
        assert_eq!(gather(&mut receiver).await, None);
    }
}
