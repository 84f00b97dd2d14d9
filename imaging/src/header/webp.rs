//! What a WebP says of its picture.

use super::bytes::ReadAt;
use super::{Header, array, broken, exif, read_exact};
use crate::{FileError, FileKind, Limits, Orientation, PixelFormat, Size};

/// Bytes of the file's own header, and of a header of a chunk.
const FILE: u64 = 12;
const CHUNK: u64 = 8;
/// Bits of the flags of a file with more than pixels.
const HAS_ALPHA: u8 = 0x10;
/// Chunks that are walked over to the metadata.
const MAX_CHUNKS: usize = 1 << 16;

/// Reads the header.
///
/// # Errors
/// When it is damaged. What is wrong behind the pixels is no error.
pub(super) fn read(source: &mut impl ReadAt) -> Result<Header, FileError> {
    let riff = u64::from(u32::from_le_bytes(array(source, 4)?));
    let (name, length) = chunk(source, FILE)?;
    let start = FILE + CHUNK;
    let mut orientation = Orientation::Upright;
    let (size, has_alpha) = match &name {
        b"VP8 " => {
            let [frame, _, _, 0x9d, 0x01, 0x2a, w0, w1, h0, h1] = array(source, start)? else {
                return Err(broken());
            };
            if frame & 1 != 0 {
                return Err(broken());
            }
            let side = |bytes: [u8; 2]| u32::from(u16::from_le_bytes(bytes) & 0x3fff);
            (Size::new(side([w0, w1]), side([h0, h1])), false)
        }
        b"VP8L" => {
            let [0x2f, bits @ ..] = array::<5>(source, start)? else {
                return Err(broken());
            };
            let bits = u32::from_le_bytes(bits);
            // As it is counted by the decoder: a side of 16384 pixels comes out as none.
            let side = |bits: u32| bits.wrapping_add(1) & 0x3fff;
            (Size::new(side(bits), side(bits >> 14)), bits >> 28 & 1 != 0)
        }
        b"VP8X" => {
            let [flags, _, _, _, w0, w1, w2, h0, h1, h2] = array(source, start)?;
            let side = |bytes: [u8; 3]| u32::from_le_bytes([bytes[0], bytes[1], bytes[2], 0]) + 1;
            let first = start + length + (length & 1);
            if let Ok(Some(found)) = find_exif(source, first, first + riff.saturating_sub(FILE)) {
                orientation = found;
            }
            (
                Size::new(side([w0, w1, w2]), side([h0, h1, h2])),
                flags & HAS_ALPHA != 0,
            )
        }
        _ => return Err(broken()),
    };
    Ok(Header {
        kind: FileKind::WebP,
        stored_size: size,
        format: if has_alpha {
            PixelFormat::RGBA8
        } else {
            PixelFormat::RGB8
        },
        orientation,
        pages: Some(1),
    })
}

/// The name and the length of the chunk whose header is there.
fn chunk(source: &mut impl ReadAt, at: u64) -> Result<([u8; 4], u64), FileError> {
    let [a, b, c, d, length @ ..] = array::<{ CHUNK as usize }>(source, at)?;
    Ok(([a, b, c, d], u32::from_le_bytes(length).into()))
}

/// The orientation by the first EXIF from chunk to chunk, where there is any up to `end`.
fn find_exif(source: &mut impl ReadAt, mut at: u64, end: u64) -> Result<Option<Orientation>, FileError> {
    for _ in 0..MAX_CHUNKS {
        if at >= end {
            break;
        }
        let (name, length) = chunk(source, at)?;
        if &name == b"EXIF" {
            if length > Limits::default().max_metadata_bytes as u64 {
                break;
            }
            let mut block = vec![0; length as usize];
            read_exact(source, at + CHUNK, &mut block)?;
            return Ok(Some(exif::orientation(Some(&block))));
        }
        at += CHUNK + length + (length & 1);
    }
    Ok(None)
}
