//! Results are read, their pixels written, and what they mean is stored together with how far was read.
//!
//! A batch of records goes through three events: [`Event::Read`](crate::Event::Read) is answered with a verdict for each;
//! [`Event::Written`](crate::Event::Written) says what became of the pixels, and is answered with one transaction that marks the
//! tiles *and* moves the positions; [`Event::Stored`](crate::Event::Stored) lets the memory follow. A crash before the
//! transaction reads the same results again and writes the same pixels to the same place; a crash after it has lost nothing.
//!
//! Any try's pixels are as good as another's, because rendering is deterministic. An error counts only when it answers the
//! latest try while that is out: a task that Kafka delivered twice does not use up two attempts.

use azulejo_protocol::{JobId, TileState};

use super::Core;
use super::pending::{Batch, Settled, Then};
use crate::effect::{Effect, Ending, StoreOp, TileRecord, Verdict};
use crate::event::{Answer, Body, Written};
use crate::job::JobPhase;
use crate::ledger::Outcome;
use crate::tiles::TilePhase;
use crate::{RunId, Time};

impl Core {
    pub(super) fn read(&mut self, batch: u64, positions: Vec<(i32, i64)>, answers: Vec<Answer>) {
        let mut read = Batch {
            positions,
            wanted: Vec::new(),
            failed: Vec::new(),
        };
        let verdicts = answers
            .into_iter()
            .map(|answer| self.judge(answer, &mut read))
            .collect();
        self.batches.insert(batch, read);
        self.emit(Effect::Judge { batch, verdicts });
    }

    fn judge(&mut self, answer: Answer, batch: &mut Batch) -> Verdict {
        let Some(job) = self
            .jobs
            .get_mut(&answer.job)
            .filter(|job| job.phase == JobPhase::Rendering)
        else {
            return match answer.body {
                Body::Unusable(reason) => Verdict::Refuse(reason),
                Body::Pixels { .. } | Body::Error(_) => Verdict::Ignore,
            };
        };
        if answer.measure != job.plan.measure.map(|measure| measure.step) {
            // It answers a task of another pass of the job.
            return match answer.body {
                Body::Unusable(reason) => Verdict::Refuse(reason),
                Body::Pixels { .. } | Body::Error(_) => Verdict::Ignore,
            };
        }
        let run = job.run;
        let mut settled = Settled {
            job: answer.job,
            run,
            tile: answer.tile,
            attempt: answer.attempt,
            worker: answer.worker,
            micros: answer.micros,
            error: None,
        };
        let (outcome, error) = match answer.body {
            Body::Pixels {
                output,
                format,
                statistic,
            } => {
                let unusable = if job.plan.grid.region(answer.tile) != Some(output) {
                    Some("the tile of this job has another rectangle")
                } else if format != job.plan.output_format {
                    Some("the result of this job has another pixel format")
                } else if statistic != job.plan.measure.map(|measure| measure.statistic) {
                    Some("this job measures something else")
                } else {
                    None
                };
                match unusable {
                    None => {
                        return match job.tiles.phase(answer.tile) {
                            Some(TilePhase::Queued | TilePhase::Out) => {
                                job.tiles.set(answer.tile, TilePhase::Settling);
                                batch.wanted.push(settled);
                                Verdict::Write { run }
                            }
                            _ => Verdict::Ignore,
                        };
                    }
                    Some(reason) => (Outcome::Refused, reason.to_owned()),
                }
            }
            Body::Unusable(reason) => (Outcome::Refused, reason),
            Body::Error(error) => (Outcome::Failed, error),
        };
        let verdict = if outcome == Outcome::Refused {
            Verdict::Refuse(error.clone())
        } else {
            Verdict::Ignore
        };
        let counts = job.tiles.phase(answer.tile) == Some(TilePhase::Out)
            && job.tiles.attempt(answer.tile) == answer.attempt;
        if counts {
            job.tiles.set(answer.tile, TilePhase::Settling);
            settled.error = Some(match outcome {
                Outcome::Refused => format!("its answer cannot be used: {error}"),
                _ => error,
            });
            let all = self.budget();
            if let Some(job) = self.jobs.get_mut(&settled.job) {
                job.tiles.ledger_mut(settled.tile).note(outcome, all);
            }
            batch.failed.push(settled);
        }
        verdict
    }

    pub(super) fn written(&mut self, batch: u64, written: Vec<Written>) {
        let Some(batch) = self.batches.remove(&batch) else {
            return;
        };
        let mut ops = Vec::with_capacity(batch.positions.len() + batch.wanted.len() + batch.failed.len());
        let mut done = Vec::with_capacity(batch.wanted.len());
        let mut written = written.into_iter();
        for settled in batch.wanted {
            match written.next() {
                Some(Written::Yes(checksum)) => {
                    let record = self.record(&settled, TileState::Done, Some(checksum));
                    ops.push(StoreOp::Tile {
                        job: settled.job,
                        run: settled.run,
                        record,
                    });
                    done.push(settled);
                }
                Some(Written::Never(reason)) => {
                    self.end(settled.job, settled.run, Ending::Failed { reason });
                }
                Some(Written::NotNow(_)) | None => self.render_again(&settled),
            }
        }
        let all = self.budget();
        for settled in &batch.failed {
            let used_up = self
                .jobs
                .get(&settled.job)
                .filter(|job| job.run == settled.run)
                .and_then(|job| job.tiles.ledger(settled.tile))
                .is_some_and(|ledger| ledger.is_used_up(all));
            let state = if used_up {
                TileState::Dead
            } else {
                TileState::Queued
            };
            let record = self.record(settled, state, None);
            ops.push(StoreOp::Tile {
                job: settled.job,
                run: settled.run,
                record,
            });
        }
        ops.extend(
            batch
                .positions
                .into_iter()
                .map(|(partition, offset)| StoreOp::Position { partition, offset }),
        );
        done.extend(batch.failed);
        if !ops.is_empty() {
            self.store(ops, Then::Settled(done));
        }
    }

