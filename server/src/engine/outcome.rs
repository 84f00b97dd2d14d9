//! What a batch of results does to the database and to the memory: tiles done, tries used up, jobs that fail of it.

use std::sync::Arc;
use std::time::Instant;

use azulejo_protocol::{JobId, TileState, Timestamp};
use azulejo_transport::to_owned_headers;
use rdkafka::message::Header;

use super::collector::Batch;
use super::run::Run;
use super::shared::Shared;
use super::store::jobs;
use super::store::tiles::{self, TileRow};
use super::suspects::Killer;

/// A tile whose pixels are in scratch.
pub struct Mark {
    /// Its job.
    pub run: Arc<Run>,
    /// Its index.
    pub tile: u32,
    /// The try that succeeded.
    pub attempt: u32,
    /// Who rendered it.
    pub worker: String,
    /// How long that took, microseconds.
    pub micros: u64,
    /// CRC-32 of its pixels.
    pub checksum: u32,
}

/// An error result.
pub struct Failure {
    /// Its job.
    pub run: Arc<Run>,
    /// Its tile.
    pub tile: u32,
    /// The try that failed.
    pub attempt: u32,
    /// Who tried.
    pub worker: String,
    /// How long it tried, microseconds.
    pub micros: u64,
    /// Why it failed.
    pub error: String,
}

/// Stores `batch` in one transaction with its positions, then updates the memory. False when the engine stops before the
/// database takes it: the results will be read again.
pub fn store_batch(shared: &Arc<Shared>, batch: &Batch, now: Instant, wall: Timestamp) -> bool {
    let rows = rows(shared, batch, now);
    let topic = shared.config.topics.results.clone();
    let positions: Vec<(i32, i64)> = batch.positions.iter().map(|(p, o)| (*p, *o)).collect();
    let stored = shared.write_surely("store results", {
        let rows = Arc::new(rows);
        move |db| {
            for (job, row) in rows.iter() {
                tiles::put(db, *job, row)?;
            }
            for (partition, offset) in &positions {
                tiles::set_position(db, &topic, *partition, *offset)?;
            }
            Ok(())
        }
    });
    if stored.is_none() {
        return false;
    }
    let mut dead = Vec::new();
    let mut rendered = Vec::new();
    {
        let mut core = shared.core();
        for mark in &batch.marks {
            let id = mark.run.spec.id();
            core.settle(&mark.run, mark.tile);
            if let Some(job) = core.job_of(&mark.run) {
                job.stored(mark.tile, &mark.worker, mark.micros, now);
                if job.is_rendered() && job.times.tiles_finished.is_none() {
                    job.times.tiles_finished = Some(wall);
                    rendered.push(id);
                }
            }
        }
        core.rate.add(batch.marks.len() as u32, now);
        for failure in &batch.failures {
            core.settle(&failure.run, failure.tile);
            let max = shared.config.max_attempts;
            if core
                .job_of(&failure.run)
                .is_some_and(|job| job.failed(failure.tile, max))
            {
                dead.push(failure);
            }
        }
    }
    for id in rendered {
        if let Err(error) = shared
            .store
            .write_blocking(move |db| jobs::tiles_finished(db, id, wall))
        {
            tracing::warn!(job = %id, %error, "cannot note when a job's tiles were done");
        }
    }
    for failure in &batch.failures {
        tracing::warn!(
            job = %failure.run.spec.id(), tile = failure.tile, attempt = failure.attempt,
            worker = failure.worker, error = failure.error, "a tile failed"
        );
        shared.changed(failure.run.spec.id());
    }
    for failure in dead {
        bury(shared, failure);
    }
    true
}

