//! The next tile goes out; the broker took it, or not.
//!
//! **Where to.** The worker with the most room in its window gets the tile, on the one of its partitions with the fewest
//! outstanding. Who holds which partition is what the heartbeats say. Nobody live, or nobody with a partition: the tile waits.
//! Tiles that were lost with a worker ([`super::deaths`]) go before all others.

use azulejo_protocol::{ControlMessage, JobId, record};

use super::{Core, Hold, Out};
use crate::effect::{Effect, Ending, Send, StoreOp};
use crate::event::DeliveryClass;
use crate::ledger::Outcome;
use crate::tiles::TilePhase;
use crate::window::Window;
use crate::workers::{Holder, WorkerKey};
use crate::{Time, TryId};

use super::pending::Then;

/// Workers hear that a job goes on before its tiles reach them.
const RESUME_PAUSE: Time = Time::from_millis(500);
/// Pauses after the broker did not take a tile: the first, and the longest.
const HOLD: (Time, Time) = (Time::from_millis(200), Time::from_secs(5));
/// The same where only somebody's doing can help.
const HOLD_INSTALLATION: (Time, Time) = (Time::from_secs(5), Time::from_secs(60));

impl Core {
    /// Whether anything may be sent at all.
    pub(super) fn may_send(&self) -> bool {
        self.connected && self.caught_up && self.hold.as_ref().is_none_or(|hold| self.now >= hold.until)
    }

    /// Whether a tile more may be outstanding.
    pub(super) fn has_bytes(&self) -> bool {
        self.bytes < self.settings.max_outstanding_bytes
    }

    /// Sends tiles as long as there are some and workers have room.
    pub(super) fn fill(&mut self) {
        self.tell_workers();
        let now = self.now;
        while self.may_send() {
            let Some((worker, partition, outstanding)) = self.room() else {
                return;
            };
            // After a failure one tile goes first, and the others when the broker has taken it.
            if self.hold.is_some() && self.out.values().any(|out| out.delivered.is_none()) {
                return;
            }
            // It takes the place of a try that is outstanding.
            if let Some((id, lost)) = self.next_stranded() {
                self.resend(id, lost, worker, partition, outstanding);
                continue;
            }
            if !self.has_bytes() {
                return;
            }
            let Some((id, tile)) = self.next_tile(now) else {
                return;
            };
            self.send(id, tile, worker, partition, outstanding);
        }
    }

    /// Tells the workers which jobs are over, and which go on: they may remember a cancellation of one, because the process that
    /// took it back, or ended the job without having stored that, died before it said so.
    fn tell_workers(&mut self) {
        if !self.connected {
            return;
        }
        for job in std::mem::take(&mut self.unsaid) {
            self.emit(Effect::Control(ControlMessage::Cancel { job }));
        }
        let not_before = self.now + RESUME_PAUSE;
        let mut resumed = Vec::new();
        for (id, job) in &mut self.jobs {
            if job.resume && job.phase == crate::job::JobPhase::Rendering {
                job.resume = false;
                job.not_before = Some(not_before);
                resumed.push(*id);
            }
        }
        for job in resumed {
            self.emit(Effect::Control(ControlMessage::Resume { job }));
        }
    }

    /// The worker that should get the next tile, the partition, and how many tiles it has outstanding.
    fn room(&self) -> Option<(WorkerKey, i32, u32)> {
        let (holder, load, _) = self
            .holders
            .iter()
            .map(|holder| (holder, self.load(holder), self.window(holder.key)))
            .filter(|(_, load, window)| load < window)
            .min_by_key(|(_, load, window)| u64::from(*load) * 1_000_000 / u64::from((*window).max(1)))?;
        let partition = holder
            .partitions
            .iter()
            .copied()
            .min_by_key(|partition| self.on_partition.get(partition).copied().unwrap_or(0))?;
        Some((holder.key, partition, load))
    }

    pub(super) fn load(&self, holder: &Holder) -> u32 {
        holder
            .partitions
            .iter()
            .map(|partition| self.on_partition.get(partition).copied().unwrap_or(0))
            .sum()
    }

    pub(super) fn window(&self, worker: WorkerKey) -> u32 {
        self.windows
            .get(&worker)
            .map_or_else(|| 2 * self.workers.slots(worker) + 2, Window::size)
    }

    /// Whether every live worker reads the records of a job that needs `version`.
    pub(super) fn may_send_version(&self, version: u32) -> bool {
        version <= record::VERSION || self.workers.behind(version, self.now).is_none()
    }

    fn next_tile(&mut self, now: Time) -> Option<(JobId, u32)> {
        let all_read_more = self.may_send_version(record::LATEST);
        for _ in 0..self.lanes.active() {
            let id = self.lanes.turn()?;
            let job = self
                .jobs
                .get_mut(&id)
                .filter(|job| all_read_more || job.plan.record_version() <= record::VERSION);
            if let Some(tile) = job.and_then(|job| job.sendable(now)) {
                return Some((id, tile));
            }
        }
        None
    }

