//! What a PNG says of its picture. The walk over the chunks is the decoder's, too.

use super::bytes::{ReadAt, Reader};
use super::{Header, broken, exif};
use crate::{Channels, Depth, FileError, FileKind, Limits, Orientation, PixelFormat, Size};

/// Bytes of the signature of the file, of a header of a chunk, and of its checksum.
pub(crate) const SIGNATURE: u64 = 8;
pub(crate) const HEADER: u64 = 8;
pub(crate) const CHECKSUM: u64 = 4;
/// The signature.
pub(crate) const MAGIC: &[u8; SIGNATURE as usize] = b"\x89PNG\r\n\x1a\n";
/// Bytes that are read at once while chunks are skipped.
const BUFFER: usize = 512;
/// Chunks that are walked over.
const MAX_CHUNKS: usize = 1 << 22;

/// Walks from chunk to chunk.
pub(crate) struct Chunks<'a, S> {
    reader: Reader,
    source: &'a mut S,
    length: u64,
    /// Where the next chunk begins.
    at: u64,
    count: usize,
}

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// A chunk, whole unless `is_cut`: then the file ends within it. Its data can be read until the next one is asked for.
    Chunk {
        name: [u8; 4],
        /// Where its header begins.
        at: u64,
        /// Bytes of its data.
        length: u64,
        is_cut: bool,
    },
    /// From that place on, something that is no chunk.
    Rest(u64),
    /// The end of the file.
    End,
}

impl<'a, S: ReadAt> Chunks<'a, S> {
    /// Of `source`, which has `length` bytes and begins with the signature.
    pub(crate) fn new(source: &'a mut S, length: u64) -> Self {
        Self {
            reader: Reader::new(SIGNATURE, BUFFER),
            source,
            length,
            at: SIGNATURE,
            count: 0,
        }
    }

    /// The next chunk.
    ///
    /// # Errors
    /// When the file cannot be read, or has more chunks than are walked over.
    pub(crate) fn next(&mut self) -> Result<Next, FileError> {
        self.reader.go_to(self.at);
        let left = self.length.saturating_sub(self.at);
        if left < HEADER {
            return Ok(Next::End);
        }
        if self.count == MAX_CHUNKS {
            return Err(FileError::too_large(format!(
                "it has more than {MAX_CHUNKS} chunks"
            )));
        }
        self.count += 1;
        let mut header = [0; HEADER as usize];
        self.read(&mut header)?;
        let [l3, l2, l1, l0, name @ ..] = header;
        let length = u64::from(u32::from_be_bytes([l3, l2, l1, l0]));
        let at = self.at;
        if !name.iter().all(u8::is_ascii_alphabetic) || length > i32::MAX as u64 {
            return Ok(Next::Rest(at));
        }
        let whole = HEADER + length + CHECKSUM;
        self.at += whole;
        Ok(Next::Chunk {
            name,
            at,
            length,
            is_cut: whole > left,
        })
    }

    /// Fills `bytes` with what comes next of the chunk at hand: its data, then its checksum.
    ///
    /// # Errors
    /// When the file cannot be read or ends early.
    pub(crate) fn read(&mut self, bytes: &mut [u8]) -> Result<(), FileError> {
        let read = self.reader.read_exact(bytes, self.source);
        read.map_err(|error| FileError::reading(&error))
    }
}

/// Reads the header.
///
/// # Errors
/// When it is damaged. What is wrong behind the pixels is no error.
pub(super) fn read(source: &mut impl ReadAt, length: u64) -> Result<Header, FileError> {
    let mut chunks = Chunks::new(source, length);
    let Next::Chunk {
        name: [b'I', b'H', b'D', b'R'],
        length: 13,
        ..
    } = chunks.next()?
    else {
        return Err(broken());
    };
    let (mut header, mut checksum) = ([0; 13], [0; CHECKSUM as usize]);
    chunks.read(&mut header)?;
    chunks.read(&mut checksum)?;
    // The decoders do not take a header with a wrong checksum, so its size is none.
    if crc32(&[b"IHDR", &header]) != u32::from_be_bytes(checksum) {
        return Err(broken());
    }
    let [w3, w2, w1, w0, h3, h2, h1, h0, depth, color, ..] = header;
    let stored_size = Size::new(
        u32::from_be_bytes([w3, w2, w1, w0]),
        u32::from_be_bytes([h3, h2, h1, h0]),
    );
    let depth = match depth {
        1 | 2 | 4 | 8 => Depth::Eight,
        16 => Depth::Sixteen,
        _ => return Err(broken()),
    };
    let (plain, transparent) = match color {
        0 => (Channels::Gray, Channels::GrayAlpha),
        2 | 3 => (Channels::Rgb, Channels::Rgba),
        4 => (Channels::GrayAlpha, Channels::GrayAlpha),
        6 => (Channels::Rgba, Channels::Rgba),
        _ => return Err(broken()),
    };
    let (mut channels, mut orientation, mut has_pixels) = (plain, None, false);
    loop {
        match step(&mut chunks, &mut orientation) {
            Ok(Some([b'I', b'D', b'A', b'T'])) => has_pixels = true,
            Ok(Some([b't', b'R', b'N', b'S'])) if !has_pixels => channels = transparent,
            Ok(Some(_)) => {}
            Err(error) if !has_pixels => return Err(error),
            Ok(None) | Err(_) => break,
        }
    }
    Ok(Header {
        kind: FileKind::Png,
        stored_size,
        format: PixelFormat { channels, depth },
        orientation: orientation.unwrap_or_default(),
        pages: Some(1),
    })
}

/// Walks over a chunk, whose name it gives, `None` at the end; the first sound EXIF tells the orientation.
fn step(
    chunks: &mut Chunks<'_, impl ReadAt>,
    orientation: &mut Option<Orientation>,
) -> Result<Option<[u8; 4]>, FileError> {
    let Next::Chunk {
        name, length, is_cut, ..
    } = chunks.next()?
    else {
        return Ok(None);
    };
    let most = Limits::default().max_metadata_bytes as u64;
    if &name == b"IEND" || is_cut && &name != b"IDAT" {
        return Ok(None);
    }
    if &name == b"eXIf" && length <= most && orientation.is_none() {
        let mut data = vec![0; length as usize];
        let mut checksum = [0; CHECKSUM as usize];
        chunks.read(&mut data)?;
        chunks.read(&mut checksum)?;
        if crc32(&[&name, &data]) == u32::from_be_bytes(checksum) {
            *orientation = Some(exif::orientation(Some(&data)));
        }
    }
    Ok(Some(name))
}

/// The checksum of a chunk's name and data, a bit at a time: what it is needed for here is small.
fn crc32(parts: &[&[u8]]) -> u32 {
    let bytes = parts.iter().copied().flatten();
    !bytes.fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| {
            (sum >> 1) ^ (0xedb8_8320 & (sum & 1).wrapping_neg())
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_the_standard() {
        assert_eq!(crc32(&[b"IEND", b""]), 0xae42_6082);
        assert_eq!(crc32(&[b"1234", b"56789"]), 0xcbf4_3926);
    }
}
