//! What a job will cost before it is begun: tiles, bytes through Kafka, seconds.

use azulejo_imaging::{Recipe, Size, TileGrid};
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
    /// Bytes of all tasks and results together.
    pub bytes: u64,
    /// Seconds until all tiles are done, where the rate is known.
    pub seconds: Option<f64>,
}

/// Estimates `recipe` on an image of size `input` with `bytes_per_pixel`, cut into tiles of `tile` pixels; `rate` is
/// in tiles a second. The error is a sentence on why there would be no result.
pub fn estimate(
    recipe: &Recipe,
    input: Size,
    bytes_per_pixel: u64,
    tile: u32,
    rate: Option<f64>,
) -> Result<Estimate, String> {
    let output = recipe.output_size(input).map_err(|error| error.to_string())?;
    let grid = TileGrid::new(output, tile);
    let tiles = grid.len();
    let every = tiles.div_ceil(SUMMED).max(1);
    let mut pixels = 0;
    for region in (0..tiles)
        .step_by(every as usize)
        .filter_map(|index| grid.region(index))
    {
        let needed = recipe
            .input_region(input, region)
            .map_err(|error| error.to_string())?;
        pixels += needed.size().pixels() + region.size().pixels();
    }
    let bytes = pixels
        .saturating_mul(u64::from(every))
        .saturating_mul(bytes_per_pixel);
    let seconds = rate
        .filter(|rate| *rate > 0.0)
        .map(|rate| f64::from(tiles) / rate);
    Ok(Estimate {
        output,
        tiles,
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

    #[test]
    fn tiles_and_bytes_count_the_halo() {
        let gray = Recipe::parse("grayscale").unwrap();
        let plain = estimate(&gray, Size::new(1024, 1024), 3, 512, Some(2.0)).unwrap();
        assert_eq!(
            (plain.tiles, plain.bytes, plain.seconds),
            (4, 2 * 3 * 1024 * 1024, Some(2.0))
        );
        let blur = Recipe::parse("blur:sigma=2").unwrap();
        assert!(
            estimate(&blur, Size::new(1024, 1024), 3, 512, None)
                .unwrap()
                .bytes
                > plain.bytes
        );
    }

    #[test]
    fn many_tiles_are_sampled() {
        let gray = Recipe::parse("grayscale").unwrap();
        let exact = 2 * 3 * 100_000 * 80_000_u64;
        let sampled = estimate(&gray, Size::new(100_000, 80_000), 3, 512, None)
            .unwrap()
            .bytes;
        assert!(sampled.abs_diff(exact) < exact / 50, "{sampled} for {exact}");
    }
}
