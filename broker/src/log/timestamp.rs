//! Timestamps of records.

/// No timestamp.
pub const NO_TIMESTAMP: i64 = -1;