    /// The pixels came and could not be written for the moment.
    fn render_again(&mut self, settled: &Settled) {
        let pause = self.now + Time::from_secs(1);
        let Some(job) = self.running(settled.job, settled.run) else {
            return;
        };
        job.not_before = Some(job.not_before.unwrap_or_default().max(pause));
        let out = job.out.get(&settled.tile).copied();
        match out {
            Some(id) => {
                job.tiles.set(settled.tile, TilePhase::Out);
                self.again(
                    id,
                    Outcome::NotDelivered,
                    "the server could not write a file for a moment",
                );
            }
            None => job.tiles.set(settled.tile, TilePhase::Queued),
        }
    }

    fn record(&self, settled: &Settled, state: TileState, checksum: Option<u32>) -> TileRecord {
        let job = self.jobs.get(&settled.job).filter(|job| job.run == settled.run);
        let ledger = job.and_then(|job| job.tiles.ledger(settled.tile));
        let sent = job
            .and_then(|job| job.out.get(&settled.tile))
            .and_then(|id| self.out.get(id))
            .map(|out| out.sent);
        let transit = sent.map(|sent| {
            let total = u64::try_from(self.now.saturating_sub(sent).as_micros()).unwrap_or(u64::MAX);
            total.saturating_sub(settled.micros)
        });
        TileRecord {
            tile: settled.tile,
            state,
            attempt: job
                .map_or(0, |job| job.tiles.attempt(settled.tile))
                .max(settled.attempt.min(255)),
            failures: ledger.map_or(0, |ledger| ledger.failures()),
            spent: ledger.map_or(0, |ledger| ledger.spent()),
            worker: Some(settled.worker.clone()),
            micros: Some(settled.micros),
            transit_micros: transit,
            error: settled.error.clone(),
            checksum,
        }
    }

    /// The tiles of a batch are stored: the memory follows.
    pub(super) fn settle(&mut self, settled: Vec<Settled>) {
        let now = self.now;
        let all = self.budget();
        for tile in settled {
            let Some(job) = self.running(tile.job, tile.run) else {
                continue;
            };
            let out = job.out.get(&tile.tile).copied();
            let is_latest = job.tiles.attempt(tile.tile) == tile.attempt;
            if let Some(error) = &tile.error {
                job.is_undisturbed = false;
                let dead = job
                    .tiles
                    .ledger(tile.tile)
                    .is_some_and(|ledger| ledger.is_used_up(all));
                let attempts = job.tiles.ledger(tile.tile).map_or(0, |ledger| ledger.failures());
                job.tiles
                    .set(tile.tile, if dead { TilePhase::Dead } else { TilePhase::Queued });
                if let Some(id) = out {
                    self.release(id);
                }
                if dead {
                    let reason = format!(
                        "tile {} failed {attempts} times, last at worker {}: {error}",
                        tile.tile, tile.worker
                    );
                    self.bury(tile.job, tile.run, tile.tile, &tile.worker, error, reason);
                }
                self.changed(tile.job);
                continue;
            }
            job.tiles.set(tile.tile, TilePhase::Done);
            job.count_done(Some(&tile.worker), tile.micros);
            job.count_rate(1, now);
            job.rendered_at = now;
            // What is measured has no picture.
            job.mosaic_version += u64::from(job.plan.measure.is_none());
            let (rendered, measures) = (job.tiles.is_rendered(), job.plan.measure.is_some());
            self.rate.add(1, now);
            self.workers.answered(&tile.worker, tile.micros);
            self.learn_tile(tile.job, tile.tile, tile.micros);
            // What an earlier try answers says nothing of how long the latest one was on its way.
            if let Some(out) = out.and_then(|id| self.release(id))
                && is_latest
                && self.workers.id(out.worker) == tile.worker
                && let Some(window) = self.windows.get_mut(&out.worker)
            {
                window.answered(out.stamp, Time::from_micros(tile.micros), now);
            }
            if rendered && !measures {
                self.store(vec![StoreOp::TilesFinished(tile.job)], Then::Nothing);
            }
            self.offer_bands(tile.job, tile.run);
            self.changed(tile.job);
        }
    }

    /// A tile is dead, and that is stored: its task goes to the dead letters and the job fails with the reason.
    pub(super) fn bury(
        &mut self,
        job: JobId,
        run: RunId,
        tile: u32,
        worker: &str,
        error: &str,
        reason: String,
    ) {
        let attempt = self.jobs.get(&job).map_or(0, |job| job.tiles.attempt(tile));
        self.emit(Effect::DeadLetter {
            job,
            run,
            tile,
            attempt,
            worker: worker.to_owned(),
            error: error.to_owned(),
        });
        self.end(job, run, Ending::Failed { reason });
    }
}
