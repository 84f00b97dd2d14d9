//! Promises about workers that are lost: what they had in hand is sent elsewhere soon, and nothing is sent to them.
//!
//! These are judged by what the world knows: when a heartbeat of which process arrived last, and which process each try was
//! sent to.

use azulejo_engine::ledger::{Ledger, MAX_RESENDS};
use azulejo_engine::{TilePhase, TryId};

use super::*;

/// How long a worker may be silent where heartbeats come evenly, and where they do not.
const PATIENCE: Time = Time::from_secs(3);
const LONGEST_PATIENCE: Time = Time::from_secs(30);
/// What the server may take beyond that.
const SOON: Time = Time::from_secs(1);
/// For so long after a failed delivery the server may hold back.
const HELD_BACK: Time = Time::from_secs(65);
/// Workers that one tile may kill: one with others in hand, three alone, and two that had a copy of it in hand when it was given
/// up, or had not heard of that yet.
const MOST_KILLED: u32 = 6;

/// The latest try of a tile.
#[derive(Debug)]
struct Latest {
    id: TryId,
    partition: i32,
    /// The instance of the process that it was sent to.
    target: String,
    delivered: bool,
}

#[derive(Debug, Default)]
pub struct Losses {
    latest: BTreeMap<(JobId, u32), Latest>,
    /// When the last heartbeat of each process arrives.
    arrived: BTreeMap<String, Time>,
    connected: Time,
    /// When the server looked last at who holds what.
    looked: Time,
    failed: Option<Time>,
    /// How often each tile was sent again because of a loss, in this life of the server.
    resent: BTreeMap<(JobId, u32, u32), u32>,
    /// Workers that a tile killed, in each life of its job.
    killed: BTreeMap<(JobId, u32), u32>,
    /// How often any tile was sent again because of a loss.
    pub resends: u32,
}

impl Losses {
    /// The server begins another life.
    pub fn forget(&mut self) {
        self.latest.clear();
        self.resent.clear();
        self.failed = None;
    }

    /// A heartbeat of `instance` will arrive.
    pub fn arrives(&mut self, instance: String, at: Time) {
        self.arrived.insert(instance, at);
    }

    /// The server is told of something.
    pub fn told(&mut self, event: &Event, now: Time) {
        match event {
            Event::Connected(true) => self.connected = now,
            Event::Tick | Event::Heard { .. } => self.looked = now,
            Event::NotDelivered { .. } => self.failed = Some(now),
            Event::Delivered(id) => {
                if let Some(latest) = self.latest.values_mut().find(|latest| latest.id == *id) {
                    latest.delivered = true;
                }
            }
            _ => {}
        }
    }
}

impl World {
    /// How long a silent worker may be taken for a live one.
    fn longest_patience(&self) -> Time {
        let faults = &self.faults;
        let even = faults.worker_freezes == 0 && faults.late == 0 && faults.away == 0;
        if even { PATIENCE } else { LONGEST_PATIENCE }
    }

    /// Nothing is sent to a worker that cannot read it or that has been silent for too long, nor while its job pauses. Says
    /// whether the tile is sent again because its worker was lost; then its reader must see that it was another's.
    pub(super) fn check_target(&mut self, send: &Send, life: u32) -> Result<bool, String> {
        let Some(core) = &self.core else { return Ok(false) };
        let what = format!("tile {} of {}", send.tile, send.job);
        let owners = core.workers().owners(self.losses.looked);
        let Some((_, target)) = owners.get(&send.partition).copied() else {
            return Err(format!(
                "{what} is sent to partition {}, which nobody holds",
                send.partition
            ));
        };
        let target = core.workers().instance(target).to_owned();
        let silent = self
            .losses
            .arrived
            .get(&target)
            .map(|at| self.now.saturating_sub(*at));
        if silent.is_none_or(|silent| silent > self.longest_patience() + SOON) {
            return Err(format!("{what} is sent to {target}, which is lost: {silent:?}"));
        }
        let is_old = |one: &&Worker| one.old && one.alive && one.instance() == target;
        if let Some(old) = self.workers.iter().find(is_old) {
            return Err(format!("{what} is sent to {}, which cannot read it", old.id));
        }
        let job = core.job(send.job);
        if let Some(at) = job.and_then(|job| job.not_before).filter(|at| self.now < *at) {
            return Err(format!("{what} is sent before {at:?}"));
        }
        let ledger = job.and_then(|job| job.tiles.ledger(send.tile));
        let resends = ledger.map_or(0, Ledger::resends);
        let before = self.losses.resent.entry((send.job, life, send.tile)).or_default();
        let again = resends > *before;
        *before = resends;
        if again && send.holder == target {
            return Err(format!(
                "{what} was lost with a worker and is sent to {target} as its own"
            ));
        }
        if resends > MAX_RESENDS {
            return Err(format!("{what} is sent again for the {resends}th loss"));
        }
        self.losses.resends += u32::from(again);
        let latest = Latest {
            id: send.id,
            partition: send.partition,
            target,
            delivered: false,
        };
        self.losses.latest.insert((send.job, send.tile), latest);
        Ok(again)
    }

    /// After a tick no tile lies with a worker that has been lost for a while, if another one has room for it.
    pub(super) fn check_losses(&self) -> Checked {
        let Some(core) = &self.core else { return Ok(()) };
        let held_back = self.losses.failed.is_some_and(|at| self.now < at + HELD_BACK);
        if !core.is_connected() || !self.is_caught_up || held_back {
            return Ok(());
        }
        let most = self.longest_patience() + SOON;
        let silent = |latest: &Latest| {
            let arrived = self
                .losses
                .arrived
                .get(&latest.target)
                .copied()
                .unwrap_or_default();
            self.now.saturating_sub(arrived.max(self.losses.connected))
        };
        let lost = |latest: &Latest| latest.delivered && silent(latest) > most;
        if !self.losses.latest.values().any(lost) {
            return Ok(());
        }
        let Some((free, ..)) = core.loads().into_iter().find(|(_, load, window)| load < window) else {
            return Ok(());
        };
        let owners = core.workers().owners(self.now);
        for ((id, tile), latest) in &self.losses.latest {
            let Some(job) = core.job(*id) else { continue };
            let waits = job.phase != JobPhase::Rendering || job.not_before.is_some_and(|at| self.now < at);
            let is_out = job.tiles.phase(*tile) == Some(TilePhase::Out);
            let resends = job.tiles.ledger(*tile).map_or(0, Ledger::resends);
            // Kafka gives it to whoever holds its partition by now.
            let has_owner = owners.contains_key(&latest.partition);
            if lost(latest) && is_out && !waits && !has_owner && resends < MAX_RESENDS {
                return Err(format!(
                    "tile {tile} of {id} lies with {}, which is silent for {:?}, while {free} has room",
                    latest.target,
                    silent(latest)
                ));
            }
        }
        Ok(())
    }

    /// A tile has killed a worker: it must not do that again and again.
    pub(super) fn killed(&mut self, job: JobId) -> Checked {
        let life = self.store.jobs[&job].life;
        let killed = self.losses.killed.entry((job, life)).or_default();
        *killed += 1;
        let faults = &self.faults;
        let quiet = [
            faults.crash,
            faults.send_lost,
            faults.send_fails,
            faults.doubled,
            faults.forbidden,
            faults.away,
            faults.worker_dies,
            faults.worker_freezes,
            faults.late,
            faults.retry,
        ];
        if *killed > MOST_KILLED && quiet.iter().all(|odds| *odds == 0) && !faults.same_id {
            return Err(format!("a tile of {job} kills the {killed}th worker"));
        }
        Ok(())
    }
}
