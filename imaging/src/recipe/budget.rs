//! How much the largest tile of a job takes: on its way in and out, which decides whether it fits into one record, and in
//! the middle of its recipe, which decides how much memory a worker needs for it.

use thiserror::Error;

use super::{Recipe, RecipeError};
use crate::{PixelFormat, Region, Size, TileGrid};

/// Most bytes that a step in the middle of a recipe may need for one tile. A chain that first enlarges and then shrinks
/// needs little at both ends and anything in between.
pub const MAX_STEP_BYTES: u64 = 256 << 20;

/// What the largest tile of a job takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TileBytes {
    /// Bytes of its input region or of the tile itself, whichever is larger: what a record has to hold.
    pub record: u64,
    /// Bytes of the largest of all its steps.
    pub step: u64,
}

impl TileBytes {
    /// Of the largest tile when the result is cut into tiles of `tile` pixels.
    ///
    /// # Errors
    /// When the recipe has no result for an image of that size and format.
    pub fn largest(
        recipe: &Recipe,
        image: Size,
        format: PixelFormat,
        tile: u32,
    ) -> Result<Self, RecipeError> {
        let size = recipe.output_size(image)?;
        recipe.check(format)?;
        let grid = TileGrid::new(size, tile);
        let (columns, rows) = (grid.columns(), grid.rows());
        let mut largest = vec![Size::new(0, 0); recipe.steps().len() + 1];
        let mut look_at = |column: u32, row: u32| -> Result<(), RecipeError> {
            let tile = row
                .checked_mul(columns)
                .and_then(|first| first.checked_add(column));
            let Some(output) = tile.and_then(|tile| grid.region(tile)) else {
                return Ok(());
            };
            for (largest, (_, region)) in largest.iter_mut().zip(recipe.plan(image, output)?) {
                let Region { width, height, .. } = region;
                *largest = Size::new(largest.width.max(width), largest.height.max(height));
            }
            Ok(())
        };
        if recipe.is_separable() {
            // Width depends on the tile's column alone and height on its row alone (or the other way round after a quarter
            // turn). The first row and the first column of tiles therefore show every width and height.
            (0..columns).try_for_each(|column| look_at(column, 0))?;
            (0..rows).try_for_each(|row| look_at(0, row))?;
        } else {
            largest = recipe.widest(image, Size::new(tile, tile))?;
        }
        Ok(Self::of_steps(recipe, format, largest))
    }

    /// Of the part `output` of the result.
    ///
    /// # Errors
    /// When the recipe has no result for an image of that size and format, or `output` is not inside it.
    pub fn of_part(
        recipe: &Recipe,
        image: Size,
        format: PixelFormat,
        output: Region,
    ) -> Result<Self, RecipeError> {
        let plan = recipe.plan(image, output)?;
        recipe.check(format)?;
        let sizes = plan.into_iter().map(|(_, region)| region.size());
        Ok(Self::of_steps(recipe, format, sizes))
    }

    /// Of pixels of `sizes`: those of the input, then those that each step gives.
    fn of_steps(recipe: &Recipe, format: PixelFormat, sizes: impl IntoIterator<Item = Size>) -> Self {
        let mut bytes = sizes
            .into_iter()
            .zip(recipe.formats(format))
            .map(|(size, format)| size.pixels() * format.bytes_per_pixel() as u64);
        let input = bytes.next().unwrap_or(0);
        let (steps, output) = bytes.fold((input, input), |(largest, _), bytes| (largest.max(bytes), bytes));
        Self {
            record: input.max(output),
            step: steps,
        }
    }

    /// Whether a record of `max_record` bytes and [`MAX_STEP_BYTES`] are enough.
    pub fn fit(self, max_record: u64) -> bool {
        self.record <= max_record && self.step <= MAX_STEP_BYTES
    }
}

/// Why a job has no tile that fits.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum TileError {
    /// The recipe has no result for the image.
    #[error(transparent)]
    Recipe(#[from] RecipeError),
    /// A tile of one pixel needs more of the image than a record holds.
    #[error(
        "a single pixel of the result needs {needed} bytes of the image with this recipe, and a record holds at most {most}: \
         ask for a smaller radius or size"
    )]
    Record {
        /// Bytes that it needs.
        needed: u64,
        /// Bytes that a record holds.
        most: u64,
    },
    /// A tile of one pixel needs more memory in the middle of the recipe than a worker gives it.
    #[error(
        "a single pixel of the result needs {needed} bytes in the middle of this recipe, and a worker gives it at most \
         {MAX_STEP_BYTES}: ask for a smaller radius or size"
    )]
    Step {
        /// Bytes that it needs.
        needed: u64,
    },
}

