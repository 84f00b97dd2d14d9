//! The tile grid: how an output image is cut into square tiles, numbered row by row.

use crate::{Region, Size};

/// An image of `size` cut into tiles of `tile` by `tile` pixels; the last column and row may be smaller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TileGrid {
    size: Size,
    tile: u32,
}

impl TileGrid {
    /// The grid for an image of `size`. A `tile` of zero counts as one.
    pub const fn new(size: Size, tile: u32) -> Self {
        Self {
            size,
            tile: if tile == 0 { 1 } else { tile },
        }
    }

    /// The size of the image.
    pub const fn size(&self) -> Size {
        self.size
    }

    /// The side of a full tile in pixels.
    pub const fn tile(&self) -> u32 {
        self.tile
    }

    /// Tiles in a row.
    pub const fn columns(&self) -> u32 {
        self.size.width.div_ceil(self.tile)
    }

    /// Rows of tiles.
    pub const fn rows(&self) -> u32 {
        self.size.height.div_ceil(self.tile)
    }

    /// Number of tiles (saturating: no real image comes near).
    pub const fn len(&self) -> u32 {
        self.columns().saturating_mul(self.rows())
    }

    /// Whether there is no tile, because the image has no pixel.
    pub const fn is_empty(&self) -> bool {
        self.size.is_empty()
    }

    /// The pixels of tile `index`, counted row by row from the top left; `None` beyond the last.
    pub fn region(&self, index: u32) -> Option<Region> {
        if index >= self.len() {
            return None;
        }
        let (x, y) = (
            index % self.columns() * self.tile,
            index / self.columns() * self.tile,
        );
        Some(Region::new(
            x,
            y,
            self.tile.min(self.size.width - x),
            self.tile.min(self.size.height - y),
        ))
    }

    /// All tiles in order.
    pub fn regions(&self) -> impl Iterator<Item = Region> + use<> {
        let grid = *self;
        (0..grid.len()).filter_map(move |index| grid.region(index))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_cover_every_pixel_once() {
        for (size, tile) in [
            (Size::new(7, 5), 3),
            (Size::new(6, 6), 3),
            (Size::new(1, 9), 4),
            (Size::new(5, 2), 512),
        ] {
            let grid = TileGrid::new(size, tile);
            let mut seen = vec![0u8; size.pixels() as usize];
            for region in grid.regions() {
                assert!(region.is_within(size));
                for y in region.y..region.y + region.height {
                    for x in region.x..region.x + region.width {
                        seen[(y * size.width + x) as usize] += 1;
                    }
                }
            }
            assert!(seen.iter().all(|&count| count == 1), "{size} in tiles of {tile}");
            assert_eq!(grid.region(grid.len()), None);
        }
    }

    #[test]
    fn an_empty_image_has_no_tiles() {
        assert_eq!(TileGrid::new(Size::new(0, 10), 4).len(), 0);
        assert_eq!(TileGrid::new(Size::new(9, 9), 0).tile(), 1);
    }
}
