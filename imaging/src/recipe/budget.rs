//! How large the largest tile of a job is, on its way in and out: what decides whether it fits into one record.

use super::{Recipe, RecipeError};
use crate::{PixelFormat, Region, Size, TileGrid};

/// Bytes of the largest input region or output tile when the result is cut into tiles of `tile` pixels.
///
/// # Errors
/// When the recipe has no result for an image of that size.
pub fn largest_region_bytes(
    recipe: &Recipe,
    image: Size,
    format: PixelFormat,
    tile: u32,
) -> Result<u64, RecipeError> {
    let size = recipe.output_size(image)?;
    let grid = TileGrid::new(size, tile);
    // Regions are separable: width depends on the tile's column alone and height on its row alone (or the other way
    // round after a quarter turn). The first row and the first column of tiles therefore show every width and height.
    let first_row = (0..grid.columns()).filter_map(|column| grid.region(column));
    let first_column = (0..grid.rows()).filter_map(|row| grid.region(row.checked_mul(grid.columns())?));
    let mut largest = Size::new(0, 0);
    for output in first_row.chain(first_column) {
        let Region { width, height, .. } = recipe.input_region(image, output)?;
        largest = Size::new(largest.width.max(width), largest.height.max(height));
    }
    let output = Size::new(grid.tile().min(size.width), grid.tile().min(size.height));
    let input_bytes = largest.pixels() * format.bytes_per_pixel() as u64;
    let output_bytes = output.pixels() * recipe.output_format(format).bytes_per_pixel() as u64;
    Ok(input_bytes.max(output_bytes))
}

/// Tile sizes that are tried, largest first.
const TILES: [u32; 16] = [
    4096, 3072, 2048, 1536, 1024, 768, 512, 384, 320, 256, 192, 128, 96, 64, 32, 16,
];

/// The largest of the usual tile sizes for which [`largest_region_bytes`] is at most `max_bytes`; `None` when not even
/// tiles of 16 pixels fit or the recipe has no result.
pub fn largest_fitting_tile(
    recipe: &Recipe,
    image: Size,
    format: PixelFormat,
    max_bytes: u64,
) -> Option<u32> {
    TILES
        .into_iter()
        .find(|&tile| largest_region_bytes(recipe, image, format, tile).is_ok_and(|bytes| bytes <= max_bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_halo_counts() {
        let image = Size::new(10_000, 10_000);
        let blur = Recipe::parse("blur:sigma=2").unwrap();
        // A halo of 8 on both sides.
        assert_eq!(
            largest_region_bytes(&blur, image, PixelFormat::RGB8, 512),
            Ok(528 * 528 * 3)
        );
        let gray = Recipe::parse("grayscale").unwrap();
        assert_eq!(
            largest_region_bytes(&gray, image, PixelFormat::RGB8, 512),
            Ok(512 * 512 * 3)
        );
    }

    #[test]
    fn a_fitting_tile_is_found_or_there_is_none() {
        let image = Size::new(10_000, 10_000);
        let blur = Recipe::parse("blur:sigma=100").unwrap();
        let tile = largest_fitting_tile(&blur, image, PixelFormat::RGBA16, 10 << 20).unwrap();
        assert!(largest_region_bytes(&blur, image, PixelFormat::RGBA16, tile).unwrap() <= 10 << 20);
        assert_eq!(
            largest_fitting_tile(&blur, image, PixelFormat::RGBA16, 1000),
            None
        );
    }

    #[test]
    fn quarter_turns_are_measured_in_both_directions() {
        let recipe = Recipe::parse("blur:sigma=2|rotate_90").unwrap();
        let bytes = largest_region_bytes(&recipe, Size::new(1000, 20), PixelFormat::GRAY8, 512).unwrap();
        assert_eq!(bytes, 520 * 20);
    }
}
