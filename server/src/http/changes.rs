//! The engine's changes in batches, for live streams: whatever happens in between, a stream speaks only a few times a
//! second and says each thing once.

use std::collections::BTreeSet;
use std::time::Duration;

use azulejo_protocol::JobId;
use tokio::sync::broadcast::{Receiver, error::RecvError};
use tokio::time::{Instant, sleep_until};

use crate::engine::Change;

/// Shortest time between two batches.
const INTERVAL: Duration = Duration::from_millis(250);

/// How long the first change waits for company after a quiet time: changes come in bursts.
const GATHER: Duration = Duration::from_millis(30);

/// What has changed since the batch before.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// Too much happened to say what: the whole state is to be sent again.
    pub everything: bool,
    /// The state of the installation.
    pub health: bool,
    /// The workers.
    pub workers: bool,
    /// These jobs.
    pub jobs: BTreeSet<JobId>,
    /// Jobs that are no more.
    pub gone: BTreeSet<JobId>,
}

impl Batch {
    fn note(&mut self, change: Change) {
        match change {
            Change::Health => self.health = true,
            Change::Workers => self.workers = true,
            Change::Job(id) => {
                self.jobs.insert(id);
            }
            Change::JobGone(id) => {
                self.jobs.remove(&id);
                self.gone.insert(id);
            }
        }
    }
}

/// A subscription to the engine's changes.
pub struct Changes {
    receiver: Receiver<Change>,
    earliest: Instant,
}

impl Changes {
    /// Batches what `receiver` gives. Subscribe before the first state is read, so that nothing falls between.
    pub fn new(receiver: Receiver<Change>) -> Self {
        Self {
            receiver,
            earliest: Instant::now(),
        }
    }

    /// Waits for the next batch; `None` when the engine has ended.
    pub async fn next(&mut self) -> Option<Batch> {
        let mut batch = Batch::default();
        self.note(&mut batch).await?;
        let at = self.earliest.max(Instant::now() + GATHER);
        // The engine's end is noticed by the next call.
        while let Ok(Some(())) = tokio::time::timeout_at(at, self.note(&mut batch)).await {}
        sleep_until(at).await;
        self.earliest = at + INTERVAL;
        Some(batch)
    }

    async fn note(&mut self, batch: &mut Batch) -> Option<()> {
        match self.receiver.recv().await {
            Ok(change) => batch.note(change),
            Err(RecvError::Lagged(_)) => batch.everything = true,
            Err(RecvError::Closed) => return None,
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::broadcast;
    use uuid::Uuid;

    fn job(n: u128) -> JobId {
        JobId(Uuid::from_u128(n))
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_is_one_batch_that_says_each_thing_once() {
        let (sender, receiver) = broadcast::channel(64);
        let mut changes = Changes::new(receiver);
        for _ in 0..10 {
            sender.send(Change::Job(job(1))).unwrap();
        }
        sender.send(Change::Job(job(2))).unwrap();
        sender.send(Change::JobGone(job(2))).unwrap();
        sender.send(Change::Workers).unwrap();
        let batch = changes.next().await.unwrap();
        let wanted = Batch {
            workers: true,
            jobs: [job(1)].into(),
            gone: [job(2)].into(),
            ..Batch::default()
        };
        assert_eq!(batch, wanted);
    }

    #[tokio::test(start_paused = true)]
    async fn batches_keep_their_distance() {
        let (sender, receiver) = broadcast::channel(64);
        let mut changes = Changes::new(receiver);
        sender.send(Change::Health).unwrap();
        changes.next().await.unwrap();
        let start = Instant::now();
        sender.send(Change::Health).unwrap();
        changes.next().await.unwrap();
        assert!(start.elapsed() >= INTERVAL, "{:?}", start.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_that_falls_behind_starts_over() {
        let (sender, receiver) = broadcast::channel(2);
        let mut changes = Changes::new(receiver);
        for n in 0..9 {
            sender.send(Change::Job(job(n))).unwrap();
        }
        assert!(changes.next().await.unwrap().everything);
        drop(sender);
        assert_eq!(changes.next().await, None);
    }
}
