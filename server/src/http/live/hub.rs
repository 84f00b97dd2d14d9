//! One task that hears the engine's changes. It looks at each subject that has changed and that somebody watches once, writes
//! it once, and posts the same bytes to all. So the engine is asked as often for two hundred watchers as for one.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use azulejo_app::backend::Backend;
use azulejo_protocol::{JobId, LiveEvent, WorkerInfo};
use tokio::sync::broadcast::Receiver;
use tokio_util::sync::CancellationToken;

use super::batch::{Batch, gather};
use super::mailbox::{Mail, Mailbox};
use super::places::Places;
use super::snapshot::{self, Snapshot, Subject};
use crate::access::Scope;
use crate::engine::Change;

/// What a watcher wants to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// Health, workers, and every job as lists show it.
    All,
    /// Health, workers, and one job, whole.
    Job(JobId),
    /// Workers and jobs as the original system told them.
    Original,
}

/// What somebody wants to know, of what they may see, and where it is posted to.
#[derive(Debug)]
struct Watching {
    wish: Wish,
    scope: Scope,
    mailbox: Weak<Mailbox>,
}

/// The same while something is posted.
struct There {
    wish: Wish,
    scope: Scope,
    mailbox: Arc<Mailbox>,
}

type Watchers = Mutex<Vec<Watching>>;

/// Where watchers sign up. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Hub {
    watchers: Arc<Watchers>,
    ids: Arc<AtomicU64>,
    /// How many streams each has.
    pub places: Places,
}

/// One who watches; nothing is posted to it once it is dropped.
pub struct Watcher(Arc<Mailbox>);

impl Watcher {
    /// The next mail; `None` when the server ends. May be given up at any moment: nothing is lost.
    pub async fn next(&self) -> Option<Mail> {
        self.0.next().await
    }
}

impl Hub {
    /// Watches from now on what `scope` lets see. Sign up before the first state is read, so that nothing falls in between.
    pub fn watch(&self, wish: Wish, scope: Scope) -> Watcher {
        let mailbox = Arc::new(Mailbox::default());
        let mut watchers = self.watchers.lock().unwrap_or_else(PoisonError::into_inner);
        watchers.push(Watching {
            wish,
            scope,
            mailbox: Arc::downgrade(&mailbox),
        });
        Watcher(mailbox)
    }

    /// Number of the next event.
    pub fn next_id(&self) -> u64 {
        self.ids.fetch_add(1, Ordering::Relaxed)
    }

    /// Those who still watch.
    fn watchers(&self) -> Vec<There> {
        let mut watchers = self.watchers.lock().unwrap_or_else(PoisonError::into_inner);
        let mut there = Vec::with_capacity(watchers.len());
        watchers.retain(|watching| {
            let mailbox = watching.mailbox.upgrade();
            there.extend(mailbox.clone().map(|mailbox| There {
                wish: watching.wish,
                scope: watching.scope.clone(),
                mailbox,
            }));
            mailbox.is_some()
        });
        there
    }

