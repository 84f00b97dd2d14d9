//! The headers of a codestream: size and components, and how much its decoder will hold.

use crate::Size;
use crate::file::FileError;

/// A component, which is a channel or the numbers of a palette.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Component {
    pub bits: u8,
    pub is_signed: bool,
    /// Columns and rows of the grid for each of its samples.
    pub shared: (u8, u8),
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// Size of the decoded picture.
    pub size: Size,
    pub components: Vec<Component>,
    tile: Size,
    tiles: u64,
}

const START: u16 = 0xff4f;
const SIZE: u16 = 0xff51;
const CODING: u16 = 0xff52;
const COMPONENT_CODING: u16 = 0xff53;
const TILE_PART: u16 = 0xff90;
const DATA: u16 = 0xff93;

/// Most components: those of colours with alpha and some to spare.
const MAX_COMPONENTS: u16 = 16;
/// Bytes that a block, one of its layers and a component of a tile take in the decoder, generously.
const BLOCK_BYTES: u64 = 256;
const LAYER_BYTES: u64 = 32;
const TILE_BYTES: u64 = 1 << 10;
/// Bytes that all of these may take in any picture; in a large one, as many as its samples.
const MAX_BYTES: u64 = 1 << 26;

/// Big-endian numbers, one after the other.
struct Numbers<'a>(&'a [u8]);

impl<'a> Numbers<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    fn short(&mut self) -> Option<u16> {
        Some(u16::from_be_bytes(self.take(2)?.try_into().ok()?))
    }

    fn long(&mut self) -> Option<u32> {
        Some(u32::from_be_bytes(self.take(4)?.try_into().ok()?))
    }

    /// What follows a marker that has a length.
    fn segment(&mut self) -> Option<Numbers<'a>> {
        let length = usize::from(self.short()?);
        self.take(length.checked_sub(2)?).map(Numbers)
    }
}

fn damaged() -> FileError {
    FileError::damaged("the headers of its JPEG 2000 data are wrong or end early")
}

impl Header {
    /// Reads the first header; `codestream` may end behind it.
    pub(super) fn of(codestream: &[u8]) -> Result<Self, FileError> {
        let mut numbers = Numbers(codestream);
        if numbers.short() != Some(START) || numbers.short() != Some(SIZE) {
            return Err(damaged());
        }
        let header = numbers.segment().and_then(Self::read).ok_or_else(damaged)?;
        match header.components.len() {
            0 => Err(FileError::unsupported(format!(
                "this kind of JPEG 2000 is not read: it has more than {MAX_COMPONENTS} components"
            ))),
            _ => Ok(header),
        }
    }

