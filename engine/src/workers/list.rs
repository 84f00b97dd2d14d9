//! The workers as they are shown.

use azulejo_protocol::{Timestamp, WorkerInfo, WorkerState, record};

use super::{Known, Workers};
use crate::Time;

impl Known {
    /// Tiles that it processed and its mean time for one, seconds. Its last heartbeat may be from before the tiles that it
    /// answered since; of one that says nothing any more, what it answered is the later word.
    fn done(&self, is_live: bool) -> (u64, f64) {
        let (tiles, micros) = self.answered;
        if is_live || tiles <= self.beat.tasks_processed {
            (self.beat.tasks_processed, self.beat.avg_processing_time)
        } else {
            (tiles, micros as f64 / 1e6 / tiles as f64)
        }
    }
}

/// Whether a worker in this state has something to say: also one that cannot begin for want of a right.
fn is_here(state: WorkerState) -> bool {
    !matches!(state, WorkerState::Lost | WorkerState::Stopped)
}

impl Workers {
    /// What is wrong with workers, as subject and sentence.
    pub fn problems(&self, now: Time) -> Vec<(String, String)> {
        self.known
            .values()
            .filter(|known| is_here(known.state(now)))
            .filter_map(|known| Some((format!("worker {}", known.beat.worker_id), self.note(known)?)))
            .collect()
    }

    fn note(&self, known: &Known) -> Option<String> {
        if known.is_too_old() {
            return Some(format!(
                "too old: it does not read version {} of the records and gets no tiles; install version {} of the worker",
                record::VERSION,
                env!("CARGO_PKG_VERSION")
            ));
        }
        let doubled = known.doubled
            || self.known.values().any(|other| {
                other.doubled && !other.replaced && other.beat.worker_id == known.beat.worker_id
            });
        if doubled {
            return Some(
                "two processes have this id: give each a WORKER_ID of its own, or leave it out".to_owned(),
            );
        }
        known.beat.trouble.clone()
    }

    /// All of them, live ones first, then by id.
    pub fn list(&self, now: Time, wall: Timestamp) -> Vec<WorkerInfo> {
        let mut list: Vec<WorkerInfo> = self
            .known
            .values()
            // The earlier life of a process that is back is not another worker.
            .filter(|known| !known.replaced)
            .map(|known| {
                let beat = &known.beat;
                let status = known.state(now);
                let doubled = self
                    .known
                    .values()
                    .filter(|other| other.beat.worker_id == beat.worker_id && !other.replaced)
                    .count()
                    > 1;
                let (tasks_processed, avg_processing_time) = known.done(status.is_live());
                let worker_id = if doubled {
                    let start: String = beat.instance.chars().take(4).collect();
                    format!("{}~{start}", beat.worker_id)
                } else {
                    beat.worker_id.clone()
                };
                WorkerInfo {
                    worker_id,
                    last_heartbeat: wall - now.saturating_sub(known.heard),
                    tasks_processed,
                    current_task: beat.current_task.clone().filter(|_| status.is_live()),
                    status,
                    uptime: beat.uptime,
                    avg_processing_time,
                    tasks_per_minute: beat.tasks_per_minute,
                    rate_history: known.history.iter().copied().collect(),
                    slots: beat.slots,
                    busy: if status.is_live() { beat.busy } else { 0 },
                    tasks_failed: beat.tasks_failed,
                    partitions: beat.partitions.clone(),
                    memory_bytes: beat.memory_bytes,
                    host: beat.host.clone(),
                    version: beat.version.clone(),
                    instance: beat.instance.clone(),
                    versions: beat.versions.clone(),
                    note: self.note(known).filter(|_| is_here(status)),
                    pattern: self.patterns.of(&beat.worker_id),
                }
            })
            .collect();
        list.sort_by(|a, b| {
            let rank = |worker: &WorkerInfo| (!worker.status.is_live(), worker.worker_id.clone());
            rank(a).cmp(&rank(b))
        });
        list
    }
}
