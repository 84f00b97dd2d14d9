//! What all connections share.

use std::fs::File;

use tokio::sync::{Semaphore, watch};

use crate::config::BrokerConfig;
use crate::groups::coordinator::Coordinator;
use crate::producer_ids::ProducerIds;
use crate::topics::Registry;

/// The id of the only node.
pub const NODE_ID: i32 = 1;

/// What all connections share.
pub struct Shared {
    /// Settings.
    pub config: BrokerConfig,
    /// Stays the same for a data folder.
    pub cluster_id: String,
    /// The topics.
    pub topics: Registry,
    /// The groups.
    pub groups: Coordinator,
    /// Ids of idempotent producers.
    pub producer_ids: ProducerIds,
    /// Kibibytes of large requests that may still be taken into memory.
    pub request_memory: Semaphore,
    pub(crate) closing: watch::Sender<bool>,
    /// Released when the last owner goes, also if the process is killed.
    pub(crate) _lock: File,
}

impl Shared {
    /// Turns true when the broker closes.
    pub fn closing(&self) -> watch::Receiver<bool> {
        self.closing.subscribe()
    }
}
