//! Room on the disk: looked at before a job is accepted, and named in the reason when a running one has none left.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use azulejo_imaging::file::FileError;
use azulejo_protocol::ApiError;
use azulejo_protocol::health::DiskInfo;

/// Kept free for the database and logs, bytes. A broker on the same disk bounds itself: see `ensure_topics`.
pub const RESERVE: u64 = 256 << 20;

/// Bytes that may still be written to the file system of `path`; `None` when it does not say.
pub fn free_bytes(path: &Path) -> Option<u64> {
    let stat = rustix::fs::statvfs(path).ok()?;
    Some(stat.f_bavail.saturating_mul(stat.f_frsize))
}

/// Bytes that have to become free on the file system of `path` so that there are `wanted`, or a tenth of all of it where that is
/// less; 0 when it does not say.
pub fn missing_bytes(path: &Path, wanted: u64) -> u64 {
    let Ok(stat) = rustix::fs::statvfs(path) else {
        return 0;
    };
    let all = stat.f_blocks.saturating_mul(stat.f_frsize);
    let free = stat.f_bavail.saturating_mul(stat.f_frsize);
    wanted.min(all / 10).saturating_sub(free)
}

/// The length of a file that is there.
pub fn length(path: &Path) -> Option<u64> {
    std::fs::metadata(path).ok().map(|file| file.len())
}

/// Whether an error is a shortage of the whole machine that can pass by itself: of descriptors, memory, or patience.
pub fn is_shortage(error: &io::Error) -> bool {
    FileError::is_shortage(error)
}

/// How much of `free` bytes is left where `promised` are still to be written.
const fn room(free: u64, promised: u64) -> DiskInfo {
    // On a small disk, a tenth of what is free is reserve enough.
    let tenth = free / 10;
    DiskInfo {
        free_bytes: free,
        promised_bytes: promised,
        reserve_bytes: if tenth < RESERVE { tenth } else { RESERVE },
    }
}

/// What is free, as of the last look. A disk that does not answer, as one at the other end of a network, keeps whoever looks and
/// nobody who asks.
#[derive(Debug)]
pub struct Room {
    path: PathBuf,
    /// `u64::MAX` for what is not known.
    free: AtomicU64,
}

impl Room {
    /// The file system of `path`, looked at now.
    pub fn of(path: &Path) -> Self {
        let room = Self {
            path: path.to_owned(),
            free: AtomicU64::new(u64::MAX),
        };
        room.look();
        room
    }

    /// Looks.
    pub fn look(&self) {
        self.free
            .store(free_bytes(&self.path).unwrap_or(u64::MAX), Relaxed);
    }

    /// What was found, where `promised` bytes are still to be written; `None` when the file system does not say.
    pub fn info(&self, promised: u64) -> Option<DiskInfo> {
        let free = self.free.load(Relaxed);
        (free != u64::MAX).then(|| room(free, promised))
    }
}

/// Refuses what needs `needed` bytes, named `what`, when `promised` are still to be written by others.
///
/// # Errors
/// 507 with the figures.
pub fn check_room(path: &Path, what: &str, needed: u64, promised: u64) -> Result<(), ApiError> {
    let Some(free) = free_bytes(path) else {
        return Ok(());
    };
    let room = room(free, promised);
    if needed <= room.usable_bytes() {
        return Ok(());
    }
    let reserve = room.reserve_bytes;
    let remedy = if promised > 0 {
        "wait until jobs have ended, delete old ones, or give the server a larger disk"
    } else {
        "delete old jobs, or give the server a larger disk"
    };
    let detail = format!(
        "{what} needs up to {} on the server's disk, which has {} free; jobs under way will take up to {} of it and {} are \
         kept in reserve: {remedy}",
        show(needed),
        show(free),
        show(promised),
        show(reserve)
    );
    Err(ApiError::new(507, "disk_full", detail))
}

/// What a failed write means to a person.
pub fn explain(doing: &str, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            format!("the server's disk is full ({doing}): delete old jobs and retry this one")
        }
        _ => format!("{doing} failed: {error}"),
    }
}

fn show(bytes: u64) -> String {
    match bytes {
        0..1_000_000 => format!("{bytes} bytes"),
        1_000_000..10_000_000_000 => format!("{} MB", bytes / 1_000_000),
        _ => format!("{} GB", bytes / 1_000_000_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_refused_with_the_figures() {
        let folder = tempfile::tempdir().unwrap();
        assert!(check_room(folder.path(), "the job", 1000, 0).is_ok());
        let error = check_room(folder.path(), "the job", u64::MAX, 0).unwrap_err();
        assert_eq!(error.status, 507);
        assert!(
            error.detail.contains("the job needs up to") && error.detail.contains(" free"),
            "{}",
            error.detail
        );
        assert!(check_room(folder.path(), "the job", 1000, u64::MAX).is_err());
    }
}
