//! Parts of a file that are at hand: the source of a header where a file cannot be read at once, as in a browser, which fetches parts of
//! it.

use std::io::{Error, ErrorKind, Result};
use std::ops::Range;

use super::{Header, ReadAt};
use crate::{FileError, FileKind};

/// Bytes that are fetched at once, at least: one request more costs more than these.
const FETCH: u64 = 1 << 16;
/// Parts that are asked for of one file, at most, and their bytes in all. What they do not tell is left to who reads all of it.
const MAX_FETCHES: usize = 64;
const MAX_BYTES: u64 = 8 << 20;

/// Parts of a file of known length.
///
/// Whoever has the file asks for the header, fetches the range that is missing, adds it and asks again, until the header is found:
///
/// ```
/// use azulejo_imaging::header::{Found, Parts};
///
/// let file = b"qoif\0\0\x07\xd0\0\0\x05\xdc\x04\0";
/// let mut parts = Parts::new(file.len() as u64);
/// let header = loop {
///     match parts.header(None) {
///         Found::Header(header) => break header,
///         Found::Missing(range) => {
///             let bytes = file[range.start as usize..range.end as usize].to_vec();
///             parts.add(range.start, bytes);
///         }
///         Found::Unknown(error) => panic!("{error:?}"),
///     }
/// };
/// assert_eq!(header.size().width, 2000);
/// ```
#[derive(Debug, Clone)]
pub struct Parts {
    length: u64,
    parts: Vec<(u64, Vec<u8>)>,
    /// What was looked for and is not there.
    missing: Option<Range<u64>>,
}

/// What the parts of a file tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// The header.
    Header(Header),
    /// Nothing without these bytes; all that are asked for of a file are eight megabytes at most.
    Missing(Range<u64>),
    /// Nothing: the reason where the file itself has one, none where more of it had to be fetched than is for a header.
    Unknown(Option<FileError>),
}

impl Parts {
    /// Of a file of `length` bytes, none of which are at hand.
    pub fn new(length: u64) -> Self {
        Self {
            length,
            parts: Vec::new(),
            missing: None,
        }
    }

    /// Adds the bytes from byte `at` on.
    pub fn add(&mut self, at: u64, bytes: Vec<u8>) {
        self.parts.push((at, bytes));
    }

    /// The header of page number `page`, from 1 on where one is named, else of the page that is the image; or the bytes that it takes to
    /// find it.
    pub fn header(&mut self, page: Option<u32>) -> Found {
        self.missing = None;
        let length = self.length;
        let found = Header::read(self, length, page);
        // What was read without it may be wrong.
        let Some(missing) = self.missing.take() else {
            return match found {
                Ok(header) => Found::Header(header),
                Err(error) => Found::Unknown(Some(error)),
            };
        };
        let end = missing.end.max(missing.start.saturating_add(FETCH)).min(length);
        let fetched: u64 = self.parts.iter().map(|(_, bytes)| bytes.len() as u64).sum();
        if self.parts.len() < MAX_FETCHES && fetched.saturating_add(end - missing.start) <= MAX_BYTES {
            return Found::Missing(missing.start..end);
        }
        match found {
            // Only metadata behind the pixels was looked for in vain, which may turn the picture.
            Ok(header) if matches!(header.kind, FileKind::Png | FileKind::WebP) => Found::Header(header),
            _ => Found::Unknown(None),
        }
    }
}

