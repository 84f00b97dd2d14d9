//! The log of one partition: opening, deletion of records, its end.
//!
//! One writer at a time holds `writer`. Readers never take it: they see what segments have published. The list of
//! segments changes only when one is rolled or deleted, and is locked only to copy a pointer. Whoever makes, replaces or
//! deletes a file by its name holds `writer` or `checkpoint` and looks at `deleted` first: once a topic is deleted, its
//! folder's name may be that of another one.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

pub use super::appended::{AppendError, Appended};
use super::checkpoint::Checkpoint;
use super::producers::Producers;
pub use super::read_error::ReadError;
use super::recovery;
use super::segment::Segment;
pub use super::settings::LogSettings;
use super::waiters::Waiters;
use crate::clock::now_ms;
use crate::files::{is_full, sync_folder};
use crate::fsync::FsyncPolicy;

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
    pub(super) log_end: AtomicI64,
    /// When everything was last given to the disk because the topic's `flush.ms` asks for it, milliseconds since 1970.
    pub(super) flushed_at: AtomicI64,
    /// Whether the names of the folder and of those above were given to the disk, where only the topic asks for it.
    pub(super) is_named: AtomicBool,
    /// The topic is gone, or the log is closed.
    pub(super) deleted: AtomicBool,
    /// A flush has failed. What it was to write may be gone from memory without a further error, so nothing is
    /// acknowledged any more until a restart has checked the tail.
    pub(super) failed: AtomicBool,
    /// Where the last read ended: the next one of the same consumer most likely begins there.
    pub(super) cursors: Mutex<Vec<(i64, i64, u64)>>,
    pub(super) next_cursor: std::sync::atomic::AtomicUsize,
    pub(super) waiters: Waiters,
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
        let active = opened.segments.last().filter(|s| !s.is_empty());
        let active_since = active.map(|s| s.age_mark(now_ms())).transpose()?;
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
            flushed_at: AtomicI64::new(0),
            is_named: AtomicBool::new(fsync.outlasts_power()),
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
