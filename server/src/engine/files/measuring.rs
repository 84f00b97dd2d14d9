//! What has to be measured of an image before the tiles of a job can be rendered.
//!
//! A recipe with a step such as `equalize` needs a statistic of the whole image that the step gets. Each such step is a pass of its own
//! over tiles: those of the image that the steps before it make. Workers answer with a [`Histogram`] of a tile instead of its
//! pixels; [`super::merge`] adds them up, and the recipe knows its numbers from then on.

use azulejo_imaging::{Histogram, PixelFormat, Recipe, RecipeError, Statistic, TileGrid};
use azulejo_protocol::ApiError;

use crate::engine::store::jobs::JobRow;

/// One step that is to be measured.
#[derive(Debug, Clone)]
pub struct Measuring {
    /// Which step of the recipe of the result.
    pub step: u32,
    /// The steps before it.
    pub recipe: Recipe,
    /// What is measured of their result.
    pub statistic: Statistic,
    /// How their result is cut.
    pub grid: TileGrid,
    /// Format of its pixels.
    pub format: PixelFormat,
}

impl Measuring {
    /// The first step of `recipe`, that of the job `row`, that is not measured.
    ///
    /// # Errors
    /// The steps before it have no result.
    pub fn first(recipe: &Recipe, row: &JobRow) -> Result<Option<Self>, RecipeError> {
        let Some(step) = recipe.unmeasured() else {
            return Ok(None);
        };
        let before = recipe.before(step);
        Ok(Some(Self {
            step: step as u32,
            statistic: recipe.statistic(step),
            grid: TileGrid::new(before.output_size(row.stored_size)?, row.measure_tile),
            format: before.output_format(row.input_format),
            recipe: before,
        }))
    }

    /// Whether `value` is the statistic of a part of so many `pixels`; it is given.
    ///
    /// # Errors
    /// A sentence that says why it is none.
    pub fn read(&self, value: &[u8], pixels: u64) -> Result<Histogram, String> {
        Histogram::from_bytes(value, self.format, self.statistic, pixels).map_err(|error| error.to_string())
    }

    /// Most bytes of the statistic of a tile.
    pub fn most_bytes(&self) -> usize {
        let tile = u64::from(self.grid.tile());
        Histogram::max_bytes(self.format, self.statistic, tile * tile)
    }
}

/// For each step of `recipe` that has to be measured: the steps before it.
pub fn befores(recipe: &Recipe) -> Vec<Recipe> {
    (0..recipe.steps().len())
        .filter(|step| recipe.steps()[*step].is_unmeasured())
        .map(|step| recipe.before(step))
        .collect()
}

/// The side of the tiles that are measured, which `fitting` gives for each of `befores`; 0 where nothing is measured.
///
/// # Errors
/// The first of `fitting`.
pub fn tile(befores: &[Recipe], fitting: impl Fn(&Recipe) -> Result<u32, ApiError>) -> Result<u32, ApiError> {
    let sides: Result<Vec<u32>, ApiError> = befores.iter().map(fitting).collect();
    Ok(sides?.into_iter().min().unwrap_or(0))
}
