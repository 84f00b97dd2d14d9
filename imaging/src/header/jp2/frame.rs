//! The first segment of a codestream: the size of the picture, its components and its tiles.

use crate::{FileError, Size};

/// A component, which is a channel or the numbers of a palette.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Component {
    pub bits: u8,
    pub is_signed: bool,
    /// Columns and rows of the grid for each of its samples.
    pub shared: (u8, u8),
}

/// What a codestream says of its picture.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    /// Size of the decoded picture.
    pub size: Size,
    pub components: Vec<Component>,
    /// Size of a tile, no larger than the picture.
    pub tile: Size,
    /// How many tiles there are.
    pub tiles: u64,
}

const START: u16 = 0xff4f;
const SIZE: u16 = 0xff51;

/// Most components: those of colours with alpha and some to spare.
const MAX_COMPONENTS: u16 = 16;
/// Bytes of a codestream that [`Frame::of`] looks at, at most.
pub(crate) const FRAME_BYTES: u64 = 128;

/// Big-endian numbers, one after the other.
pub(crate) struct Fields<'a>(pub &'a [u8]);

impl<'a> Fields<'a> {
    pub(crate) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    pub(crate) fn byte(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    pub(crate) fn short(&mut self) -> Option<u16> {
        Some(u16::from_be_bytes(self.take(2)?.try_into().ok()?))
    }

    pub(crate) fn long(&mut self) -> Option<u32> {
        Some(u32::from_be_bytes(self.take(4)?.try_into().ok()?))
    }

    /// What follows a marker that has a length.
    pub(crate) fn segment(&mut self) -> Option<Fields<'a>> {
        let length = usize::from(self.short()?);
        self.take(length.checked_sub(2)?).map(Fields)
    }
}

/// What is said of headers that are wrong or not all there.
pub(crate) fn damaged() -> FileError {
    FileError::damaged("the headers of its JPEG 2000 data are wrong or end early")
}

impl Frame {
    /// Reads it from the beginning of `codestream`, which may end behind it.
    ///
    /// # Errors
    /// When it is damaged, or has more components than are read.
    pub(crate) fn of(codestream: &[u8]) -> Result<Self, FileError> {
        let mut fields = Fields(codestream);
        if fields.short() != Some(START) || fields.short() != Some(SIZE) {
            return Err(damaged());
        }
        let frame = Self::read(fields).ok_or_else(damaged)?;
        if frame.components.is_empty() {
            return Err(FileError::unsupported(format!(
                "this kind of JPEG 2000 is not read: it has more than {MAX_COMPONENTS} components"
            )));
        }
        Ok(frame)
    }

    fn read(mut fields: Fields<'_>) -> Option<Self> {
        // Its length and the capabilities of the decoder.
        fields.long()?;
        let mut pair = || Some((fields.long()?, fields.long()?));
        let (end, first, tile, first_tile) = (pair()?, pair()?, pair()?, pair()?);
        let count = fields.short()?;
        if count == 0 || tile.0 == 0 || tile.1 == 0 || end.0 <= first.0 || end.1 <= first.1 {
            return None;
        }
        let mut components = Vec::new();
        // Too many are none.
        for _ in 0..(if count > MAX_COMPONENTS { 0 } else { count }) {
            let bits = fields.byte()?;
            let shared = (fields.byte()?, fields.byte()?);
            if shared.0 == 0 || shared.1 == 0 {
                return None;
            }
            components.push(Component {
                bits: (bits & 0x7f) + 1,
                is_signed: bits & 0x80 != 0,
                shared,
            });
        }
        // What all share makes the picture smaller.
        let same = components.windows(2).all(|pair| pair[0].shared == pair[1].shared);
        let (across, down) = components
            .first()
            .filter(|_| same)
            .map_or((1, 1), |first| first.shared);
        let side =
            |end: u32, first: u32, by: u8| end.div_ceil(by.into()).checked_sub(first.div_ceil(by.into()));
        let size = Size::new(side(end.0, first.0, across)?, side(end.1, first.1, down)?);
        let count = |end: u32, first: u32, tile: u32| Some(u64::from(end.checked_sub(first)?.div_ceil(tile)));
        let tiles = count(end.0, first_tile.0, tile.0)? * count(end.1, first_tile.1, tile.1)?;
        Some(Self {
            size,
            components,
            tile: Size::new(tile.0.min(size.width), tile.1.min(size.height)),
            tiles,
        })
    }

    /// Samples of all components.
    pub(crate) fn samples(&self) -> u64 {
        self.size.pixels().saturating_mul(self.components.len() as u64)
    }
}
