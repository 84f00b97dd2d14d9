//! One task that hears the engine's changes. It looks at each subject that has changed and that somebody watches once, writes
//! it once, and posts the same bytes to all. So the engine is asked as often for two hundred watchers as for one.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use azulejo_app::backend::Backend;
use azulejo_protocol::{JobId, LiveEvent};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio_util::sync::CancellationToken;

use super::mailbox::{Mail, Mailbox};
use super::snapshot::{self, Snapshot, Subject};
use crate::engine::Change;

/// How long the first change waits for company. The engine tells each subject at most a few times a second, all in one go.
const GATHER: Duration = Duration::from_millis(20);

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

type Watchers = Mutex<Vec<(Wish, Weak<Mailbox>)>>;

/// Where watchers sign up. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Hub {
    watchers: Arc<Watchers>,
    ids: Arc<AtomicU64>,
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
    /// Watches from now on. Sign up before the first state is read, so that nothing falls in between.
    pub fn watch(&self, wish: Wish) -> Watcher {
        let mailbox = Arc::new(Mailbox::default());
        let mut watchers = self.watchers.lock().unwrap_or_else(PoisonError::into_inner);
        watchers.push((wish, Arc::downgrade(&mailbox)));
        Watcher(mailbox)
    }

    /// Number of the next event.
    pub fn next_id(&self) -> u64 {
        self.ids.fetch_add(1, Ordering::Relaxed)
    }

    /// Those who still watch.
    fn watchers(&self) -> Vec<(Wish, Arc<Mailbox>)> {
        let mut watchers = self.watchers.lock().unwrap_or_else(PoisonError::into_inner);
        let mut there = Vec::with_capacity(watchers.len());
        watchers.retain(|(wish, mailbox)| {
            let mailbox = mailbox.upgrade();
            there.extend(mailbox.clone().map(|mailbox| (*wish, mailbox)));
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
        for (_, mailbox) in self.watchers() {
            mailbox.close();
        }
    }

    async fn post(&self, backend: &dyn Backend, batch: Batch) {
        let watchers = self.watchers();
        if watchers.is_empty() {
            return;
        }
        if batch.everything {
            return watchers.iter().for_each(|(_, mailbox)| mailbox.put_everything());
        }
        for id in &batch.jobs {
            self.post_job(backend, &watchers, *id).await;
        }
        for job_id in &batch.gone {
            let text = snapshot::event(self.next_id(), &LiveEvent::JobGone { job_id: *job_id });
            for (_, mailbox) in watchers.iter().filter(|(wish, _)| is_page_of(*wish, *job_id)) {
                mailbox.put(Subject::Job(*job_id), Snapshot::Text(text.clone()));
            }
        }
        if batch.workers
            && let Ok(workers) = backend.workers().await
        {
            let original = snapshot::original_workers(&workers);
            let text = snapshot::event(self.next_id(), &LiveEvent::Workers { workers });
            for (wish, mailbox) in &watchers {
                let text = if *wish == Wish::Original {
                    original.clone().into()
                } else {
                    text.clone()
                };
                mailbox.put(Subject::Workers, Snapshot::Text(text));
            }
        }
        if batch.costs {
            self.post_costs(backend, &watchers).await;
        }
        if batch.health
            && watchers.iter().any(|(wish, _)| *wish != Wish::Original)
            && let Ok(health) = backend.health().await
        {
            let text = snapshot::event(self.next_id(), &LiveEvent::Health { health });
            for (_, mailbox) in watchers.iter().filter(|(wish, _)| *wish != Wish::Original) {
                mailbox.put(Subject::Health, Snapshot::Text(text.clone()));
            }
        }
    }

    /// What work costs goes to the pages that estimate.
    async fn post_costs(&self, backend: &dyn Backend, watchers: &[(Wish, Arc<Mailbox>)]) {
        if !watchers.iter().any(|(wish, _)| *wish == Wish::All) {
            return;
        }
        let Ok(costs) = backend.costs().await else { return };
        let text = snapshot::event(self.next_id(), &LiveEvent::Costs { costs });
        for (_, mailbox) in watchers.iter().filter(|(wish, _)| *wish == Wish::All) {
            mailbox.put(Subject::Costs, Snapshot::Text(text.clone()));
        }
    }

    async fn post_job(&self, backend: &dyn Backend, watchers: &[(Wish, Arc<Mailbox>)], id: JobId) {
        let wished = |wanted: Wish| watchers.iter().any(|(wish, _)| *wish == wanted);
        let (all, whole, original) = (wished(Wish::All), wished(Wish::Job(id)), wished(Wish::Original));
        if !(all || whole || original) {
            return;
        }
        let post = |wanted: &dyn Fn(Wish) -> bool, snapshot: &Snapshot| {
            for (_, mailbox) in watchers.iter().filter(|(wish, _)| wanted(*wish)) {
                mailbox.put(Subject::Job(id), snapshot.clone());
            }
        };
        match backend.job(id).await {
            Ok(job) => {
                if original {
                    let original = Snapshot::Original(Arc::new(snapshot::original_job(&job)));
                    post(&|wish| wish == Wish::Original, &original);
                }
                if whole {
                    let event = LiveEvent::Job {
                        job: Box::new(job.clone()),
                    };
                    let text = snapshot::event(self.next_id(), &event);
                    post(&|wish| wish == Wish::Job(id), &Snapshot::Text(text));
                }
                if all {
                    let job = Box::new(snapshot::summary(job));
                    let text = snapshot::event(self.next_id(), &LiveEvent::Job { job });
                    post(&|wish| wish == Wish::All, &Snapshot::Text(text));
                }
            }
            Err(error) if error.status == 404 => {
                let text = snapshot::event(self.next_id(), &LiveEvent::JobGone { job_id: id });
                post(&|wish| is_page_of(wish, id), &Snapshot::Text(text));
            }
            Err(_) => {}
        }
    }
}

/// Whether a page with that wish shows the job.
fn is_page_of(wish: Wish, id: JobId) -> bool {
    wish == Wish::All || wish == Wish::Job(id)
}

/// What has changed.
#[derive(Debug, Default, PartialEq, Eq)]
struct Batch {
    /// Too much happened to say what.
    everything: bool,
    health: bool,
    workers: bool,
    costs: bool,
    jobs: BTreeSet<JobId>,
    gone: BTreeSet<JobId>,
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
            Change::JobGone(id) => {
                self.jobs.remove(&id);
                self.gone.insert(id);
            }
        }
    }
}

