//! Small files that are replaced whole, names that must survive a power failure, and disks that are full.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Reads JSON from `path`: `None` when it is missing.
///
/// # Errors
/// Those of the file system, and `InvalidData` with the path when it does not parse.
pub fn read_json<T: DeserializeOwned>(path: &Path) -> io::Result<Option<T>> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    serde_json::from_slice(&bytes).map(Some).map_err(|error| {
        let why = format!("{} is damaged: {error}", path.display());
        io::Error::new(io::ErrorKind::InvalidData, why)
    })
}

/// Reads JSON from `path` that can be done without: `None` also when it is damaged, which is logged.
pub fn read_json_or_none<T: DeserializeOwned>(path: &Path) -> Option<T> {
    read_json(path)
        .inspect_err(|error| tracing::warn!(path = %path.display(), %error, "going on without it"))
        .unwrap_or_default()
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
    let written = faults::check(path, Operation::Write)
        .and_then(|()| std::fs::write(&temporary, serde_json::to_vec(value)?));
    if let Err(error) = written {
        // Half a file would keep space from a disk that has none.
        let _ = std::fs::remove_file(&temporary);
        return Err(error);
    }
    Ok(temporary)
}

/// Gives the names in `folder` to the disk.
///
/// # Errors
/// Those of the file system.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    faults::check(folder, Operation::SyncFolder)?;
    File::open(folder)?.sync_all()
}

/// Whether an error says that there is no room: it passes when something is deleted.
pub fn is_full(error: &io::Error) -> bool {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge)
}

/// What is done to a file; see [`faults`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    /// It is made.
    Create,
    /// It is written to.
    Write,
    /// It is given to the disk.
    Sync,
    /// The names in a folder are given to the disk.
    SyncFolder,
}

/// In programs, nothing: the disk fails by itself.
#[cfg(not(test))]
pub(crate) mod faults {
    use super::{Operation, Path, io};

    /// Nothing fails but what fails.
    ///
    /// # Errors
    /// None.
    #[inline]
    pub fn check(_: &Path, _: Operation) -> io::Result<()> {
        Ok(())
    }
}

/// In tests, a disk that fails when and where it is told to.
#[cfg(test)]
pub(crate) mod faults {
    use std::sync::{Mutex, PoisonError};

    use super::{Operation, Path, PathBuf, io};

    /// The error number of a full disk.
    pub const FULL: i32 = 28;
    /// The error number of a broken one.
    pub const BROKEN: i32 = 5;

    static INJECTED: Mutex<Vec<(PathBuf, &'static str, Operation, i32)>> = Mutex::new(Vec::new());
    static SEEN: Mutex<Vec<(PathBuf, Operation)>> = Mutex::new(Vec::new());

    /// Ends the faults below its folder when dropped.
    pub struct Faults(PathBuf);

    impl Faults {
        /// A disk that works, below `folder`.
        pub fn below(folder: &Path) -> Self {
            Self(folder.to_owned())
        }

        /// From now on `operation` fails on files whose names end with `suffix`.
        pub fn fail(&self, suffix: &'static str, operation: Operation, error: i32) {
            let mut injected = INJECTED.lock().unwrap_or_else(PoisonError::into_inner);
            injected.push((self.0.clone(), suffix, operation, error));
        }

        /// From now on everything works again.
        pub fn repair(&self) {
            let mut injected = INJECTED.lock().unwrap_or_else(PoisonError::into_inner);
            injected.retain(|(folder, ..)| *folder != self.0);
        }

        /// How often `operation` was done to `path`.
        pub fn count(&self, path: &Path, operation: Operation) -> usize {
            let seen = SEEN.lock().unwrap_or_else(PoisonError::into_inner);
            seen.iter()
                .filter(|(at, what)| at == path && *what == operation)
                .count()
        }
    }

    impl Drop for Faults {
        fn drop(&mut self) {
            self.repair();
        }
    }

    /// Fails if it was told to.
    pub fn check(path: &Path, operation: Operation) -> io::Result<()> {
        if matches!(operation, Operation::Sync | Operation::SyncFolder) {
            let mut seen = SEEN.lock().unwrap_or_else(PoisonError::into_inner);
            seen.push((path.to_owned(), operation));
        }
        let injected = INJECTED.lock().unwrap_or_else(PoisonError::into_inner);
        let fault = injected.iter().find(|(folder, suffix, what, _)| {
            *what == operation && path.starts_with(folder) && path.to_string_lossy().ends_with(suffix)
        });
        fault.map_or(Ok(()), |(.., error)| Err(io::Error::from_raw_os_error(*error)))
    }
}
