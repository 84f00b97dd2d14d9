//! EXIF: a TIFF structure, of which a reader wants the orientation.

use std::ops::Range;

use crate::Orientation;

/// The name of a JPEG's segment; some writers put it into other formats too.
pub(crate) const NAME: &[u8] = b"Exif\0\0";

const ORIENTATION: u16 = 0x0112;

/// The orientation in a block of EXIF, where there is one.
pub(crate) fn orientation(block: Option<&[u8]>) -> Orientation {
    block
        .map(|block| block.strip_prefix(NAME).unwrap_or(block))
        .and_then(Structure::of)
        .and_then(|exif| exif.orientation())
        .map_or(Orientation::Upright, |(orientation, _)| orientation)
}

/// A TIFF structure.
pub(crate) struct Structure<B> {
    pub bytes: B,
    pub little: bool,
}

impl<B: AsRef<[u8]>> Structure<B> {
    /// Of a block that begins with its header.
    pub(crate) fn of(bytes: B) -> Option<Self> {
        let little = match bytes.as_ref().get(..4)? {
            [b'I', b'I', 42, 0] => true,
            [b'M', b'M', 0, 42] => false,
            _ => return None,
        };
        Some(Self { bytes, little })
    }

    fn array<const N: usize>(&self, at: usize) -> Option<[u8; N]> {
        self.bytes.as_ref().get(at..)?.first_chunk::<N>().copied()
    }

    pub(crate) fn short(&self, at: usize) -> Option<u16> {
        let bytes = self.array(at)?;
        Some(if self.little {
            u16::from_le_bytes(bytes)
        } else {
            u16::from_be_bytes(bytes)
        })
    }

    pub(crate) fn long(&self, at: usize) -> Option<u32> {
        let bytes = self.array(at)?;
        Some(if self.little {
            u32::from_le_bytes(bytes)
        } else {
            u32::from_be_bytes(bytes)
        })
    }

    /// Where the entry of `tag` lies in the directory at `directory`.
    pub(crate) fn entry(&self, directory: usize, tag: u16) -> Option<usize> {
        let count = usize::from(self.short(directory)?);
        (0..count)
            .map(|index| directory + 2 + index * 12)
            .find(|entry| self.short(*entry) == Some(tag))
    }

    /// The orientation, and where its value lies. It is a short by the standard, at the start of the value field; some writers store a
    /// byte or a long.
    pub(crate) fn orientation(&self) -> Option<(Orientation, Range<usize>)> {
        let entry = self.entry(self.long(4)? as usize, ORIENTATION)?;
        let value = entry + 8;
        let (width, tag) = match self.short(entry + 2)? {
            1 => (1, self.array::<1>(value)?[0].into()),
            3 => (2, self.short(value)?),
            4 => (4, u16::try_from(self.long(value)?).unwrap_or(0)),
            _ => return None,
        };
        Some((Orientation::from_tag(tag), value..value + width))
    }
}
