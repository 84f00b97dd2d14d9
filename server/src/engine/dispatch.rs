//! The dispatchers: threads that take the next tile from the scheduler, read its region and produce it.
//!
//! Each has one buffer that it uses again and again; the copy into librdkafka's queue is the only one that a tile's pixels
//! see on their way out. How many tiles there are to take is the scheduler's business: with no credit left, or
//! nothing decoded yet, a dispatcher sleeps until somebody rings.

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use azulejo_protocol::{StageName, Timestamp};

use super::disk;
use super::schedule::Grant;
use super::shared::Shared;
use super::store::jobs;

/// Two keep reading while the other copies; more would only share the same cores.
pub const DISPATCHERS: usize = 2;
/// A dispatcher looks at least so often: workers are lost by time, not by an event.
const NAP: Duration = Duration::from_millis(500);

/// Starts the dispatchers.
///
/// # Errors
/// The system gives no more threads.
pub fn start(shared: &Arc<Shared>) -> io::Result<Vec<JoinHandle<()>>> {
    (0..DISPATCHERS)
        .map(|_| {
            let shared = shared.clone();
            std::thread::Builder::new()
                .name("dispatch".into())
                .spawn(move || run(&shared))
        })
        .collect()
}

fn run(shared: &Arc<Shared>) {
    let mut pixels = Vec::new();
    let mut core = shared.core();
    while !shared.is_stopping() {
        let Some(grant) = core.next_grant(Instant::now()) else {
            core = shared.state.wait(core, NAP);
            continue;
        };
        let first = core.job_of(&grant.run).is_some_and(|job| {
            let first = job.times.tiles_started.is_none();
            if first {
                job.times.tiles_started = Some(Timestamp::now_utc());
            }
            first
        });
        drop(core);
        if first {
            note_start(shared, &grant);
        }
        send(shared, &grant, &mut pixels);
        core = shared.core();
    }
}

fn note_start(shared: &Arc<Shared>, grant: &Grant) {
    let id = grant.run.spec.id();
    let at = Timestamp::now_utc();
    if let Err(error) = shared
        .store
        .write_blocking(move |db| jobs::stage_started(db, id, StageName::Tiles, at))
    {
        tracing::warn!(job = %id, %error, "cannot note when a job's tiles started");
    }
}

fn send(shared: &Arc<Shared>, grant: &Grant, pixels: &mut Vec<u8>) {
    let spec = &grant.run.spec;
    let id = spec.id();
    let give_back = || {
        shared.core().not_sent(id, grant.tile, grant.ticket);
    };
    if grant.run.is_stopped() {
        return give_back();
    }
    let Some((region, output)) = spec.tile_regions(grant.tile) else {
        give_back();
        return shared.fail(
            &grant.run,
            "the recipe does not say what a tile needs; this is a bug",
        );
    };
    if let Err(error) = grant.run.read_region(region, pixels) {
        give_back();
        return shared.fail(&grant.run, &disk::explain("reading the decoded image", &error));
    }
    let task = spec.task(grant.tile, grant.attempt, region, output);
    match shared.outbox.task(grant, &task, pixels) {
        Ok(()) => shared.changed(id),
        Err(error) => {
            tracing::warn!(job = %id, tile = grant.tile, %error, "a tile could not be produced; trying again");
            give_back();
            // The broker is away or busy: no hurry.
            std::thread::sleep(Duration::from_millis(200));
        }
    }
}
