//! What a job will cost before it is begun: tiles, bytes through Kafka, seconds.

use azulejo_imaging::{PixelFormat, Recipe, Size, TileGrid, fitting_tile};
use azulejo_protocol::health::IntakeLimits;
use azulejo_protocol::{Health, WorkerInfo};

/// Beyond so many tiles their regions are sampled, not summed.
const SUMMED: u32 = 4096;

/// The estimate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// Size of the result.
    pub output: Size,
    /// Tiles of the result.
    pub tiles: u32,
    /// Side of a tile, pixels, where the recipe needs smaller ones than the server makes otherwise.
    pub smaller: Option<u32>,
    /// Bytes of all tasks and results together.
    pub bytes: u64,
    /// Seconds until all tiles are done, where the rate is known.
    pub seconds: Option<f64>,
}

/// Estimates `recipe` on an image of size `input` and of `format`, cut into tiles as a server with these limits does;
/// `rate` is in tiles a second. The error is a sentence on why there would be no result.
pub fn estimate(
    recipe: &Recipe,
    input: Size,
    format: PixelFormat,
    limits: &IntakeLimits,
    rate: Option<f64>,
) -> Result<Estimate, String> {
    let output = recipe.output_size(input).map_err(|error| error.to_string())?;
    let tile = fitting_tile(recipe, input, format, limits.tile_size, limits.max_record_bytes)
        .map_err(|error| error.to_string())?;
    let (to_worker, back) = (
        format.bytes_per_pixel() as u64,
        recipe.output_format(format).bytes_per_pixel() as u64,
    );
    let grid = TileGrid::new(output, tile);
    let tiles = grid.len();
    let every = tiles.div_ceil(SUMMED).max(1);
    let mut bytes = 0;
    for region in (0..tiles)
        .step_by(every as usize)
        .filter_map(|index| grid.region(index))
    {
        let needed = recipe
            .input_region(input, region)
            .map_err(|error| error.to_string())?;
        bytes += needed.size().pixels() * to_worker + region.size().pixels() * back;
    }
    let bytes = u64::saturating_mul(bytes, u64::from(every));
    let seconds = rate
        .filter(|rate| *rate > 0.0)
        .map(|rate| f64::from(tiles) / rate);
    Ok(Estimate {
        output,
        tiles,
        smaller: (tile < limits.tile_size).then_some(tile),
        bytes,
        seconds,
    })
}

/// Tiles a second to expect: what is measured at the moment if jobs run, else what the workers' slots did before.
pub fn expected_rate(health: Option<&Health>, workers: &[WorkerInfo]) -> Option<f64> {
    let measured = health
        .map(|health| f64::from(health.tiles_per_second))
        .filter(|rate| *rate > 0.5);
    measured.or_else(|| {
        let by_slots: f64 = workers
            .iter()
            .filter(|worker| worker.status.is_live() && worker.avg_processing_time > 1e-6)
            .map(|worker| f64::from(worker.slots) / worker.avg_processing_time)
            .sum();
        let best: f64 = workers
            .iter()
            .filter(|worker| worker.status.is_live())
            .map(|worker| worker.rate_history.iter().copied().fold(0.0_f32, f32::max))
            .map(f64::from)
            .sum();
        // Slots never do nothing but render: what was reached before is the better guide where there is one.
        [best, by_slots].into_iter().find(|rate| *rate > 0.5)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: IntakeLimits = IntakeLimits {
        min_side: 1,
        max_side: 100_000,
        max_pixels: 1 << 40,
        max_bytes: 1 << 40,
        tile_size: 512,
        max_record_bytes: 10 << 20,
    };

    fn of(recipe: &str, width: u32, height: u32, format: PixelFormat) -> Result<Estimate, String> {
        let recipe = Recipe::parse(recipe).unwrap();
        estimate(&recipe, Size::new(width, height), format, &LIMITS, Some(2.0))
    }

    #[test]
    fn tiles_and_bytes_count_the_halo_and_the_format_of_the_result() {
        let plain = of("invert", 1024, 1024, PixelFormat::RGB8).unwrap();
        assert_eq!(
            (plain.tiles, plain.smaller, plain.bytes, plain.seconds),
            (4, None, 2 * 3 * 1024 * 1024, Some(2.0))
        );
        let gray = of("grayscale", 1024, 1024, PixelFormat::RGB8).unwrap();
        assert_eq!(gray.bytes, (3 + 1) * 1024 * 1024);
        let blur = of("blur:sigma=2", 1024, 1024, PixelFormat::RGB8).unwrap();
        assert!(blur.bytes > plain.bytes);
    }

    #[test]
    fn many_tiles_are_sampled() {
        let exact = 2 * 3 * 100_000 * 80_000_u64;
        let sampled = of("invert", 100_000, 80_000, PixelFormat::RGB8).unwrap().bytes;
        assert!(sampled.abs_diff(exact) < exact / 50, "{sampled} for {exact}");
    }

    #[test]
    fn tiles_are_as_small_as_the_recipe_needs_and_what_cannot_fit_says_so() {
        let shrunk = of("resize:width=1024,height=1024", 16384, 16384, PixelFormat::RGBA16).unwrap();
        let tile = shrunk.smaller.unwrap();
        assert!((16..512).contains(&tile), "{tile}");
        assert!(shrunk.tiles > 4);
        let chain = "resize:width=90000,filter=nearest|resize:width=1,height=1";
        let error = of(chain, 4096, 4096, PixelFormat::RGB8).unwrap_err();
        assert!(error.contains("a single pixel"), "{error}");
    }
}
