//! What all pages share.

use azulejo_protocol::{Health, WorkerInfo};
use leptos::prelude::Resource;

use crate::failure::Failure;

/// What was loaded once for all pages; [`Live`](crate::live::Live) has what came since.
#[derive(Clone, Copy)]
pub struct Shared {
    /// State of the installation.
    pub health: Resource<Result<Health, Failure>>,
    /// Workers known.
    pub workers: Resource<Result<Vec<WorkerInfo>, Failure>>,
}
