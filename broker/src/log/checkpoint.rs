//! What a log must remember besides its segments: a small JSON file per partition, replaced by rename.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Name of the file in the folder of a partition.
const FILE_NAME: &str = "checkpoint.json";

/// State of a log that its segments do not show.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// First offset that may be read: records before it were deleted.
    pub log_start: i64,
    /// Segments that begin before this offset are known to be on disk and sound.
    pub recovery_point: i64,
    /// Set when the broker closed the log: its end, so that nothing needs to be checked.
    pub closed_at: Option<i64>,
}

impl Checkpoint {
    /// Reads the checkpoint of `folder`. A missing or unreadable one is as if nothing was known.
    pub fn read(folder: &Path) -> Self {
        read_json(&folder.join(FILE_NAME)).unwrap_or_default()
    }

    /// Replaces the checkpoint of `folder`.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn write(&self, folder: &Path) -> io::Result<()> {
        write_json(&folder.join(FILE_NAME), self)
    }
}

/// Reads JSON from `path`: `None` when it is missing or does not parse, which is logged.
pub fn read_json<T: DeserializeOwned>(path: &Path) -> Option<T> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
        Err(error) => {
            tracing::warn!(path = %path.display(), %error, "cannot read");
            return None;
        }
    };
    serde_json::from_slice(&bytes)
        .inspect_err(|error| tracing::warn!(path = %path.display(), %error, "damaged; going on without it"))
        .ok()
}

/// Writes JSON to `path` so that either the old or the new content is there, whatever happens.
///
/// # Errors
/// Those of the file system.
pub fn write_json<T: Serialize>(path: &Path, value: &T) -> io::Result<()> {
    let temporary = path.with_extension("new");
    let mut file = File::create(&temporary)?;
    file.write_all(&serde_json::to_vec(value)?)?;
    file.sync_data()?;
    std::fs::rename(&temporary, path)
}
