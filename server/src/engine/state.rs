//! The one lock around what changes in memory, and the bell that wakes the dispatchers. The producer's callbacks hold this
//! and nothing else of the engine, so nothing goes round in circles when it ends.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::schedule::Core;

/// [`Core`] under its lock.
#[derive(Debug, Default)]
pub struct State {
    core: Mutex<Core>,
    bell: Condvar,
}

impl State {
    /// The state. Never held over input or output.
    pub fn core(&self) -> MutexGuard<'_, Core> {
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives the lock back until something may have become sendable, or for `most`.
    pub fn wait<'a>(&self, core: MutexGuard<'a, Core>, most: Duration) -> MutexGuard<'a, Core> {
        self.bell
            .wait_timeout(core, most)
            .unwrap_or_else(PoisonError::into_inner)
            .0
    }

    /// Tells the dispatchers to look again.
    pub fn wake(&self) {
        self.bell.notify_all();
    }
}
