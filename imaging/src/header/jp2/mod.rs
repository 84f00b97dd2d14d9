//! What a JPEG 2000 says of its picture, in a JP2 file or as a codestream alone. The decoder reads it here, too.

mod colors;
pub(crate) mod frame;
mod refused;

pub(crate) use frame::Frame;

use self::colors::Told;
use self::frame::FRAME_BYTES;
use self::refused::unsupported;
use super::Header;
use super::boxes::{Boxes, read_part};
use super::bytes::ReadAt;
use crate::{Depth, FileError, FileKind, Limits, PixelFormat};

/// Bytes of what the header of the file has beside metadata.
const MAX_HEADER: u64 = 1 << 16;

/// What lies where in a file.
#[derive(Debug, Default)]
pub(crate) struct Parts {
    /// The box with the colours; a codestream alone has none.
    pub colors: Vec<u8>,
    /// Where the codestream begins, and its length.
    pub start: u64,
    pub length: u64,
    /// Whether there is something beside the picture before it.
    pub has_metadata: bool,
}

/// What a file says of its picture.
#[derive(Debug)]
pub(crate) struct Picture {
    pub parts: Parts,
    pub frame: Frame,
    pub format: PixelFormat,
    /// Channels that are colours.
    pub colors: usize,
    /// Bits of the widest channel.
    pub bits: u8,
}

pub(super) fn read(source: &mut impl ReadAt, length: u64) -> Result<Header, FileError> {
    let picture = Picture::of(source, length, &Limits::default())?;
    Ok(Header::plain(FileKind::Jp2, picture.frame.size, picture.format))
}

impl Picture {
    /// Finds out; no pixel is read.
    ///
    /// # Errors
    /// When the headers are damaged, too large or of a kind that is not read.
    pub(crate) fn of(file: &mut impl ReadAt, length: u64, limits: &Limits) -> Result<Self, FileError> {
        let parts = Parts::of(file, length, limits)?;
        let mut codestream = Vec::new();
        read_part(file, parts.start, parts.length.min(FRAME_BYTES), &mut codestream)?;
        let frame = Frame::of(&codestream)?;
        let told = match parts.colors.as_slice() {
            [] => Told::none(&frame),
            colors => Told::of(colors)?,
        };
        let (channels, colors, bits) = told.channels(&frame)?;
        let depth = match bits {
            1..=8 => Depth::Eight,
            9..=16 => Depth::Sixteen,
            _ => return Err(unsupported(&format!("its samples have {bits} bits"))),
        };
        Ok(Self {
            parts,
            frame,
            format: PixelFormat { channels, depth },
            colors,
            bits,
        })
    }
}

impl Parts {
    fn of(file: &mut impl ReadAt, length: u64, limits: &Limits) -> Result<Self, FileError> {
        let mut parts = Self::default();
        let mut head = Vec::new();
        read_part(file, 0, 2, &mut head)?;
        if head == [0xff, 0x4f] {
            parts.length = length;
            return Ok(parts);
        }
        let mut boxes = Boxes::of(file, length);
        while let Some(each) = boxes.next()? {
            match &each.name {
                b"jp2h" if each.length > MAX_HEADER.saturating_add(limits.max_metadata_bytes as u64) => {
                    return Err(FileError::too_large("its metadata is larger than is allowed"));
                }
                b"jp2h" => {
                    parts.colors.clear();
                    boxes.read(each, &mut parts.colors)?;
                }
                b"jp2c" if parts.colors.is_empty() => {
                    return Err(FileError::damaged("what its colours are is not said before them"));
                }
                b"jp2c" => {
                    (parts.start, parts.length) = (each.start, each.length);
                    return Ok(parts);
                }
                b"uuid" | b"xml " => parts.has_metadata = true,
                _ => {}
            }
        }
        Err(FileError::damaged("there is no picture in it"))
    }
}
