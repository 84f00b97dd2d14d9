//! The settings of a log.

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// Whose timestamps records have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimestampType {
    /// The producer's.
    CreateTime,
    /// The broker's, of the moment at which it stores a batch.
    LogAppendTime,
}

/// Settings of a log, from those of its topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogSettings {
    /// Largest batch accepted, bytes.
    pub max_message_bytes: u64,
    /// A segment is rolled before it grows beyond this, bytes.
    pub segment_bytes: u64,
    /// A segment is rolled when its first record is this old, milliseconds.
    pub segment_ms: i64,
    /// Whether segments are deleted by age and size at all.
    pub delete: bool,
    /// Whether every record must have a key, as compaction needs it.
    pub compact: bool,
    /// Segments whose records are all older are deleted, milliseconds; negative: never.
    pub retention_ms: i64,
    /// Oldest segments are deleted while the log is larger, bytes; negative: never.
    pub retention_bytes: i64,
    /// Whose timestamps records have.
    pub timestamp_type: TimestampType,
    /// A producer's timestamp may be so far in the past, milliseconds.
    pub timestamp_before_max_ms: i64,
    /// A producer's timestamp may be so far in the future, milliseconds.
    pub timestamp_after_max_ms: i64,
    /// So many records may wait for the disk; `i64::MAX`: any number.
    pub flush_messages: i64,
    /// Records may wait for the disk so long, milliseconds; `i64::MAX`: for ever.
    pub flush_ms: i64,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self {
            max_message_bytes: 1_048_588,
            segment_bytes: 128 << 20,
            segment_ms: 7 * DAY_MS,
            delete: true,
            compact: false,
            retention_ms: 7 * DAY_MS,
            retention_bytes: -1,
            timestamp_type: TimestampType::CreateTime,
            timestamp_before_max_ms: i64::MAX,
            timestamp_after_max_ms: DAY_MS / 24,
            flush_messages: i64::MAX,
            flush_ms: i64::MAX,
        }
    }
}

impl LogSettings {
    /// What retention by age goes by, milliseconds; `None` when nothing is deleted by age.
    pub fn oldest(&self) -> Option<i64> {
        (self.delete && self.retention_ms >= 0).then_some(self.retention_ms)
    }

    /// What retention by size goes by, bytes; `None` when nothing is deleted by size.
    pub fn largest(&self) -> Option<u64> {
        u64::try_from(self.retention_bytes).ok().filter(|_| self.delete)
    }

    /// Whether the topic promises that records reach the disk after so many of them, whatever the broker does otherwise.
    pub fn counts_to_flush(&self) -> bool {
        self.flush_messages != i64::MAX
    }
}
