//! Tiles that may kill the worker which renders them: out of memory, an abort.
//!
//! Such a tile is never answered. Kafka hands it to the next holder of its partition, who dies of it in turn, for ever, and
//! it is not overdue either, because each holder gets its time anew. So it is remembered which holders each
//! outstanding tile has had and which of them were lost: silent, or back with a new life and no goodbye.
//!
//! All that lay on a dead worker's partitions is suspect, though mostly one tile is to blame. The innocent are usually
//! answered by the next holder and forgotten here. Of those that are left only one is given up for each death beyond the
//! limit: the one with the most deaths, then the one that was sent first, for a partition is read in order.

use std::collections::HashMap;
use std::time::Instant;

use azulejo_protocol::JobId;

use super::workers::{Fate, Workers};

/// One death is nobody's fault, and two can be chance.
const LEAST_DEATHS: u32 = 3;
/// Holders remembered of a tile.
const MAX_HOLDERS: usize = 128;

#[derive(Debug)]
struct Holding {
    worker: String,
    partition: i32,
    since: Instant,
    lost: bool,
    /// Nothing that is heard later changes it.
    sure: bool,
}

impl Holding {
    fn look(&mut self, workers: &Workers, now: Instant) {
        if self.sure {
            return;
        }
        match workers.fate(&self.worker, self.partition, self.since, now) {
            Fate::Fine => self.lost = false,
            // A broker that is away silences everybody; who is heard of again was not lost.
            Fate::Silent => self.lost = true,
            Fate::Dead => (self.lost, self.sure) = (true, true),
            Fate::Forgotten => self.sure = true,
        }
    }
}

/// The holders that outstanding tiles have had.
#[derive(Debug, Default)]
pub struct Suspects {
    holdings: HashMap<(JobId, u32), Vec<Holding>>,
}

/// A tile that workers die of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Killer {
    /// Its job.
    pub job: JobId,
    /// Its index.
    pub tile: u32,
    /// Workers that were lost with it.
    pub deaths: u32,
    /// The last of them.
    pub worker: String,
}

impl Suspects {
    /// The tile lies on a partition that `worker` has held since then.
    pub fn see(&mut self, tile: (JobId, u32), worker: &str, partition: i32, since: Instant) {
        let holdings = self.holdings.entry(tile).or_default();
        let known = holdings
            .last()
            .is_some_and(|last| last.worker == worker && last.partition == partition && last.since == since);
        if !known && holdings.len() < MAX_HOLDERS {
            holdings.push(Holding {
                worker: worker.to_owned(),
                partition,
                since,
                lost: false,
                sure: false,
            });
        }
    }

    /// The tile was answered.
    pub fn forget(&mut self, tile: (JobId, u32)) {
        self.holdings.remove(&tile);
    }

    /// The job has ended.
    pub fn forget_job(&mut self, job: JobId) {
        self.holdings.retain(|(other, _), _| *other != job);
    }

    /// The tile to give up now, if there is one: at least `limit` of its holders were lost. `sent` says when a tile was sent.
    pub fn killer(
        &mut self,
        limit: u32,
        workers: &Workers,
        now: Instant,
        sent: impl Fn(&(JobId, u32)) -> Option<Instant>,
    ) -> Option<Killer> {
        for holding in self.holdings.values_mut().flatten() {
            holding.look(workers, now);
        }
        let deaths = |holdings: &[Holding]| holdings.iter().filter(|holding| holding.lost).count() as u32;
        let limit = limit.max(LEAST_DEATHS);
        let (tile, holdings) = self
            .holdings
            .iter()
            .filter(|(_, holdings)| deaths(holdings) >= limit)
            .max_by_key(|(tile, holdings)| {
                let age = sent(tile).map(|sent| now.saturating_duration_since(sent));
                (deaths(holdings), age)
            })?;
        let killer = Killer {
            job: tile.0,
            tile: tile.1,
            deaths: deaths(holdings),
            worker: holdings
                .iter()
                .rfind(|holding| holding.lost)
                .map(|holding| holding.worker.clone())
                .unwrap_or_default(),
        };
        self.forget((killer.job, killer.tile));
        // The others are only given up when workers go on dying without it.
        for holdings in self.holdings.values_mut() {
            while deaths(holdings) >= limit {
                let Some(first) = holdings.iter().position(|holding| holding.lost) else {
                    break;
                };
                holdings.remove(first);
            }
        }
        Some(killer)
    }
}
