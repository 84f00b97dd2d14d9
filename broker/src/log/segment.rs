//! One segment: a file of record batches, one after the other, with an offset index and a time index beside it.
//!
//! Appends come from one thread at a time (the partition sees to that); reads come from any number, by positioned
//! reads of what is already published. `len` and `next_offset` are published after the bytes are in the file.
//! What is where in it is found by [`super::lookup`].

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use super::batch::{BatchHeader, HEADER_BYTES};
use super::index::{IndexFile, OffsetEntry, TimeEntry};
use super::timestamp::NO_TIMESTAMP;
use super::walk::Walk;
use crate::files::{Operation, faults, is_full};

/// A batch gets an index entry when so many bytes were written since the last that got one.
const INDEX_INTERVAL: u64 = 4096;
/// The files of a segment.
pub(super) const EXTENSIONS: [&str; 3] = ["log", "index", "timeindex"];

/// A segment file with its indexes.
#[derive(Debug)]
pub struct Segment {
    base_offset: i64,
    pub(super) path: PathBuf,
    pub(super) file: File,
    pub(super) offsets: IndexFile<OffsetEntry>,
    pub(super) times: IndexFile<TimeEntry>,
    len: AtomicU64,
    next_offset: AtomicI64,
    max_timestamp: AtomicI64,
    indexed_to: AtomicU64,
}

/// File of the segment that begins at `base_offset`.
pub fn log_path(folder: &Path, base_offset: i64) -> PathBuf {
    folder.join(format!("{base_offset:020}.log"))
}

fn unless_full(outcome: io::Result<()>) -> io::Result<()> {
    match outcome {
        Err(error) if is_full(&error) => Ok(()),
        outcome => outcome,
    }
}

impl Segment {
    /// Makes an empty segment that begins at `base_offset`, or leaves none of its files behind: an empty file by that name
    /// would be taken for the end of the log when the segment before it has grown beyond.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn create(folder: &Path, base_offset: i64) -> io::Result<Self> {
        let path = log_path(folder, base_offset);
        let created = Self::create_files(&path);
        let (file, offsets, times) = created.inspect_err(|_| {
            for extension in EXTENSIONS {
                let _ = std::fs::remove_file(path.with_extension(extension));
            }
        })?;
        Ok(Self::new(base_offset, path, file, offsets, times))
    }

    fn create_files(path: &Path) -> io::Result<(File, IndexFile<OffsetEntry>, IndexFile<TimeEntry>)> {
        faults::check(path, Operation::Create)?;
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(path)?;
        let offsets = IndexFile::create(&path.with_extension("index"))?;
        let times = IndexFile::create(&path.with_extension("timeindex"))?;
        Ok((file, offsets, times))
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
        let mut walk = self.walk();
        let mut next_offset = None;
        while position < length {
            let Ok(header) = walk.header(position) else {
                return Ok(false);
            };
            let expected = next_offset.unwrap_or(self.base_offset + i64::from(entry.relative_offset));
            if header.base_offset != expected {
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

    /// The headers of what is published.
    pub fn walk(&self) -> Walk<'_> {
        Walk::new(&self.file, &self.path, &self.len)
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
    /// written if producers gave none, or one that is still to come at `now`. Such a one says nothing of the records' age,
    /// and would keep them until then.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn age_mark(&self, now: i64) -> io::Result<i64> {
        let latest = self.max_timestamp();
        if (0..=now).contains(&latest) {
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

    /// Writes a batch at the end, with `stored` in place of its header, and publishes it. `header` is what `stored` says.
    /// On an error the file is as it was before.
    ///
    /// # Errors
    /// Those of the file system, such as a full disk.
    pub fn append(&self, stored: &[u8; HEADER_BYTES], batch: &[u8], header: &BatchHeader) -> io::Result<()> {
        let position = self.len();
        let written = faults::check(&self.path, Operation::Write)
            .and_then(|()| {
                self.file
                    .write_all_at(&batch[HEADER_BYTES..], position + HEADER_BYTES as u64)
            })
            .and_then(|()| self.file.write_all_at(stored, position))
            .and_then(|()| self.index(header, position));
        if let Err(error) = written {
            self.file.set_len(position)?;
            return Err(error);
        }
        self.publish(header, position);
        Ok(())
    }

    /// Takes note of a batch that is in the file at `position`: [`super::recovery`] found it sound. A disk without room
    /// for the index is no reason not to open the log: looking things up only takes longer.
    ///
    /// # Errors
    /// Those of the file system, except that it is full.
    pub fn adopt(&self, header: &BatchHeader, position: u64) -> io::Result<()> {
        unless_full(self.index(header, position))?;
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

    /// Gives everything to the disk.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn sync(&self) -> io::Result<()> {
        faults::check(&self.path, Operation::Sync)?;
        self.file.sync_data()
    }

    /// Closes the indexes with their checksums. Where the disk has no room for them they stay open, which costs time at
    /// the next start.
    ///
    /// # Errors
    /// Those of the file system, except that it is full.
    pub fn seal(&self) -> io::Result<()> {
        unless_full(self.offsets.seal())?;
        unless_full(self.times.seal())
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
        for extension in EXTENSIONS {
            let path = self.path.with_extension(extension);
            if let Err(error) = std::fs::remove_file(&path) {
                tracing::warn!(path = %path.display(), %error, "cannot delete a file of an old segment");
            }
        }
    }
}
