//! EXIF as tags: what a TIFF has in directories of its own, and every other format in a block that is a TIFF without a picture.
#![cfg_attr(
    not(feature = "files"),
    allow(dead_code, reason = "blocks are taken apart where a TIFF is written")
)]

use std::collections::HashSet;

pub(in crate::file) use crate::header::tiff::ifd::{PLACE, Tag, width};

/// The tags of EXIF, in the directories in which they belong.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::file) struct Tags {
    /// Whether the numbers in the values are little endian.
    pub little: bool,
    /// What describes the image beside EXIF: who made it, with what, when.
    pub main: Vec<Tag>,
    pub exif: Vec<Tag>,
    pub gps: Vec<Tag>,
    pub interoperability: Vec<Tag>,
    /// Whether something else is missing, since it was damaged.
    pub is_damaged: bool,
}

/// Tags whose value is the place of another directory.
pub(in crate::file) const EXIF: u16 = 34665;
pub(in crate::file) const GPS: u16 = 34853;
pub(in crate::file) const INTEROPERABILITY: u16 = 40965;
/// Tags that are read of a directory.
pub(in crate::file) const MAX_TAGS: usize = 4096;

/// Whether a tag of the first directory describes the image. The others there say how its pixels lie, which are not those any more.
pub(in crate::file) fn is_descriptive(number: u16) -> bool {
    matches!(
        number,
        // Names of document and image, make and model of the camera, software, date, artist, host, copyright.
        269..=272 | 305 | 306 | 315 | 316 | 33432
        // Ratings; title, comment, author, keywords and subject as Windows keeps them.
        | 18246 | 18249 | 40091..=40095
    )
}

impl Tags {
    pub(in crate::file) fn is_empty(&self) -> bool {
        let parts = [&self.main, &self.exif, &self.gps, &self.interoperability];
        parts.iter().all(|tags| tags.is_empty())
    }

    /// The tags in a block; `None` where it is none. Those whose values lie beyond its end, or over those of others, are missing.
    pub(in crate::file) fn of(bytes: &[u8]) -> Option<Self> {
        let little = match bytes.get(..4)? {
            [b'I', b'I', 42, 0] => true,
            [b'M', b'M', 0, 42] => false,
            _ => return None,
        };
        let mut block = Block {
            bytes,
            little,
            left: bytes.len(),
            is_damaged: false,
        };
        let mut main = block.directory(block.number(4, 4)?)?;
        let mut exif = block.below(&mut main, EXIF);
        let gps = block.below(&mut main, GPS);
        let interoperability = block.below(&mut exif, INTEROPERABILITY);
        main.retain(|tag| is_descriptive(tag.number));
        let mut tags = Self {
            little,
            main,
            exif,
            gps,
            interoperability,
            is_damaged: block.is_damaged,
        };
        tags.tidy();
        Some(tags)
    }

    /// Puts tags in order, each once, without places of directories: those of the known ones are said anew.
    fn tidy(&mut self) {
        for tags in [
            &mut self.main,
            &mut self.exif,
            &mut self.gps,
            &mut self.interoperability,
        ] {
            let mut seen = HashSet::new();
            tags.retain(|tag| {
                let is_place = tag.kind == PLACE || matches!(tag.number, EXIF | GPS | INTEROPERABILITY);
                !is_place && seen.insert(tag.number)
            });
            tags.sort_by_key(|tag| tag.number);
        }
    }

