//! Room that is kept for the database: a file that is given up when the disk is full to the last byte.
//!
//! Everything that makes room needs some first: to forget a job, SQLite writes to its log. On a disk that others have filled
//! there is none, so "delete old jobs" could not be followed. The file is deleted when a transaction meets a full disk, whoever
//! asked for the transaction asks again, and when there is room the file is written anew.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

/// Its length, bytes: some hundred transactions.
const LENGTH: usize = 4 << 20;

/// It is written only when so many times its length is free.
const FREE: u64 = 8;

/// The file.
#[derive(Debug)]
pub struct Ballast {
    path: PathBuf,
    /// Whether it is there, whole.
    kept: AtomicBool,
}

impl Ballast {
    /// The ballast of the database at `path`, written if there is room. One that an earlier process left on a disk that is full
    /// now is given up at once: the start itself has to write.
    pub fn beside(path: &Path) -> Self {
        let path = path.with_file_name("ballast");
        let kept = std::fs::metadata(&path).is_ok_and(|file| file.len() == LENGTH as u64);
        let ballast = Self {
            path,
            kept: AtomicBool::new(kept),
        };
        if ballast.free().is_some_and(|free| free < LENGTH as u64) {
            ballast.give_up();
        }
        ballast.keep();
        ballast
    }

    /// Writes the file where it is missing and there is room.
    pub fn keep(&self) {
        let has_room = |free| free > FREE * LENGTH as u64;
        if self.kept.load(Ordering::Acquire) || !self.free().is_some_and(has_room) {
            return;
        }
        match self.write() {
            Ok(()) => self.kept.store(true, Ordering::Release),
            Err(error) => {
                tracing::debug!(%error, "no room is kept for the database");
                self.remove();
            }
        }
    }

    /// Deletes the file: whoever met a full disk can try again.
    pub fn give_up(&self) {
        if self.kept.swap(false, Ordering::AcqRel) {
            tracing::warn!(path = %self.path.display(), "the disk is full: the room that is kept for the database is given up");
            self.remove();
        }
    }

    fn remove(&self) {
        if let Err(error) = std::fs::remove_file(&self.path)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(path = %self.path.display(), %error, "cannot delete the room that is kept for the database");
        }
    }

    /// Bytes that are free beside it.
    fn free(&self) -> Option<u64> {
        let stat = rustix::fs::statvfs(self.path.parent()?).ok()?;
        Some(stat.f_bavail.saturating_mul(stat.f_frsize))
    }

    /// Writes bytes that no file system compresses: zeros would keep no room on some.
    fn write(&self) -> io::Result<()> {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let bytes: Vec<u8> = std::iter::repeat_with(|| {
            // Xorshift.
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()
        })
        .take(LENGTH / 8)
        .flatten()
        .collect();
        let mut file = std::fs::File::create(&self.path)?;
        file.write_all(&bytes)?;
        file.sync_all()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_given_up_once_and_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        let ballast = Ballast::beside(&folder.path().join("azulejo.sqlite"));
        let path = folder.path().join("ballast");
        let length = || std::fs::metadata(&path).map(|file| file.len()).ok();
        assert_eq!(length(), Some(LENGTH as u64));
        ballast.give_up();
        assert_eq!(length(), None);
        ballast.give_up();
        ballast.keep();
        assert_eq!(length(), Some(LENGTH as u64));
    }
}
