//! Jobs, tiles and the installation as the API shows them: what is stored, with what is in memory on top.

use azulejo_engine::{Core, OpenJob, TilePhase, Time};
use azulejo_protocol::health::{TopicInfo, TopicRole};
use azulejo_protocol::{
    Health, Job, JobId, JobStatus, Problem, Progress, Stage, StageName, TileInfo, TileState, TileStates,
    WorkerInfo,
};
use rusqlite::Connection;

use crate::engine::Engine;
use crate::engine::files::run::Run;
use crate::engine::store::jobs::{JobRow, StageTimes};
use crate::engine::store::tiles::{self, TileRow};

/// Most problems that are told at once.
const MAX_PROBLEMS: usize = 20;

/// How much of a job is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// As in lists: no steps, no workers, tiles only while it is under way.
    Summary,
    /// Everything.
    Whole,
}

/// A job under way. The core must be held since `revision` was drawn.
pub fn live(run: &Run, job: &OpenJob, detail: Detail, now: Time, revision: u64) -> Job {
    let row = &run.spec.row;
    // What is measured are no tiles of the result.
    let measures = job.plan.measure.is_some();
    let tiles = if measures {
        TileStates::encode(vec![TileState::Queued; row.total_tiles as usize])
    } else {
        TileStates::encode(job.tiles.phases().map(TilePhase::state))
    };
    Job {
        status: JobStatus::Processing,
        progress: live_progress(row, job),
        in_flight: job.in_flight(),
        tiles_per_second: job.tiles_per_second(now),
        seconds_left: job.seconds_left(now),
        mosaic_version: job.mosaic_version,
        stages: if detail == Detail::Whole {
            live_stages(run, job)
        } else {
            Vec::new()
        },
        tiles,
        workers: if detail == Detail::Whole {
            job.shares()
        } else {
            Vec::new()
        },
        notes: run.notes().all(),
        ..bare(row, revision)
    }
}

/// The tiles by state of a job under way.
pub fn live_progress(row: &JobRow, job: &OpenJob) -> Progress {
    if job.plan.measure.is_none() {
        return job.tiles.progress();
    }
    Progress {
        total: row.total_tiles,
        pending: row.total_tiles,
        ..Progress::default()
    }
}

/// A job that has ended (or, between two moments, one that memory does not have yet), from the database, as
/// it is since `revision` was drawn.
pub fn stored(db: &Connection, row: &JobRow, detail: Detail, revision: u64) -> rusqlite::Result<Job> {
    let progress = progress(db, row)?;
    let done = progress.completed;
    let seconds = match (row.times.tiles_started, row.times.tiles_finished.or(row.ended_at)) {
        (Some(from), Some(to)) => (to - from).as_seconds_f32(),
        _ => 0.0,
    };
    let mut job = Job {
        progress,
        tiles_per_second: if seconds > 0.0 { done as f32 / seconds } else { 0.0 },
        ..bare(row, revision)
    };
    if detail == Detail::Whole || !row.status.is_final() {
        // A completed job may have the result of another, and no rows of its own.
        let unnamed = match row.status {
            JobStatus::Completed => TileState::Done,
            _ => TileState::Queued,
        };
        let mut states = vec![unnamed; row.total_tiles as usize];
        let known = if row.to_measure > 0 {
            Vec::new()
        } else {
            tiles::states(db, row.id)?
        };
        for (tile, state) in known {
            if let Some(place) = states.get_mut(tile as usize) {
                *place = state;
            }
        }
        job.tiles = TileStates::encode(states);
    }
    if detail == Detail::Whole {
        job.stages = stages(row, &row.times, progress, None);
        job.workers = tiles::shares(db, row.id)?;
    }
    Ok(job)
}

/// The tiles by state of a job that has ended.
pub fn progress(db: &Connection, row: &JobRow) -> rusqlite::Result<Progress> {
    let (done, dead) = if row.status == JobStatus::Completed {
        (row.total_tiles, 0)
    } else if row.to_measure > 0 {
        // What was measured are no tiles of the result.
        (0, tiles::counts(db, row.id)?.1)
    } else {
        tiles::counts(db, row.id)?
    };
    Ok(Progress {
        total: row.total_tiles,
        pending: row.total_tiles.saturating_sub(done + dead),
        completed: done,
        failed: dead,
    })
}