    pub(super) fn send(&mut self, id: JobId, tile: u32, worker: WorkerKey, partition: i32, outstanding: u32) {
        let now = self.now;
        let slots = self.workers.slots(worker);
        let window = self
            .windows
            .entry(worker)
            .or_insert_with(|| Window::new(slots, now));
        let mut stamp = window.sent(outstanding, now);
        let name = self.workers.id(worker).to_owned();
        let mut holder = self.workers.instance(worker).to_owned();
        let Some(job) = self.jobs.get_mut(&id) else { return };
        let Some((region, _)) = job.plan.regions(tile) else {
            let (run, reason) = (
                job.run,
                "the recipe does not say what a tile needs; this is a bug".to_owned(),
            );
            return self.end(id, run, Ending::Failed { reason });
        };
        let attempt = job.tiles.begin(tile);
        let ledger = job.tiles.ledger_mut(tile);
        ledger.begin(attempt, &name, partition, now);
        if let Some(lost) = ledger.lost_with() {
            lost.clone_into(&mut holder);
            stamp = stamp.alone();
        }
        let (run, bytes) = (job.run, job.plan.input_bytes(region));
        let measures = job.plan.measure.is_some();
        let first = !std::mem::replace(&mut job.started, true);
        if first {
            job.started_at = now;
        }
        self.next_try += 1;
        let this = self.next_try;
        job.out.insert(tile, this);
        let out = Out {
            job: id,
            run,
            tile,
            partition,
            bytes,
            worker,
            stamp,
            sent: now,
            delivered: None,
        };
        self.out.insert(this, out);
        *self.on_partition.entry(partition).or_default() += 1;
        self.bytes += bytes;
        if first {
            let started = if measures {
                StoreOp::MeasureStarted(id)
            } else {
                StoreOp::TilesStarted(id)
            };
            self.store(vec![started], Then::Nothing);
        }
        self.emit(Effect::Send(Send {
            id: this,
            job: id,
            run,
            tile,
            attempt,
            partition,
            holder,
        }));
        self.changed(id);
    }

    /// The try is out no more.
    pub(super) fn release(&mut self, id: TryId) -> Option<Out> {
        let out = self.out.remove(&id)?;
        self.stranded.remove(&id);
        self.bytes -= out.bytes;
        if let Some(count) = self.on_partition.get_mut(&out.partition) {
            *count -= 1;
            if *count == 0 {
                self.on_partition.remove(&out.partition);
            }
        }
        if let Some(job) = self.jobs.get_mut(&out.job)
            && job.out.get(&out.tile) == Some(&id)
        {
            job.out.remove(&out.tile);
        }
        Some(out)
    }

    pub(super) fn delivered(&mut self, id: TryId) {
        if self.hold.take().is_some_and(|hold| hold.reason.is_some()) {
            self.emit(Effect::HealthChanged);
        }
        if let Some(out) = self.out.get_mut(&id) {
            out.delivered = Some(self.now);
        }
    }

    pub(super) fn not_delivered(&mut self, id: TryId, class: DeliveryClass, reason: &str) {
        let Some(out) = self.out.get(&id) else { return };
        let (job, run, tile) = (out.job, out.run, out.tile);
        let out_still = self
            .running(job, run)
            .is_some_and(|job| job.tiles.phase(tile) == Some(TilePhase::Out));
        if !out_still {
            return;
        }
        self.hold_back(class, reason);
        let outcome = match class {
            DeliveryClass::Passing | DeliveryClass::Installation => Outcome::NotDelivered,
            DeliveryClass::Record => Outcome::NotDeliverable,
        };
        self.again(id, outcome, reason);
    }

    fn hold_back(&mut self, class: DeliveryClass, reason: &str) {
        let ((first, longest), reason) = match class {
            DeliveryClass::Passing => (HOLD, None),
            DeliveryClass::Installation => (HOLD_INSTALLATION, Some(reason.to_owned())),
            // Only this record is at fault.
            DeliveryClass::Record => return,
        };
        let earlier = self.hold.as_ref();
        // All that were under way come back at once: they are one failure.
        let pause = match earlier {
            Some(hold) if self.now < hold.until => hold.pause,
            Some(hold) => (hold.pause * 2).clamp(first, longest),
            None => first,
        };
        let told = earlier.and_then(|hold| hold.reason.clone());
        let until = match earlier {
            Some(hold) if self.now < hold.until && hold.reason.is_some() == reason.is_some() => hold.until,
            _ => self.now + pause,
        };
        let news = told != reason;
        self.hold = Some(Hold { until, pause, reason });
        if news {
            self.emit(Effect::HealthChanged);
        }
    }

    /// The try is over without an answer: the tile is sent again, or given up when its budget is used up.
    pub(super) fn again(&mut self, id: TryId, outcome: Outcome, reason: &str) {
        let all = self.budget();
        let Some(out) = self.release(id) else { return };
        let Some(job) = self.running(out.job, out.run) else {
            return;
        };
        let ledger = job.tiles.ledger_mut(out.tile);
        ledger.note(outcome, all);
        job.is_undisturbed = false;
        if ledger.is_used_up(all) {
            let worker = ledger
                .tries()
                .last()
                .map(|last| last.worker.clone())
                .unwrap_or_default();
            return self.give_up(out.job, out.run, out.tile, &worker, outcome, reason);
        }
        job.tiles.set(out.tile, TilePhase::Queued);
        self.keep_spent(out.job, out.tile, reason);
        self.changed(out.job);
    }
}
