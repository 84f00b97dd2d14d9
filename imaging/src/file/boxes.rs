//! Files of boxes, each with its length and its name: JP2 and JPEG XL.

use std::io::{Read, Seek, SeekFrom};

use super::FileError;
use super::source::Source;

/// Where what is in a box lies in its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FileBox {
    pub name: [u8; 4],
    pub start: u64,
    pub length: u64,
}

/// Boxes that are looked at; what is behind them is not read.
const MAX_BOXES: usize = 1 << 12;

/// The boxes of a file of that length, up to the first that cannot be one. The last may say that it is longer than the file.
pub(super) fn boxes(file: &mut Source, length: u64) -> Result<Vec<FileBox>, FileError> {
    let (mut found, mut at) = (Vec::new(), 0);
    while at < length && found.len() < MAX_BOXES {
        let mut head = Vec::with_capacity(16);
        read_part(file, at, 16, &mut head)?;
        let Some((each, own)) = first(&head, length - at) else {
            break;
        };
        found.push(FileBox {
            start: at + each.start,
            ..each
        });
        at += own;
    }
    Ok(found)
}

/// The box that begins there with so many bytes left, and its length with its head.
pub(super) fn first(head: &[u8], left: u64) -> Option<(FileBox, u64)> {
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
pub(super) fn read_part(
    file: &mut Source,
    start: u64,
    length: u64,
    into: &mut Vec<u8>,
) -> Result<(), FileError> {
    let read = file.seek(SeekFrom::Start(start));
    read.and_then(|_| file.by_ref().take(length).read_to_end(into))
        .map_err(|error| FileError::reading(&error))?;
    Ok(())
}
