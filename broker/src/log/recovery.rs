//! Opening a log.
//!
//! A log that was closed in order is opened by its indexes. After anything else, the segments that may not have
//! reached the disk are walked batch by batch with their checksums; the log ends before the first batch that is not
//! sound, and what follows is cut off. Acknowledged records lie before that point: they were in the file (that
//! survives the end of the process) and, as far as the fsync policy promises it, on disk.
//!
//! Indexes that are missing or damaged are rebuilt on the same walk, and so is what is known of producers.

use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::batch::{BatchHeader, CRC_START, HEADER_BYTES};
use super::checkpoint::Checkpoint;
use super::producers::Producers;
use super::segment::{EXTENSIONS, Segment, log_path};
use crate::files::{read_json_or_none, write_json_soon};

/// What is known of producers up to an offset.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Snapshot {
    offset: i64,
    producers: Producers,
}

fn snapshot_path(folder: &Path) -> PathBuf {
    folder.join("producers.json")
}

/// Writes down what is known of producers up to `offset`. If it is lost, the log tells it again.
///
/// # Errors
/// Those of the file system.
pub fn write_snapshot(folder: &Path, offset: i64, producers: &Producers) -> io::Result<()> {
    #[derive(Serialize)]
    struct Borrowed<'a> {
        offset: i64,
        producers: &'a Producers,
    }
    write_json_soon(&snapshot_path(folder), &Borrowed { offset, producers })
}

/// An opened log. There is at least one segment; the last one is for appending.
#[derive(Debug)]
pub struct Opened {
    /// By base offset.
    pub segments: Vec<Arc<Segment>>,
    /// State of the producers at the end.
    pub producers: Producers,
    /// First offset that may be read.
    pub log_start: i64,
    /// Segments before this offset are on disk.
    pub recovery_point: i64,
    /// Bytes that were cut off behind the last sound batch.
    pub cut_bytes: u64,
    /// There was no segment: one was begun.
    pub is_new: bool,
}

/// Opens the log in `folder`, or begins one.
///
/// # Errors
/// Those of the file system.
pub fn open(folder: &Path) -> io::Result<Opened> {
    let checkpoint = Checkpoint::read(folder);
    let bases = without_strays(folder, segment_bases(folder)?)?;
    let snapshot: Snapshot = read_json_or_none(&snapshot_path(folder)).unwrap_or_default();
    let mut producers = snapshot.producers;
    let mut producers_from = snapshot.offset;

    let mut segments: Vec<Arc<Segment>> = Vec::with_capacity(bases.len() + 1);
    let mut cut_bytes = 0;
    let mut ended = false;
    for (index, &base) in bases.iter().enumerate() {
        let next_base = bases.get(index + 1).copied();
        if ended || next_base.is_some_and(|next| next <= checkpoint.log_start) {
            // Behind a cut tail, or deleted before the broker ended.
            let length = std::fs::metadata(log_path(folder, base)).map_or(0, |m| m.len());
            cut_bytes += if ended { length } else { 0 };
            remove_segment(folder, base);
            continue;
        }
        let previous_end = segments.last().map_or(0, |s| s.next_offset());
        if base < previous_end {
            set_aside(folder, base, previous_end)?;
            continue;
        }
        let is_flushed = next_base.is_some_and(|next| next <= checkpoint.recovery_point);
        // A power failure can bring back the checkpoint of an earlier closing: it knows nothing of what came later.
        let is_closed = |end: i64| match (checkpoint.closed_at, next_base) {
            (Some(closed), Some(_)) => end <= closed,
            (Some(closed), None) => end == closed,
            (None, _) => false,
        };
        let trusted = is_flushed || next_base.is_some_and(is_closed);
        let opened = if is_flushed || checkpoint.closed_at.is_some() {
            Segment::open_sealed(folder, base)?
        } else {
            None
        };
        let opened = opened.filter(|segment| is_flushed || is_closed(segment.next_offset()));
        let segment = match opened {
            Some(segment) => {
                if segment.next_offset() > producers_from {
                    replay(&segment, producers_from, &mut producers)?;
                }
                segment
            }
            None => {
                let (segment, cut) = check(folder, base, producers_from, &mut producers)?;
                if cut > 0 {
                    cut_bytes += cut;
                    // Damage in what is known to be on disk does not cost the segments behind it.
                    ended = !trusted || next_base.is_none();
                    tracing::warn!(folder = %folder.display(), base, cut, "cut the tail of the log at the first bad batch");
                }
                segment
            }
        };
        segments.push(Arc::new(segment));
    }

    let end = segments.last().map_or(checkpoint.log_start, |s| s.next_offset());
    if producers_from > end {
        // The snapshot is younger than what is left of the log: begin again with the log itself.
        producers.clear();
        producers_from = 0;
        for segment in &segments {
            replay(segment, producers_from, &mut producers)?;
        }
    }
    let is_new = segments.is_empty();
    match segments.last() {
        Some(last) => last.unseal()?,
        None => segments.push(Arc::new(Segment::create(folder, end)?)),
    }
    let first = segments.first().map_or(end, |s| s.base_offset());
    let log_start = checkpoint.log_start.max(first).min(end);
    let recovery_point = checkpoint.recovery_point.min(end);
    Ok(Opened {
        segments,
        producers,
        log_start,
        recovery_point,
        cut_bytes,
        is_new,
    })
}

