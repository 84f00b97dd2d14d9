//! Files of boxes, each with its length and its name: JP2 and JPEG XL.

use super::bytes::ReadAt;
use crate::FileError;

/// Where what is in a box lies in its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileBox {
    pub name: [u8; 4],
    pub start: u64,
    pub length: u64,
}

/// Boxes that are looked at; what is behind them is not read.
const MAX_BOXES: usize = 1 << 12;
/// Bytes that are read at once.
const PIECE: u64 = 1 << 16;

/// The boxes of a file, one after the other.
pub(crate) struct Boxes<'a, S> {
    file: &'a mut S,
    at: u64,
    length: u64,
    left: usize,
}

impl<'a, S: ReadAt> Boxes<'a, S> {
    /// Those of a file of that length.
    pub(crate) fn of(file: &'a mut S, length: u64) -> Self {
        Self {
            file,
            at: 0,
            length,
            left: MAX_BOXES,
        }
    }

    /// The next, up to the first that cannot be one. The last may say that it is longer than the file.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(crate) fn next(&mut self) -> Result<Option<FileBox>, FileError> {
        if self.at >= self.length || self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        let mut head = Vec::with_capacity(16);
        read_part(self.file, self.at, 16, &mut head)?;
        let Some((each, own)) = first(&head, self.length - self.at) else {
            return Ok(None);
        };
        let start = self.at + each.start;
        self.at += own;
        Ok(Some(FileBox { start, ..each }))
    }

    /// Puts what is in a box behind the bytes that are in `into`.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(crate) fn read(&mut self, each: FileBox, into: &mut Vec<u8>) -> Result<(), FileError> {
        read_part(self.file, each.start, each.length, into)
    }
}

/// The box that begins there with so many bytes left, and its length with its head.
pub(crate) fn first(head: &[u8], left: u64) -> Option<(FileBox, u64)> {
    let short = u32::from_be_bytes(head.get(..4)?.try_into().ok()?);
    let name = head.get(4..8)?.try_into().ok()?;
    let (start, own) = match short {
        0 => (8, left),
        1 => (16, u64::from_be_bytes(head.get(8..16)?.try_into().ok()?)),
        _ => (8, short.into()),
    };
    let own = own.min(left);
    let length = own.checked_sub(start)?;
    Some((FileBox { name, start, length }, own))
}

/// Puts so many bytes from `start` on, or as many as there are, behind those that are in `into`.
///
/// # Errors
/// When the file cannot be read.
pub(crate) fn read_part(
    file: &mut impl ReadAt,
    start: u64,
    length: u64,
    into: &mut Vec<u8>,
) -> Result<(), FileError> {
    let mut read = 0;
    // Memory grows with what is there, not with what a header says.
    while read < length {
        let (before, piece) = (into.len(), PIECE.min(length - read) as usize);
        into.resize(before + piece, 0);
        let found = file.read_at(start.saturating_add(read), &mut into[before..]);
        let found = found.map_err(|error| FileError::reading(&error))?;
        into.truncate(before + found);
        read += found as u64;
        if found < piece {
            break;
        }
    }
    Ok(())
}
