//! What is fixed about a job while it is under way: its picture, its recipe, its grid.

use azulejo_imaging::{PixelFormat, Recipe, Region, Size, TileGrid};
use azulejo_protocol::JobId;

/// The facts that scheduling needs of a job.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The job.
    pub job: JobId,
    /// Recipe of the tiles, with what turns the image upright in front.
    pub recipe: Recipe,
    /// How the result is cut.
    pub grid: TileGrid,
    /// Size of the image as it is stored in the file.
    pub stored_size: Size,
    /// Format of the decoded pixels.
    pub input_format: PixelFormat,
    /// Format of the result's pixels.
    pub output_format: PixelFormat,
}

impl Plan {
    /// The part of the input that `tile` needs, and its rectangle in the result; `None` when there is no such tile.
    pub fn regions(&self, tile: u32) -> Option<(Region, Region)> {
        let output = self.grid.region(tile)?;
        let region = self.recipe.input_region(self.stored_size, output).ok()?;
        Some((region, output))
    }

    /// Bytes of the pixels of `region` of the input.
    pub fn input_bytes(&self, region: Region) -> u64 {
        region
            .size()
            .pixels()
            .saturating_mul(self.input_format.bytes_per_pixel() as u64)
    }

    /// Bytes of the decoded input.
    pub fn source_bytes(&self) -> u64 {
        self.stored_size
            .pixels()
            .saturating_mul(self.input_format.bytes_per_pixel() as u64)
    }

    /// Bytes of the result's pixels.
    pub fn result_bytes(&self) -> u64 {
        self.grid
            .size()
            .pixels()
            .saturating_mul(self.output_format.bytes_per_pixel() as u64)
    }
}