    /// The block of these tags; `None` where it would have more than 4 GiB.
    pub(in crate::file) fn block(mut self) -> Option<Vec<u8>> {
        self.tidy();
        let Self {
            little,
            main,
            mut exif,
            gps,
            interoperability,
            ..
        } = self;
        let sixteen = |value: u16| match little {
            true => value.to_le_bytes(),
            false => value.to_be_bytes(),
        };
        let thirty_two = |value: u32| match little {
            true => value.to_le_bytes(),
            false => value.to_be_bytes(),
        };
        let mut first = main;
        let has_exif = !(exif.is_empty() && interoperability.is_empty());
        // Places are filled in below.
        let place = |number| Tag {
            number,
            kind: 4,
            count: 1,
            bytes: vec![0; 4],
        };
        first.extend(has_exif.then(|| place(EXIF)));
        first.extend((!gps.is_empty()).then(|| place(GPS)));
        exif.extend((!interoperability.is_empty()).then(|| place(INTEROPERABILITY)));
        let mut directories = [first, exif, gps, interoperability];
        let mut starts = [0u32; 4];
        let mut end = 8usize;
        for (directory, start) in directories.iter_mut().zip(&mut starts) {
            directory.sort_by_key(|tag| tag.number);
            *start = u32::try_from(end).ok()?;
            let values = directory.iter().map(|tag| match tag.bytes.len() {
                ..=4 => 0,
                length => length.next_multiple_of(2),
            });
            if !directory.is_empty() || *start == 8 {
                end = values.fold(end + 6 + 12 * directory.len(), usize::saturating_add);
            }
        }
        u32::try_from(end).ok()?;
        let mut block = Vec::with_capacity(end);
        block.extend_from_slice(if little { b"II*\0" } else { b"MM\0*" });
        block.extend(thirty_two(8));
        for (directory, start) in directories.iter().zip(starts) {
            if directory.is_empty() && start != 8 {
                continue;
            }
            block.extend(sixteen(directory.len() as u16));
            let mut at = start + 6 + 12 * directory.len() as u32;
            for tag in directory {
                block.extend(sixteen(tag.number));
                block.extend(sixteen(tag.kind));
                block.extend(thirty_two(tag.count));
                let below = match (tag.number, tag.kind) {
                    (EXIF, 4) => Some(starts[1]),
                    (GPS, 4) => Some(starts[2]),
                    (INTEROPERABILITY, 4) => Some(starts[3]),
                    _ => None,
                };
                match (below, tag.bytes.len()) {
                    (Some(place), _) => block.extend(thirty_two(place)),
                    (None, length @ ..=4) => {
                        block.extend_from_slice(&tag.bytes);
                        block.resize(block.len() + 4 - length, 0);
                    }
                    (None, length) => {
                        block.extend(thirty_two(at));
                        at += length.next_multiple_of(2) as u32;
                    }
                }
            }
            block.extend([0; 4]);
            for tag in directory.iter().filter(|tag| tag.bytes.len() > 4) {
                block.extend_from_slice(&tag.bytes);
                block.resize(block.len().next_multiple_of(2), 0);
            }
        }
        Some(block)
    }

    /// The same with numbers that are little endian. What is undefined, such as a camera's own notes, stays as it is.
    #[cfg(feature = "files")]
    pub(in crate::file) fn into_little(mut self) -> Self {
        if std::mem::replace(&mut self.little, true) {
            return self;
        }
        for tag in [
            &mut self.main,
            &mut self.exif,
            &mut self.gps,
            &mut self.interoperability,
        ]
        .into_iter()
        .flatten()
        {
            // A fraction is two numbers.
            let number = match tag.kind {
                5 | 10 => 4,
                kind => width(kind).unwrap_or(1),
            };
            tag.bytes.chunks_exact_mut(number).for_each(<[u8]>::reverse);
        }
        self
    }
}

/// Removes the tag that says where a directory lies.
fn take_place(tags: &mut Vec<Tag>, number: u16) -> Option<Tag> {
    let index = tags.iter().position(|tag| tag.number == number)?;
    Some(tags.remove(index))
}

/// A block that is being read.
struct Block<'a> {
    bytes: &'a [u8],
    little: bool,
    /// Bytes that values may still have: those of all do not lie over one another.
    left: usize,
    is_damaged: bool,
}