/// What the row alone says.
pub fn bare(row: &JobRow, revision: u64) -> Job {
    Job {
        job_id: row.id,
        original_filename: row.filename.clone(),
        total_tiles: row.total_tiles,
        transformation: row.recipe.clone(),
        status: row.status,
        owner: row.owner.clone(),
        created_at: row.created_at,
        completed_at: row.ended_at,
        expires_at: None,
        page: row.page,
        original_gone: row.original_gone,
        input_size: row.input_size,
        output_size: row.output_size,
        input_format: row.input_format,
        output_format: row.output_format,
        tile_size: row.tile_size,
        input_bytes: row.input_bytes,
        output_bytes: row.output_bytes,
        result_filename: row.result_filename.clone(),
        revision,
        progress: Progress::default(),
        in_flight: 0,
        tiles_per_second: 0.0,
        seconds_left: None,
        error: row.error.clone(),
        notes: row.notes.all(),
        mosaic_version: row.mosaic_version,
        cached_from: row.cached_from,
        stages: Vec::new(),
        tiles: TileStates::default(),
        workers: Vec::new(),
    }
}

fn live_stages(run: &Run, job: &OpenJob) -> Vec<Stage> {
    let spec = &run.spec;
    let times = *run.times();
    let live = Live {
        decoded_rows: job.decoded_rows,
        measured: job.plan.measure.map(|_| job.tiles.progress()),
        bands: job.encoded_bands,
        all_bands: spec.grid.rows(),
    };
    stages(&spec.row, &times, live_progress(&spec.row, job), Some(live))
}

struct Live {
    decoded_rows: u32,
    /// Tiles of the measuring pass that is under way.
    measured: Option<Progress>,
    bands: u32,
    all_bands: u32,
}

fn stages(row: &JobRow, times: &StageTimes, progress: Progress, live: Option<Live>) -> Vec<Stage> {
    let stage = |name, started_at, finished_at, note| Stage {
        name,
        started_at,
        finished_at,
        note,
    };
    let decode = match &live {
        Some(live) if times.decode_started.is_some() && live.decoded_rows < row.stored_size.height => {
            format!("row {} of {}", live.decoded_rows, row.stored_size.height)
        }
        _ => {
            let azulejo_imaging::Size { width, height } = row.input_size;
            format!("{width} × {height} {}", row.input_format.label())
        }
    };
    let mut rendered = format!("{} of {}", progress.completed, progress.total);
    if progress.failed > 0 {
        rendered.push_str(&format!(", {} dead", progress.failed));
    }
    let assembled = match (&live, row.output_bytes) {
        (_, Some(bytes)) => show_bytes(bytes),
        (Some(live), None) if live.bands > 0 => format!("done to row {} of {}", live.bands, live.all_bands),
        _ => String::new(),
    };
    let mut stages = vec![
        stage(
            StageName::Upload,
            times.upload_started.or(Some(row.created_at)),
            Some(row.created_at),
            show_bytes(row.input_bytes),
        ),
        stage(
            StageName::Decode,
            times.decode_started,
            times.decode_finished,
            decode,
        ),
    ];
    if row.measure_tile > 0 {
        let measured = match live.as_ref().and_then(|live| live.measured) {
            Some(measured) => format!("{} of {}", measured.completed, measured.total),
            None => String::new(),
        };
        stages.push(stage(
            StageName::Measure,
            times.measure_started,
            times.measure_finished,
            measured,
        ));
    }
    stages.extend([
        stage(
            StageName::Tiles,
            times.tiles_started,
            times.tiles_finished,
            rendered,
        ),
        stage(
            StageName::Assemble,
            times.assemble_started,
            times.assemble_finished,
            assembled,
        ),
    ]);
    stages
}

fn show_bytes(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} bytes"),
        1_000..1_000_000 => format!("{} kB", bytes / 1_000),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.2} GB", bytes as f64 / 1e9),
    }
}

