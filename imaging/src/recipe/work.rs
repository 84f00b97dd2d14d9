//! How much a recipe has to do for a tile: the bytes that each of its steps works on, and what a byte of it typically costs.

use super::{Recipe, RecipeError, Step};
use crate::{PixelFormat, Region, Size, TileGrid};

impl Recipe {
    /// Bytes that each step works on for the region `output` of the result: those that it reads or those that it gives, whichever
    /// are more. `image` and `format` are those of the input.
    ///
    /// # Errors
    /// When a step cannot give a result, or `output` is not inside the result.
    pub fn work(&self, image: Size, format: PixelFormat, output: Region) -> Result<Vec<f64>, RecipeError> {
        let bytes: Vec<f64> = self
            .plan(image, output)?
            .into_iter()
            .zip(self.formats(format))
            .map(|((_, region), format)| region.size().pixels() as f64 * format.bytes_per_pixel() as f64)
            .collect();
        Ok(bytes.windows(2).map(|ends| ends[0].max(ends[1])).collect())
    }

    /// The mean of [`Recipe::work`] over the tiles of `grid`, of which at most `most` are looked at.
    ///
    /// # Errors
    /// When a step cannot give a result for an image of that size.
    pub fn mean_work(
        &self,
        image: Size,
        format: PixelFormat,
        grid: TileGrid,
        most: u32,
    ) -> Result<Vec<f64>, RecipeError> {
        let every = grid.len().div_ceil(most.max(1)).max(1);
        let mut sums = vec![0.0; self.steps().len()];
        let mut tiles = 0.0;
        for region in (0..grid.len())
            .step_by(every as usize)
            .filter_map(|tile| grid.region(tile))
        {
            for (sum, bytes) in sums.iter_mut().zip(self.work(image, format, region)?) {
                *sum += bytes;
            }
            tiles += 1.0;
        }
        Ok(sums.into_iter().map(|sum| sum / f64::max(tiles, 1.0)).collect())
    }
}

impl Step {
    /// What a million bytes (see [`Recipe::work`]) of this step typically cost one core, milliseconds: a guess from the parameters,
    /// to be corrected by what is measured.
    pub fn typical_cost(&self) -> f64 {
        let number = |name: &str| {
            let mut parameters = self.parameters();
            parameters
                .find(|(parameter, _)| *parameter == name)
                .and_then(|(_, value)| value.as_f64())
                .unwrap_or(0.0)
        };
        match self.info().name {
            // Six taps for a sigma, in two passes.
            "blur" => 0.15 + 0.27 * number("sigma"),
            "unsharp" => 0.5 + 0.3 * number("sigma"),
            "bilateral" => 25.0 * number("sigma_space").powi(2),
            "median" => 0.5 * (2.0 * number("radius") + 1.0).powi(3),
            "edge_detection" | "emboss" | "laplacian" | "prewitt" | "scharr" => 0.7,
            "sharpen" => 0.4,
            "rotate_90" | "rotate_270" => 0.55,
            "box_blur" | "erode" | "dilate" | "resize" | "saturation" | "sepia" => 1.0,
            "adaptive_threshold" => 1.5,
            "noise" => 10.0,
            "rotate_by" | "warp" => 6.0,
            "gradient" => 2.0,
            // Two passes over squares, and a difference at most.
            "open" | "close" | "tophat" | "blackhat" => 2.2,
            // What reads and writes each pixel once waits for memory.
            _ => 0.15,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operations::operations;

    #[test]
    fn each_step_counts_what_is_more_of_what_it_reads_and_gives() {
        let recipe =
            Recipe::parse("blur:sigma=2|grayscale|resize:width=50,height=50,filter=nearest").unwrap();
        let image = Size::new(100, 100);
        let whole = Region::new(0, 0, 50, 50);
        let work = recipe.work(image, PixelFormat::RGB8, whole).unwrap();
        // The last step needs 99 pixels a side, of one byte; those before it read three bytes a pixel, and the blur a pixel more.
        assert_eq!(work, [30_000.0, 29_403.0, 9_801.0]);
    }

    #[test]
    fn the_mean_over_some_tiles_is_that_over_all() {
        let recipe = Recipe::parse("blur:sigma=3").unwrap();
        let (image, format) = (Size::new(3000, 2000), PixelFormat::RGB8);
        let grid = TileGrid::new(image, 64);
        let all = recipe.mean_work(image, format, grid, u32::MAX).unwrap();
        let some = recipe.mean_work(image, format, grid, 100).unwrap();
        assert!((some[0] / all[0] - 1.0).abs() < 0.1, "{some:?} {all:?}");
    }

    #[test]
    fn every_operation_has_a_typical_cost_that_grows_with_its_radius() {
        for info in operations() {
            let text = match info.name {
                "crop" => "crop:x=0,y=0,width=5,height=5".to_owned(),
                "resize" => "resize:width=5".to_owned(),
                name => name.to_owned(),
            };
            let recipe = Recipe::parse(&text).unwrap();
            let cost = recipe.steps()[0].typical_cost();
            assert!((0.01..1000.0).contains(&cost), "{}: {cost}", info.name);
        }
        let cost = |text: &str| Recipe::parse(text).unwrap().steps()[0].typical_cost();
        assert!(cost("blur:sigma=20") > 5.0 * cost("blur:sigma=2"));
        assert!(cost("median:radius=5") > 20.0 * cost("median:radius=1"));
    }
}
