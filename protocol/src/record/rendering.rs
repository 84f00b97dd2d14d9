//! What a worker does with a task, wherever it is done: checked, then rendered, and measured where a statistic is wanted.
//!
//! Everything a task says is checked before memory is taken for it: the recipe parses, the output lies in the
//! result's rectangle and fits a record, and the value holds the pixels that the output depends on. What fails, and
//! what panics, becomes an error in words.

use std::panic::{AssertUnwindSafe, catch_unwind};

use azulejo_imaging::{Histogram, MAX_STEP_BYTES, PixelFormat, Raster, Recipe, Statistic, TileBytes, render};

use super::TaskHeader;
use crate::topics::MAX_RECORD_BYTES;

/// Version of this program, named where a task asks for something that it does not know.
pub const PROGRAM: &str = env!("CARGO_PKG_VERSION");

/// A task after rendering.
#[derive(Debug)]
pub struct Rendering {
    /// What was made, or why there is nothing.
    pub outcome: Result<Rendered, String>,
    /// The input's memory, for the next task.
    pub spare: Option<Vec<u8>>,
}

/// What a task asked for.
#[derive(Debug, PartialEq, Eq)]
pub struct Rendered {
    /// The pixels of the output, or their statistic.
    pub value: Vec<u8>,
    /// Format of the pixels.
    pub format: PixelFormat,
    /// What `value` says of the pixels; `None` where it is the pixels.
    pub statistic: Option<Statistic>,
}

impl TaskHeader {
    /// Reads the recipe and checks that the task asks for something that can be rendered from what it brings. Gives the recipe that
    /// leads to the pixels of the output, and what is to be measured of them.
    ///
    /// # Errors
    /// A sentence that names what is wrong.
    pub fn check(&self) -> Result<(Recipe, Option<Statistic>), String> {
        let (recipe, statistic) = self.wanted()?;
        self.check_bounds(&recipe)?;
        Ok((recipe, statistic))
    }

    fn wanted(&self) -> Result<(Recipe, Option<Statistic>), String> {
        let recipe: Recipe = self.recipe.parse().map_err(|error| {
            format!(
                "recipe '{}' is none for this worker of version {PROGRAM}: {error}",
                self.recipe
            )
        })?;
        let Some(measure) = self.measure else {
            return Ok((recipe, None));
        };
        let step = measure as usize;
        if recipe.unmeasured() != Some(step) {
            return Err(format!(
                "step {measure} of the recipe '{}' is not the first one that has to be measured",
                self.recipe
            ));
        }
        Ok((recipe.before(step), Some(recipe.statistic(step))))
    }

    fn check_bounds(&self, recipe: &Recipe) -> Result<(), String> {
        let size = recipe
            .output_size(self.image)
            .map_err(|error| error.to_string())?;
        if !self.output.is_within(size) {
            return Err(format!(
                "output {} is not within the result, which is {size}",
                self.output
            ));
        }
        let format = recipe.output_format(self.format);
        let bytes = self
            .output
            .size()
            .pixels()
            .saturating_mul(format.bytes_per_pixel() as u64);
        if bytes > MAX_RECORD_BYTES as u64 {
            return Err(format!(
                "output {} has {bytes} bytes, more than the {MAX_RECORD_BYTES} of a record: use smaller tiles",
                self.output
            ));
        }
        let bytes = TileBytes::of_part(recipe, self.image, self.format, self.output)
            .map_err(|error| error.to_string())?;
        if bytes.step > MAX_STEP_BYTES {
            return Err(format!(
                "output {} needs {} bytes in the middle of the recipe, more than the {MAX_STEP_BYTES} that a worker gives it",
                self.output, bytes.step
            ));
        }
        let needed = recipe
            .input_region(self.image, self.output)
            .map_err(|error| error.to_string())?;
        if !self.region.contains(needed) {
            return Err(format!(
                "region {} does not hold {needed}, which the output depends on",
                self.region
            ));
        }
        Ok(())
    }

    /// Renders the tile from `pixels`, those of `region`, and measures it where the task says so. Never panics: a panic in an operation
    /// is an error of this tile.
    pub fn render(&self, pixels: Vec<u8>) -> Rendering {
        let mut spare = None;
        let attempt = catch_unwind(AssertUnwindSafe(|| {
            let (recipe, statistic) = self.check()?;
            let input = Raster::from_bytes(self.region.size(), self.format, pixels)
                .map_err(|error| format!("pixels of region {}: {error}", self.region))?;
            let output = render(&recipe, self.image, self.region, &input, self.output)
                .map_err(|error| error.to_string())?;
            spare = Some(input.into_bytes());
            let format = output.format();
            let value = match statistic {
                Some(statistic) => Histogram::of(&output, recipe.no_data(), statistic).to_bytes(),
                None => output.into_bytes(),
            };
            Ok(Rendered {
                value,
                format,
                statistic,
            })
        }));
        let outcome =
            attempt.unwrap_or_else(|panic| Err(format!("the operation panicked: {}", message(&*panic))));
        Rendering { outcome, spare }
    }
}

fn message(panic: &(dyn std::any::Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}