    /// Posts what `changes` tells until the engine ends or `shutdown` says so. The engine behind `backend` is not kept alive by it.
    pub async fn run(
        self,
        backend: Weak<dyn Backend>,
        mut changes: Receiver<Change>,
        shutdown: CancellationToken,
    ) {
        let work = async {
            while let Some(batch) = gather(&mut changes).await {
                let Some(backend) = backend.upgrade() else { return };
                self.post(&*backend, batch).await;
            }
        };
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = work => {}
        }
        for there in self.watchers() {
            there.mailbox.close();
        }
    }

    async fn post(&self, backend: &dyn Backend, batch: Batch) {
        let watchers = self.watchers();
        if watchers.is_empty() {
            return;
        }
        if batch.everything {
            return watchers.iter().for_each(|there| there.mailbox.put_everything());
        }
        for id in &batch.jobs {
            self.post_job(backend, &watchers, *id).await;
        }
        for (job_id, owner) in &batch.gone {
            let text = snapshot::event(self.next_id(), &LiveEvent::JobGone { job_id: *job_id });
            let those = watchers
                .iter()
                .filter(|there| is_page_of(there.wish, *job_id) && there.scope.sees(owner.as_deref()));
            for there in those {
                there
                    .mailbox
                    .put(Subject::Job(*job_id), Snapshot::Text(text.clone()));
            }
        }
        if batch.workers
            && let Ok(workers) = backend.workers().await
        {
            self.post_workers(&watchers, workers);
        }
        if batch.costs {
            self.post_costs(backend, &watchers).await;
        }
        if batch.health
            && watchers.iter().any(|there| there.wish != Wish::Original)
            && let Ok(health) = backend.health().await
        {
            let health = Box::new(health);
            let text = snapshot::event(self.next_id(), &LiveEvent::Health { health });
            for there in watchers.iter().filter(|there| there.wish != Wish::Original) {
                there.mailbox.put(Subject::Health, Snapshot::Text(text.clone()));
            }
        }
    }

    /// The workers; what they are at is told to those who see everybody's jobs.
    fn post_workers(&self, watchers: &[There], workers: Vec<WorkerInfo>) {
        let sees_all = |there: &There| there.scope == Scope::Everybody;
        let (all, some): (Vec<_>, Vec<_>) = watchers.iter().partition(|there| sees_all(there));
        for (those, workers) in [(some, snapshot::without_tasks(&workers)), (all, workers)] {
            if those.is_empty() {
                continue;
            }
            let original = snapshot::original_workers(&workers);
            let text = snapshot::event(self.next_id(), &LiveEvent::Workers { workers });
            for there in those {
                let text = if there.wish == Wish::Original {
                    original.clone().into()
                } else {
                    text.clone()
                };
                there.mailbox.put(Subject::Workers, Snapshot::Text(text));
            }
        }
    }

    /// What work costs goes to the pages that estimate.
    async fn post_costs(&self, backend: &dyn Backend, watchers: &[There]) {
        if !watchers.iter().any(|there| there.wish == Wish::All) {
            return;
        }
        let Ok(costs) = backend.costs().await else { return };
        let text = snapshot::event(self.next_id(), &LiveEvent::Costs { costs });
        for there in watchers.iter().filter(|there| there.wish == Wish::All) {
            there.mailbox.put(Subject::Costs, Snapshot::Text(text.clone()));
        }
    }

    async fn post_job(&self, backend: &dyn Backend, watchers: &[There], id: JobId) {
        let wished = |wanted: Wish| watchers.iter().any(|there| there.wish == wanted);
        let (all, whole, original) = (wished(Wish::All), wished(Wish::Job(id)), wished(Wish::Original));
        if !(all || whole || original) {
            return;
        }
        let job = match backend.job(id).await {
            Ok(job) => job,
            Err(error) if error.status == 404 => {
                // Whose it was is not known here: those who see only their own are told when its end is marked.
                let text = snapshot::event(self.next_id(), &LiveEvent::JobGone { job_id: id });
                let those = watchers
                    .iter()
                    .filter(|there| is_page_of(there.wish, id) && there.scope == Scope::Everybody);
                for there in those {
                    there.mailbox.put(Subject::Job(id), Snapshot::Text(text.clone()));
                }
                return;
            }
            // It is told of at its next change.
            Err(_) => return,
        };
        let owner = job.owner.clone();
        let post = |wanted: Wish, snapshot: &Snapshot| {
            let those = watchers
                .iter()
                .filter(|there| there.wish == wanted && there.scope.sees(owner.as_deref()));
            for there in those {
                there.mailbox.put(Subject::Job(id), snapshot.clone());
            }
        };
        if original {
            let original = Snapshot::Original(Arc::new(snapshot::original_job(&job)));
            post(Wish::Original, &original);
        }
        if whole {
            let event = LiveEvent::Job {
                job: Box::new(job.clone()),
            };
            let text = snapshot::event(self.next_id(), &event);
            post(Wish::Job(id), &Snapshot::Text(text));
        }
        if all {
            let job = Box::new(snapshot::summary(job));
            let text = snapshot::event(self.next_id(), &LiveEvent::Job { job });
            post(Wish::All, &Snapshot::Text(text));
        }
    }
}

