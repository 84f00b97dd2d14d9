//! What the server pushes to open pages: Server-Sent Events on `GET /events`, JSON in `data`.
//!
//! `GET /events` sends `health`, `workers`, `costs` and every job's summary as it changes (at most a few times a second
//! each); `GET /events?job=ID` sends that job with its tile states, too. The first events give the whole state, so
//! a page that reconnects needs nothing else.

use serde::{Deserialize, Serialize};

use crate::{Costs, Health, Job, JobId, WorkerInfo};

/// One event. The JSON has a `type` beside the event's own fields.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum LiveEvent {
    /// State of the installation.
    Health {
        /// It.
        health: Box<Health>,
    },
    /// Every worker known.
    Workers {
        /// They.
        workers: Vec<WorkerInfo>,
    },
    /// What work costs, as far as it was measured. Not on a job's own stream.
    Costs {
        /// It.
        costs: Costs,
    },
    /// A job is new or changed. With `tiles`, `stages` and `workers` on the job's own stream.
    Job {
        /// It.
        job: Box<Job>,
    },
    /// A job was deleted.
    JobGone {
        /// Its id.
        job_id: JobId,
    },
}
