//! Reading a log: what a fetch gets, and which offset a point in time is at.
//!
//! Readers take no lock that a writer holds for long: they see what segments have published.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::partition::{Partition, locked};
use super::read_error::ReadError;
use super::segment::Segment;
use super::timestamp::NO_TIMESTAMP;
use crate::wire::response::FileRange;

/// Read positions that are remembered per partition.
const CURSORS: usize = 8;

impl Partition {
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
                let header = segment.walk().header(position)?;
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

    /// The timestamp of all records of the batch at `offset`, if it is the broker's and the batch is still there.
    pub(super) fn append_time_at(&self, offset: i64) -> Option<i64> {
        let (segment, position, _) = self.find(offset).ok()??;
        let header = segment.walk().header(position).ok()?;
        (header.base_offset == offset && header.has_append_time()).then_some(header.max_timestamp)
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

    /// Offset and timestamp of the record with the latest timestamp; of a compressed batch that holds it, its first offset.
    ///
    /// # Errors
    /// Those of the file system, and `InvalidData` when the log is damaged there.
    pub fn latest_timestamp(&self) -> io::Result<Option<(i64, i64)>> {
        let start = self.log_start();
        let mut latest = NO_TIMESTAMP;
        let mut holder = None;
        for segment in self.segments().into_iter().filter(|s| s.next_offset() > start) {
            let of_segment = segment.latest_timestamp(start)?;
            if of_segment > latest {
                latest = of_segment;
                holder = Some(segment);
            }
        }
        holder.map_or(Ok(None), |segment| segment.find_timestamp(latest, start))
    }
}
