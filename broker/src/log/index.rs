//! Sparse indexes of a segment: where an offset is, and which offset a point in time is at.
//!
//! An index is a file of fixed-size entries, each greater than the one before. Lookups are binary searches by
//! positioned reads, so an index takes no memory however long the log is. When a segment is sealed (it is full, or the
//! broker closes), a footer with a checksum is put at the end; an index without a good footer is rebuilt from the log.
//! An index is a help, never the truth: whoever looks something up goes on from there by the headers in the log.

use std::fs::{File, OpenOptions};
use std::io;
use std::marker::PhantomData;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::files::{Operation, faults};

/// One entry: a sort key and what it leads to.
pub trait Entry: Copy + Ord + std::fmt::Debug {
    /// Bytes on disk.
    const BYTES: usize;
    /// Writes it to `out`, [`Self::BYTES`] long.
    fn put(self, out: &mut [u8]);
    /// Reads it from `bytes`, [`Self::BYTES`] long.
    fn get(bytes: &[u8]) -> Self;
}

/// Where a batch begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct OffsetEntry {
    /// First offset of the batch, from the segment's base.
    pub relative_offset: u32,
    /// Position in the segment file.
    pub position: u32,
}

/// Up to where a segment has no later timestamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TimeEntry {
    /// Latest timestamp of all batches up to and with this one, milliseconds.
    pub timestamp: i64,
    /// First offset of the batch, from the segment's base.
    pub relative_offset: u32,
}

impl Entry for OffsetEntry {
    const BYTES: usize = 8;

    fn put(self, out: &mut [u8]) {
        out[..4].copy_from_slice(&self.relative_offset.to_be_bytes());
        out[4..8].copy_from_slice(&self.position.to_be_bytes());
    }

    fn get(bytes: &[u8]) -> Self {
        Self {
            relative_offset: read_u32(bytes),
            position: read_u32(&bytes[4..]),
        }
    }
}

impl Entry for TimeEntry {
    const BYTES: usize = 12;

    fn put(self, out: &mut [u8]) {
        out[..8].copy_from_slice(&self.timestamp.to_be_bytes());
        out[8..12].copy_from_slice(&self.relative_offset.to_be_bytes());
    }

    fn get(bytes: &[u8]) -> Self {
        let mut timestamp = [0; 8];
        timestamp.copy_from_slice(&bytes[..8]);
        Self {
            timestamp: i64::from_be_bytes(timestamp),
            relative_offset: read_u32(&bytes[8..]),
        }
    }
}

fn read_u32(bytes: &[u8]) -> u32 {
    u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
}

const FOOTER_MAGIC: [u8; 4] = *b"AZIX";
const FOOTER_BYTES: usize = 16;

/// An index file of `E`.
#[derive(Debug)]
pub struct IndexFile<E> {
    file: File,
    entries: AtomicU64,
    kind: PhantomData<E>,
}

impl<E: Entry> IndexFile<E> {
    /// Makes an empty index at `path`, in place of what is there.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn create(path: &Path) -> io::Result<Self> {
        faults::check(path, Operation::Create)?;
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(path)?;
        Ok(Self {
            file,
            entries: AtomicU64::new(0),
            kind: PhantomData,
        })
    }

    /// Opens a sealed index, or `None` when there is none with a good footer.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn open_sealed(path: &Path) -> io::Result<Option<Self>> {
        let file = match OpenOptions::new().read(true).write(true).open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let length = file.metadata()?.len();
        let Some(body) = length
            .checked_sub(FOOTER_BYTES as u64)
            .filter(|body| body % E::BYTES as u64 == 0)
        else {
            return Ok(None);
        };
        let mut footer = [0; FOOTER_BYTES];
        file.read_exact_at(&mut footer, body)?;
        let entries = body / E::BYTES as u64;
        let good = footer[..4] == FOOTER_MAGIC
            && u64::from(read_u32(&footer[4..])) == entries
            && read_u32(&footer[8..]) == checksum(&file, body)?;
        Ok(good.then(|| Self {
            file,
            entries: AtomicU64::new(entries),
            kind: PhantomData,
        }))
    }

    /// Number of entries.
    pub fn len(&self) -> u64 {
        self.entries.load(Ordering::Acquire)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds an entry, which must be greater than the last. Over the footer, if there is one.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn append(&self, entry: E) -> io::Result<()> {
        let mut bytes = [0; 16];
        entry.put(&mut bytes[..E::BYTES]);
        let entries = self.len();
        self.file
            .write_all_at(&bytes[..E::BYTES], entries * E::BYTES as u64)?;
        self.entries.store(entries + 1, Ordering::Release);
        Ok(())
    }

    /// Puts the footer at the end.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn seal(&self) -> io::Result<()> {
        let body = self.len() * E::BYTES as u64;
        let mut footer = [0; FOOTER_BYTES];
        footer[..4].copy_from_slice(&FOOTER_MAGIC);
        footer[4..8].copy_from_slice(&u32::try_from(self.len()).unwrap_or(u32::MAX).to_be_bytes());
        footer[8..12].copy_from_slice(&checksum(&self.file, body)?.to_be_bytes());
        self.file.set_len(body)?;
        self.file.write_all_at(&footer, body)
    }

    /// Takes the footer away: from now on entries may follow.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn unseal(&self) -> io::Result<()> {
        self.file.set_len(self.len() * E::BYTES as u64)
    }

    /// Entry number `at`.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn get(&self, at: u64) -> io::Result<E> {
        let mut bytes = [0; 16];
        self.file
            .read_exact_at(&mut bytes[..E::BYTES], at * E::BYTES as u64)?;
        Ok(E::get(&bytes))
    }

    /// The last entry.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn last(&self) -> io::Result<Option<E>> {
        match self.len() {
            0 => Ok(None),
            entries => self.get(entries - 1).map(Some),
        }
    }

    /// The last entry for which `is_before` holds; it must hold for a prefix of the entries.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn last_where(&self, is_before: impl Fn(E) -> bool) -> io::Result<Option<E>> {
        let (mut low, mut high) = (0, self.len());
        let mut found = None;
        while low < high {
            let middle = low + (high - low) / 2;
            let entry = self.get(middle)?;
            if is_before(entry) {
                found = Some(entry);
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Ok(found)
    }
}

