//! Inside an uncompressed batch on disk: which record is at a point in time. Compressed batches are never opened.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use super::batch::{BatchHeader, HEADER_BYTES};
use super::varint::take_long;

/// Bytes enough for a record's length, attributes, timestamp delta and offset delta.
const RECORD_START: usize = 5 + 1 + 10 + 5;

/// Offset and timestamp of one record.
type Record = (i64, i64);

/// First record of the batch at `position` of `file` that is at or after `timestamp` and `from_offset`. Where the timestamps
/// are the broker's, all records have that of the header.
///
/// # Errors
/// Those of the file system, and `InvalidData` when the records do not parse.
pub fn find_in_batch(
    file: &File,
    position: u64,
    header: &BatchHeader,
    timestamp: i64,
    from_offset: i64,
) -> io::Result<Option<Record>> {
    let mut found = None;
    walk(file, position, header, |record| {
        if record.1 >= timestamp && record.0 >= from_offset {
            found = Some(record);
        }
        found.is_none()
    })?;
    Ok(found)
}

/// Latest timestamp of the records of the batch at `position` of `file` from `from_offset` on; -1 if there is none.
///
/// # Errors
/// Those of the file system, and `InvalidData` when the records do not parse.
pub fn latest_in_batch(
    file: &File,
    position: u64,
    header: &BatchHeader,
    from_offset: i64,
) -> io::Result<i64> {
    let mut latest = -1;
    walk(file, position, header, |(offset, timestamp)| {
        if offset >= from_offset {
            latest = latest.max(timestamp);
        }
        true
    })?;
    Ok(latest)
}

/// Shows the records of a batch to `visit` until it returns false.
fn walk(
    file: &File,
    position: u64,
    header: &BatchHeader,
    mut visit: impl FnMut(Record) -> bool,
) -> io::Result<()> {
    let end = position + header.size;
    let mut at = position + HEADER_BYTES as u64;
    while at < end {
        let mut buffer = [0; RECORD_START];
        let room = usize::try_from(end - at).unwrap_or(usize::MAX).min(RECORD_START);
        file.read_exact_at(&mut buffer[..room], at)?;
        let mut bytes = &buffer[..room];
        let damaged = || io::Error::new(io::ErrorKind::InvalidData, "a record does not parse");
        let length = take_long(&mut bytes).ok_or_else(damaged)?;
        let length_bytes = (room - bytes.len()) as u64;
        bytes = bytes.get(1..).ok_or_else(damaged)?;
        let timestamp_delta = take_long(&mut bytes).ok_or_else(damaged)?;
        let offset_delta = take_long(&mut bytes).ok_or_else(damaged)?;
        let record = (
            header.base_offset.saturating_add(offset_delta),
            if header.has_append_time() {
                header.max_timestamp
            } else {
                header.base_timestamp.saturating_add(timestamp_delta)
            },
        );
        if !visit(record) {
            return Ok(());
        }
        at += length_bytes + u64::try_from(length).map_err(|_| damaged())?;
    }
    Ok(())
}
