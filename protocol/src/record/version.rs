//! Versions of the record format.

/// Version of the record format that tasks are written in, header `v`. A result has the version of its task.
pub const VERSION: u32 = 2;

/// Versions of the record format that are read.
pub const READABLE: &[u32] = &[1, 2];
