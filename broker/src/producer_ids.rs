//! Ids of idempotent producers: each is given once, also across restarts.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::files::{read_json, write_json};

/// Ids are reserved on disk in blocks of so many.
const BLOCK: i64 = 1000;

#[derive(Serialize, Deserialize)]
struct Reserved {
    below: i64,
}

/// Gives ids.
pub struct ProducerIds {
    path: PathBuf,
    /// Next id, and the first that is not reserved.
    next: Mutex<(i64, i64)>,
}

impl ProducerIds {
    /// Goes on after what was reserved in `data_dir`.
    ///
    /// # Errors
    /// Those of the file system, and `InvalidData` when what was reserved cannot be read: to begin again at 0 would give
    /// ids a second time, and then a new producer's records pass for retries of an old one's.
    pub fn open(data_dir: &Path) -> io::Result<Self> {
        let path = data_dir.join("producer-ids.json");
        let reserved = read_json::<Reserved>(&path).map_err(|error| {
            let remedy = "restore it, or write {\"below\":N} with an N above every producer id given so far";
            io::Error::new(error.kind(), format!("{error}: {remedy}"))
        })?;
        let below = reserved.map_or(0, |reserved| reserved.below.max(0));
        Ok(Self {
            path,
            next: Mutex::new((below, below)),
        })
    }

    /// An id that was never given before.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn next(&self) -> io::Result<i64> {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        if next.0 == next.1 {
            write_json(
                &self.path,
                &Reserved {
                    below: next.1 + BLOCK,
                },
            )?;
            next.1 += BLOCK;
        }
        next.0 += 1;
        Ok(next.0 - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_id_is_given_twice_across_restarts() {
        let folder = tempfile::tempdir().unwrap();
        let mut given = std::collections::HashSet::new();
        for _ in 0..3 {
            let ids = ProducerIds::open(folder.path()).unwrap();
            for _ in 0..1500 {
                assert!(given.insert(ids.next().unwrap()));
            }
        }
    }

    #[test]
    fn ids_do_not_begin_again_when_what_was_reserved_is_damaged() {
        let folder = tempfile::tempdir().unwrap();
        ProducerIds::open(folder.path()).unwrap().next().unwrap();
        std::fs::write(folder.path().join("producer-ids.json"), "{").unwrap();
        let error = ProducerIds::open(folder.path()).err().expect("a refusal");
        assert!(error.to_string().contains("producer-ids.json"), "{error}");
    }
}
