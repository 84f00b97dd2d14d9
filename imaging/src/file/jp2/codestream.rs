//! The headers of a codestream: how much its decoder will hold.

use crate::file::FileError;
use crate::header::jp2::Frame;
use crate::header::jp2::frame::{Fields, damaged};

const CODING: u16 = 0xff52;
const COMPONENT_CODING: u16 = 0xff53;
const TILE_PART: u16 = 0xff90;
const DATA: u16 = 0xff93;

/// Bytes that a block, one of its layers and a component of a tile take in the decoder, generously.
const BLOCK_BYTES: u64 = 256;
const LAYER_BYTES: u64 = 32;
const TILE_BYTES: u64 = 1 << 10;
/// Bytes that all of these may take in any picture; in a large one, as many as its samples.
const MAX_BYTES: u64 = 1 << 26;

fn cut() -> FileError {
    FileError::damaged("its JPEG 2000 data ends in the middle; send the whole file")
}

impl Frame {
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
    ///
    /// # Errors
    /// When a header is damaged, or not all data is there: the decoder fills in what is missing.
    fn most_blocks(&self, codestream: &[u8]) -> Result<u64, FileError> {
        let mut fields = Fields(codestream);
        fields.short();
        let (mut most, mut layers, mut parts) = (0, 1, 0);
        // The bytes behind the end of the tile part whose header this is.
        let mut behind = None;
        loop {
            match fields.short() {
                Some(TILE_PART) => {
                    let whole = fields.0.len() + 2;
                    let mut part = fields.segment().ok_or_else(damaged)?;
                    part.short();
                    let length = part.long().ok_or_else(damaged)? as usize;
                    // Without a length it is all that is there.
                    behind = Some(match length {
                        0 => 0,
                        _ => whole.checked_sub(length).ok_or_else(cut)?,
                    });
                    parts += 1;
                }
                Some(DATA) => {
                    let behind = behind.take().ok_or_else(damaged)?;
                    let data = fields.0.len().checked_sub(behind).ok_or_else(damaged)?;
                    fields.take(data);
                    if !fields.0.starts_with(&TILE_PART.to_be_bytes()) {
                        // Each tile has a part at least.
                        return if parts < self.tiles { Err(cut()) } else { Ok(most) };
                    }
                }
                Some(marker @ (CODING | COMPONENT_CODING)) => {
                    let coding = fields.segment().ok_or_else(damaged)?;
                    let (blocks, its_layers) = self.coding(marker, coding).ok_or_else(damaged)?;
                    layers = its_layers.unwrap_or(1).max(layers);
                    most = blocks
                        .saturating_mul(BLOCK_BYTES + LAYER_BYTES * layers)
                        .max(most);
                }
                // These have no length.
                Some(0xff30..=0xff3f) => {}
                Some(0xff00..) => {
                    fields.segment().ok_or_else(damaged)?;
                }
                _ => return Err(damaged()),
            }
            // A header does not reach beyond its tile part.
            if behind.is_some_and(|behind| fields.0.len() < behind) {
                return Err(damaged());
            }
        }
    }

    /// Blocks of a tile that is coded so, and in how many layers where that is said.
    fn coding(&self, marker: u16, mut fields: Fields<'_>) -> Option<(u64, Option<u64>)> {
        let layers = if marker == COMPONENT_CODING {
            fields.byte()?;
            None
        } else {
            Some(())
        };
        let has_precincts = fields.byte()? & 1 != 0;
        let layers = match layers {
            None => None,
            Some(()) => {
                fields.byte()?;
                let layers = fields.short()?;
                fields.byte()?;
                Some(u64::from(layers))
            }
        };
        let levels = u32::from(fields.byte()?);
        let block = (u32::from(fields.byte()?) + 2, u32::from(fields.byte()?) + 2);
        fields.take(2)?;
        if levels > 32 || block.0 > 10 || block.1 > 10 {
            return None;
        }
        let mut blocks = 0u64;
        for level in 0..=levels {
            let (mut wide, mut high) = block;
            if has_precincts {
                let precinct = u32::from(fields.byte()?);
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
