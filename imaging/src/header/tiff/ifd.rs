//! The header and the directories of a TIFF: tags and their values, every count bounded by the bytes of the file.

use crate::FileError;
use crate::header::bytes::ReadAt;

/// The file, and how its numbers are stored.
pub(crate) struct TiffFile<S> {
    pub source: S,
    pub length: u64,
    pub big_endian: bool,
    big: bool,
}

/// A tag of a directory.
struct Entry {
    tag: u16,
    kind: u16,
    count: u64,
    value: [u8; 8],
}

/// A directory: what a page says about itself.
pub(crate) struct Directory {
    entries: Vec<Entry>,
    /// Where the next one is; 0 after the last.
    pub next: u64,
}

/// A tag with its values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tag {
    pub number: u16,
    /// What the values are, as TIFF counts.
    pub kind: u16,
    pub count: u32,
    /// The values as they are stored.
    pub bytes: Vec<u8>,
}

/// A value that is the place of a directory.
pub(crate) const PLACE: u16 = 13;

/// Bytes of a value of that kind; `None` where the kind is not known.
pub(crate) fn width(kind: u16) -> Option<usize> {
    match kind {
        1 | 2 | 6 | 7 | 129 => Some(1),
        3 | 8 => Some(2),
        4 | 9 | 11 | PLACE => Some(4),
        5 | 10 | 12 => Some(8),
        _ => None,
    }
}

/// Tags of a directory; the count of BigTIFF has room for more.
const MAX_ENTRIES: u64 = 65_535;

impl<S: ReadAt> TiffFile<S> {
    /// Reads the header; gives the place of the first directory, too.
    pub(crate) fn open(source: S, length: u64) -> Result<(Self, u64), FileError> {
        let mut file = Self {
            source,
            length,
            big_endian: false,
            big: false,
        };
        let mut head = [0; 8];
        file.read_at(0, &mut head)?;
        file.big_endian = head[0] == b'M';
        file.big = file.number(&head[2..4]) == 43;
        if !file.big {
            return Ok((file.number(&head[4..8]), file)).map(|(first, file)| (file, first));
        }
        if file.number(&head[4..6]) != 8 {
            return Err(FileError::damaged(
                "its BigTIFF header has not offsets of 8 bytes",
            ));
        }
        let mut first = [0; 8];
        file.read_at(8, &mut first)?;
        let first = file.number(&first);
        Ok((file, first))
    }

    /// Fills `bytes` from that place.
    pub(crate) fn read_at(&mut self, offset: u64, bytes: &mut [u8]) -> Result<(), FileError> {
        if offset
            .checked_add(bytes.len() as u64)
            .is_none_or(|end| end > self.length)
        {
            return Err(FileError::damaged(
                "it points beyond its end; send the whole file",
            ));
        }
        match self.source.read_at(offset, bytes) {
            Ok(read) if read == bytes.len() => Ok(()),
            Ok(_) => Err(FileError::reading(&std::io::ErrorKind::UnexpectedEof.into())),
            Err(error) => Err(FileError::reading(&error)),
        }
    }

    /// A whole number of up to 8 bytes.
    pub(crate) fn number(&self, bytes: &[u8]) -> u64 {
        let append = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
        if self.big_endian {
            bytes.iter().fold(0, append)
        } else {
            bytes.iter().rev().fold(0, append)
        }
    }

    /// Reads the directory at that place.
    pub(crate) fn directory(&mut self, at: u64) -> Result<Directory, FileError> {
        let (count_bytes, entry_bytes, field) = if self.big { (8, 20, 8) } else { (2, 12, 4) };
        let mut count = [0; 8];
        self.read_at(at, &mut count[..count_bytes])?;
        let count = self.number(&count[..count_bytes]);
        if count > MAX_ENTRIES {
            return Err(FileError::damaged(format!("a directory of it has {count} tags")));
        }
        let mut table = vec![0; count as usize * entry_bytes];
        let start = at + count_bytes as u64;
        self.read_at(start, &mut table)?;
        let entries = table
            .chunks_exact(entry_bytes)
            .map(|bytes| {
                let mut value = [0; 8];
                value[..field].copy_from_slice(&bytes[4 + field..]);
                Entry {
                    tag: self.number(&bytes[..2]) as u16,
                    kind: self.number(&bytes[2..4]) as u16,
                    count: self.number(&bytes[4..4 + field]),
                    value,
                }
            })
            .collect();
        // Some writers end the file after the last directory's tags.
        let mut next = [0; 8];
        let next = match self.read_at(start + table.len() as u64, &mut next[..field]) {
            Ok(()) => self.number(&next[..field]),
            Err(_) => 0,
        };
        Ok(Directory { entries, next })
    }
}

impl Entry {
    /// The first `most` values, as bytes, their kind, and how many bytes each has.
    fn values(
        &self,
        file: &mut TiffFile<impl ReadAt>,
        most: u64,
    ) -> Result<Option<(u16, usize, Vec<u8>)>, FileError> {
        let each: usize = match self.kind {
            1 | 2 | 6 | 7 | 129 => 1,
            3 | 8 => 2,
            4 | 9 | 11 | 13 => 4,
            5 | 10 | 12 | 16 | 17 | 18 => 8,
            _ => return Ok(None),
        };
        let Some(total) = self.count.checked_mul(each as u64) else {
            return Err(FileError::damaged(format!(
                "its tag {} has too many values",
                self.tag
            )));
        };
        let inline = if file.big { 8 } else { 4 };
        let wanted = self.count.min(most).saturating_mul(each as u64);
        if total <= inline {
            return Ok(Some((self.kind, each, self.value[..wanted as usize].to_vec())));
        }
        let offset = file.number(&self.value[..inline as usize]);
        if offset.checked_add(wanted).is_none_or(|end| end > file.length) {
            return Err(FileError::damaged(format!(
                "its tag {} points beyond its end; send the whole file",
                self.tag
            )));
        }
        let mut bytes = vec![0; wanted as usize];
        file.read_at(offset, &mut bytes)?;
        Ok(Some((self.kind, each, bytes)))
    }
}

