//! What a log must remember besides its segments: a small JSON file per partition, replaced by rename.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

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

    /// Replaces the checkpoint of `folder`, and waits for the disk if it is to be `durable`. An older checkpoint, which a
    /// power failure may bring back otherwise, only costs time at the next start, and undoes a DeleteRecords at worst.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn write(&self, folder: &Path, durable: bool) -> io::Result<()> {
        let path = folder.join(FILE_NAME);
        if durable {
            write_json(&path, self)
        } else {
            write_json_soon(&path, self)
        }
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
    let temporary = write_beside(path, value)?;
    File::open(&temporary)?.sync_data()?;
    std::fs::rename(&temporary, path)?;
    path.parent().map_or(Ok(()), sync_folder)
}

/// Writes JSON to `path` without waiting for the disk: for what can be found out again if a power failure takes it.
///
/// # Errors
/// Those of the file system.
pub fn write_json_soon<T: Serialize>(path: &Path, value: &T) -> io::Result<()> {
    std::fs::rename(write_beside(path, value)?, path)
}

fn write_beside<T: Serialize>(path: &Path, value: &T) -> io::Result<PathBuf> {
    let temporary = path.with_extension("new");
    std::fs::write(&temporary, serde_json::to_vec(value)?)?;
    Ok(temporary)
}

/// Gives the names in `folder` to the disk.
///
/// # Errors
/// Those of the file system.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
