//! Transactions of the store, and what follows once they are committed.
//!
//! What can succeed later is tried again with growing pauses, for as long as it takes: a full disk must not lose a result.
//! What never can is tried row by row, so that one row that the database refuses does not take others with it; a tile whose
//! row is refused fails its job, and where not even an ending can be stored the process ends with the reason.

use azulejo_protocol::{JobId, TileState};

use super::Core;
use super::pending::{Pending, Then};
use crate::effect::{Effect, Ending, StoreOp, TileRecord};
use crate::event::StoreClass;
use crate::job::JobPhase;
use crate::ledger::Outcome;
use crate::tiles::TilePhase;
use crate::{RunId, Time, Transaction};

const FIRST_PAUSE: Time = Time::from_millis(100);
const LONGEST_PAUSE: Time = Time::from_secs(2);

impl Core {
    pub(super) fn store(&mut self, ops: Vec<StoreOp>, then: Then) {
        self.next_transaction += 1;
        let transaction = self.next_transaction;
        let pending = Pending {
            ops: ops.clone(),
            then,
            pause: FIRST_PAUSE,
            retry: None,
        };
        self.transactions.insert(transaction, pending);
        self.emit(Effect::Store { transaction, ops });
    }

    pub(super) fn stored(&mut self, transaction: Transaction) {
        let Some(pending) = self.transactions.remove(&transaction) else {
            return;
        };
        match pending.then {
            Then::Nothing => {}
            Then::Settled(settled) => self.settle(settled),
            Then::Left { job, run } => self.leave(job, run),
            Then::GivenUp {
                job,
                run,
                tile,
                worker,
                error,
                reason,
            } => {
                if let Some(under_way) = self.running(job, run) {
                    under_way.tiles.set(tile, TilePhase::Dead);
                    self.bury(job, run, tile, &worker, &error, reason);
                }
            }
        }
    }

    pub(super) fn not_stored(&mut self, transaction: Transaction, class: StoreClass, reason: &str) {
        let now = self.now;
        match class {
            StoreClass::Passing => {
                if let Some(pending) = self.transactions.get_mut(&transaction) {
                    pending.retry = Some(now + pending.pause);
                    pending.pause = (pending.pause * 2).min(LONGEST_PAUSE);
                }
            }
            StoreClass::Never => {
                if let Some(pending) = self.transactions.remove(&transaction) {
                    self.refused(pending, reason);
                }
            }
        }
    }

    /// The database will never take these rows as they are.
    fn refused(&mut self, pending: Pending, reason: &str) {
        let Pending { ops, then, .. } = pending;
        if ops.len() > 1 {
            let mut settled = match then {
                Then::Settled(settled) => settled,
                _ => Vec::new(),
            };
            for op in ops {
                let then = match &op {
                    StoreOp::Tile { job, record, .. } => {
                        let mine = settled
                            .iter()
                            .position(|one| one.job == *job && one.tile == record.tile)
                            .map(|index| settled.remove(index));
                        Then::Settled(mine.into_iter().collect())
                    }
                    _ => Then::Nothing,
                };
                self.store(vec![op], then);
            }
            return;
        }
        match ops.into_iter().next() {
            Some(StoreOp::Tile { job, run, record }) => {
                let reason = format!("what is known of tile {} cannot be stored: {reason}", record.tile);
                self.end(job, run, Ending::Failed { reason });
            }
            Some(
                StoreOp::Pattern { .. }
                | StoreOp::Costs(_)
                | StoreOp::MeasureStarted(_)
                | StoreOp::TilesStarted(_)
                | StoreOp::TilesFinished(_),
            )
            | None => {}
            Some(StoreOp::Position { .. } | StoreOp::End { .. }) => {
                self.emit(Effect::Fatal(format!(
                    "the database does not take what has to be stored: {reason}"
                )));
            }
        }
    }

    pub(super) fn retry_transactions(&mut self) {
        let now = self.now;
        let mut due = Vec::new();
        let jobs = &self.jobs;
        for (transaction, pending) in &mut self.transactions {
            if pending.retry.is_some_and(|at| at <= now) {
                pending.retry = None;
                // What is known of an earlier run must not be stored over what a later one found out, which may begin as soon as the
                // ending is stored.
                pending.ops.retain(|op| match op {
                    StoreOp::Tile { job, run, .. } => jobs
                        .get(job)
                        .is_some_and(|job| job.run == *run && !matches!(job.phase, JobPhase::Ending(_))),
                    _ => true,
                });
                due.push((*transaction, pending.ops.clone()));
            }
        }
        for (transaction, ops) in due {
            self.emit(Effect::Store { transaction, ops });
        }
    }

    /// Keeps how much of a tile's budget is used up, so that a restart does not give it back.
    pub(super) fn keep_spent(&mut self, job: JobId, tile: u32, error: &str) {
        let Some(run) = self.jobs.get(&job).map(|job| job.run) else {
            return;
        };
        let Some(record) = self.spent(job, tile, TileState::Queued, error) else {
            return;
        };
        self.store(vec![StoreOp::Tile { job, run, record }], Then::Nothing);
    }

    fn spent(&self, job: JobId, tile: u32, state: TileState, error: &str) -> Option<TileRecord> {
        let tiles = &self.jobs.get(&job)?.tiles;
        let ledger = tiles.ledger(tile)?;
        Some(TileRecord {
            tile,
            state,
            attempt: tiles.attempt(tile),
            failures: ledger.failures(),
            spent: ledger.spent(),
            worker: ledger.tries().last().map(|last| last.worker.clone()),
            micros: None,
            transit_micros: None,
            error: Some(error.to_owned()),
            checksum: None,
        })
    }

    /// The budget of a tile is used up without an answer: that is stored, and then the job fails.
    pub(super) fn give_up(
        &mut self,
        job: JobId,
        run: RunId,
        tile: u32,
        worker: &str,
        outcome: Outcome,
        error: &str,
    ) {
        let Some(under_way) = self.running(job, run) else {
            return;
        };
        under_way.tiles.set(tile, TilePhase::Settling);
        let failures = under_way.tiles.ledger(tile).map_or(0, |ledger| ledger.failures());
        let attempts = under_way.tiles.attempt(tile);
        let reason = match outcome {
            Outcome::HolderDied { alone: true } => format!(
                "tile {tile} was never answered: {failures} workers were lost with it, last {worker}; perhaps it needs more \
                 memory than a worker has. Give the workers more, or the server smaller tiles (TILE_SIZE), and retry the job"
            ),
            Outcome::NotDeliverable => format!("Kafka does not take tile {tile}: {error}"),
            Outcome::NotDelivered => format!(
                "Kafka did not take tile {tile} in {attempts} tries: {error}. Retry the job when the cluster is well"
            ),
            _ => format!(
                "tile {tile} was not answered in {attempts} tries, last by worker {worker}: {error}. See the workers' logs, \
                 and retry the job"
            ),
        };
        let Some(record) = self.spent(job, tile, TileState::Dead, error) else {
            return;
        };
        let then = Then::GivenUp {
            job,
            run,
            tile,
            worker: worker.to_owned(),
            error: error.to_owned(),
            reason,
        };
        self.store(vec![StoreOp::Tile { job, run, record }], then);
    }
}