impl Directory {
    pub(crate) fn has(&self, tag: u16) -> bool {
        self.entries.iter().any(|entry| entry.tag == tag)
    }

    /// The first `most` bytes of a tag's values, and how many bytes each has.
    fn raw(
        &self,
        file: &mut TiffFile<impl ReadAt>,
        tag: u16,
        most: u64,
    ) -> Result<Option<(u16, usize, Vec<u8>)>, FileError> {
        let Some(entry) = self.entries.iter().find(|entry| entry.tag == tag) else {
            return Ok(None);
        };
        entry.values(file, most)
    }

    /// Whole numbers, `most` at most; none where the tag is missing or holds something else.
    pub(crate) fn numbers(
        &self,
        file: &mut TiffFile<impl ReadAt>,
        tag: u16,
        most: u64,
    ) -> Result<Vec<u64>, FileError> {
        Ok(match self.raw(file, tag, most)? {
            Some((1 | 3 | 4 | 6 | 8 | 9 | 13 | 16 | 17 | 18, each, bytes)) => {
                bytes.chunks_exact(each).map(|bytes| file.number(bytes)).collect()
            }
            _ => Vec::new(),
        })
    }

    /// One whole number.
    pub(crate) fn number(
        &self,
        file: &mut TiffFile<impl ReadAt>,
        tag: u16,
    ) -> Result<Option<u64>, FileError> {
        Ok(self.numbers(file, tag, 1)?.first().copied())
    }

    /// Fractions, `most` at most.
    pub(crate) fn fractions(&self, file: &mut TiffFile<impl ReadAt>, tag: u16, most: u64) -> Vec<f64> {
        match self.raw(file, tag, most) {
            Ok(Some((5, _, bytes))) => bytes
                .chunks_exact(8)
                .map(|bytes| file.number(&bytes[..4]) as f64 / file.number(&bytes[4..]) as f64)
                .collect(),
            _ => Vec::new(),
        }
    }

    /// Text, the first `most` bytes of it.
    pub(crate) fn text(&self, file: &mut TiffFile<impl ReadAt>, tag: u16, most: u64) -> Option<Vec<u8>> {
        match self.raw(file, tag, most) {
            Ok(Some((2, _, bytes))) => Some(bytes),
            _ => None,
        }
    }

    /// Floating-point numbers of 8 bytes, `most` at most; none where the tag is missing, damaged or holds something else.
    pub(crate) fn doubles(&self, file: &mut TiffFile<impl ReadAt>, tag: u16, most: u64) -> Vec<f64> {
        match self.raw(file, tag, most) {
            Ok(Some((12, _, bytes))) => bytes
                .chunks_exact(8)
                .map(|bytes| f64::from_bits(file.number(bytes)))
                .collect(),
            _ => Vec::new(),
        }
    }

    /// A text with the zero byte at its end; none where the tag is missing, damaged or has more than `most` bytes.
    pub(crate) fn whole_text(&self, file: &mut TiffFile<impl ReadAt>, tag: u16, most: u64) -> Vec<u8> {
        let fits = |entry: &Entry| entry.tag == tag && entry.kind == 2 && entry.count <= most;
        if !self.entries.iter().any(fits) {
            return Vec::new();
        }
        self.raw(file, tag, most)
            .ok()
            .flatten()
            .map_or_else(Vec::new, |(_, _, bytes)| bytes)
    }

    /// Bytes, unless they are more than `most`.
    pub(crate) fn bytes(
        &self,
        file: &mut TiffFile<impl ReadAt>,
        tag: u16,
        most: usize,
    ) -> Result<Option<Vec<u8>>, FileError> {
        let fits =
            |entry: &Entry| entry.tag == tag && matches!(entry.kind, 1 | 7) && entry.count <= most as u64;
        if !self.entries.iter().any(fits) {
            return Ok(None);
        }
        Ok(self.raw(file, tag, most as u64)?.map(|(_, _, bytes)| bytes))
    }

    /// The tags that are `wanted`, `most` of them at most, with as many bytes as are `left`; and whether these are all.
    pub(crate) fn tags(
        &self,
        file: &mut TiffFile<impl ReadAt>,
        wanted: &dyn Fn(u16) -> bool,
        most: usize,
        left: &mut usize,
    ) -> (Vec<Tag>, bool) {
        let (mut tags, mut is_whole) = (Vec::new(), true);
        for entry in self.entries.iter().filter(|entry| wanted(entry.tag)) {
            // What BigTIFF has beside is no kind of EXIF's.
            let bytes =
                width(entry.kind).and_then(|width| usize::try_from(entry.count).ok()?.checked_mul(width));
            let count = u32::try_from(entry.count);
            let (Some(true), Ok(count)) = (bytes.map(|bytes| bytes <= *left), count) else {
                is_whole = false;
                continue;
            };
            match entry.values(file, entry.count) {
                Ok(Some((kind, _, bytes))) if tags.len() < most => {
                    *left -= bytes.len();
                    tags.push(Tag {
                        number: entry.tag,
                        kind,
                        count,
                        bytes,
                    });
                }
                _ => is_whole = false,
            }
        }
        (tags, is_whole)
    }
}
