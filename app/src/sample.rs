//! Jobs for unit tests.

use azulejo_imaging::{PixelFormat, Size};
use azulejo_protocol::{Job, JobId, JobStatus, Progress, TileStates};
use time::macros::datetime;
use uuid::Uuid;

/// A job under way that began `seconds` after a fixed point in time; its id sorts with it.
pub fn job(seconds: u32) -> Job {
    Job {
        job_id: JobId(Uuid::from_u128(u128::from(seconds))),
        original_filename: "picture.png".to_owned(),
        total_tiles: 4,
        transformation: "blur:sigma=2".to_owned(),
        owner: None,
        status: JobStatus::Processing,
        created_at: datetime!(2026-11-22 20:00 UTC) + time::Duration::seconds(i64::from(seconds)),
        completed_at: None,
        expires_at: None,
        page: None,
        original_gone: false,
        input_size: Size::new(1024, 1024),
        output_size: Size::new(1024, 1024),
        input_format: PixelFormat::RGB8,
        output_format: PixelFormat::RGB8,
        tile_size: 512,
        input_bytes: 1_000_000,
        output_bytes: None,
        result_filename: "picture-blur.png".to_owned(),
        revision: 0,
        progress: Progress {
            total: 4,
            pending: 4,
            completed: 0,
            failed: 0,
        },
        in_flight: 0,
        tiles_per_second: 0.0,
        seconds_left: None,
        error: None,
        notes: Vec::new(),
        mosaic_version: 0,
        cached_from: None,
        stages: Vec::new(),
        tiles: TileStates("4q".to_owned()),
        workers: Vec::new(),
    }
}