/// Waits for the next changes; `None` when the engine has ended.
async fn gather(changes: &mut Receiver<Change>) -> Option<Batch> {
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
    use async_trait::async_trait;
    use azulejo_protocol::{ApiError, Costs, Health, Job, JobQuery, TileInfo, WorkerInfo};
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
        async fn process(&self, _: Uuid, _: &str, _: Option<&str>) -> Result<Job, ApiError> {
            self.asked()
        }
        async fn again(&self, _: JobId, _: &str, _: Option<&str>) -> Result<Job, ApiError> {
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
        let those: Vec<Watcher> = (0..watchers).map(|_| hub.watch(Wish::Job(job(1)))).collect();
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
        let watcher = hub.watch(Wish::All);
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

    #[tokio::test(start_paused = true)]
    async fn a_burst_is_one_batch_that_says_each_thing_once() {
        let (sender, mut receiver) = broadcast::channel(64);
        for _ in 0..10 {
            sender.send(Change::Job(job(1))).unwrap();
        }
        sender.send(Change::Job(job(2))).unwrap();
        sender.send(Change::JobGone(job(2))).unwrap();
        sender.send(Change::Workers).unwrap();
        let wanted = Batch {
            workers: true,
            jobs: [job(1)].into(),
            gone: [job(2)].into(),
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