/// The side of the tiles that a job gets: `wanted`, or the largest smaller one that [fits](TileBytes::fit) records of
/// `max_record` bytes, down to a single pixel.
///
/// Tiles are square. A smaller tile repeats more of its neighbours' input where a recipe has a halo, so the largest that
/// fits is also the one that repeats least; bands would repeat less of a wide halo, but cost more than they save in the
/// assembly and in the number of ways to cut.
///
/// # Errors
/// The recipe has no result for an image of that size, or not even a tile of one pixel fits.
pub fn fitting_tile(
    recipe: &Recipe,
    image: Size,
    format: PixelFormat,
    wanted: u32,
    max_record: u64,
) -> Result<u32, TileError> {
    let fits = |tile: u32| -> Result<bool, RecipeError> {
        Ok(TileBytes::largest(recipe, image, format, tile)?.fit(max_record))
    };
    let size = recipe.output_size(image)?;
    let wanted = wanted.max(1);
    if fits(wanted)? {
        return Ok(wanted);
    }
    // A tile larger than the result is the result.
    let (mut low, mut high) = (0, wanted.min(size.width.max(size.height)).max(1));
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if fits(middle)? {
            low = middle;
        } else {
            high = middle;
        }
    }
    // What a tile needs grows with its side but for the places where the grid happens to lie, so what was found is
    // looked at again, and a side that divides well is preferred.
    let even = low - low % 16;
    for tile in [even, low, low / 2, low / 4, 1] {
        if tile > 0 && fits(tile)? {
            return Ok(tile);
        }
    }
    let least = TileBytes::largest(recipe, image, format, 1)?;
    Err(if least.record > max_record {
        TileError::Record {
            needed: least.record,
            most: max_record,
        }
    } else {
        TileError::Step { needed: least.step }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(recipe: &Recipe, image: Size, format: PixelFormat, tile: u32) -> u64 {
        TileBytes::largest(recipe, image, format, tile).unwrap().record
    }

    #[test]
    fn the_halo_counts() {
        let image = Size::new(10_000, 10_000);
        let blur = Recipe::parse("blur:sigma=2").unwrap();
        // A halo of 8 on both sides.
        assert_eq!(record(&blur, image, PixelFormat::RGB8, 512), 528 * 528 * 3);
        let gray = Recipe::parse("grayscale").unwrap();
        assert_eq!(record(&gray, image, PixelFormat::RGB8, 512), 512 * 512 * 3);
    }

    #[test]
    fn a_fitting_tile_is_found_or_there_is_none() {
        let image = Size::new(10_000, 10_000);
        let blur = Recipe::parse("blur:sigma=100").unwrap();
        let fitting = |most| fitting_tile(&blur, image, PixelFormat::RGBA16, 512, most);
        let tile = fitting(10 << 20).unwrap();
        assert!(record(&blur, image, PixelFormat::RGBA16, tile) <= 10 << 20);
        // A tile of one pixel has the halo around it.
        let least = record(&blur, image, PixelFormat::RGBA16, 1);
        assert_eq!(fitting(least), Ok(1));
        assert_eq!(
            fitting(least - 1),
            Err(TileError::Record {
                needed: least,
                most: least - 1
            })
        );
        let gray = Recipe::parse("grayscale").unwrap();
        assert_eq!(
            fitting_tile(&gray, image, PixelFormat::RGBA16, 512, 10 << 20),
            Ok(512),
            "what fits is left as it was wanted"
        );
    }

    #[test]
    fn quarter_turns_are_measured_in_both_directions() {
        let recipe = Recipe::parse("blur:sigma=2|rotate_90").unwrap();
        assert_eq!(
            record(&recipe, Size::new(1000, 20), PixelFormat::GRAY8, 512),
            520 * 20
        );
    }

    #[test]
    fn a_turn_by_an_angle_is_measured_in_the_middle_of_the_image() {
        let recipe = Recipe::parse("rotate_by:angle=45").unwrap();
        let image = Size::new(8000, 8000);
        let bytes = record(&recipe, image, PixelFormat::GRAY8, 512);
        // The square around a tile that stands on its corner, with two pixels around it.
        let side = 512.0 * 2f64.sqrt();
        assert!(bytes as f64 >= side * side, "{bytes}");
        assert!(bytes as f64 <= (side + 6.0) * (side + 6.0), "{bytes}");
        let bytes = TileBytes::largest(&recipe, image, PixelFormat::GRAY8, 32).unwrap();
        let size = recipe.output_size(image).unwrap();
        for output in TileGrid::new(size, 32).regions().step_by(7) {
            let part = TileBytes::of_part(&recipe, image, PixelFormat::GRAY8, output).unwrap();
            assert!(part.record <= bytes.record, "{output}: {part:?} {bytes:?}");
        }
    }

    /// The picture shows in a single column of tiles, and a part of the result may need all of it.
    #[test]
    fn a_part_that_alone_shows_the_picture_is_measured() {
        for text in [
            "warp:a=10,c=-5120,e=5,width=60000,height=1024",
            "warp:a=3,b=0.5,c=-100,e=2,g=-0.0001,h=0.00005,width=9000,height=3000|blur:sigma=3|rotate_by:angle=20",
            "resize:width=700|warp:c=-3000,g=0.0003,width=8000,height=2000",
        ] {
            let recipe: Recipe = text.parse().unwrap();
            let image = Size::new(5120, 5120);
            let size = recipe.output_size(image).unwrap();
            for tile in [64, 512] {
                let largest = TileBytes::largest(&recipe, image, PixelFormat::RGB8, tile).unwrap();
                for output in TileGrid::new(size, tile).regions() {
                    let part = TileBytes::of_part(&recipe, image, PixelFormat::RGB8, output).unwrap();
                    assert!(
                        part.record <= largest.record && part.step <= largest.step,
                        "{text} {output}: {part:?} {largest:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn what_is_large_only_in_the_middle_of_a_chain_counts_in_its_own_format() {
        let image = Size::new(1024, 1024);
        let recipe: Recipe = "sepia|resize:width=90000,filter=nearest|resize:width=1024,filter=nearest"
            .parse()
            .unwrap();
        let bytes = TileBytes::largest(&recipe, image, PixelFormat::GRAY8, 512).unwrap();
        // 511 pixels of the result are about 511 · 90000 / 1024 of the enlarged image, three bytes each after sepia.
        assert!(bytes.step > 44_900 * 44_900 * 3, "{bytes:?}");
        assert!(bytes.record < 1 << 20, "{bytes:?}");
        assert!(!bytes.fit(10 << 20));
        let tile = fitting_tile(&recipe, image, PixelFormat::GRAY8, 512, 10 << 20).unwrap();
        assert!((16..188).contains(&tile), "{tile}");
    }
}
