//! What a log must remember besides its segments: a small JSON file per partition, replaced by rename.

use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::files::{read_json_or_none, write_json, write_json_soon};

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
        read_json_or_none(&folder.join(FILE_NAME)).unwrap_or_default()
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