fn checksum(file: &File, length: u64) -> io::Result<u32> {
    let mut crc = 0;
    let mut buffer = vec![0; 64 * 1024];
    let mut at = 0;
    while at < length {
        let take = buffer
            .len()
            .min(usize::try_from(length - at).unwrap_or(usize::MAX));
        file.read_exact_at(&mut buffer[..take], at)?;
        crc = crc32c::crc32c_append(crc, &buffer[..take]);
        at += take as u64;
    }
    Ok(crc)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(path: &Path, entries: u32) -> IndexFile<OffsetEntry> {
        let index = IndexFile::create(path).unwrap();
        for n in 0..entries {
            index
                .append(OffsetEntry {
                    relative_offset: n * 10,
                    position: n * 1000,
                })
                .unwrap();
        }
        index
    }

    #[test]
    fn the_entry_at_or_before_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let index = filled(&folder.path().join("i"), 100);
        let find = |offset: u32| {
            index
                .last_where(|e| e.relative_offset <= offset)
                .unwrap()
                .map(|e| e.position)
        };
        assert_eq!(
            (find(0), find(9), find(10), find(995), find(u32::MAX)),
            (Some(0), Some(0), Some(1000), Some(99_000), Some(99_000))
        );
        let none = index.last_where(|e| e.position > 1_000_000).unwrap();
        assert_eq!(none, None);
    }

    #[test]
    fn only_a_whole_sealed_index_is_opened() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("i");
        let index = filled(&path, 50);
        assert!(
            IndexFile::<OffsetEntry>::open_sealed(&path).unwrap().is_none(),
            "not sealed"
        );
        index.seal().unwrap();
        let opened = IndexFile::<OffsetEntry>::open_sealed(&path).unwrap().unwrap();
        assert_eq!(opened.len(), 50);
        opened.unseal().unwrap();
        opened
            .append(OffsetEntry {
                relative_offset: 1000,
                position: 60_000,
            })
            .unwrap();
        opened.seal().unwrap();
        assert_eq!(
            IndexFile::<OffsetEntry>::open_sealed(&path)
                .unwrap()
                .unwrap()
                .len(),
            51
        );

        let sound = std::fs::read(&path).unwrap();
        for at in [0, 77, sound.len() - 5, sound.len() - 16] {
            let mut damaged = sound.clone();
            damaged[at] ^= 4;
            std::fs::write(&path, &damaged).unwrap();
            assert!(
                IndexFile::<OffsetEntry>::open_sealed(&path).unwrap().is_none(),
                "byte {at}"
            );
        }
        std::fs::write(&path, &sound[..sound.len() - 1]).unwrap();
        assert!(
            IndexFile::<OffsetEntry>::open_sealed(&path).unwrap().is_none(),
            "cut"
        );
        assert!(
            IndexFile::<OffsetEntry>::open_sealed(&folder.path().join("none"))
                .unwrap()
                .is_none()
        );
    }
}
