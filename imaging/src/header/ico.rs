//! Which picture of an icon is read, and what it says of itself.

use std::io::Result as IoResult;

use super::bytes::ReadAt;
use super::{Header, array, bmp, png, read_exact};
use crate::{FileError, FileKind, PixelFormat, Size};

/// Bytes of the directory before its entries, and of an entry.
pub(crate) const HEAD: usize = 6;
pub(crate) const ENTRY: usize = 16;

/// One picture of an icon.
pub(crate) struct Picture {
    /// Its entry in the directory.
    pub entry: [u8; ENTRY],
    /// Where it lies, and how many bytes it has.
    pub offset: u64,
    pub length: u64,
    /// Its number, from 1 on.
    pub number: u32,
    /// Pictures in the file.
    pub count: u32,
}

/// Picture number `page`, else the largest; among equals that of most bits a pixel, the first of those.
///
/// # Errors
/// When there is no such picture, or the directory is not in the file.
pub(crate) fn choose(source: &mut impl ReadAt, page: Option<u32>) -> Result<Picture, FileError> {
    let [_, _, _, _, c0, c1] = array::<HEAD>(source, 0)?;
    let count = usize::from(u16::from_le_bytes([c0, c1]));
    let mut entries = vec![0; count * ENTRY];
    read_exact(source, HEAD as u64, &mut entries)?;
    let (entries, _) = entries.as_chunks::<ENTRY>();
    let worth = |entry: &[u8; ENTRY]| {
        let side = |byte: u8| if byte == 0 { 256 } else { u32::from(byte) };
        let size = Size::new(side(entry[0]), side(entry[1]));
        (size.pixels(), u16::from_le_bytes([entry[6], entry[7]]))
    };
    let index = match page {
        Some(page) => (page as usize).checked_sub(1),
        None => (0..entries.len())
            .rev()
            .max_by_key(|index| worth(&entries[*index])),
    };
    let (index, entry) = index
        .and_then(|index| Some((index, *entries.get(index)?)))
        .ok_or_else(|| FileError::no_page(page.unwrap_or(1), count as u64))?;
    let [.., l0, l1, l2, l3, o0, o1, o2, o3] = entry;
    Ok(Picture {
        entry,
        offset: u32::from_le_bytes([o0, o1, o2, o3]).into(),
        length: u32::from_le_bytes([l0, l1, l2, l3]).into(),
        number: index as u32 + 1,
        count: count as u32,
    })
}

/// Reads the header of the picture that is read.
pub(super) fn read(source: &mut impl ReadAt, length: u64, page: Option<u32>) -> Result<Header, FileError> {
    let picture = choose(source, page)?;
    let mut magic = [0; png::MAGIC.len()];
    let read = source.read_at(picture.offset, &mut magic);
    let read = read.map_err(|error| FileError::reading(&error))?;
    let header = if magic == *png::MAGIC && read as u64 <= picture.length {
        let length = picture.length.min(length.saturating_sub(picture.offset));
        let mut window = Window {
            source,
            start: picture.offset,
            length,
        };
        png::read(&mut window, length)?
    } else {
        // A mask of as many rows stands behind the pixels.
        let (size, _) = bmp::bitmap(source, picture.offset)?;
        let size = Size::new(size.width, size.height / 2);
        Header::plain(FileKind::Ico, size, PixelFormat::RGBA8)
    };
    Ok(Header {
        kind: FileKind::Ico,
        pages: Some(picture.count),
        ..header
    })
}

/// A part of a file as a file.
struct Window<'a, S> {
    source: &'a mut S,
    start: u64,
    length: u64,
}

impl<S: ReadAt> ReadAt for Window<'_, S> {
    fn read_at(&mut self, at: u64, buffer: &mut [u8]) -> IoResult<usize> {
        let left = usize::try_from(self.length.saturating_sub(at)).unwrap_or(usize::MAX);
        let count = buffer.len().min(left);
        self.source
            .read_at(self.start.saturating_add(at), &mut buffer[..count])
    }
}
