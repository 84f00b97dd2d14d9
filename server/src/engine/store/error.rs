//! Why the database did not do what it was asked to, and whether it can later.

use azulejo_engine::StoreClass;

/// Why the database did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// SQLite's word.
    #[error("the database refused: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// The transaction could not be committed; nothing of it is stored.
    #[error("the database could not commit: {reason}")]
    Commit {
        /// SQLite's code, if it has one.
        code: Option<rusqlite::ErrorCode>,
        /// Its word.
        reason: String,
    },
    /// The engine is shutting down.
    #[error("the database is closed")]
    Closed,
}

impl StoreError {
    fn code(&self) -> Option<rusqlite::ErrorCode> {
        match self {
            Self::Sqlite(error) => code_of(error),
            Self::Commit { code, .. } => *code,
            Self::Closed => None,
        }
    }

    /// Whether the same can succeed later: the disk is full, the file is busy or cannot be read for the moment.
    pub fn class(&self) -> StoreClass {
        use rusqlite::ErrorCode as Code;
        match self.code() {
            Some(
                Code::DatabaseBusy
                | Code::DatabaseLocked
                | Code::OutOfMemory
                | Code::OperationInterrupted
                | Code::SystemIoFailure
                | Code::DiskFull
                | Code::CannotOpen
                | Code::FileLockingProtocolFailed,
            ) => StoreClass::Passing,
            _ => StoreClass::Never,
        }
    }

    /// Whether the disk is full.
    pub fn is_disk_full(&self) -> bool {
        self.code() == Some(rusqlite::ErrorCode::DiskFull)
    }
}

/// SQLite's code, if it has one. That its index in memory, which is a file too, cannot grow is a full disk as well.
fn code_of(error: &rusqlite::Error) -> Option<rusqlite::ErrorCode> {
    let error = error.sqlite_error()?;
    Some(match error.extended_code {
        rusqlite::ffi::SQLITE_IOERR_SHMSIZE => rusqlite::ErrorCode::DiskFull,
        _ => error.code,
    })
}

/// Why a transaction failed as a whole.
#[derive(Debug, Clone)]
pub struct CommitError {
    /// SQLite's code, if it has one.
    pub code: Option<rusqlite::ErrorCode>,
    /// Its word.
    pub reason: String,
}

impl From<CommitError> for StoreError {
    fn from(CommitError { code, reason }: CommitError) -> Self {
        Self::Commit { code, reason }
    }
}

impl From<rusqlite::Error> for CommitError {
    fn from(error: rusqlite::Error) -> Self {
        Self::from(&error)
    }
}

impl From<&rusqlite::Error> for CommitError {
    fn from(error: &rusqlite::Error) -> Self {
        Self {
            code: code_of(error),
            reason: error.to_string(),
        }
    }
}