fn rows(shared: &Shared, batch: &Batch, now: Instant) -> Vec<(JobId, TileRow)> {
    let core = shared.core();
    let max = shared.config.max_attempts;
    let transit = |job: JobId, tile: u32, micros: u64| {
        let taken = core.taken(job, tile)?;
        let total = u64::try_from(now.saturating_duration_since(taken).as_micros()).unwrap_or(u64::MAX);
        Some(total.saturating_sub(micros))
    };
    let done = batch.marks.iter().map(|mark| {
        let id = mark.run.spec.id();
        let cell = core
            .job(id)
            .and_then(|job| job.cell(mark.tile))
            .unwrap_or_default();
        (
            id,
            TileRow {
                tile: mark.tile,
                state: TileState::Done,
                attempt: mark.attempt.max(u32::from(cell.attempt)),
                failures: u32::from(cell.failures),
                worker: Some(mark.worker.clone()),
                micros: Some(mark.micros),
                transit_micros: transit(id, mark.tile, mark.micros),
                error: None,
                checksum: Some(mark.checksum),
            },
        )
    });
    // A failure of an earlier run is not one of the tries that a retry has given anew.
    let current = |failure: &&Failure| {
        core.job(failure.run.spec.id())
            .is_some_and(|job| job.run.serial == failure.run.serial)
    };
    let failed = batch.failures.iter().filter(current).map(|failure| {
        let id = failure.run.spec.id();
        let cell = core
            .job(id)
            .and_then(|job| job.cell(failure.tile))
            .unwrap_or_default();
        let failures = u32::from(cell.failures) + 1;
        (
            id,
            TileRow {
                tile: failure.tile,
                state: if failures >= max {
                    TileState::Dead
                } else {
                    TileState::Queued
                },
                attempt: failure.attempt,
                failures,
                worker: Some(failure.worker.clone()),
                micros: Some(failure.micros),
                transit_micros: transit(id, failure.tile, failure.micros),
                error: Some(failure.error.clone()),
                checksum: None,
            },
        )
    });
    done.chain(failed).collect()
}

/// A tile failed for the last time: the task goes to the dead letters and the job fails with the reason.
fn bury(shared: &Arc<Shared>, failure: &Failure) {
    let attempts = shared.config.max_attempts;
    let reason = format!(
        "tile {} failed {attempts} times, last at worker {}: {}",
        failure.tile, failure.worker, failure.error
    );
    keep_dead(shared, failure, attempts);
    shared.fail(&failure.run, &reason);
}

/// Gives a tile up that workers die of. Blocks on the database.
pub fn give_up(shared: &Arc<Shared>, run: &Arc<Run>, killer: &Killer) {
    let error = "the worker was lost with it: perhaps it needs more memory than a worker has";
    let cell = shared.core().job_of(run).and_then(|job| job.cell(killer.tile));
    let Some(cell) = cell else { return };
    let failure = Failure {
        run: run.clone(),
        tile: killer.tile,
        attempt: u32::from(cell.attempt),
        worker: killer.worker.clone(),
        micros: 0,
        error: error.to_owned(),
    };
    let row = TileRow {
        tile: killer.tile,
        state: TileState::Dead,
        attempt: failure.attempt,
        failures: killer.deaths,
        worker: Some(failure.worker.clone()),
        micros: None,
        transit_micros: None,
        error: Some(failure.error.clone()),
        checksum: None,
    };
    let id = run.spec.id();
    if shared
        .write_surely("give a tile up", move |db| tiles::put(db, id, &row))
        .is_none()
    {
        return;
    }
    {
        let mut core = shared.core();
        core.settle(run, killer.tile);
        // An answer may have come after all; then the stored row is of the answer, too.
        if !core.job_of(run).is_some_and(|job| job.give_up(killer.tile)) {
            return;
        }
    }
    keep_dead(shared, &failure, killer.deaths);
    let reason = format!(
        "tile {} was never answered: {} workers were lost with it, last {}; perhaps it needs more memory than a worker has. \
         Give the workers more, or the server smaller tiles (TILE_SIZE), and retry the job",
        killer.tile, killer.deaths, killer.worker
    );
    shared.fail(run, &reason);
}

/// Puts the task of a dead tile with what is known of its end into the dead letters.
fn keep_dead(shared: &Shared, failure: &Failure, attempts: u32) {
    let run = &failure.run;
    let mut pixels = Vec::new();
    let Some((region, output)) = run.spec.tile_regions(failure.tile) else {
        return;
    };
    if run.read_region(region, &mut pixels).is_err() {
        return;
    }
    let task = run.spec.task(failure.tile, failure.attempt, region, output);
    let attempts = attempts.to_string();
    let mut headers = to_owned_headers(&task.to_pairs());
    for (key, value) in [
        ("error", &failure.error),
        ("attempts", &attempts),
        ("worker", &failure.worker),
    ] {
        headers = headers.insert(Header {
            key,
            value: Some(value),
        });
    }
    let key = format!("{}/{}", task.job, task.tile);
    shared.outbox.dead_letter(key.as_bytes(), &pixels, headers);
}
