//! What the worker knows of itself: counters, slots, partitions. Heartbeats and the status page are read from here.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use azulejo_protocol::record::READABLE;
use azulejo_protocol::{Heartbeat, JobId, WorkerState};
use time::OffsetDateTime;
use tokio::sync::Notify;

use crate::config::{Settings, host};
use crate::drain::{Lifecycle, Stage};
use crate::pulse::Pulse;
use crate::trouble::Troubles;

/// Seconds that `tasks_per_minute` looks back.
const WINDOW: usize = 60;

/// The worker's account of itself. Shared by all its threads; updates are a few atomics per tile.
#[derive(Debug)]
pub struct Monitor {
    id: String,
    instance: String,
    host: String,
    interval: Duration,
    started: Instant,
    life: Arc<Lifecycle>,
    processed: AtomicU64,
    failed: AtomicU64,
    render_micros: AtomicU64,
    busy: AtomicUsize,
    slots: Mutex<Vec<Option<(JobId, u32)>>>,
    recent: Mutex<Recent>,
    partitions: Mutex<Vec<i32>>,
    changed: Notify,
    urgent: AtomicBool,
    announced: AtomicBool,
    alone: Mutex<Option<String>>,
    troubles: Arc<Troubles>,
    pulse: Arc<Pulse>,
    /// Held from the moment a heartbeat is written until it is with the producer, so that they arrive in that order.
    speaking: Mutex<()>,
}

/// Tiles finished in each of the last seconds.
#[derive(Debug)]
struct Recent {
    counts: [u32; WINDOW],
    second: u64,
}

impl Recent {
    /// Clears the seconds that passed since the last call.
    fn advance(&mut self, second: u64) {
        for passed in self.second + 1..=second.min(self.second + WINDOW as u64) {
            self.counts[passed as usize % WINDOW] = 0;
        }
        self.second = self.second.max(second);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // Every update under these locks is a plain assignment: a panic elsewhere leaves nothing half done.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Monitor {
    /// Nothing done yet.
    pub fn new(settings: &Settings, life: Arc<Lifecycle>) -> Self {
        Self {
            id: settings.id.clone(),
            instance: settings.instance.clone(),
            host: host(),
            interval: settings.heartbeat_interval,
            started: Instant::now(),
            life,
            processed: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            render_micros: AtomicU64::new(0),
            busy: AtomicUsize::new(0),
            slots: Mutex::new(vec![None; settings.slots]),
            recent: Mutex::new(Recent {
                counts: [0; WINDOW],
                second: 0,
            }),
            partitions: Mutex::new(Vec::new()),
            changed: Notify::new(),
            urgent: AtomicBool::new(false),
            announced: AtomicBool::new(false),
            alone: Mutex::new(None),
            troubles: Arc::default(),
            pulse: Arc::default(),
            speaking: Mutex::new(()),
        }
    }

    /// Slot number `slot` begins a tile.
    pub fn begin(&self, slot: usize, job: JobId, tile: u32) {
        lock(&self.slots)[slot] = Some((job, tile));
        if self.busy.fetch_add(1, Relaxed) == 0 {
            self.changed.notify_one();
        }
    }

    /// Slot number `slot` is free again; the tile took `micros` and gave pixels or did not.
    pub fn end(&self, slot: usize, micros: u64, failed: bool) {
        lock(&self.slots)[slot] = None;
        self.processed.fetch_add(1, Relaxed);
        self.failed.fetch_add(u64::from(failed), Relaxed);
        self.render_micros.fetch_add(micros, Relaxed);
        let mut recent = lock(&self.recent);
        recent.advance(self.started.elapsed().as_secs());
        let index = recent.second as usize % WINDOW;
        recent.counts[index] += 1;
        drop(recent);
        if self.busy.fetch_sub(1, Relaxed) == 1 {
            self.changed.notify_one();
        }
    }

    /// The worker holds these partitions now.
    pub fn set_partitions(&self, partitions: Vec<i32>) {
        *lock(&self.partitions) = partitions;
        self.announce();
    }

    /// The inherited tile `job/tile/attempt` is rendered with nothing else in hand, or no such tile any more.
    pub fn set_alone(&self, tile: Option<String>) {
        *lock(&self.alone) = tile;
    }

    /// What does not work.
    pub fn troubles(&self) -> &Arc<Troubles> {
        &self.troubles
    }

    /// Signs of life.
    pub fn pulse(&self) -> &Arc<Pulse> {
        &self.pulse
    }

    /// Whether it takes tiles: it is in its group, and its heartbeats reach Kafka.
    pub fn is_ready(&self) -> bool {
        self.state().is_live() && self.pulse.is_heard(self.interval)
    }

    /// Runs `say`, which writes a heartbeat and hands it over, while nobody else does.
    pub fn in_turn<T>(&self, say: impl FnOnce() -> T) -> T {
        let _turn = lock(&self.speaking);
        say()
    }

    /// Something changed that others should hear of at once.
    pub fn announce(&self) {
        self.urgent.store(true, Relaxed);
        self.changed.notify_one();
    }

    /// Waits for a change; returns whether it was one to tell at once.
    pub async fn changed(&self) -> bool {
        self.changed.notified().await;
        self.urgent.swap(false, Relaxed)
    }

    /// A heartbeat was sent.
    pub fn announced(&self) {
        self.announced.store(true, Relaxed);
    }

    /// Whether others have heard of this worker.
    pub fn was_announced(&self) -> bool {
        self.announced.load(Relaxed)
    }

    /// What it is doing.
    pub fn state(&self) -> WorkerState {
        match self.life.stage() {
            Stage::Starting => WorkerState::Starting,
            Stage::Running if self.busy.load(Relaxed) > 0 => WorkerState::Busy,
            Stage::Running => WorkerState::Idle,
            Stage::Draining => WorkerState::Draining,
            Stage::Stopped => WorkerState::Stopped,
        }
    }

    /// Time between heartbeats.
    pub fn interval(&self) -> Duration {
        self.interval
    }

    /// All of it, as of now.
    pub fn heartbeat(&self) -> Heartbeat {
        let uptime = self.started.elapsed();
        let processed = self.processed.load(Relaxed);
        let (current_task, slots) = {
            let slots = lock(&self.slots);
            let current = slots
                .iter()
                .flatten()
                .next()
                .map(|(job, tile)| format!("{job}/{tile}"));
            (current, slots.len())
        };
        let last_minute: u32 = {
            let mut recent = lock(&self.recent);
            recent.advance(uptime.as_secs());
            recent.counts.iter().sum()
        };
        Heartbeat {
            worker_id: self.id.clone(),
            status: self.state(),
            tasks_processed: processed,
            current_task,
            timestamp: OffsetDateTime::now_utc(),
            uptime: uptime.as_secs_f64(),
            avg_processing_time: self.render_micros.load(Relaxed) as f64 / 1e6 / processed.max(1) as f64,
            tasks_per_minute: f64::from(last_minute),
            slots: slots as u32,
            busy: self.busy.load(Relaxed) as u32,
            tasks_failed: self.failed.load(Relaxed),
            partitions: lock(&self.partitions).clone(),
            memory_bytes: resident_bytes(),
            interval: self.interval.as_secs_f64(),
            host: self.host.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            instance: self.instance.clone(),
            versions: READABLE.to_vec(),
            alone: lock(&self.alone).clone(),
            trouble: self.troubles.text(),
        }
    }
}

/// Resident memory of this process; 0, which is taken for unknown, where there is no `/proc`, as on macOS and Windows.
fn resident_bytes() -> u64 {
    // `status` rather than `statm`: it counts in KiB whatever the machine's page size.
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|rest| rest.split_ascii_whitespace().next()?.parse::<u64>().ok())
        .map_or(0, |kib| kib * 1024)
}