impl ReadAt for Parts {
    /// Fails where bytes are missing, which are noted.
    fn read_at(&mut self, at: u64, buffer: &mut [u8]) -> Result<usize> {
        let wanted = (self.length.saturating_sub(at)).min(buffer.len() as u64) as usize;
        let mut filled = 0;
        while filled < wanted {
            let place = at + filled as u64;
            let found = self.parts.iter().find_map(|(start, bytes)| {
                let skipped = usize::try_from(place.checked_sub(*start)?).ok()?;
                bytes.get(skipped..).filter(|rest| !rest.is_empty())
            });
            let Some(rest) = found else {
                let missing = place..at + wanted as u64;
                self.missing.get_or_insert(missing);
                return Err(Error::from(ErrorKind::WouldBlock));
            };
            let count = rest.len().min(wanted - filled);
            buffer[filled..filled + count].copy_from_slice(&rest[..count]);
            filled += count;
        }
        Ok(wanted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{PixelFormat, Size};

    /// What is found when every range that is asked for is fetched, and how many were.
    fn fetched(file: &[u8], length: u64, page: Option<u32>) -> (Found, usize) {
        let mut parts = Parts::new(length);
        for count in 0..=MAX_FETCHES {
            match parts.header(page) {
                Found::Missing(range) => {
                    assert!(range.start < range.end && range.end <= length);
                    let part = |at: u64| file.get(at as usize).copied().unwrap_or(0);
                    parts.add(range.start, range.map(part).collect());
                }
                found => return (found, count),
            }
        }
        panic!("it goes on asking");
    }

    /// A TIFF of one page, whose directory lies at `place`.
    fn tiff(place: u32) -> Vec<u8> {
        let mut file = b"II\x2a\0".to_vec();
        file.extend(place.to_le_bytes());
        file.resize(place as usize, 0);
        file.extend(5_u16.to_le_bytes());
        for (tag, value) in [(256_u16, 3000_u32), (257, 2000), (258, 16), (262, 1), (274, 6)] {
            file.extend(tag.to_le_bytes());
            file.extend([4, 0, 1, 0, 0, 0]);
            file.extend(value.to_le_bytes());
        }
        file.extend([0; 4]);
        file
    }

    #[test]
    fn a_directory_at_the_end_of_a_file_takes_two_parts() {
        let file = tiff(3_000_000);
        let (found, count) = fetched(&file, file.len() as u64, None);
        let Found::Header(header) = found else {
            panic!("{found:?}")
        };
        assert_eq!(header.size(), Size::new(2000, 3000));
        assert_eq!(header.format, PixelFormat::GRAY16);
        assert_eq!((header.pages, count), (Some(1), 2));
        let (found, _) = fetched(&file, file.len() as u64, Some(2));
        assert!(matches!(found, Found::Unknown(Some(_))), "{found:?}");
    }

    #[test]
    fn what_takes_too_many_parts_is_left_unknown() {
        // A chain of directories that are far from each other.
        let step = 100_000_u32;
        let mut file = b"II\x2a\0".to_vec();
        file.extend(step.to_le_bytes());
        for place in 1..100 {
            file.resize((place * step) as usize, 0);
            file.extend([0, 0]);
            file.extend(((place + 1) * step).to_le_bytes());
        }
        let (found, count) = fetched(&file, file.len() as u64, None);
        assert_eq!((found, count), (Found::Unknown(None), MAX_FETCHES));
        assert_eq!(fetched(b"", 0, None).1, 0);
        let (found, count) = fetched(&[0xff, 0xd8, 0xff], 4 << 30, None);
        assert!(matches!(found, Found::Unknown(_)), "{found:?}");
        assert!(count <= MAX_FETCHES);
    }

    #[test]
    fn pixels_without_an_end_do_not_hide_the_size() {
        let mut file = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\x30\0\0\0\x20\0\x10\x06\0\0\0".to_vec();
        file.extend(0x8ccc_d2d1_u32.to_be_bytes());
        for _ in 0..100 {
            file.extend(70_000_u32.to_be_bytes());
            file.extend(b"IDAT");
            file.resize(file.len() + 70_004, 0);
        }
        let (found, count) = fetched(&file, file.len() as u64, None);
        assert_eq!(count, MAX_FETCHES);
        let Found::Header(header) = found else {
            panic!("{found:?}")
        };
        assert_eq!(
            (header.stored_size, header.format),
            (Size::new(0x3000, 0x2000), PixelFormat::RGBA16)
        );
    }
}
