//! An append-only file of small checked entries, replayed at the start: what committed offsets are kept in.
//!
//! An entry is its length and CRC-32C (four bytes each, big-endian) and its bytes. Replay ends at the first entry that
//! is not whole and sound, and cuts the file there.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::files::{Operation, faults, sync_folder};

/// Most bytes of an entry. What is kept together must be one entry: only an entry is there whole or not at all.
pub const MAX_ENTRY_BYTES: usize = 32 << 20;

/// The file.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: Arc<File>,
    length: u64,
}

impl Journal {
    /// Opens the journal at `path`, or begins one, and gives every entry to `replay`.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn open(path: &Path, mut replay: impl FnMut(&[u8])) -> io::Result<Self> {
        let is_new = !path.exists();
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)?;
        if is_new {
            path.parent().map_or(Ok(()), sync_folder)?;
        }
        let end = file.metadata()?.len();
        let mut position = 0;
        let mut entry = Vec::new();
        while end - position >= 8 {
            let mut head = [0; 8];
            file.read_exact_at(&mut head, position)?;
            let length = u32::from_be_bytes([head[0], head[1], head[2], head[3]]) as usize;
            let crc = u32::from_be_bytes([head[4], head[5], head[6], head[7]]);
            if length > MAX_ENTRY_BYTES || end - position - 8 < length as u64 {
                break;
            }
            entry.resize(length, 0);
            file.read_exact_at(&mut entry, position + 8)?;
            if crc32c::crc32c(&entry) != crc {
                break;
            }
            replay(&entry);
            position += 8 + length as u64;
        }
        if position < end {
            tracing::warn!(path = %path.display(), cut = end - position, "cut the journal at the first bad entry");
            file.set_len(position)?;
        }
        Ok(Self {
            path: path.to_owned(),
            file: Arc::new(file),
            length: position,
        })
    }

    /// Bytes in the file.
    pub fn len(&self) -> u64 {
        self.length
    }

    /// Whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Adds an entry of at most [`MAX_ENTRY_BYTES`]. On an error the journal is as before.
    ///
    /// # Errors
    /// Those of the file system; `InvalidInput` for a larger entry.
    pub fn append(&mut self, entry: &[u8]) -> io::Result<()> {
        let bytes = framed(entry)?;
        let written = faults::check(&self.path, Operation::Write)
            .and_then(|()| self.file.write_all_at(&bytes, self.length));
        if let Err(error) = written {
            self.file.set_len(self.length)?;
            return Err(error);
        }
        self.length += bytes.len() as u64;
        Ok(())
    }

    /// Replaces everything by `entries`, so that either the old or the new is there, whatever happens.
    ///
    /// # Errors
    /// Those of the file system; `InvalidInput` for an entry that is too large.
    pub fn rewrite(&mut self, entries: impl Iterator<Item = Vec<u8>>) -> io::Result<()> {
        let temporary = self.path.with_extension("new");
        faults::check(&temporary, Operation::Create)?;
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(&temporary)?;
        let mut length = 0;
        for entry in entries {
            let bytes = framed(&entry)?;
            file.write_all_at(&bytes, length)?;
            length += bytes.len() as u64;
        }
        file.sync_data()?;
        std::fs::rename(&temporary, &self.path)?;
        self.file = Arc::new(file);
        self.length = length;
        self.path.parent().map_or(Ok(()), sync_folder)
    }

    /// What gives everything so far to the disk, to be called when no lock is held: it may take long.
    pub fn syncing(&self) -> impl FnOnce() -> io::Result<()> + use<> {
        let (path, file) = (self.path.clone(), Arc::clone(&self.file));
        move || {
            faults::check(&path, Operation::Sync)?;
            file.sync_data()
        }
    }
}

fn framed(entry: &[u8]) -> io::Result<Vec<u8>> {
    if entry.len() > MAX_ENTRY_BYTES {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("an entry of {} bytes", entry.len()),
        ));
    }
    let mut bytes = Vec::with_capacity(8 + entry.len());
    bytes.extend_from_slice(&(entry.len() as u32).to_be_bytes());
    bytes.extend_from_slice(&crc32c::crc32c(entry).to_be_bytes());
    bytes.extend_from_slice(entry);
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replayed(path: &Path) -> Vec<Vec<u8>> {
        let mut entries = Vec::new();
        Journal::open(path, |entry| entries.push(entry.to_vec())).unwrap();
        entries
    }

    #[test]
    fn what_was_appended_is_replayed_up_to_the_first_damage() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("j");
        let mut journal = Journal::open(&path, |_| unreachable!()).unwrap();
        for entry in [&b"one"[..], b"", b"three"] {
            journal.append(entry).unwrap();
        }
        assert_eq!(replayed(&path), [&b"one"[..], b"", b"three"]);

        let sound = std::fs::read(&path).unwrap();
        for length in 0..sound.len() {
            std::fs::write(&path, &sound[..length]).unwrap();
            let whole = [11, 19, 32].iter().filter(|end| **end <= length).count();
            assert_eq!(replayed(&path).len(), whole, "{length} bytes");
            assert_eq!(replayed(&path).len(), whole, "{length} bytes, again");
        }
        let mut huge = sound;
        huge[..4].copy_from_slice(&u32::MAX.to_be_bytes());
        std::fs::write(&path, &huge).unwrap();
        assert!(replayed(&path).is_empty());
    }

    #[test]
    fn rewriting_keeps_only_what_is_given() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("j");
        let mut journal = Journal::open(&path, |_| unreachable!()).unwrap();
        journal.append(&[7; 1000]).unwrap();
        journal.rewrite([b"kept".to_vec()].into_iter()).unwrap();
        journal.append(b"more").unwrap();
        assert_eq!(replayed(&path), [b"kept", b"more"]);
    }
}
