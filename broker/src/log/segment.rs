//! One segment: a file of record batches, one after the other, with an offset index and a time index beside it.
//!
//! Appends come from one thread at a time (the partition sees to that); reads come from any number, by positioned
//! reads of what is already published. `len` and `next_offset` are published after the bytes are in the file.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use super::batch::{BatchHeader, HEADER_BYTES};
use super::index::{IndexFile, OffsetEntry, TimeEntry};

/// A batch gets an index entry when so many bytes were written since the last that got one.
const INDEX_INTERVAL: u64 = 4096;
/// No timestamp.
pub const NO_TIMESTAMP: i64 = -1;

/// A segment file with its indexes.
#[derive(Debug)]
pub struct Segment {
    base_offset: i64,
    path: PathBuf,
    file: File,
    offsets: IndexFile<OffsetEntry>,
    times: IndexFile<TimeEntry>,
    len: AtomicU64,
    next_offset: AtomicI64,
    max_timestamp: AtomicI64,
    indexed_to: AtomicU64,
}

/// File of the segment that begins at `base_offset`.
pub fn log_path(folder: &Path, base_offset: i64) -> PathBuf {
    folder.join(format!("{base_offset:020}.log"))
}

impl Segment {
    /// Makes an empty segment that begins at `base_offset`.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn create(folder: &Path, base_offset: i64) -> io::Result<Self> {
        let path = log_path(folder, base_offset);
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(&path)?;
        let offsets = IndexFile::create(&path.with_extension("index"))?;
        let times = IndexFile::create(&path.with_extension("timeindex"))?;
        Ok(Self::new(base_offset, path, file, offsets, times))
    }

    /// Opens the log file of a segment with empty indexes and nothing published: [`super::recovery`] walks it.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn open_unread(folder: &Path, base_offset: i64) -> io::Result<Self> {
        let path = log_path(folder, base_offset);
        let file = OpenOptions::new().read(true).write(true).open(&path)?;
        let offsets = IndexFile::create(&path.with_extension("index"))?;
        let times = IndexFile::create(&path.with_extension("timeindex"))?;
        Ok(Self::new(base_offset, path, file, offsets, times))
    }

    /// Opens a segment by its sealed indexes, or `None` when they are missing or damaged.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn open_sealed(folder: &Path, base_offset: i64) -> io::Result<Option<Self>> {
        let path = log_path(folder, base_offset);
        let Some(offsets) = IndexFile::open_sealed(&path.with_extension("index"))? else {
            return Ok(None);
        };
        let Some(times) = IndexFile::open_sealed(&path.with_extension("timeindex"))? else {
            return Ok(None);
        };
        let file = OpenOptions::new().read(true).write(true).open(&path)?;
        let length = file.metadata()?.len();
        let segment = Self::new(base_offset, path, file, offsets, times);
        segment.len.store(length, Ordering::Release);
        Ok(segment.read_end(length)?.then_some(segment))
    }

    fn new(
        base_offset: i64,
        path: PathBuf,
        file: File,
        offsets: IndexFile<OffsetEntry>,
        times: IndexFile<TimeEntry>,
    ) -> Self {
        Self {
            base_offset,
            path,
            file,
            offsets,
            times,
            len: AtomicU64::new(0),
            next_offset: AtomicI64::new(base_offset),
            max_timestamp: AtomicI64::new(NO_TIMESTAMP),
            indexed_to: AtomicU64::new(0),
        }
    }

    /// Learns the end of a sealed segment from its last index entry on. False when the index does not fit the log.
    fn read_end(&self, length: u64) -> io::Result<bool> {
        let Some(entry) = self.offsets.last()? else {
            return Ok(length == 0);
        };
        let mut position = u64::from(entry.position);
        self.indexed_to.store(position, Ordering::Relaxed);
        let mut max_timestamp = self.times.last()?.map_or(NO_TIMESTAMP, |entry| entry.timestamp);
        let mut walk = Walk::new(self);
        let mut next_offset = None;
        while position < length {
            let Ok(header) = walk.header(position) else {
                return Ok(false);
            };
            let expected = next_offset.unwrap_or(self.base_offset + i64::from(entry.relative_offset));
            if header.base_offset < expected || (next_offset.is_none() && header.base_offset != expected) {
                return Ok(false);
            }
            next_offset = Some(header.next_offset());
            max_timestamp = max_timestamp.max(header.max_timestamp);
            position += header.size;
        }
        let Some(next_offset) = next_offset else {
            return Ok(false);
        };
        self.next_offset.store(next_offset, Ordering::Release);
        self.max_timestamp.store(max_timestamp, Ordering::Release);
        Ok(position == length)
    }

    /// Offset of the first record that can be here.
    pub fn base_offset(&self) -> i64 {
        self.base_offset
    }

    /// Offset after the last record.
    pub fn next_offset(&self) -> i64 {
        self.next_offset.load(Ordering::Acquire)
    }

    /// Bytes published.
    pub fn len(&self) -> u64 {
        self.len.load(Ordering::Acquire)
    }

    /// Whether nothing is published.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Latest timestamp of a record, or [`NO_TIMESTAMP`].
    pub fn max_timestamp(&self) -> i64 {
        self.max_timestamp.load(Ordering::Acquire)
    }

    /// What retention by time goes by, milliseconds since 1970: the latest timestamp of a record, or when the file was last
    /// written if producers gave none.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn age_mark(&self) -> io::Result<i64> {
        let latest = self.max_timestamp();
        if latest >= 0 {
            return Ok(latest);
        }
        let since = self
            .file
            .metadata()?
            .modified()?
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap_or_default();
        Ok(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    /// The file, to send from.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Writes a batch at the end, with `prefix` in place of its first bytes, and publishes it. `header` is the
    /// batch's, with the offset assigned. On an error the file is as it was before.
    ///
    /// # Errors
    /// Those of the file system, such as a full disk.
    pub fn append(&self, prefix: &[u8; 16], batch: &[u8], header: &BatchHeader) -> io::Result<()> {
        let position = self.len();
        let written = self
            .file
            .write_all_at(&batch[prefix.len()..], position + prefix.len() as u64)
            .and_then(|()| self.file.write_all_at(prefix, position))
            .and_then(|()| self.index(header, position));
        if let Err(error) = written {
            self.file.set_len(position)?;
            return Err(error);
        }
        self.publish(header, position);
        Ok(())
    }

    /// Takes note of a batch that is in the file at `position`: [`super::recovery`] found it sound.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn adopt(&self, header: &BatchHeader, position: u64) -> io::Result<()> {
        self.index(header, position)?;
        self.publish(header, position);
        Ok(())
    }

    fn publish(&self, header: &BatchHeader, position: u64) {
        self.max_timestamp
            .fetch_max(header.max_timestamp, Ordering::AcqRel);
        self.next_offset.store(header.next_offset(), Ordering::Release);
        self.len.store(position + header.size, Ordering::Release);
    }

    fn index(&self, header: &BatchHeader, position: u64) -> io::Result<()> {
        if position > 0 && position - self.indexed_to.load(Ordering::Relaxed) < INDEX_INTERVAL {
            return Ok(());
        }
        let relative = |value: i64| u32::try_from(value).map_err(|_| io::Error::other("segment too large"));
        let relative_offset = relative(header.base_offset - self.base_offset)?;
        let position_32 = relative(i64::try_from(position).unwrap_or(i64::MAX))?;
        self.offsets.append(OffsetEntry {
            relative_offset,
            position: position_32,
        })?;
        let timestamp = self.max_timestamp().max(header.max_timestamp);
        if self.times.last()?.is_none_or(|last| last.timestamp < timestamp) {
            self.times.append(TimeEntry {
                timestamp,
                relative_offset,
            })?;
        }
        self.indexed_to.store(position, Ordering::Relaxed);
        Ok(())
    }

    /// Position and header of the batch that holds `offset`, or of the next one after it. `None` behind the end.
    ///
    /// # Errors
    /// Those of the file system, and `InvalidData` when the log is damaged there.
    pub fn locate(&self, offset: i64) -> io::Result<Option<(u64, BatchHeader)>> {
        let relative = u32::try_from((offset - self.base_offset).max(0)).unwrap_or(u32::MAX);
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
        let mut walk = Walk::new(self);
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
        let mut walk = Walk::new(self);
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

    /// First offset at or after `timestamp` with its timestamp, or `None` when all are earlier. Exact for batches
    /// that are not compressed; of a compressed one it is the first record's.
    ///
    /// # Errors
    /// Those of the file system, and `InvalidData` when the log is damaged there.
    pub fn find_timestamp(&self, timestamp: i64, from_offset: i64) -> io::Result<Option<(i64, i64)>> {
        if self.max_timestamp() < timestamp {
            return Ok(None);
        }
        let before = self.times.last_where(|entry| entry.timestamp < timestamp)?;
        let start = before.map_or(self.base_offset, |e| {
            self.base_offset + i64::from(e.relative_offset)
        });
        let Some((position, _)) = self.locate(start.max(from_offset))? else {
            return Ok(None);
        };
        let found = self.walk_until(position, |header| header.max_timestamp >= timestamp)?;
        let Some((position, header)) = found else {
            return Ok(None);
        };
        if header.compression() == 0 {
            super::records::find_in_batch(&self.file, position, &header, timestamp, from_offset)
        } else {
            Ok(Some((
                header.base_offset.max(from_offset),
                header.base_timestamp.max(timestamp),
            )))
        }
    }

    /// Offset and timestamp of the record with the latest timestamp; of the batch that holds it, its last offset.
    ///
    /// # Errors
    /// Those of the file system, and `InvalidData` when the log is damaged there.
    pub fn latest_timestamp(&self) -> io::Result<Option<(i64, i64)>> {
        let latest = self.max_timestamp();
        if latest == NO_TIMESTAMP {
            return Ok(None);
        }
        self.find_timestamp(latest, self.base_offset)
    }

    /// Gives everything to the disk.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    /// Closes the indexes with their checksums.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn seal(&self) -> io::Result<()> {
        self.offsets.seal()?;
        self.times.seal()
    }

    /// Makes ready for appending again after [`Self::seal`].
    ///
    /// # Errors
    /// Those of the file system.
    pub fn unseal(&self) -> io::Result<()> {
        self.offsets.unseal()?;
        self.times.unseal()
    }

    /// Cuts the file at what is published.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn cut(&self) -> io::Result<()> {
        self.file.set_len(self.len())
    }

    /// Deletes the files. Whoever still reads goes on reading.
    pub fn delete_files(&self) {
        for extension in ["log", "index", "timeindex"] {
            let path = self.path.with_extension(extension);
            if let Err(error) = std::fs::remove_file(&path) {
                tracing::warn!(path = %path.display(), %error, "cannot delete a file of an old segment");
            }
        }
    }
}

