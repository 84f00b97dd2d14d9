//! The start: jobs that an earlier process left unfinished go on.
//!
//! SQLite says which tiles are done; whether their pixels are really in `result.raw` is checked by the checksum that was stored
//! with each, because a power cut may have kept the one and lost the other. What does not match is rendered again. The
//! same pass draws the mosaic. Folders without a job, and scratch files of jobs that have ended, are deleted.

use std::collections::{HashMap, HashSet};
use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use azulejo_protocol::{JobId, JobStatus, TileState, Timestamp};

use super::job::JobSpec;
use super::live::LiveJob;
use super::mosaic::Canvas;
use super::run::Run;
use super::schedule::Core;
use super::shared::Shared;
use super::store::jobs::{self, Ending, JobRow};
use super::store::tiles::{self, TileRow};
use super::store::{Store, StoreError};

/// Deletes what belongs to no job under way: folders of jobs that were never accepted or are deleted, and scratch files.
///
/// # Errors
/// The folder or the database cannot be read.
pub fn clean(store: &Store, jobs_dir: &Path) -> anyhow::Result<()> {
    let known: HashMap<JobId, JobStatus> = store.read_blocking(jobs::ids)?.into_iter().collect();
    let entries =
        std::fs::read_dir(jobs_dir).with_context(|| format!("cannot read {}", jobs_dir.display()))?;
    for entry in entries {
        let entry = entry?;
        let Some(id) = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse::<JobId>().ok())
        else {
            continue;
        };
        let folder = super::job::JobFolder::new(jobs_dir, id);
        match known.get(&id) {
            None => {
                tracing::info!(job = %id, "deleting the files of a job that is not known");
                std::fs::remove_dir_all(folder.path())
                    .with_context(|| format!("cannot delete {}", folder.path().display()))?;
            }
            Some(JobStatus::Processing) => folder.remove_unfinished_results(),
            Some(status) => folder.remove_scratch(*status == JobStatus::Completed),
        }
    }
    Ok(())
}

/// Puts every unfinished job into `core` as the database knows it. Jobs that cannot go on are failed.
///
/// # Errors
/// The database cannot be read or written.
pub fn load_all(store: &Store, jobs_dir: &Path, core: &mut Core) -> anyhow::Result<()> {
    for row in store.read_blocking(jobs::unfinished)? {
        let id = row.id;
        match load(store, row, jobs_dir)? {
            Ok(job) => {
                tracing::info!(job = %id, progress = ?job.progress(), "a job goes on");
                core.add(job);
            }
            Err(reason) => {
                tracing::warn!(job = %id, reason, "a job cannot go on");
                let ending = Ending::Failed { reason };
                let at = Timestamp::now_utc();
                store.write_blocking(move |db| jobs::end(db, id, &ending, at, 0))?;
            }
        }
    }
    Ok(())
}

fn load(store: &Store, mut row: JobRow, jobs_dir: &Path) -> anyhow::Result<Result<LiveJob, String>> {
    let id = row.id;
    let rows = store.read_blocking(move |db| tiles::of_job(db, id))?;
    if row.decoded {
        let source = super::job::JobFolder::new(jobs_dir, id).source();
        let bytes = row.stored_size.pixels() * row.input_format.bytes_per_pixel() as u64;
        row.decoded = std::fs::metadata(source).is_ok_and(|file| file.len() == bytes);
    }
    if let Some(dead) = rows.iter().find(|row| row.state == TileState::Dead) {
        let why = dead.error.as_deref().unwrap_or("no reason is known");
        return Ok(Err(format!(
            "tile {} failed {} times: {why}",
            dead.tile, dead.failures
        )));
    }
    let spec = match JobSpec::from_row(row, jobs_dir) {
        Ok(spec) => spec,
        Err(reason) => return Ok(Err(reason)),
    };
    if !spec.row.decoded && !spec.folder.original().is_file() {
        return Ok(Err(
            "the uploaded file is gone from the server's disk: submit the image again".to_owned(),
        ));
    }
    Ok(Ok(LiveJob::new(Arc::new(Run::new(spec, None)), &rows)))
}

/// Checks the scratch files of every job that was loaded at the start and lets the jobs go on.
pub fn verify_all(shared: &Arc<Shared>) {
    let runs: Vec<Arc<Run>> = shared.core().jobs().map(|job| job.run.clone()).collect();
    for run in runs {
        if shared.is_stopping() {
            return;
        }
        let id = run.spec.id();
        let found = verified(&shared.store, &run.spec).and_then(|found| {
            let lost = found.lost.clone();
            if !lost.is_empty() {
                shared
                    .store
                    .write_blocking(move |db| tiles::forget(db, id, &lost))?;
            }
            Ok(found)
        });
        let Verified { canvas, rows, .. } = match found {
            Ok(found) => found,
            Err(error) => {
                shared.fail(&run, &format!("what was done of it cannot be read: {error}"));
                continue;
            }
        };
        *run.canvas() = canvas;
        let mut core = shared.core();
        if let Some(job) = core.job_of(&run) {
            *job = LiveJob::new(run.clone(), &rows);
        }
    }
    shared.core().verified = true;
    shared.activate();
}

/// What a job's scratch file has of the tiles that the database knows.
pub struct Verified {
    /// The mosaic of the tiles whose pixels are really there.
    pub canvas: Option<Canvas>,
    /// What is known of the tiles, without the lost ones.
    pub rows: Vec<TileRow>,
    /// Tiles that count as done and whose pixels are missing: to be forgotten and rendered again.
    pub lost: Vec<u32>,
}

/// Looks whether the pixels of a job's done tiles are really there.
///
/// # Errors
/// The database does not answer.
pub fn verified(store: &Store, spec: &JobSpec) -> Result<Verified, StoreError> {
    let id = spec.id();
    let mut rows = store.read_blocking(move |db| tiles::of_job(db, id))?;
    let (canvas, lost) = verify(spec, &rows);
    if !lost.is_empty() {
        tracing::warn!(job = %id, tiles = lost.len(), "pixels are missing on disk; rendering these tiles again");
        let gone: HashSet<u32> = lost.iter().copied().collect();
        rows.retain(|row| !gone.contains(&row.tile));
    }
    Ok(Verified { canvas, rows, lost })
}

/// Reads the pixels of the done tiles among `rows`; gives the mosaic that they make and the tiles whose pixels are not what
/// they were.
pub fn verify(spec: &JobSpec, rows: &[TileRow]) -> (Option<Canvas>, Vec<u32>) {
    let done = rows.iter().filter(|row| row.state == TileState::Done);
    let Ok(file) = OpenOptions::new().read(true).open(spec.folder.tiles()) else {
        return (None, done.map(|row| row.tile).collect());
    };
    let mut canvas = None;
    let mut lost = Vec::new();
    let mut pixels = Vec::new();
    for row in done {
        let Some(output) = spec.grid.region(row.tile) else {
            continue;
        };
        let bytes = output.size().pixels() * spec.row.output_format.bytes_per_pixel() as u64;
        pixels.resize(bytes as usize, 0);
        let read = file.read_exact_at(&mut pixels, spec.result_offset(output));
        if read.is_err() || row.checksum != Some(crc32fast::hash(&pixels)) {
            lost.push(row.tile);
            continue;
        }
        canvas
            .get_or_insert_with(|| Canvas::new(spec.row.output_size, spec.row.output_format))
            .draw(output, &pixels);
    }
    (canvas, lost)
}
