//! Room on the disk: looked at before a job is accepted, and named in the reason when a running one has none left.

use std::io;
use std::path::Path;

use azulejo_protocol::ApiError;

/// Kept free for the database, logs and the broker beside us, bytes.
pub const RESERVE: u64 = 256 << 20;

/// Bytes that may still be written to the file system of `path`; `None` when it does not say.
pub fn free_bytes(path: &Path) -> Option<u64> {
    let stat = rustix::fs::statvfs(path).ok()?;
    Some(stat.f_bavail.saturating_mul(stat.f_frsize))
}

/// Refuses a job that needs `needed` bytes when `promised` are still to be written by others.
///
/// # Errors
/// 507 with both figures.
pub fn check_room(path: &Path, needed: u64, promised: u64) -> Result<(), ApiError> {
    let Some(free) = free_bytes(path) else {
        return Ok(());
    };
    // On a small disk, a tenth of what is free is reserve enough.
    let reserve = RESERVE.min(free / 10);
    let usable = free.saturating_sub(promised).saturating_sub(reserve);
    if needed <= usable {
        return Ok(());
    }
    let mut detail = format!(
        "the job needs {} of disk while it runs and the server has {} to spare",
        show(needed),
        show(usable)
    );
    detail.push_str(if promised > 0 {
        ": wait until other jobs have ended, or delete old ones"
    } else {
        ": delete old jobs, or give the server a larger disk"
    });
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
    fn a_job_that_does_not_fit_is_refused_with_both_figures() {
        let folder = tempfile::tempdir().unwrap();
        assert!(check_room(folder.path(), 1000, 0).is_ok());
        let error = check_room(folder.path(), u64::MAX, 0).unwrap_err();
        assert_eq!(error.status, 507);
        assert!(error.detail.contains("GB of disk"), "{}", error.detail);
        assert!(check_room(folder.path(), 1000, u64::MAX).is_err());
    }
}
