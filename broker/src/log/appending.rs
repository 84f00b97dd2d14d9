//! Storing batches: judged, given an offset and a time, written at the end, and given to the disk as far as is asked for.

use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use super::appended::{AppendError, Appended};
use super::batch::{BatchHeader, stored_header};
use super::partition::{Partition, Writer, locked};
use super::produced::check_produced;
use super::producers::Verdict;
use super::recovery;
use super::segment::Segment;
use super::settings::LogSettings;
use super::stamping::stamped;
use crate::files::sync_folder;
use crate::fsync::FsyncPolicy;
use crate::wire::splice::MAX_PLACEHOLDER;

impl Partition {
    /// Stores one batch. `now` is milliseconds since 1970.
    ///
    /// # Errors
    /// See [`AppendError`]. Nothing is stored then, unless only the disk did not keep it.
    pub fn append(&self, batch: &[u8], now: i64) -> Result<Appended, AppendError> {
        let produced = check_produced(batch)?;
        let header = produced.header;
        let settings = self.settings();
        // Whatever the settings say: a batch that no answer can carry would be stored for nobody.
        let limit = settings.max_message_bytes.min(MAX_PLACEHOLDER as u64);
        if header.size > limit {
            return Err(AppendError::TooLarge {
                size: header.size,
                limit,
            });
        }
        if settings.compact && produced.records.is_some_and(|facts| facts.keyless) {
            return Err(AppendError::Keyless);
        }
        let appended = {
            let mut writer = locked(&self.writer);
            if self.deleted.load(Ordering::Acquire) {
                return Err(AppendError::Deleted);
            }
            if self.failed.load(Ordering::Acquire) {
                return Err(AppendError::Failed);
            }
            match writer.producers.check(&header)? {
                Verdict::Duplicate(base_offset) => Appended {
                    base_offset,
                    append_time: self.append_time_at(base_offset),
                },
                Verdict::New => {
                    let header = stamped(&produced, &settings, now)?;
                    let base_offset = self.store(&mut writer, batch, header, &settings, now)?;
                    self.waiters.wake();
                    Appended {
                        base_offset,
                        append_time: header.has_append_time().then_some(header.max_timestamp),
                    }
                }
            }
        };
        // A retry, too: its first try may have been stored by a request that is still waiting for the disk.
        let end = appended.base_offset + i64::from(header.last_offset_delta) + 1;
        self.give_to_disk(end, &settings)?;
        Ok(appended)
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
        active.append(&stored_header(batch, &header), batch, &header)?;
        writer.producers.record(&header);
        writer.active_since.get_or_insert(now);
        self.log_end.store(header.next_offset(), Ordering::Release);
        Ok(base_offset)
    }

    /// Seals the active segment and begins another.
    pub(super) fn roll(&self, writer: &mut Writer) -> io::Result<Arc<Segment>> {
        let full = self.active();
        let outlasts_power = self.fsync == FsyncPolicy::Always || self.settings().counts_to_flush();
        if outlasts_power {
            self.sync_segment(&full)?;
        }
        full.seal()?;
        let end = self.log_end();
        if let Err(error) = recovery::write_snapshot(&self.folder, end, &writer.producers) {
            // An older one only costs time at the next start, and a full disk must not keep retention from working.
            tracing::warn!(folder = %self.folder.display(), %error, "cannot write down what is known of producers");
        }
        let segment = Arc::new(Segment::create(&self.folder, end)?);
        if outlasts_power && let Err(error) = sync_folder(&self.folder) {
            segment.delete_files();
            return Err(error);
        }
        writer.active_since = None;
        let mut segments = self.segments.write().unwrap_or_else(PoisonError::into_inner);
        segments.push(Arc::clone(&segment));
        Ok(segment)
    }

    /// Waits for the disk before records up to `end` are acknowledged, if the broker always does, or the topic's
    /// `flush.messages` are reached.
    fn give_to_disk(&self, end: i64, settings: &LogSettings) -> io::Result<()> {
        if self.fsync == FsyncPolicy::Always {
            return self.sync_to(end);
        }
        if settings.counts_to_flush() {
            let waiting = self.log_end().saturating_sub(*locked(&self.synced));
            if waiting >= settings.flush_messages {
                self.sync_names()?;
                return self.sync_to(end);
            }
        }
        Ok(())
    }

    /// Gives the names of the folder and of those above to the disk, once, where the broker as a whole promises nothing for a
    /// power failure and the topic does.
    pub(super) fn sync_names(&self) -> io::Result<()> {
        if self.is_named.load(Ordering::Acquire) {
            return Ok(());
        }
        // The partition's own, the topic's, and that of all topics.
        for folder in self.folder.ancestors().take(3) {
            sync_folder(folder)?;
        }
        self.is_named.store(true, Ordering::Release);
        Ok(())
    }
}
