//! The log of one partition: append, deletion of records, its end.
//!
//! One writer at a time holds `writer`. Readers never take it: they see what segments have published. The list of
//! segments changes only when one is rolled or deleted, and is locked only to copy a pointer. Whoever makes, replaces or
//! deletes a file by its name holds `writer` or `checkpoint` and looks at `deleted` first: once a topic is deleted, its
//! folder's name may be that of another one.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use thiserror::Error;

use super::batch::{BatchError, BatchHeader, check_produced, stored_prefix};
use super::checkpoint::Checkpoint;
use super::producers::{Producers, SequenceError, Verdict};
pub use super::read_error::ReadError;
use super::recovery;
use super::segment::Segment;
use super::waiters::Waiters;
use crate::files::{is_full, sync_folder};
use crate::fsync::FsyncPolicy;
use crate::wire::splice::MAX_PLACEHOLDER;

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
    /// The disk did not keep what it was given before.
    #[error("the disk has failed to keep earlier records: restart the broker when the disk is sound")]
    Failed,
    /// The disk did not take it.
    #[error("cannot write to the log: {0}")]
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
    /// As it is on disk. Its lock is also that of the files by their names, but not the writer's: producing goes on while
    /// a checkpoint is written or old segments are deleted.
    pub(super) checkpoint: Mutex<Checkpoint>,
    pub(super) log_start: AtomicI64,
    log_end: AtomicI64,
    /// The topic is gone, or the log is closed.
    pub(super) deleted: AtomicBool,
    /// A flush has failed. What it was to write may be gone from memory without a further error, so nothing is
    /// acknowledged any more until a restart has checked the tail.
    pub(super) failed: AtomicBool,
    /// Where the last read ended: the next one of the same consumer most likely begins there.
    pub(super) cursors: Mutex<Vec<(i64, i64, u64)>>,
    pub(super) next_cursor: std::sync::atomic::AtomicUsize,
    waiters: Waiters,
}

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
        if opened.is_new && fsync.outlasts_power() {
            sync_folder(folder)?;
            folder.parent().map_or(Ok(()), sync_folder)?;
        }
        // From here on the log counts as not closed. Recovery notices also without it, so a full disk is no reason not to
        // open: retention needs an open log to make room.
        match checkpoint.write(folder, false) {
            Err(error) if is_full(&error) => {
                tracing::warn!(folder = %folder.display(), %error, "no room for the checkpoint of a log");
            }
            written => written?,
        }
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
            failed: AtomicBool::new(false),
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
        // Whatever the settings say: a batch that no answer can carry would be stored for nobody.
        let limit = settings.max_message_bytes.min(MAX_PLACEHOLDER as u64);
        if header.size > limit {
            return Err(AppendError::TooLarge {
                size: header.size,
                limit,
            });
        }
        let base_offset = {
            let mut writer = locked(&self.writer);
            if self.deleted.load(Ordering::Acquire) {
                return Err(AppendError::Deleted);
            }
            if self.failed.load(Ordering::Acquire) {
                return Err(AppendError::Failed);
            }
            match writer.producers.check(&header)? {
                Verdict::Duplicate(offset) => offset,
                Verdict::New => {
                    let offset = self.store(&mut writer, batch, header, &settings, now)?;
                    self.waiters.wake();
                    offset
                }
            }
        };
        // A retry, too: its first try may have been stored by a request that is still waiting for the disk.
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
            self.sync_segment(&full)?;
        }
        full.seal()?;
        let end = self.log_end();
        if let Err(error) = recovery::write_snapshot(&self.folder, end, &writer.producers) {
            // An older one only costs time at the next start, and a full disk must not keep retention from working.
            tracing::warn!(folder = %self.folder.display(), %error, "cannot write down what is known of producers");
        }
        let segment = Arc::new(Segment::create(&self.folder, end)?);
        if self.fsync == FsyncPolicy::Always
            && let Err(error) = sync_folder(&self.folder)
        {
            segment.delete_files();
            return Err(error);
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
        if self.failed.load(Ordering::Acquire) {
            // Trying again would succeed without having written anything.
            return Err(io::Error::other("an earlier flush has failed"));
        }
        let target = self.log_end();
        for segment in self.segments().iter().filter(|s| s.next_offset() > *synced) {
            self.sync_segment(segment)?;
        }
        *synced = target;
        Ok(())
    }

    /// Gives a segment to the disk; see `failed`.
    pub(super) fn sync_segment(&self, segment: &Segment) -> io::Result<()> {
        segment.sync().inspect_err(|error| {
            self.failed.store(true, Ordering::Release);
            tracing::error!(
                folder = %self.folder.display(), %error,
                "the disk did not keep records: nothing more is taken until the broker is restarted"
            );
        })
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
        let mut checkpoint = self.lock_files().ok_or(ReadError::Deleted)?;
        if offset > start {
            match self.put_checkpoint(&mut checkpoint, |c| c.log_start = c.log_start.max(offset)) {
                // To delete is what makes room again; the checkpoint is written once there is some.
                Err(error) if is_full(&error) => {
                    tracing::warn!(folder = %self.folder.display(), %error, "no room for the checkpoint of a log");
                }
                written => written?,
            }
            self.log_start.fetch_max(offset, Ordering::AcqRel);
        }
        Ok(self.log_start())
    }

    /// No more appends, and no more of its files by their names: the topic goes. Waits for whoever is at it.
    pub fn mark_deleted(&self) {
        {
            let _writer = locked(&self.writer);
            let _files = locked(&self.checkpoint);
            self.deleted.store(true, Ordering::Release);
        }
        self.waiters.wake();
    }

    /// Whether the topic was deleted or the broker is closing.
    pub fn is_deleted(&self) -> bool {
        self.deleted.load(Ordering::Acquire)
    }
}
