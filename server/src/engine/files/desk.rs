//! Where work with files reports to.

use azulejo_engine::Event;
use rusqlite::Connection;

use crate::engine::store::Store;
use crate::engine::tell::Tell;

/// Said of a job whose work ended in a panic.
pub const BUG: &str = "the server met a bug while it worked on this image's file; its log says where";

/// Where work with files reports to.
#[derive(Clone)]
pub struct Desk {
    /// Tells the core.
    pub tell: Tell,
    /// The database.
    pub store: Store,
}

impl Desk {
    /// Tells the core.
    pub fn tell(&self, event: Event) {
        (self.tell)(event);
    }

    /// Stores something that is only told to people: it may get lost.
    pub fn note<F>(&self, work: F)
    where
        F: FnOnce(&Connection) -> rusqlite::Result<()> + Send + 'static,
    {
        self.store.write_then(work, |result| {
            if let Err(error) = result {
                tracing::warn!(%error, "cannot note when a step of a job was");
            }
        });
    }
}
