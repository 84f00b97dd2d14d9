//! EXIF in the directories of a TIFF, made into the block that other formats have.

use super::TiffFile;
use crate::file::metadata::tags::{self, MAX_TAGS, Tag, Tags};
use crate::header::tiff::Directory;

/// What was found.
pub(super) struct Found {
    pub block: Option<Vec<u8>>,
    /// What is left out, in sentences.
    pub notes: Vec<String>,
}

/// A text about the image, which some programs use for how the pixels of their files lie.
const DESCRIPTION: u16 = 270;

/// Reads what describes the image in its own directory, and the directories for EXIF and GPS; `most` bytes at most.
pub(super) fn read(file: &mut TiffFile, directory: &Directory, most: usize) -> Found {
    let mut left = most;
    let mut tags = Tags {
        little: !file.big_endian,
        ..Tags::default()
    };
    let mut is_damaged = false;
    let mut take = |file: &mut TiffFile, directory: &Directory, wanted: &dyn Fn(u16) -> bool| {
        let (found, is_whole) = directory.tags(file, wanted, MAX_TAGS, &mut left);
        is_damaged |= !is_whole;
        found
    };
    tags.main = take(file, directory, &tags::is_descriptive);
    tags.main.retain(|tag| !is_layout(tag));
    let below = |file: &mut TiffFile, directory: &Directory, tag: u16| {
        if !directory.has(tag) {
            return Ok(None);
        }
        let place = directory.number(file, tag).ok().flatten().ok_or(())?;
        file.directory(place).map(Some).map_err(|_| ())
    };
    let is_value = |tag: u16| !matches!(tag, tags::EXIF | tags::GPS | tags::INTEROPERABILITY);
    let mut is_broken = false;
    let mut found = |file: &mut TiffFile, directory: &Directory, tag: u16| {
        below(file, directory, tag).unwrap_or_else(|()| {
            is_broken = true;
            None
        })
    };
    if let Some(exif) = found(file, directory, tags::EXIF) {
        tags.exif = take(file, &exif, &is_value);
        if let Some(other) = found(file, &exif, tags::INTEROPERABILITY) {
            tags.interoperability = take(file, &other, &is_value);
        }
    }
    if let Some(gps) = found(file, directory, tags::GPS) {
        tags.gps = take(file, &gps, &is_value);
    }
    let mut notes = Vec::new();
    if is_damaged || is_broken {
        notes.push(format!(
            "a part of EXIF is left out: it is damaged, or beyond {most} bytes"
        ));
    }
    let block = (!tags.is_empty()).then(|| tags.block()).flatten();
    Found { block, notes }
}

/// Whether a description is one of how the pixels of that very file lie, for the program that wrote it: of ImageJ, tifffile or OME.
fn is_layout(tag: &Tag) -> bool {
    let text = &tag.bytes[..tag.bytes.len().min(4096)];
    tag.number == DESCRIPTION
        && (text.starts_with(b"ImageJ=")
            || text.starts_with(b"{\"shape\":")
            || text.windows(5).any(|part| part == b"<OME "))
}
