//! Workers are heard and lost, the cluster comes and goes, tiles are overdue: what happens by time.
//!
//! **Overdue.** The tiles of a lost worker are sent again at once ([`super::deaths`]), and Kafka gives them to the next holder of
//! the partition by itself. What still gets lost (a broker that lost its log, a task skipped after a cancellation that was taken
//! back) is found by time: a tile is overdue when its result is not stored a while after the broker acknowledged the task *and*
//! after its partition came to its present holder. The while is the configured one, or more when tiles of this job take long; it
//! doubles with each time.
//!
//! **Standing still.** Whoever does not read hears nobody. While the cluster is away, and when this process stood still for a
//! while (a machine that was suspended, a disk that hung), silence is nobody's death.

use std::collections::BTreeSet;

use azulejo_protocol::{ControlMessage, Heartbeat, JobId};

use super::Core;
use super::pending::Then;
use crate::Time;
use crate::effect::{Effect, StoreOp};
use crate::ledger::Outcome;
use crate::tiles::TilePhase;

const MAX_DOUBLINGS: u32 = 6;
/// A try of which nothing at all was heard from the producer after this time is taken for not delivered.
const NO_REPORT: Time = Time::from_secs(5 * 60);
/// This process stood still when so much time has passed between two ticks, of which there are a few in a second.
const STOOD_STILL: Time = Time::from_secs(1);

impl Core {
    pub(super) fn set_connected(&mut self, connected: bool) {
        if self.connected == connected {
            return;
        }
        self.connected = connected;
        if connected {
            self.listen_anew();
            if self.hold.as_ref().is_some_and(|hold| hold.reason.is_none()) {
                self.hold = None;
            }
        }
        self.emit(Effect::HealthChanged);
    }

    /// Until now nobody could be heard.
    fn listen_anew(&mut self) {
        self.listening_since = self.now;
        self.workers.interrupted();
    }

    pub(super) fn heard(&mut self, beat: Heartbeat, age: Time) {
        let worker = beat.worker_id.clone();
        let fates = self.workers.hear(beat, age, self.now);
        if let Some(pattern) = self.workers.give_pattern(&worker, self.now) {
            self.store(vec![StoreOp::Pattern { worker, pattern }], Then::Nothing);
        }
        self.refresh_holders();
        self.follow(&fates);
        self.find_stranded();
        self.emit(Effect::WorkersChanged);
        self.emit(Effect::HealthChanged);
    }

    pub(super) fn tick(&mut self) {
        let ticked = self.ticked.replace(self.now);
        if ticked.is_some_and(|ticked| self.now.saturating_sub(ticked) > STOOD_STILL) {
            self.listen_anew();
        }
        if self.connected {
            let (fates, changed) = self.workers.sweep(self.listening_since, self.now);
            self.follow(&fates);
            if changed {
                self.emit(Effect::WorkersChanged);
                self.emit(Effect::HealthChanged);
            }
        }
        self.refresh_holders();
        self.find_stranded();
        if self.connected && self.caught_up {
            self.find_overdue();
        }
        self.retry_transactions();
        self.keep_costs();
    }

    /// Looks again at who holds which partition.
    fn refresh_holders(&mut self) {
        let now = self.now;
        self.holders = self.workers.holders(now);
        let live = self.workers.count(now);
        if live != self.live {
            self.live = live;
            self.disturb_all();
            self.emit(Effect::WorkersChanged);
            self.emit(Effect::HealthChanged);
        }
        for holder in &self.holders {
            if let Some(window) = self.windows.get_mut(&holder.key) {
                window.look(self.workers.slots(holder.key), now);
            }
        }
        let workers = &self.workers;
        self.windows.retain(|key, _| workers.knows(*key));
    }

    fn find_overdue(&mut self) {
        let now = self.now;
        let timeout = self.settings.tile_timeout;
        let owners = self.workers.owners(now);
        let mut overdue = Vec::new();
        let mut unheard = Vec::new();
        for (id, out) in &self.out {
            let Some(job) = self.jobs.get(&out.job).filter(|job| job.run == out.run) else {
                continue;
            };
            if job.tiles.phase(out.tile) != Some(TilePhase::Out) {
                continue;
            }
            let Some(delivered) = out.delivered else {
                if now.saturating_sub(out.sent) > NO_REPORT {
                    unheard.push(*id);
                }
                continue;
            };
            // With no live worker on its partition nobody could have answered.
            let Some((since, _)) = owners.get(&out.partition) else {
                continue;
            };
            let patience = timeout.max(Time::from_micros(job.mean_micros().saturating_mul(16)));
            let doublings = job
                .tiles
                .ledger(out.tile)
                .map_or(0, |ledger| ledger.overdue())
                .min(MAX_DOUBLINGS);
            if now.saturating_sub(delivered.max(*since)) > patience * (1 << doublings) {
                overdue.push((*id, out.job));
            }
        }
        for id in unheard {
            self.again(
                id,
                Outcome::NotDelivered,
                "the producer did not say what became of it",
            );
        }
        let mut jobs: BTreeSet<JobId> = BTreeSet::new();
        for (id, job) in overdue {
            self.again(id, Outcome::Overdue, "no answer came in time");
            jobs.insert(job);
        }
        // Perhaps workers skip the tiles because of a cancellation that they never heard was taken back. The job pauses for a
        // moment so that they hear it first, though not more often than tiles can become overdue.
        for id in jobs {
            if let Some(job) = self.jobs.get_mut(&id)
                && !job.phase.is_ending()
                && job.not_before.is_none_or(|at| now > at + timeout)
            {
                job.resume = true;
            } else {
                self.emit(Effect::Control(ControlMessage::Resume { job: id }));
            }
        }
    }
}
