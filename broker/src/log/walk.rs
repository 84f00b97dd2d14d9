//! Headers of batches, one after the other.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use super::batch::{BatchHeader, HEADER_BYTES};

/// Reads headers one after the other with few system calls.
pub struct Walk<'a> {
    file: &'a File,
    path: &'a Path,
    /// Published bytes.
    len: &'a AtomicU64,
    buffer: [u8; 2048],
    start: u64,
    filled: usize,
}

impl<'a> Walk<'a> {
    /// Over the first `len` bytes of `file`, which is at `path`.
    pub fn new(file: &'a File, path: &'a Path, len: &'a AtomicU64) -> Self {
        Self {
            file,
            path,
            len,
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
        let end = self.len.load(Ordering::Acquire);
        let inside = position
            .checked_sub(self.start)
            .and_then(|at| usize::try_from(at).ok());
        let at = match inside.filter(|at| at + HEADER_BYTES <= self.filled) {
            Some(at) => at,
            None => {
                let room = usize::try_from(end.saturating_sub(position)).unwrap_or(usize::MAX);
                self.filled = room.min(self.buffer.len());
                self.start = position;
                self.file
                    .read_exact_at(&mut self.buffer[..self.filled], position)?;
                0
            }
        };
        BatchHeader::read(&self.buffer[at..self.filled])
            .filter(|header| header.is_plausible() && position + header.size <= end)
            .ok_or_else(|| {
                let path = self.path.display();
                io::Error::new(
                    io::ErrorKind::InvalidData,
                    format!("{path}: no batch at {position}"),
                )
            })
    }
}
