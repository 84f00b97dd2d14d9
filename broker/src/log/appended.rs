//! What comes of storing a batch.

use std::io;

use thiserror::Error;

use super::produced::BatchError;
use super::producers::SequenceError;
use super::stamping::TimestampError;

/// Where and when a batch was stored, now or by an earlier try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// Offset of its first record.
    pub base_offset: i64,
    /// The timestamp of all of its records, milliseconds since 1970, where it is the broker's.
    pub append_time: Option<i64>,
}

/// Why records were not stored.
#[derive(Debug, Error)]
pub enum AppendError {
    /// Not what a producer may send.
    #[error(transparent)]
    Batch(#[from] BatchError),
    /// A timestamp that the topic does not allow.
    #[error(transparent)]
    Timestamp(#[from] TimestampError),
    /// A record without a key in a topic that is to be compacted.
    #[error("a topic with cleanup.policy=compact takes no records without a key")]
    Keyless,
    /// Larger than the topic's `max.message.bytes`.
    #[error(
        "a batch of {size} bytes is larger than the {limit} of max.message.bytes: send smaller records or raise the topic's setting"
    )]
    TooLarge {
        /// Bytes of the batch.
        size: u64,
        /// The topic's limit.
        limit: u64,
    },
    /// A gap or an old epoch of an idempotent producer.
    #[error(transparent)]
    Sequence(#[from] SequenceError),
    /// The topic was deleted.
    #[error("the topic was deleted")]
    Deleted,
    /// The disk did not keep what it was given before.
    #[error("the disk has failed to keep earlier records: restart the broker when the disk is sound")]
    Failed,
    /// The disk did not take it.
    #[error("cannot write to the log: {0}")]
    Storage(#[from] io::Error),
}
