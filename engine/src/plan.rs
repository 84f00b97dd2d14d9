//! What is fixed about a job while it is under way: its picture, its recipe, its grid.

use azulejo_imaging::{PixelFormat, Recipe, Region, Size, Statistic, TileGrid};
use azulejo_protocol::costs::Load;
use azulejo_protocol::{JobId, record};

/// Tiles that are looked at for their mean.
const LOOKED_AT: u32 = 16;

/// What a measuring pass is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Measure {
    /// The step of the recipe of the result, from 0 on, that needs it. No two passes of a job have the same.
    pub step: u32,
    /// What is measured of the pixels that the step gets.
    pub statistic: Statistic,
    /// Tiles of the job's result, which are rendered in the last pass.
    pub result_tiles: u32,
    /// Bytes of its pixels.
    pub result_bytes: u64,
}

/// The facts that scheduling needs of a job.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The job.
    pub job: JobId,
    /// Recipe of the tiles, with what turns the image upright in front; of a measuring pass the steps before the one that is measured.
    pub recipe: Recipe,
    /// How the result of `recipe` is cut.
    pub grid: TileGrid,
    /// What is measured of the result of `recipe`, in a measuring pass; `None` where its pixels are rendered.
    pub measure: Option<Measure>,
    /// Size of the image as it is stored in the file.
    pub stored_size: Size,
    /// Format of the decoded pixels.
    pub input_format: PixelFormat,
    /// Format of the result's pixels.
    pub output_format: PixelFormat,
    /// Kind of the file that came in: `png`, `jpeg`, ...
    pub kind: String,
}

impl Plan {
    /// The part of the input that `tile` needs, and its rectangle in the result; `None` when there is no such tile.
    pub fn regions(&self, tile: u32) -> Option<(Region, Region)> {
        let output = self.grid.region(tile)?;
        let region = self.recipe.input_region(self.stored_size, output).ok()?;
        Some((region, output))
    }

    /// The version of the record format that its tasks need.
    pub fn record_version(&self) -> u32 {
        if self.measure.is_some() {
            return record::LATEST;
        }
        record::version_for(self.input_format, &self.recipe)
    }

    /// Bytes that each step of the recipe works on for `tile`; `None` when there is no such tile.
    pub fn work(&self, tile: u32) -> Option<Vec<f64>> {
        let output = self.grid.region(tile)?;
        self.recipe.work(self.stored_size, self.input_format, output).ok()
    }

    /// The same for a tile on the mean, of which some are looked at.
    pub fn mean_work(&self) -> Vec<f64> {
        self.recipe
            .mean_work(self.stored_size, self.input_format, self.grid, LOOKED_AT)
            .unwrap_or_default()
    }

    /// The job as an estimate needs it, where each step works on so many bytes for a tile.
    pub fn load<'a>(&'a self, work: &'a [f64]) -> Load<'a> {
        Load {
            recipe: &self.recipe,
            work,
            tiles: self.grid.len(),
            bytes: self.source_bytes() as f64 + self.result_bytes() as f64,
            kind: &self.kind,
        }
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
