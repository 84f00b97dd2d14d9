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