impl Block<'_> {
    fn number(&self, at: usize, width: usize) -> Option<usize> {
        let bytes = self.bytes.get(at..at.checked_add(width)?)?;
        let append = |number: usize, byte: &u8| number << 8 | usize::from(*byte);
        Some(match self.little {
            true => bytes.iter().rev().fold(0, append),
            false => bytes.iter().fold(0, append),
        })
    }

    /// The directory whose place a tag of another says.
    fn below(&mut self, tags: &mut Vec<Tag>, number: u16) -> Vec<Tag> {
        let Some(tag) = take_place(tags, number) else {
            return Vec::new();
        };
        let place = match (tag.kind, self.little, <[u8; 4]>::try_from(tag.bytes)) {
            (4 | PLACE, true, Ok(bytes)) => u32::from_le_bytes(bytes) as usize,
            (4 | PLACE, false, Ok(bytes)) => u32::from_be_bytes(bytes) as usize,
            _ => usize::MAX,
        };
        self.directory(place).unwrap_or_else(|| {
            self.is_damaged = true;
            Vec::new()
        })
    }

    /// The tags of the directory at that place; `None` where there is none.
    fn directory(&mut self, at: usize) -> Option<Vec<Tag>> {
        let count = self.number(at, 2)?;
        let entries = count.min(MAX_TAGS);
        self.is_damaged |= entries < count;
        let mut tags = Vec::new();
        for index in 0..entries {
            match self.tag(at + 2 + index * 12) {
                Some(tag) => tags.push(tag),
                None => self.is_damaged = true,
            }
        }
        Some(tags)
    }

    fn tag(&mut self, at: usize) -> Option<Tag> {
        let kind = self.number(at + 2, 2)? as u16;
        let count = self.number(at + 4, 4)?;
        let length = count.checked_mul(width(kind)?)?;
        let start = match length {
            ..=4 => at + 8,
            _ => self.number(at + 8, 4)?,
        };
        let bytes = self.bytes.get(start..start.checked_add(length)?)?;
        self.left = self.left.checked_sub(length)?;
        Some(Tag {
            number: self.number(at, 2)? as u16,
            kind,
            count: count as u32,
            bytes: bytes.to_vec(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(number: u16, kind: u16, bytes: &[u8]) -> Tag {
        Tag {
            number,
            kind,
            count: (bytes.len() / width(kind).unwrap()) as u32,
            bytes: bytes.to_vec(),
        }
    }

    fn all(little: bool) -> Tags {
        Tags {
            little,
            main: vec![tag(271, 2, b"Maker\0"), tag(272, 2, b"abc\0")],
            exif: vec![
                tag(0x829a, 5, &[1, 0, 0, 0, 2, 0, 0, 0]),
                tag(0x927c, 7, b"notes of the maker"),
                tag(0xa001, 3, &[1, 0]),
            ],
            gps: vec![tag(1, 2, b"N\0"), tag(2, 5, &[7; 24])],
            interoperability: vec![tag(1, 2, b"R98\0")],
            is_damaged: false,
        }
    }

    #[test]
    fn a_block_is_read_as_it_was_made() {
        for little in [true, false] {
            let tags = all(little);
            let block = tags.clone().block().unwrap();
            assert_eq!(Tags::of(&block), Some(tags));
        }
        let empty = Tags::default().block().unwrap();
        assert_eq!(empty, b"MM\0*\0\0\0\x08\0\0\0\0\0\0");
    }

    #[test]
    fn numbers_change_their_order_and_bytes_do_not() {
        let turned = all(false).into_little();
        assert_eq!(turned.exif[0].bytes, [0, 0, 0, 1, 0, 0, 0, 2]);
        assert_eq!(turned.exif[1].bytes, b"notes of the maker");
        assert_eq!(turned.exif[2].bytes, [0, 1]);
        assert_eq!(all(true).into_little(), all(true));
    }

    #[test]
    fn what_is_damaged_is_missing_and_said_to_be() {
        let block = all(true).block().unwrap();
        for length in 0..block.len() {
            if let Some(tags) = Tags::of(&block[..length]) {
                assert!(tags.is_damaged || tags == all(true), "{length}");
            }
        }
        // Each of many values would be the whole block.
        let mut bomb = b"II*\0\x08\0\0\0\0\x10".to_vec();
        for _ in 0..4096 {
            bomb.extend([15, 1, 7, 0, 0, 0x80, 0, 0, 0, 0, 0, 0]);
        }
        let tags = Tags::of(&bomb).unwrap();
        assert!(tags.is_damaged && tags.main.len() == 1);
        // A directory that is its own: it is read once.
        let mut circle = b"II*\0\x08\0\0\0\x01\0".to_vec();
        circle.extend([0x69, 0x87, 4, 0, 1, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0]);
        assert!(Tags::of(&circle).unwrap().is_empty());
    }
}
