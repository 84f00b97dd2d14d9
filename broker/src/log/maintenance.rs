//! What a log needs now and then, and at its end: old segments rolled and deleted, records given to the disk, closing.
//!
//! None of it holds up producing: the writer's lock is taken only to begin another segment, never while files are
//! deleted or flushed.

use std::io;
use std::sync::atomic::Ordering;
use std::sync::{MutexGuard, PoisonError};

use super::checkpoint::Checkpoint;
use super::partition::{Partition, locked};
use super::recovery;
use crate::files::sync_folder;
use crate::fsync::FsyncPolicy;

impl Partition {
    /// Deletes what retention or [`Self::delete_records`] gives up, rolls a segment that is old, and gives sealed
    /// segments to the disk. Producing goes on meanwhile. Called every now and then.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn maintain(&self, now: i64) -> io::Result<()> {
        // First what makes room: on a full disk the rest may need it.
        self.retain(now)?;
        if self.roll_if_old(now)? {
            self.retain(now)?;
        }
        self.flush_if_due(now)?;
        self.flush_sealed()
    }

    /// Gives everything to the disk if that is longer ago than the topic's `flush.ms`.
    fn flush_if_due(&self, now: i64) -> io::Result<()> {
        let every = self.settings().flush_ms;
        if every == i64::MAX || now.saturating_sub(self.flushed_at.load(Ordering::Relaxed)) < every {
            return Ok(());
        }
        self.sync_names()?;
        self.flush()?;
        self.flushed_at.store(now, Ordering::Relaxed);
        Ok(())
    }

    fn roll_if_old(&self, now: i64) -> io::Result<bool> {
        let settings = self.settings();
        let mut writer = locked(&self.writer);
        let active = self.active();
        if active.is_empty() || self.deleted.load(Ordering::Acquire) {
            return Ok(false);
        }
        let aged = writer
            .active_since
            .is_some_and(|since| now.saturating_sub(since) >= settings.segment_ms);
        // Records that may go but sit in the active segment: it is rolled so that they can.
        let age = now.saturating_sub(active.age_mark(now)?);
        let expired = settings.oldest().is_some_and(|oldest| age > oldest);
        let unreadable = self.log_start() >= active.next_offset();
        if !(aged || expired || unreadable) {
            return Ok(false);
        }
        self.roll(&mut writer).map(|_| true)
    }

    fn retain(&self, now: i64) -> io::Result<()> {
        let Some(mut checkpoint) = self.lock_files() else {
            return Ok(());
        };
        let settings = self.settings();
        let segments = self.segments();
        let mut size: u64 = segments.iter().map(|segment| segment.len()).sum();
        let mut keep_from = 0;
        for segment in &segments[..segments.len() - 1] {
            let age = now.saturating_sub(segment.age_mark(now)?);
            let expired = settings.oldest().is_some_and(|oldest| age > oldest);
            let too_much = settings
                .largest()
                .is_some_and(|limit| size - segment.len() >= limit);
            let unreadable = segment.next_offset() <= self.log_start();
            if !(expired || too_much || unreadable) {
                break;
            }
            size -= segment.len();
            keep_from += 1;
        }
        if keep_from == 0 {
            return Ok(());
        }
        let first_kept = segments[keep_from].base_offset();
        // First written down, then done: a broker that ends in between does the rest when it starts.
        let log_start = self.log_start().max(first_kept);
        let begin = |checkpoint: &mut Checkpoint| checkpoint.log_start = checkpoint.log_start.max(log_start);
        let written = self.put_checkpoint(&mut checkpoint, begin);
        self.log_start.fetch_max(first_kept, Ordering::AcqRel);
        self.segments
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .retain(|segment| segment.base_offset() >= first_kept);
        for segment in &segments[..keep_from] {
            segment.delete_files();
        }
        // The name of the first segment left tells the start as well, and now there may be room.
        if let Err(error) = written.or_else(|_| self.put_checkpoint(&mut checkpoint, begin)) {
            tracing::warn!(folder = %self.folder.display(), %error, "cannot write the checkpoint of a log");
        }
        tracing::info!(folder = %self.folder.display(), segments = keep_from, log_start = first_kept, "deleted old segments");
        Ok(())
    }

    /// Gives sealed segments to the disk and moves the point from which a restart has to check.
    fn flush_sealed(&self) -> io::Result<()> {
        let segments = self.segments();
        let active_base = segments[segments.len() - 1].base_offset();
        let recovery_point = locked(&self.checkpoint).recovery_point;
        if recovery_point >= active_base || self.failed.load(Ordering::Acquire) {
            return Ok(());
        }
        for segment in segments
            .iter()
            .filter(|s| s.next_offset() > recovery_point && s.base_offset() < active_base)
        {
            self.sync_segment(segment)?;
        }
        let Some(mut checkpoint) = self.lock_files() else {
            return Ok(());
        };
        sync_folder(&self.folder)?;
        self.put_checkpoint(&mut checkpoint, |c| c.recovery_point = active_base)
    }

    /// The right to make, replace and delete files by their names, and the checkpoint. `None` when the topic was deleted:
    /// the names may belong to another topic by now.
    pub(super) fn lock_files(&self) -> Option<MutexGuard<'_, Checkpoint>> {
        let checkpoint = locked(&self.checkpoint);
        (!self.deleted.load(Ordering::Acquire)).then_some(checkpoint)
    }

    /// Changes the checkpoint, on disk first.
    pub(super) fn put_checkpoint(
        &self,
        current: &mut Checkpoint,
        change: impl FnOnce(&mut Checkpoint),
    ) -> io::Result<()> {
        let mut checkpoint = current.clone();
        change(&mut checkpoint);
        checkpoint.write(&self.folder, self.fsync == FsyncPolicy::Always)?;
        *current = checkpoint;
        Ok(())
    }

    /// Gives everything to the disk.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn flush(&self) -> io::Result<()> {
        if self.failed.load(Ordering::Acquire) {
            return Ok(());
        }
        self.sync_to(self.log_end())
    }

    /// Closes in order: everything on disk, indexes sealed, nothing to check at the next start.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn close(&self) -> io::Result<()> {
        let writer = locked(&self.writer);
        let Some(mut checkpoint) = self.lock_files() else {
            return Ok(());
        };
        self.deleted.store(true, Ordering::Release);
        if self.failed.load(Ordering::Acquire) {
            // The next start has to check what is there.
            return Ok(());
        }
        let active = self.active();
        active.seal()?;
        for segment in self.segments() {
            if segment.next_offset() > *locked(&self.synced) {
                self.sync_segment(&segment)?;
            }
        }
        let end = self.log_end();
        if let Err(error) = recovery::write_snapshot(&self.folder, end, &writer.producers) {
            tracing::warn!(folder = %self.folder.display(), %error, "cannot write down what is known of producers");
        }
        if self.fsync.outlasts_power() {
            sync_folder(&self.folder)?;
        }
        self.put_checkpoint(&mut checkpoint, |c| {
            c.recovery_point = active.base_offset();
            c.closed_at = Some(end);
        })
    }
}
