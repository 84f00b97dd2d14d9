//! What is where in a segment: the batch of an offset, whole batches within a limit, records by time.
//!
//! The indexes say where to begin; from there on it goes by the headers in the log.

use std::io;

use super::batch::BatchHeader;
use super::records;
use super::segment::Segment;
use super::timestamp::NO_TIMESTAMP;

impl Segment {
    /// Position and header of the batch that holds `offset`, or of the next one after it. `None` behind the end.
    ///
    /// # Errors
    /// Those of the file system, and `InvalidData` when the log is damaged there.
    pub fn locate(&self, offset: i64) -> io::Result<Option<(u64, BatchHeader)>> {
        let relative = u32::try_from((offset - self.base_offset()).max(0)).unwrap_or(u32::MAX);
        let entry = self
            .offsets
            .last_where(|entry| entry.relative_offset <= relative)?;
        self.walk_until(entry.map_or(0, |entry| u64::from(entry.position)), |header| {
            header.next_offset() > offset
        })
    }

    fn walk_until(
        &self,
        from: u64,
        found: impl Fn(&BatchHeader) -> bool,
    ) -> io::Result<Option<(u64, BatchHeader)>> {
        let length = self.len();
        let mut position = from;
        let mut walk = self.walk();
        while position < length {
            let header = walk.header(position)?;
            if found(&header) {
                return Ok(Some((position, header)));
            }
            position += header.size;
        }
        Ok(None)
    }

    /// End of the last whole batch that begins at or after `start` and ends at or before `limit`, with the offset
    /// after it. `None` if not even the first one fits.
    ///
    /// # Errors
    /// Those of the file system, and `InvalidData` when the log is damaged there.
    pub fn whole_batches(&self, start: u64, limit: u64) -> io::Result<Option<(u64, i64)>> {
        let length = self.len();
        if limit >= length {
            return Ok((start < length).then(|| (length, self.next_offset())));
        }
        let limit_32 = u32::try_from(limit).unwrap_or(u32::MAX);
        let entry = self.offsets.last_where(|entry| entry.position <= limit_32)?;
        let mut position = entry.map_or(start, |entry| u64::from(entry.position).max(start));
        let mut walk = self.walk();
        // An index entry at `position` says that a batch ends there, but not with which offset: its own base will do.
        let mut found = (position > start).then_some(position);
        while position < limit {
            let header = walk.header(position)?;
            if position + header.size > limit {
                break;
            }
            position += header.size;
            found = Some(position);
        }
        let Some(end) = found else { return Ok(None) };
        Ok(Some((end, walk.header(end)?.base_offset)))
    }

    /// First offset at or after `timestamp` and `from_offset` with its timestamp, or `None` when all are earlier. Exact for
    /// batches that are not compressed, and for those with the broker's time. Of another compressed one the offset is its
    /// first record's, and the timestamp that record's or, if that is too early, the latest of the batch: both are told by
    /// the header, and nothing is answered that it does not say.
    ///
    /// # Errors
    /// Those of the file system, and `InvalidData` when the log is damaged there.
    pub fn find_timestamp(&self, timestamp: i64, from_offset: i64) -> io::Result<Option<(i64, i64)>> {
        if self.max_timestamp() < timestamp {
            return Ok(None);
        }
        let before = self.times.last_where(|entry| entry.timestamp < timestamp)?;
        let start = before.map_or(self.base_offset(), |e| {
            self.base_offset() + i64::from(e.relative_offset)
        });
        let Some((mut position, _)) = self.locate(start.max(from_offset))? else {
            return Ok(None);
        };
        let is_late = |header: &BatchHeader| header.max_timestamp >= timestamp;
        while let Some((at, header)) = self.walk_until(position, is_late)? {
            if header.compression() != 0 {
                let is_first = header.base_offset >= from_offset && header.base_timestamp >= timestamp;
                let found = if is_first && !header.has_append_time() {
                    header.base_timestamp
                } else {
                    header.max_timestamp
                };
                return Ok(Some((header.base_offset.max(from_offset), found)));
            }
            let found = records::find_in_batch(&self.file, at, &header, timestamp, from_offset)?;
            if found.is_some() {
                return Ok(found);
            }
            // The late record was one before `from_offset`, or the header promises what no record has.
            position = at + header.size;
        }
        Ok(None)
    }

    /// Latest timestamp of the records from `from_offset` on, or [`NO_TIMESTAMP`].
    ///
    /// # Errors
    /// Those of the file system, and `InvalidData` when the log is damaged there.
    pub fn latest_timestamp(&self, from_offset: i64) -> io::Result<i64> {
        if from_offset <= self.base_offset() {
            return Ok(self.max_timestamp());
        }
        let mut latest = NO_TIMESTAMP;
        let Some((mut position, _)) = self.locate(from_offset)? else {
            return Ok(latest);
        };
        let mut walk = self.walk();
        while position < self.len() {
            let header = walk.header(position)?;
            let cut = header.base_offset < from_offset && header.compression() == 0;
            latest = latest.max(if cut {
                records::latest_in_batch(&self.file, position, &header, from_offset)?
            } else {
                header.max_timestamp
            });
            position += header.size;
        }
        Ok(latest)
    }
}