#[cfg(test)]
mod tests {
    use azulejo_transport::KafkaSettings;
    use uuid::Uuid;

    use super::*;

    fn monitor() -> (Arc<Lifecycle>, Monitor) {
        let life = Arc::new(Lifecycle::default());
        let mut settings = Settings::new(KafkaSettings::new("127.0.0.1:1"));
        settings.slots = 2;
        (Arc::clone(&life), Monitor::new(&settings, life))
    }

    #[test]
    fn state_follows_life_and_slots() {
        let (life, monitor) = monitor();
        assert_eq!(monitor.state(), WorkerState::Starting);
        life.advance(Stage::Running);
        assert_eq!(monitor.state(), WorkerState::Idle);
        monitor.begin(1, JobId(Uuid::nil()), 7);
        let heartbeat = monitor.heartbeat();
        assert_eq!(
            (heartbeat.status, heartbeat.busy, heartbeat.slots),
            (WorkerState::Busy, 1, 2)
        );
        assert_eq!(heartbeat.current_task, Some(format!("{}/7", Uuid::nil())));
        life.advance(Stage::Draining);
        assert_eq!(monitor.state(), WorkerState::Draining);
        monitor.end(1, 2_000_000, true);
        let heartbeat = monitor.heartbeat();
        assert_eq!(
            (heartbeat.tasks_processed, heartbeat.tasks_failed, heartbeat.busy),
            (1, 1, 0)
        );
        assert_eq!(heartbeat.avg_processing_time, 2.0);
        assert_eq!(heartbeat.tasks_per_minute, 1.0);
    }

    #[test]
    fn the_first_eight_fields_of_a_status_are_the_originals() {
        let json = serde_json::to_string(&monitor().1.heartbeat()).unwrap();
        let names = [
            "worker_id",
            "status",
            "tasks_processed",
            "current_task",
            "timestamp",
            "uptime",
        ];
        let at: Vec<_> = names
            .into_iter()
            .chain(["avg_processing_time", "tasks_per_minute", "slots"])
            .map(|name| json.find(&format!("\"{name}\"")).unwrap())
            .collect();
        assert!(at.is_sorted(), "{json}");
    }

    #[test]
    fn a_minute_forgets_what_is_older() {
        let mut recent = Recent {
            counts: [1; WINDOW],
            second: 59,
        };
        recent.advance(60);
        assert_eq!(recent.counts.iter().sum::<u32>(), 59);
        recent.advance(1_000_000);
        assert_eq!(recent.counts.iter().sum::<u32>(), 0);
    }
}