/// Whether a page with that wish shows the job.
fn is_page_of(wish: Wish, id: JobId) -> bool {
    wish == Wish::All || wish == Wish::Job(id)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use async_trait::async_trait;
    use azulejo_protocol::dead::{DeadTileQuery, Replayed};
    use azulejo_protocol::{ApiError, Costs, Health, Job, JobQuery, TileInfo};
    use tokio::sync::broadcast;
    use uuid::Uuid;

    use super::*;

    /// Counts how often it is asked, and knows workers alone.
    #[derive(Default)]
    struct Counting(AtomicU64);

    impl Counting {
        fn asked<T>(&self) -> Result<T, ApiError> {
            self.0.fetch_add(1, Ordering::Relaxed);
            Err(ApiError::new(404, "none", "nothing is known here"))
        }
    }

    #[async_trait]
    impl Backend for Counting {
        async fn process(&self, _: Uuid, _: &str, _: Option<&str>, _: Option<u32>) -> Result<Job, ApiError> {
            self.asked()
        }
        async fn again(&self, _: JobId, _: &str, _: Option<&str>, _: Option<u32>) -> Result<Job, ApiError> {
            self.asked()
        }
        async fn jobs(&self, _: JobQuery) -> Result<Vec<Job>, ApiError> {
            self.asked()
        }
        async fn job(&self, _: JobId) -> Result<Job, ApiError> {
            self.asked()
        }
        async fn tile(&self, _: JobId, _: u32) -> Result<TileInfo, ApiError> {
            self.asked()
        }
        async fn cancel(&self, _: JobId) -> Result<Job, ApiError> {
            self.asked()
        }
        async fn retry(&self, _: JobId) -> Result<Job, ApiError> {
            self.asked()
        }
        async fn replay(&self, _: JobId, _: Option<u32>) -> Result<Job, ApiError> {
            self.asked()
        }
        async fn replay_all(&self, _: DeadTileQuery) -> Result<Replayed, ApiError> {
            self.asked()
        }
        async fn delete(&self, _: JobId) -> Result<(), ApiError> {
            self.asked()
        }
        async fn workers(&self) -> Result<Vec<WorkerInfo>, ApiError> {
            self.0.fetch_add(1, Ordering::Relaxed);
            Ok(Vec::new())
        }
        async fn costs(&self) -> Result<Costs, ApiError> {
            self.asked()
        }
        async fn health(&self) -> Result<Health, ApiError> {
            self.asked()
        }
    }

    /// How often the engine is asked for a job and the workers that have changed while so many watch; each gets the same bytes.
    async fn asked(watchers: usize) -> u64 {
        let hub = Hub::default();
        let those: Vec<Watcher> = (0..watchers)
            .map(|_| hub.watch(Wish::Job(job(1)), Scope::Everybody))
            .collect();
        let backend = Arc::new(Counting::default());
        let (sender, receiver) = broadcast::channel(64);
        let known: Arc<dyn Backend> = backend.clone();
        let task = tokio::spawn(hub.run(Arc::downgrade(&known), receiver, CancellationToken::new()));
        sender.send(Change::Job(job(1))).unwrap();
        sender.send(Change::Job(job(2))).unwrap();
        sender.send(Change::Workers).unwrap();
        let mut texts = BTreeSet::new();
        for watcher in &those {
            for _ in 0..2 {
                match watcher.next().await {
                    Some(Mail::Snapshot(Snapshot::Text(text))) => texts.insert(text.as_ptr()),
                    other => panic!("{other:?}"),
                };
            }
        }
        assert_eq!(texts.len(), 2, "each text is there once");
        drop(sender);
        task.await.unwrap();
        for watcher in &those {
            assert!(watcher.next().await.is_none());
        }
        backend.0.load(Ordering::Relaxed)
    }

    #[tokio::test(start_paused = true)]
    async fn two_hundred_watchers_ask_no_more_than_one() {
        assert_eq!((asked(1).await, asked(200).await), (2, 2));
    }

    #[tokio::test(start_paused = true)]
    async fn the_engine_is_not_kept_alive() {
        let backend: Arc<dyn Backend> = Arc::new(Counting::default());
        let hub = Hub::default();
        let watcher = hub.watch(Wish::All, Scope::Everybody);
        let (sender, receiver) = broadcast::channel(64);
        let task = tokio::spawn(hub.run(Arc::downgrade(&backend), receiver, CancellationToken::new()));
        sender.send(Change::Workers).unwrap();
        assert!(watcher.next().await.is_some());
        assert_eq!(Arc::strong_count(&backend), 1, "held between two looks");
        drop(backend);
        sender.send(Change::Workers).unwrap();
        assert!(watcher.next().await.is_none());
        task.await.unwrap();
    }

    fn job(n: u128) -> JobId {
        JobId(Uuid::from_u128(n))
    }
}
