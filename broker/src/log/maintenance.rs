//! What a log needs now and then, and at its end: old segments rolled and deleted, records given to the disk, closing.
//!
//! None of it holds up producing: the writer's lock is taken only to begin another segment, never while files are
//! deleted or flushed.

use std::io;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use super::checkpoint::{Checkpoint, sync_folder};
use super::partition::{Partition, locked};
use super::recovery;
use crate::config::FsyncPolicy;

impl Partition {
    /// Rolls a segment that is old, deletes what retention or [`Self::delete_records`] gives up, and gives sealed
    /// segments to the disk. Producing goes on meanwhile. Called every now and then.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn maintain(&self, now: i64) -> io::Result<()> {
        self.roll_if_old(now)?;
        self.retain(now)?;
        self.flush_sealed()
    }

    fn roll_if_old(&self, now: i64) -> io::Result<()> {
        let settings = self.settings();
        let mut writer = locked(&self.writer);
        let active = self.active();
        if active.is_empty() || self.deleted.load(Ordering::Acquire) {
            return Ok(());
        }
        let aged = writer
            .active_since
            .is_some_and(|since| now.saturating_sub(since) >= settings.segment_ms);
        // Records that may go but sit in the active segment: it is rolled so that they can.
        let expired =
            settings.retention_ms >= 0 && now.saturating_sub(active.age_mark()?) > settings.retention_ms;
        let unreadable = self.log_start() >= active.next_offset();
        if aged || expired || unreadable {
            self.roll(&mut writer)?;
        }
        Ok(())
    }

    fn retain(&self, now: i64) -> io::Result<()> {
        let settings = self.settings();
        let segments = self.segments();
        let mut size: u64 = segments.iter().map(|segment| segment.len()).sum();
        let mut keep_from = 0;
        for segment in &segments[..segments.len() - 1] {
            let expired =
                settings.retention_ms >= 0 && now.saturating_sub(segment.age_mark()?) > settings.retention_ms;
            let too_much =
                u64::try_from(settings.retention_bytes).is_ok_and(|limit| size - segment.len() >= limit);
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
        self.write_checkpoint(|checkpoint| checkpoint.log_start = checkpoint.log_start.max(first_kept))?;
        self.log_start.fetch_max(first_kept, Ordering::AcqRel);
        self.segments
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .retain(|segment| segment.base_offset() >= first_kept);
        for segment in &segments[..keep_from] {
            segment.delete_files();
        }
        tracing::info!(folder = %self.folder.display(), segments = keep_from, log_start = first_kept, "deleted old segments");
        Ok(())
    }

    /// Gives sealed segments to the disk and moves the point from which a restart has to check.
    fn flush_sealed(&self) -> io::Result<()> {
        let segments = self.segments();
        let active_base = segments[segments.len() - 1].base_offset();
        let recovery_point = locked(&self.checkpoint).recovery_point;
        if recovery_point >= active_base {
            return Ok(());
        }
        for segment in segments
            .iter()
            .filter(|s| s.next_offset() > recovery_point && s.base_offset() < active_base)
        {
            segment.sync()?;
        }
        sync_folder(&self.folder)?;
        self.write_checkpoint(|checkpoint| checkpoint.recovery_point = active_base)
    }

    /// Changes the checkpoint, on disk first.
    pub(super) fn write_checkpoint(&self, change: impl FnOnce(&mut Checkpoint)) -> io::Result<()> {
        let mut current = locked(&self.checkpoint);
        let mut checkpoint = current.clone();
        change(&mut checkpoint);
        match checkpoint.write(&self.folder, self.fsync == FsyncPolicy::Always) {
            // The folder of a topic that is being deleted may be gone already.
            Err(_) if !self.folder.exists() => Ok(()),
            Err(error) => Err(error),
            Ok(()) => {
                *current = checkpoint;
                Ok(())
            }
        }
    }

    /// Gives everything to the disk.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn flush(&self) -> io::Result<()> {
        self.sync_to(self.log_end())
    }

    /// Closes in order: everything on disk, indexes sealed, nothing to check at the next start.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn close(&self) -> io::Result<()> {
        let writer = locked(&self.writer);
        if self.deleted.swap(true, Ordering::AcqRel) {
            return Ok(());
        }
        let active = self.active();
        active.seal()?;
        for segment in self.segments() {
            if segment.next_offset() > *locked(&self.synced) {
                segment.sync()?;
            }
        }
        let end = self.log_end();
        recovery::write_snapshot(&self.folder, end, &writer.producers)?;
        self.write_checkpoint(|checkpoint| {
            checkpoint.recovery_point = active.base_offset();
            checkpoint.closed_at = Some(end);
        })
    }
}