/// Reads headers one after the other with few system calls.
pub struct Walk<'a> {
    segment: &'a Segment,
    buffer: [u8; 2048],
    start: u64,
    filled: usize,
}

impl<'a> Walk<'a> {
    /// Over what `segment` has published.
    pub fn new(segment: &'a Segment) -> Self {
        Self {
            segment,
            buffer: [0; 2048],
            start: 0,
            filled: 0,
        }
    }

    /// The header at `position`.
    ///
    /// # Errors
    /// Those of the file system, and `InvalidData` when there is no whole batch.
    pub fn header(&mut self, position: u64) -> io::Result<BatchHeader> {
        let end = self.segment.len();
        let inside = position
            .checked_sub(self.start)
            .and_then(|at| usize::try_from(at).ok());
        let at = match inside.filter(|at| at + HEADER_BYTES <= self.filled) {
            Some(at) => at,
            None => {
                let room = usize::try_from(end.saturating_sub(position)).unwrap_or(usize::MAX);
                self.filled = room.min(self.buffer.len());
                self.start = position;
                self.segment
                    .file
                    .read_exact_at(&mut self.buffer[..self.filled], position)?;
                0
            }
        };
        BatchHeader::read(&self.buffer[at..self.filled])
            .filter(|header| header.is_plausible() && position + header.size <= end)
            .ok_or_else(|| {
                let path = self.segment.path.display();
                io::Error::new(
                    io::ErrorKind::InvalidData,
                    format!("{path}: no batch at {position}"),
                )
            })
    }
}