/// Base offsets of the segments in `folder`, ascending.
fn segment_bases(folder: &Path) -> io::Result<Vec<i64>> {
    let mut bases = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let name = entry?.file_name();
        let base = name
            .to_str()
            .and_then(|name| name.strip_suffix(".log"))
            .filter(|stem| stem.len() == 20);
        if let Some(base) = base.and_then(|stem| stem.parse().ok()) {
            bases.push(base);
        }
    }
    bases.sort_unstable();
    Ok(bases)
}

/// Removes empty segments behind others, and leaves their bases out. Such a one is what a kill leaves in the middle of a
/// roll, or a roll that failed: then the segment before it went on growing, and to take the empty one for the end of the log
/// would lose what it grew by. If the segment before it did not, it is as good an end as the empty one.
fn without_strays(folder: &Path, bases: Vec<i64>) -> io::Result<Vec<i64>> {
    let mut kept = Vec::with_capacity(bases.len());
    for base in bases {
        if !kept.is_empty() && std::fs::metadata(log_path(folder, base))?.len() == 0 {
            remove_segment(folder, base);
        } else {
            kept.push(base);
        }
    }
    Ok(kept)
}

/// Takes a segment out of the log whose offsets the one before it has already, and keeps its records for whoever wants
/// to look at them. No broker of today leaves one.
fn set_aside(folder: &Path, base: i64, previous_end: i64) -> io::Result<()> {
    let path = log_path(folder, base);
    tracing::error!(path = %path.display(), previous_end, "a segment begins within the one before it: set aside");
    std::fs::rename(&path, path.with_extension("overlapping"))?;
    remove_segment(folder, base);
    Ok(())
}

fn remove_segment(folder: &Path, base: i64) {
    let path = log_path(folder, base);
    for extension in EXTENSIONS {
        let path = path.with_extension(extension);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(path = %path.display(), %error, "cannot delete a file of an old segment");
            }
            _ => {}
        }
    }
}

/// Tells `producers` of the batches of `segment` from `from` on.
fn replay(segment: &Segment, from: i64, producers: &mut Producers) -> io::Result<()> {
    let Some((mut position, _)) = segment.locate(from)? else {
        return Ok(());
    };
    let mut walk = segment.walk();
    while position < segment.len() {
        let header = walk.header(position)?;
        producers.record(&header);
        position += header.size;
    }
    Ok(())
}

/// Walks a segment with checksums, rebuilds its indexes, and cuts it before the first batch that is not sound.
/// Returns it with the number of bytes cut.
fn check(
    folder: &Path,
    base: i64,
    producers_from: i64,
    producers: &mut Producers,
) -> io::Result<(Segment, u64)> {
    let segment = Segment::open_unread(folder, base)?;
    // The checksum does not cover a batch's offset, but offsets leave no gaps within a segment.
    let mut expected = base;
    let length = segment.file().metadata()?.len();
    let mut buffer = vec![0; 256 * 1024];
    let mut position = 0;
    while let Some(header) = sound_batch(&segment, position, length, &mut buffer)? {
        if header.base_offset != expected || expected - base > i64::from(u32::MAX) {
            break;
        }
        segment.adopt(&header, position)?;
        if header.base_offset >= producers_from {
            producers.record(&header);
        }
        expected = header.next_offset();
        position += header.size;
    }
    segment.cut()?;
    segment.seal()?;
    Ok((segment, length - position))
}

/// The batch at `position` if it is whole and its checksum is right. Reads through `buffer` whatever its size.
fn sound_batch(
    segment: &Segment,
    position: u64,
    length: u64,
    buffer: &mut [u8],
) -> io::Result<Option<BatchHeader>> {
    if length - position < HEADER_BYTES as u64 {
        return Ok(None);
    }
    let first = usize::try_from(length - position)
        .unwrap_or(usize::MAX)
        .min(buffer.len());
    segment.file().read_exact_at(&mut buffer[..first], position)?;
    let header =
        BatchHeader::read(&buffer[..first]).filter(|h| h.is_plausible() && h.size <= length - position);
    let Some(header) = header else { return Ok(None) };
    let size = usize::try_from(header.size).unwrap_or(usize::MAX);
    let mut crc = crc32c::crc32c(&buffer[CRC_START..first.min(size)]);
    let mut done = first.min(size) as u64;
    while done < header.size {
        let take = usize::try_from(header.size - done)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        segment
            .file()
            .read_exact_at(&mut buffer[..take], position + done)?;
        crc = crc32c::crc32c_append(crc, &buffer[..take]);
        done += take as u64;
    }
    Ok((crc == header.crc).then_some(header))
}
