//! Jobs and rows for the engine's unit tests.

use std::path::Path;

use azulejo_imaging::file::{FileKind, ImageInfo, Metadata, Orientation};
use azulejo_imaging::{PixelFormat, Size};
use azulejo_protocol::Timestamp;
use azulejo_protocol::health::IntakeLimits;
use uuid::Uuid;

use super::files::job::JobSpec;
use super::settings::Upload;
use super::store::jobs::JobRow;

/// Limits for small images and tiles of `tile_size`.
pub fn limits(tile_size: u32) -> IntakeLimits {
    IntakeLimits {
        min_side: 1,
        max_side: 65_535,
        max_pixels: 1 << 30,
        max_bytes: 1 << 30,
        tile_size,
        max_record_bytes: 10 << 20,
    }
}

/// An upload that claims to be an upright PNG.
pub fn upload(size: Size, format: PixelFormat) -> Upload {
    Upload {
        id: Uuid::from_u128(1),
        path: "/nowhere".into(),
        filename: "coast.png".into(),
        bytes: 1000,
        info: ImageInfo {
            kind: FileKind::Png,
            stored_size: size,
            format,
            orientation: Orientation::default(),
            metadata: Metadata::default(),
        },
        started_at: None,
        encoding: None,
        page: None,
        job: None,
        owner: None,
        is_counted: false,
        content: None,
        fresh: false,
        once: None,
    }
}

/// The row of a job with four tiles that is under way.
pub fn row() -> JobRow {
    plan(Path::new("/nowhere"), 2, 2).row
}

/// The plan of a gray image of `columns` by `rows` tiles of 16 pixels, in `jobs`.
pub fn plan(jobs: &Path, columns: u32, rows: u32) -> JobSpec {
    plan_of(jobs, columns, rows, "sharpen")
}

/// The same with another recipe.
pub fn plan_of(jobs: &Path, columns: u32, rows: u32, recipe: &str) -> JobSpec {
    let upload = upload(Size::new(columns * 16, rows * 16), PixelFormat::GRAY8);
    JobSpec::plan(&upload, recipe, &limits(16), jobs, Timestamp::UNIX_EPOCH).expect("a plan")
}
