//! The log of one partition: append, read, offsets by time, deletion of records.
//!
//! One writer at a time holds `writer`. Readers never take it: they see what segments have published. The list of
//! segments changes only when one is rolled or deleted, and is locked only to copy a pointer.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use thiserror::Error;

use super::batch::{BatchError, BatchHeader, check_produced, stored_prefix};
use super::checkpoint::{Checkpoint, sync_folder};
use super::producers::{Producers, SequenceError, Verdict};
use super::recovery;
use super::segment::{Segment, Walk};
use super::waiters::Waiters;
use crate::config::FsyncPolicy;
use crate::wire::response::FileRange;

/// Settings of a log, from those of its topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogSettings {
    /// Largest batch accepted, bytes.
    pub max_message_bytes: u64,
    /// A segment is rolled before it grows beyond this, bytes.
    pub segment_bytes: u64,
    /// A segment is rolled when its first record is this old, milliseconds.
    pub segment_ms: i64,
    /// Segments whose records are all older are deleted, milliseconds; negative: never.
    pub retention_ms: i64,
    /// Oldest segments are deleted while the log is larger, bytes; negative: never.
    pub retention_bytes: i64,
}

/// Why records were not stored.
#[derive(Debug, Error)]
pub enum AppendError {
    /// Not what a producer may send.
    #[error(transparent)]
    Batch(#[from] BatchError),
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
    /// The disk did not take it.
    #[error("cannot write to the log: {0}")]
    Storage(#[from] io::Error),
}

/// Why records cannot be read.
#[derive(Debug, Error)]
pub enum ReadError {
    /// Before the first or behind the last offset.
    #[error("offset {offset} is not within {start} to {end}")]
    OutOfRange {
        /// Offset asked for.
        offset: i64,
        /// First offset.
        start: i64,
        /// Offset after the last.
        end: i64,
    },
    /// The disk did not give it.
    #[error("cannot read the log: {0}")]
    Storage(#[from] io::Error),
}

pub(super) struct Writer {
    pub(super) producers: Producers,
    /// When the active segment got its first record, milliseconds since 1970.
    pub(super) active_since: Option<i64>,
}

/// The log of one partition.
pub struct Partition {
    pub(super) folder: PathBuf,
    pub(super) fsync: FsyncPolicy,
    settings: RwLock<Arc<LogSettings>>,
    pub(super) segments: RwLock<Vec<Arc<Segment>>>,
    pub(super) writer: Mutex<Writer>,
    /// Offset up to which everything was given to the disk.
    pub(super) synced: Mutex<i64>,
    /// As it is on disk. Its lock is not the writer's: producing goes on while a checkpoint is written.
    pub(super) checkpoint: Mutex<Checkpoint>,
    pub(super) log_start: AtomicI64,
    log_end: AtomicI64,
    pub(super) deleted: AtomicBool,
    /// Where the last read ended: the next one of the same consumer most likely begins there.
    cursors: Mutex<Vec<(i64, i64, u64)>>,
    next_cursor: std::sync::atomic::AtomicUsize,
    waiters: Waiters,
}

/// Read positions that are remembered per partition.
const CURSORS: usize = 8;

pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Partition {
    /// Opens the log in `folder`, or begins one there.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn open(folder: &Path, settings: Arc<LogSettings>, fsync: FsyncPolicy) -> io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let opened = recovery::open(folder)?;
        let log_end = opened.segments.last().map_or(0, |segment| segment.next_offset());
        let active_since = opened
            .segments
            .last()
            .filter(|s| !s.is_empty())
            .map(|s| s.max_timestamp());
        let checkpoint = Checkpoint {
            log_start: opened.log_start,
            recovery_point: opened.recovery_point,
            closed_at: None,
        };
        // From here on the log counts as not closed.
        checkpoint.write(folder, false)?;
        Ok(Self {
            folder: folder.to_owned(),
            fsync,
            settings: RwLock::new(settings),
            segments: RwLock::new(opened.segments),
            writer: Mutex::new(Writer {
                producers: opened.producers,
                active_since,
            }),
            synced: Mutex::new(opened.recovery_point),
            checkpoint: Mutex::new(checkpoint),
            log_start: AtomicI64::new(opened.log_start),
            log_end: AtomicI64::new(log_end),
            deleted: AtomicBool::new(false),
            cursors: Mutex::new(Vec::new()),
            next_cursor: std::sync::atomic::AtomicUsize::new(0),
            waiters: Waiters::default(),
        })
    }

    /// First offset that can be read.
    pub fn log_start(&self) -> i64 {
        self.log_start.load(Ordering::Acquire)
    }

    /// Offset that the next record will get: also the high watermark, since there are no replicas.
    pub fn log_end(&self) -> i64 {
        self.log_end.load(Ordering::Acquire)
    }

    /// Who waits for new records.
    pub fn waiters(&self) -> &Waiters {
        &self.waiters
    }

    /// Settings in force.
    pub fn settings(&self) -> Arc<LogSettings> {
        Arc::clone(&self.settings.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts other settings in force.
    pub fn configure(&self, settings: Arc<LogSettings>) {
        *self.settings.write().unwrap_or_else(PoisonError::into_inner) = settings;
    }

    /// Bytes of all segments.
    pub fn size(&self) -> u64 {
        self.segments().iter().map(|segment| segment.len()).sum()
    }

    pub(super) fn segments(&self) -> Vec<Arc<Segment>> {
        self.segments
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(super) fn active(&self) -> Arc<Segment> {
        let segments = self.segments.read().unwrap_or_else(PoisonError::into_inner);
        // There is always one; see `recovery::open` and `roll`.
        Arc::clone(&segments[segments.len() - 1])
    }

    /// Stores one batch as it is and returns the offset of its first record. `now` is milliseconds since 1970.
    ///
    /// # Errors
    /// See [`AppendError`]. Nothing is stored then.
    pub fn append(&self, batch: &[u8], now: i64) -> Result<i64, AppendError> {
        let header = check_produced(batch)?;
        let settings = self.settings();
        if header.size > settings.max_message_bytes {
            return Err(AppendError::TooLarge {
                size: header.size,
                limit: settings.max_message_bytes,
            });
        }
        let base_offset = {
            let mut writer = locked(&self.writer);
            if self.deleted.load(Ordering::Acquire) {
                return Err(AppendError::Deleted);
            }
            match writer.producers.check(&header)? {
                Verdict::Duplicate(offset) => return Ok(offset),
                Verdict::New => self.store(&mut writer, batch, header, &settings, now)?,
            }
        };
        self.waiters.wake();
        if self.fsync == FsyncPolicy::Always {
            self.sync_to(base_offset + i64::from(header.last_offset_delta) + 1)?;
        }
        Ok(base_offset)
    }

    fn store(
        &self,
        writer: &mut Writer,
        batch: &[u8],
        header: BatchHeader,
        settings: &LogSettings,
        now: i64,
    ) -> io::Result<i64> {
        let mut active = self.active();
        let base_offset = self.log_end();
        let header = BatchHeader {
            base_offset,
            ..header
        };
        let too_large = active.len() + header.size > settings.segment_bytes
            || header.next_offset() - active.base_offset() > i64::from(i32::MAX);
        let too_old = writer
            .active_since
            .is_some_and(|since| now.saturating_sub(since) >= settings.segment_ms);
        if !active.is_empty() && (too_large || too_old) {
            active = self.roll(writer)?;
        }
        active.append(&stored_prefix(batch, base_offset), batch, &header)?;
        writer.producers.record(&header);
        writer.active_since.get_or_insert(now);
        self.log_end.store(header.next_offset(), Ordering::Release);
        Ok(base_offset)
    }

    /// Seals the active segment and begins another.
    pub(super) fn roll(&self, writer: &mut Writer) -> io::Result<Arc<Segment>> {
        let full = self.active();
        if self.fsync == FsyncPolicy::Always {
            full.sync()?;
        }
        full.seal()?;
        let end = self.log_end();
        recovery::write_snapshot(&self.folder, end, &writer.producers)?;
        let segment = Arc::new(Segment::create(&self.folder, end)?);
        if self.fsync == FsyncPolicy::Always {
            sync_folder(&self.folder)?;
        }
        writer.active_since = None;
        let mut segments = self.segments.write().unwrap_or_else(PoisonError::into_inner);
        segments.push(Arc::clone(&segment));
        Ok(segment)
    }

    /// Gives everything before `end` to the disk. Those who wait for the same write share it.
    pub(super) fn sync_to(&self, end: i64) -> io::Result<()> {
        let mut synced = locked(&self.synced);
        if *synced >= end {
            return Ok(());
        }
        let target = self.log_end();
        for segment in self.segments().iter().filter(|s| s.next_offset() > *synced) {
            segment.sync()?;
        }
        *synced = target;
        Ok(())
    }

    /// Finds what a fetch from `offset` gets: whole batches of one segment, together at most `max_bytes`, but at
    /// least one if `at_least_one`. `None` when there is nothing (yet).
    ///
    /// # Errors
    /// See [`ReadError`].
    pub fn read(
        &self,
        offset: i64,
        max_bytes: u64,
        at_least_one: bool,
    ) -> Result<Option<FileRange>, ReadError> {
        let (start, end) = (self.log_start(), self.log_end());
        if offset < start || offset > end {
            return Err(ReadError::OutOfRange { offset, start, end });
        }
        if offset == end {
            return Ok(None);
        }
        let Some((segment, position, first_size)) = self.find(offset)? else {
            return Ok(None);
        };
        let whole = segment.whole_batches(position, position.saturating_add(max_bytes))?;
        let (to, next_offset) = match whole {
            Some(found) => found,
            None if at_least_one => {
                let to = position + first_size;
                segment
                    .whole_batches(position, to)?
                    .unwrap_or((to, segment.next_offset()))
            }
            None => return Ok(None),
        };
        self.remember(next_offset, segment.base_offset(), to);
        let length = usize::try_from(to - position).unwrap_or(usize::MAX);
        Ok(Some(FileRange {
            segment,
            position,
            length,
            next_offset,
        }))
    }

    /// The segment, position and size of the batch that holds `offset`.
    fn find(&self, offset: i64) -> io::Result<Option<(Arc<Segment>, u64, u64)>> {
        let segments = self.segments();
        let cursor = locked(&self.cursors)
            .iter()
            .find(|(next, _, _)| *next == offset)
            .copied();
        if let Some((_, base, position)) = cursor {
            let segment = segments
                .iter()
                .find(|s| s.base_offset() == base && position < s.len());
            if let Some(segment) = segment {
                // A cursor is a guess: an append may have come between its two halves.
                let header = Walk::new(segment).header(position)?;
                if header.base_offset == offset {
                    return Ok(Some((Arc::clone(segment), position, header.size)));
                }
            }
        }
        let first = segments
            .partition_point(|segment| segment.base_offset() <= offset)
            .saturating_sub(1);
        for segment in &segments[first..] {
            if segment.next_offset() <= offset {
                continue;
            }
            if let Some((position, header)) = segment.locate(offset)? {
                return Ok(Some((Arc::clone(segment), position, header.size)));
            }
        }
        Ok(None)
    }

    fn remember(&self, next_offset: i64, base: i64, position: u64) {
        let mut cursors = locked(&self.cursors);
        let cursor = (next_offset, base, position);
        if cursors.len() < CURSORS {
            cursors.push(cursor);
        } else {
            let at = self.next_cursor.fetch_add(1, Ordering::Relaxed) % CURSORS;
            cursors[at] = cursor;
        }
    }

    /// First offset at or after `timestamp` (milliseconds) with its timestamp.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn offset_for_timestamp(&self, timestamp: i64) -> io::Result<Option<(i64, i64)>> {
        let start = self.log_start();
        for segment in self.segments().iter().filter(|s| s.next_offset() > start) {
            if let Some(found) = segment.find_timestamp(timestamp, start)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// The record with the latest timestamp: its offset and timestamp.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn latest_timestamp(&self) -> io::Result<Option<(i64, i64)>> {
        let latest = self
            .segments()
            .into_iter()
            .rev()
            .max_by_key(|segment| segment.max_timestamp());
        latest.map_or(Ok(None), |segment| segment.latest_timestamp())
    }

    /// Makes `offset` the first that can be read and returns it; -1 stands for the end. Files go at the next
    /// [`Self::maintain`].
    ///
    /// # Errors
    /// See [`ReadError`].
    pub fn delete_records(&self, offset: i64) -> Result<i64, ReadError> {
        let (start, end) = (self.log_start(), self.log_end());
        let offset = if offset == -1 { end } else { offset };
        if offset < 0 || offset > end {
            return Err(ReadError::OutOfRange { offset, start, end });
        }
        if offset > start {
            self.write_checkpoint(|checkpoint| checkpoint.log_start = checkpoint.log_start.max(offset))?;
            self.log_start.fetch_max(offset, Ordering::AcqRel);
        }
        Ok(self.log_start())
    }

    /// No more appends: the topic goes.
    pub fn mark_deleted(&self) {
        let _writer = locked(&self.writer);
        self.deleted.store(true, Ordering::Release);
        self.waiters.wake();
    }

    /// Whether the topic was deleted or the broker is closing.
    pub fn is_deleted(&self) -> bool {
        self.deleted.load(Ordering::Acquire)
    }
}