    fn read(mut numbers: Numbers<'_>) -> Option<Self> {
        numbers.short()?;
        let mut pair = || Some((numbers.long()?, numbers.long()?));
        let (end, first, tile, first_tile) = (pair()?, pair()?, pair()?, pair()?);
        let count = numbers.short()?;
        if count == 0 || tile.0 == 0 || tile.1 == 0 || end.0 <= first.0 || end.1 <= first.1 {
            return None;
        }
        let mut components = Vec::new();
        // Too many are none.
        for _ in 0..(if count > MAX_COMPONENTS { 0 } else { count }) {
            let bits = numbers.byte()?;
            let shared = (numbers.byte()?, numbers.byte()?);
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
    pub(super) fn samples(&self) -> u64 {
        self.size.pixels().saturating_mul(self.components.len() as u64)
    }

    /// Whether all of `codestream` can be decoded in memory for its samples and a little more.
    ///
    /// # Errors
    /// When its headers are damaged, or cut it into more tiles and blocks than that.
    pub(super) fn check(&self, codestream: &[u8]) -> Result<(), FileError> {
        // A tile has a header of fourteen bytes at least.
        if self.tiles.saturating_mul(14) > codestream.len() as u64 {
            return Err(FileError::damaged(format!(
                "its {} tiles of JPEG 2000 are not all there; send the whole file",
                self.tiles
            )));
        }
        let tiles = self
            .tiles
            .saturating_mul(self.components.len() as u64 * TILE_BYTES);
        let blocks = self.most_blocks(codestream)?;
        let most = MAX_BYTES.max(self.samples().saturating_mul(4));
        if tiles.saturating_add(blocks) > most {
            return Err(FileError::too_large(
                "its JPEG 2000 is cut into more tiles and blocks than its size allows",
            ));
        }
        Ok(())
    }

    /// Bytes that the blocks of a tile take, by that of all headers which asks for the most.
    fn most_blocks(&self, codestream: &[u8]) -> Result<u64, FileError> {
        let mut numbers = Numbers(codestream);
        numbers.short();
        let (mut most, mut layers) = (0, 1);
        // The bytes behind the end of the tile part whose header this is.
        let mut behind = None;
        loop {
            match numbers.short() {
                Some(TILE_PART) => {
                    let whole = numbers.0.len() + 2;
                    let mut part = numbers.segment().ok_or_else(damaged)?;
                    part.short();
                    let length = part.long().ok_or_else(damaged)? as usize;
                    behind = Some(if length == 0 {
                        0
                    } else {
                        whole.saturating_sub(length)
                    });
                }
                Some(DATA) => {
                    let behind = behind.take().ok_or_else(damaged)?;
                    let data = numbers.0.len().checked_sub(behind).ok_or_else(damaged)?;
                    numbers.take(data);
                    if !numbers.0.starts_with(&TILE_PART.to_be_bytes()) {
                        return Ok(most);
                    }
                }
                Some(marker @ (CODING | COMPONENT_CODING)) => {
                    let coding = numbers.segment().ok_or_else(damaged)?;
                    let (blocks, its_layers) = self.coding(marker, coding).ok_or_else(damaged)?;
                    layers = its_layers.unwrap_or(1).max(layers);
                    most = blocks
                        .saturating_mul(BLOCK_BYTES + LAYER_BYTES * layers)
                        .max(most);
                }
                // These have no length.
                Some(0xff30..=0xff3f) => {}
                Some(0xff00..) => {
                    numbers.segment().ok_or_else(damaged)?;
                }
                _ => return Err(damaged()),
            }
            // A header does not reach beyond its tile part.
            if behind.is_some_and(|behind| numbers.0.len() < behind) {
                return Err(damaged());
            }
        }
    }

    /// Blocks of a tile that is coded so, and in how many layers where that is said.
    fn coding(&self, marker: u16, mut numbers: Numbers<'_>) -> Option<(u64, Option<u64>)> {
        let layers = if marker == COMPONENT_CODING {
            numbers.byte()?;
            None
        } else {
            Some(())
        };
        let has_precincts = numbers.byte()? & 1 != 0;
        let layers = match layers {
            None => None,
            Some(()) => {
                numbers.byte()?;
                let layers = numbers.short()?;
                numbers.byte()?;
                Some(u64::from(layers))
            }
        };
        let levels = u32::from(numbers.byte()?);
        let block = (u32::from(numbers.byte()?) + 2, u32::from(numbers.byte()?) + 2);
        numbers.take(2)?;
        if levels > 32 || block.0 > 10 || block.1 > 10 {
            return None;
        }
        let mut blocks = 0u64;
        for level in 0..=levels {
            let (mut wide, mut high) = block;
            if has_precincts {
                let precinct = u32::from(numbers.byte()?);
                // Above the lowest level a precinct is halved for each of three bands.
                let half = u32::from(level > 0);
                wide = wide.min((precinct & 15).checked_sub(half)?);
                high = high.min((precinct >> 4).checked_sub(half)?);
            }
            let count = |side: u32, block: u32| {
                let side = u64::from(side).div_ceil(1 << (levels - level));
                (side >> block) + 2
            };
            blocks = blocks
                .saturating_add(count(self.tile.width, wide).saturating_mul(count(self.tile.height, high)));
        }
        Some((blocks.saturating_mul(self.components.len() as u64), layers))
    }
}