/// One tile: `live` is its phase and how often it was sent if its job is under way, `stored` what the database has of it.
pub fn tile(
    row: &JobRow,
    tile: u32,
    live: Option<(TilePhase, u32)>,
    stored: Option<TileRow>,
) -> Option<TileInfo> {
    let grid = azulejo_imaging::TileGrid::new(row.output_size, row.tile_size);
    let region = grid.region(tile)?;
    let state = live
        .map(|(phase, _)| phase.state())
        .or(stored.as_ref().map(|row| row.state))
        .unwrap_or(match row.status {
            JobStatus::Completed => TileState::Done,
            _ => TileState::Queued,
        });
    let attempt = live
        .map_or(0, |(_, attempt)| attempt)
        .max(stored.as_ref().map_or(0, |row| row.attempt));
    Some(TileInfo {
        tile,
        row: tile / grid.columns(),
        column: tile % grid.columns(),
        region,
        state,
        attempt,
        worker_id: stored.as_ref().and_then(|row| row.worker.clone()),
        pattern: None,
        micros: stored.as_ref().and_then(|row| row.micros),
        transit_ms: stored
            .as_ref()
            .and_then(|row| row.transit_micros)
            .map(|micros| micros as f32 / 1000.0),
        error: stored.and_then(|row| row.error),
    })
}

/// Bytes of disk that jobs under way will still take up.
pub fn promised(core: &Core) -> u64 {
    core.jobs().map(|(_, job)| OpenJob::bytes_to_come(job)).sum()
}

/// The installation.
pub fn health(engine: &Engine) -> Health {
    let topics = engine.line.seen();
    let now = engine.driver.now();
    let core = engine.driver.core();
    let disk = engine.room.info(promised(&core));
    let (workers, slots) = core.live();
    let (tiles_in_flight, age) = core.lag(now);
    let problems: Vec<Problem> = engine
        .driver
        .problems()
        .list()
        .into_iter()
        .map(|(subject, aspect, detail)| (subject, detail, aspect.holds_jobs()))
        .chain(
            core.problems()
                .into_iter()
                .map(|(subject, detail)| (subject, detail, true)),
        )
        .take(MAX_PROBLEMS)
        .map(|(subject, detail, holds)| {
            let holds = holds && are_held_by(&subject, &topics);
            Problem::new(&subject, &detail, holds)
        })
        .collect();
    let connected = core.is_connected();
    let status = match (connected, workers) {
        (false, _) => "degraded",
        (true, _) if !problems.is_empty() => "degraded",
        (true, 0) => "waiting",
        (true, _) => "healthy",
    };
    Health {
        status: status.to_owned(),
        kafka_connected: connected,
        kafka_broker: engine.config.kafka.brokers.clone(),
        kafka_error: engine.line.away().filter(|_| !connected),
        topics,
        disk,
        workers,
        slots,
        jobs_processing: core.jobs().count() as u32,
        tiles_in_flight,
        lag_seconds: age.as_secs_f32(),
        tiles_per_second: core.tiles_per_second(now),
        queue_seconds: core.queue_seconds().map(|seconds| seconds as f32),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        uptime: engine.started.elapsed().as_secs_f64(),
        limits: engine.limits(),
        retention: engine.config.retention,
        problems,
    }
}

/// Whether jobs are held when something is wrong with `subject`: not for one worker, nor for topics that jobs do without.
fn are_held_by(subject: &str, topics: &[TopicInfo]) -> bool {
    let topic = topics.iter().find(|topic| topic.name == subject);
    match topic.map(|topic| topic.role) {
        Some(role) => !matches!(role, TopicRole::DeadLetters | TopicRole::Control),
        None => !subject.starts_with("worker "),
    }
}

/// Says of workers that hold nothing, because `tasks` has fewer partitions than there are workers, what would change that.
pub fn standing_by(mut workers: Vec<WorkerInfo>, topics: &[TopicInfo]) -> Vec<WorkerInfo> {
    let Some(tasks) = topics.iter().find(|topic| topic.role == TopicRole::Tasks) else {
        return workers;
    };
    let live = workers.iter().filter(|worker| worker.status.is_live()).count();
    if tasks.partitions == 0 || live <= tasks.partitions as usize {
        return workers;
    }
    let partitions = if tasks.partitions == 1 {
        "1 partition".to_owned()
    } else {
        format!("{} partitions", tasks.partitions)
    };
    let idle = workers
        .iter_mut()
        .filter(|worker| worker.status.is_live() && worker.partitions.is_empty() && worker.note.is_none());
    for worker in idle {
        worker.note = Some(format!(
            "stands by: '{}' has {partitions} for {live} workers; start the server with KAFKA_PARTITIONS={live} or more, and it \
             grows",
            tasks.name
        ));
    }
    workers
}

/// What is said of a job that there is none of.
pub fn no_such_job(id: JobId) -> azulejo_protocol::ApiError {
    azulejo_protocol::ApiError::not_found("job_not_found", format!("there is no job {id}"))
}
