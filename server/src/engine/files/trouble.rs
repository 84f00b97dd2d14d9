//! Why a step of work with a job's files failed, and what follows from it: a shortage is waited out, anything else ends the job.

use std::io;
use std::time::Duration;

use azulejo_engine::Event;

use super::desk::Desk;
use super::disk;
use super::pool::Next;
use super::run::Run;
use crate::engine::store::{StoreClass, StoreError};

/// About how long a step takes, so that the jobs share the threads.
pub const STEP: Duration = Duration::from_millis(80);
/// Pause after a shortage.
const PAUSE: Duration = Duration::from_secs(1);

/// Why a step failed.
#[derive(Debug, PartialEq, Eq)]
pub enum Trouble {
    /// It can pass.
    Shortage(String),
    /// The job fails with this reason.
    Reason(String),
}

impl From<String> for Trouble {
    fn from(reason: String) -> Self {
        Self::Reason(reason)
    }
}

impl Trouble {
    /// That of the operating system while `doing` something, such as "writing the result".
    pub fn of_io(doing: &str, error: &io::Error) -> Self {
        if disk::is_shortage(error) {
            Self::Shortage(error.to_string())
        } else {
            Self::Reason(disk::explain(doing, error))
        }
    }

    /// That of the database; `what` did not work, such as "what was measured cannot be stored".
    pub fn of_store(what: &str, error: &StoreError) -> Self {
        match error.class() {
            StoreClass::Passing => Self::Shortage(error.to_string()),
            StoreClass::Never => Self::Reason(format!("{what}: {error}")),
        }
    }
}

/// What comes after a step of `run` that `ended` so, `true` for done: `work`, such as "encoding", goes on, waits, or the job fails.
pub fn next(ended: Result<bool, Trouble>, work: &str, run: &Run, desk: &Desk) -> Next {
    match ended {
        Ok(true) => Next::Done,
        Ok(false) => Next::Again,
        Err(Trouble::Shortage(reason)) => {
            tracing::warn!(job = %run.spec.id(), reason, "{work} waits: something is short for the moment");
            Next::Later(PAUSE)
        }
        Err(Trouble::Reason(reason)) => {
            if !run.is_stopped() {
                fail(run, desk, reason);
            }
            Next::Done
        }
    }
}

/// Tells the core that `run` cannot go on.
pub fn fail(run: &Run, desk: &Desk, reason: String) {
    desk.tell(Event::FilesFailed {
        job: run.spec.id(),
        run: run.id,
        reason,
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shortage_of_the_machine_passes_and_a_full_disk_is_a_reason() {
        let shortage = io::Error::from_raw_os_error(rustix::io::Errno::MFILE.raw_os_error());
        assert!(matches!(
            Trouble::of_io("reading", &shortage),
            Trouble::Shortage(_)
        ));
        let full = io::ErrorKind::StorageFull.into();
        let Trouble::Reason(reason) = Trouble::of_io("writing the result", &full) else {
            panic!("a full disk does not pass by itself");
        };
        assert!(reason.contains("writing the result"), "{reason}");
    }
}
