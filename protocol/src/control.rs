//! What the topic `control` carries: JSON that every worker reads.

use serde::{Deserialize, Serialize};

use crate::JobId;

/// A word from the server to every worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ControlMessage {
    /// Tiles of this job need not be rendered any more: skip them, without a result.
    Cancel {
        /// The job.
        job: JobId,
    },
    /// The job goes on (it was retried): render its tiles again.
    Resume {
        /// The job.
        job: JobId,
    },
}
