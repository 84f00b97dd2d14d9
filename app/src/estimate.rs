//! What a job will cost before it is begun: tiles, bytes through Kafka, seconds.

use azulejo_imaging::{PixelFormat, Recipe, Size, TileGrid, fitting_tile};
use azulejo_protocol::Costs;
use azulejo_protocol::costs::Load;
use azulejo_protocol::health::IntakeLimits;

/// Beyond so many tiles their regions are sampled, not summed.
const SUMMED: u32 = 4096;
/// Seconds that are not worth a word.
const SHORT: f64 = 1.0;

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
    /// Seconds that it takes when it has the fleet to itself, where that was measured.
    pub seconds: Option<f64>,
    /// Seconds that jobs under way still take, when there are some and that is known.
    pub ahead: Option<f64>,
}

/// Who will do it, and what they are known to need for it.
#[derive(Debug, Clone, Copy)]
pub struct Fleet<'a> {
    /// What was measured.
    pub costs: &'a Costs,
    /// Slots of live workers.
    pub slots: u32,
    /// Kind of the file: `png`.
    pub kind: &'a str,
    /// Seconds until the jobs under way are done.
    pub queue: Option<f64>,
}

/// Estimates `recipe` on an image of size `input` and of `format`, cut into tiles as a server with these limits does, for `fleet`.
/// The error is a sentence on why there would be no result.
pub fn estimate(
    recipe: &Recipe,
    input: Size,
    format: PixelFormat,
    limits: &IntakeLimits,
    fleet: &Fleet<'_>,
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
    let work = recipe
        .mean_work(input, format, grid, SUMMED)
        .map_err(|error| error.to_string())?;
    let load = Load {
        recipe,
        work: &work,
        tiles,
        bytes: input.pixels() as f64 * to_worker as f64 + output.pixels() as f64 * back as f64,
        kind: fleet.kind,
    };
    Ok(Estimate {
        output,
        tiles,
        smaller: (tile < limits.tile_size).then_some(tile),
        bytes,
        seconds: fleet.costs.seconds(&load, fleet.slots),
        ahead: fleet.queue.filter(|seconds| *seconds >= SHORT),
    })
}

#[cfg(test)]
mod tests {
    use azulejo_protocol::costs::Around;

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
        with(&recipe, Size::new(width, height), format, &Costs::default(), None)
    }

    fn with(
        recipe: &Recipe,
        size: Size,
        format: PixelFormat,
        costs: &Costs,
        queue: Option<f64>,
    ) -> Result<Estimate, String> {
        let fleet = Fleet {
            costs,
            slots: 4,
            kind: "png",
            queue,
        };
        estimate(recipe, size, format, &LIMITS, &fleet)
    }

    #[test]
    fn seconds_follow_from_what_was_measured_of_the_recipe_and_the_kind() {
        let around = Around {
            seconds: 1.0,
            seconds_per_megabyte: 0.1,
        };
        let costs = Costs {
            steps: [("invert".to_owned(), 40.0)].into(),
            around: [("png".to_owned(), around)].into(),
            ..Costs::default()
        };
        let invert = Recipe::parse("invert").unwrap();
        let seconds = |side: u32| {
            with(&invert, Size::new(side, side), PixelFormat::GRAY8, &costs, None)
                .unwrap()
                .seconds
                .unwrap()
        };
        // A megabyte has 40 ms of a slot, of which there are four, and 0.2 s around it: in and out.
        for side in [1024, 4096] {
            let megabytes = f64::from(side * side) / 1e6;
            let expected = 1.0 + megabytes * (0.01 + 0.2);
            assert!((seconds(side) / expected - 1.0).abs() < 0.01, "{}", seconds(side));
        }
        let blur = Recipe::parse("blur").unwrap();
        let unknown = with(&blur, Size::new(1024, 1024), PixelFormat::GRAY8, &costs, None).unwrap();
        assert_eq!(unknown.seconds, None, "nothing is known of a blur");
    }

    #[test]
    fn the_jobs_before_are_told_when_there_are_some() {
        let invert = Recipe::parse("invert").unwrap();
        let ahead = |queue| {
            let size = Size::new(1024, 1024);
            with(&invert, size, PixelFormat::RGB8, &Costs::default(), queue)
                .unwrap()
                .ahead
        };
        assert_eq!(
            (ahead(None), ahead(Some(0.2)), ahead(Some(40.0))),
            (None, None, Some(40.0))
        );
    }

    #[test]
    fn tiles_and_bytes_count_the_halo_and_the_format_of_the_result() {
        let plain = of("invert", 1024, 1024, PixelFormat::RGB8).unwrap();
        assert_eq!(
            (plain.tiles, plain.smaller, plain.bytes, plain.seconds),
            (4, None, 2 * 3 * 1024 * 1024, None)
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
