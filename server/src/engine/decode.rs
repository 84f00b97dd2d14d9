//! Decoding: the uploaded file becomes rows of pixels in `source.raw`, strip by strip, on a thread of the decoders' pool.
//!
//! The scheduler hears of every strip, so the first tiles leave while the rest is still being decoded. Damage that is found
//! on the way fails the job with a sentence about the file.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use azulejo_imaging::file::Decoder;
use azulejo_protocol::{StageName, Timestamp};

use super::run::Run;
use super::shared::Shared;
use super::store::jobs;
use super::{disk, kind};

/// Decodes the file of `run` and tells the scheduler as rows come in. Fails the job when that is not possible.
pub fn decode(shared: &Arc<Shared>, run: &Arc<Run>) {
    if run.is_stopped() {
        return;
    }
    let id = run.spec.id();
    let began = Timestamp::now_utc();
    if let Some(job) = shared.core().job_of(run) {
        job.times.decode_started = Some(began);
    }
    let noted = shared
        .store
        .write_blocking(move |db| jobs::stage_started(db, id, StageName::Decode, began));
    if let Err(error) = noted {
        tracing::warn!(job = %id, %error, "cannot note when decoding started");
    }
    match decode_rows(shared, run) {
        Ok(true) => {}
        Ok(false) => return,
        Err(reason) => return shared.fail(run, &reason),
    }
    let at = Timestamp::now_utc();
    if let Some(job) = shared.core().job_of(run) {
        job.times.decode_finished = Some(at);
    }
    shared.changed(id);
    // After a power cut only what has reached the disk counts as decoded.
    let synced = File::open(run.spec.folder.original())
        .and_then(|file| file.sync_all())
        .and_then(|()| run.source()?.sync_data());
    if let Err(error) = synced {
        if !run.is_stopped() {
            shared.fail(run, &disk::explain("writing the decoded image", &error));
        }
        return;
    }
    if let Err(error) = shared.store.write_blocking(move |db| jobs::decoded(db, id, at)) {
        tracing::warn!(job = %id, %error, "cannot note that a job is decoded");
    }
}

/// False when the job ended or the engine stops in the middle.
fn decode_rows(shared: &Arc<Shared>, run: &Arc<Run>) -> Result<bool, String> {
    let spec = &run.spec;
    let limits = kind::limits(&shared.config.limits);
    let mut decoder = Decoder::open(&spec.folder.original(), &limits).map_err(|error| error.to_string())?;
    let info = decoder.info();
    if info.stored_size != spec.row.stored_size || info.format != spec.row.input_format {
        return Err("the uploaded file is not the one that was accepted".to_owned());
    }
    let file = run
        .source()
        .map_err(|error| disk::explain("writing the decoded image", &error))?;
    let stride = spec.source_stride() as u64;
    let height = spec.row.stored_size.height;
    let mut pixels = Vec::new();
    let mut next = 0;
    while let Some(span) = decoder
        .next_rows(&mut pixels)
        .map_err(|error| format!("at row {next} of {height}: {error}"))?
    {
        if run.is_stopped() || shared.is_stopping() {
            return Ok(false);
        }
        file.write_all_at(&pixels, u64::from(span.y) * stride)
            .map_err(|error| disk::explain("writing the decoded image", &error))?;
        next = span.y + span.rows;
        if let Some(job) = shared.core().job_of(run) {
            job.decoded_rows = next;
        }
        shared.state.wake();
        shared.changed(spec.id());
    }
    if next < height {
        return Err(format!("the image is damaged: it ends at row {next} of {height}"));
    }
    Ok(true)
}
