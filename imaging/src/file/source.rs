//! Where an image file is read from.

use std::fs::File;
use std::io::{Cursor, Read, Result, Seek, SeekFrom};

use crate::header::ReadAt;
use crate::header::bytes::read_seekable;

/// A file on a disk, or one in memory.
pub(super) enum Source {
    File(File),
    Memory(Cursor<Vec<u8>>),
}

impl Source {
    /// Fills `buffer` from that place. Where reading goes on after it is not said.
    pub(super) fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> Result<()> {
        match self {
            Self::File(file) => read_exact_at(file, buffer, offset),
            Self::Memory(bytes) => {
                let bytes = usize::try_from(offset)
                    .ok()
                    .and_then(|start| bytes.get_ref().get(start..)?.get(..buffer.len()))
                    .ok_or(std::io::ErrorKind::UnexpectedEof)?;
                buffer.copy_from_slice(bytes);
                Ok(())
            }
        }
    }
}

/// Fills `buffer` from that place of `file`; several threads may do so at once.
#[cfg(unix)]
pub(super) fn read_exact_at(file: &File, buffer: &mut [u8], offset: u64) -> Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, buffer, offset)
}

/// Fills `buffer` from that place of `file`; several threads may do so at once.
#[cfg(windows)]
pub(super) fn read_exact_at(file: &File, mut buffer: &mut [u8], mut offset: u64) -> Result<()> {
    while !buffer.is_empty() {
        let count = std::os::windows::fs::FileExt::seek_read(file, buffer, offset)?;
        if count == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        buffer = &mut buffer[count..];
        offset += count as u64;
    }
    Ok(())
}

/// There are no files in WebAssembly.
#[cfg(not(any(unix, windows)))]
pub(super) fn read_exact_at(_file: &File, _buffer: &mut [u8], _offset: u64) -> Result<()> {
    Err(std::io::ErrorKind::Unsupported.into())
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        match self {
            Self::File(file) => file.read(buffer),
            Self::Memory(bytes) => bytes.read(buffer),
        }
    }

    fn read_to_end(&mut self, buffer: &mut Vec<u8>) -> Result<usize> {
        match self {
            Self::File(file) => file.read_to_end(buffer),
            Self::Memory(bytes) => bytes.read_to_end(buffer),
        }
    }
}

impl Seek for Source {
    fn seek(&mut self, position: SeekFrom) -> Result<u64> {
        match self {
            Self::File(file) => file.seek(position),
            Self::Memory(bytes) => bytes.seek(position),
        }
    }
}

impl ReadAt for Source {
    fn read_at(&mut self, at: u64, buffer: &mut [u8]) -> Result<usize> {
        read_seekable(self, at, buffer)
    }
}
