//! What is under way between an event and the commit that lets the core go on.

use azulejo_protocol::JobId;

use crate::effect::StoreOp;
use crate::{RunId, Time};

/// What was read and is not stored yet.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) positions: Vec<(i32, i64)>,
    pub(super) wanted: Vec<Settled>,
    pub(super) failed: Vec<Settled>,
}

/// A tile whose answer is being stored.
#[derive(Debug, Clone)]
pub(super) struct Settled {
    pub(super) job: JobId,
    pub(super) run: RunId,
    pub(super) tile: u32,
    pub(super) attempt: u32,
    pub(super) worker: String,
    pub(super) micros: u64,
    /// Why there are no pixels.
    pub(super) error: Option<String>,
}

/// A transaction that is not committed yet.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) ops: Vec<StoreOp>,
    pub(super) then: Then,
    pub(super) pause: Time,
    /// When it is tried again; `None` while it is being tried.
    pub(super) retry: Option<Time>,
}

/// What follows from a commit.
#[derive(Debug)]
pub(super) enum Then {
    Nothing,
    /// The tiles of a batch are stored.
    Settled(Vec<Settled>),
    /// A tile was given up.
    GivenUp {
        job: JobId,
        run: RunId,
        tile: u32,
        worker: String,
        error: String,
        reason: String,
    },
    /// A job has ended.
    Left {
        job: JobId,
        run: RunId,
    },
}
