//! What a worker does with a task, wherever it is done: checked, then rendered.
//!
//! Everything a task says is checked before memory is taken for it: the recipe parses, the output lies in the
//! result's rectangle and fits a record, and the value holds the pixels that the output depends on. What fails, and
//! what panics, becomes an error in words.

use std::panic::{AssertUnwindSafe, catch_unwind};

use azulejo_imaging::{MAX_STEP_BYTES, PixelFormat, Raster, Recipe, TileBytes, render};

use super::TaskHeader;
use crate::topics::MAX_RECORD_BYTES;

/// Version of this program, named where a task asks for something that it does not know.
pub const PROGRAM: &str = env!("CARGO_PKG_VERSION");

/// A task after rendering.
#[derive(Debug)]
pub struct Rendering {
    /// The pixels of the output and their format, or why there are none.
    pub outcome: Result<(Vec<u8>, PixelFormat), String>,
    /// The input's memory, for the next task.
    pub spare: Option<Vec<u8>>,
}

impl TaskHeader {
    /// Reads the recipe and checks that the task asks for something that can be rendered from what it brings.
    ///
    /// # Errors
    /// A sentence that names what is wrong.
    pub fn check(&self) -> Result<Recipe, String> {
        let recipe: Recipe = self.recipe.parse().map_err(|error| {
            format!(
                "recipe '{}' is none for this worker of version {PROGRAM}: {error}",
                self.recipe
            )
        })?;
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
        let bytes = TileBytes::of_part(&recipe, self.image, self.format, self.output)
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
        Ok(recipe)
    }

    /// Renders the tile from `pixels`, those of `region`. Never panics: a panic in an operation is an error of this tile.
    pub fn render(&self, pixels: Vec<u8>) -> Rendering {
        let mut spare = None;
        let attempt = catch_unwind(AssertUnwindSafe(|| {
            let recipe = self.check()?;
            let input = Raster::from_bytes(self.region.size(), self.format, pixels)
                .map_err(|error| format!("pixels of region {}: {error}", self.region))?;
            let output = render(&recipe, self.image, self.region, &input, self.output)
                .map_err(|error| error.to_string())?;
            spare = Some(input.into_bytes());
            let format = output.format();
            Ok((output.into_bytes(), format))
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
