//! Any recipe on any size runs: there is a tile size with which every tile fits a record and a worker, or not even a single pixel
//! does.

#[allow(dead_code, reason = "each test program uses a part")]
mod common;
#[allow(dead_code, reason = "each test program uses a part")]
mod random;

use azulejo_imaging::{
    MAX_STEP_BYTES, PixelFormat, Recipe, Size, TileBytes, TileError, TileGrid, fitting_tile,
};
use proptest::prelude::*;
use random::{format, recipe};

/// From a pixel to as large as an image may be.
fn size() -> impl Strategy<Value = Size> {
    let side = || prop_oneof![1 => 1..64u32, 4 => 64..5000u32, 2 => 5000..65_535u32];
    (side(), side()).prop_map(|(width, height)| Size::new(width, height))
}

/// Bytes of a record: what the system has, and much less.
fn record() -> impl Strategy<Value = u64> {
    prop_oneof![3 => Just(10u64 << 20), 1 => 1_000..1_000_000u64]
}

/// Tiles of every row and column of a grid, or so many of them that a wrong one is met.
fn some(grid: &TileGrid) -> impl Iterator<Item = u32> {
    let length = grid.len();
    let every = (length / 200).max(1);
    (0..length).step_by(every as usize).chain([length - 1])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn every_tile_fits_or_no_pixel_does(recipe in recipe(), size in size(), format in format(), record in record()) {
        let result = recipe.output_size(size);
        prop_assume!(result.as_ref().is_ok_and(|result| result.pixels() < 2_000_000_000));
        let result = result.unwrap();
        let bytes = |size: Size, format: PixelFormat| size.pixels() * format.bytes_per_pixel() as u64;
        match fitting_tile(&recipe, size, format, 512, record) {
            Ok(tile) => {
                prop_assert!((1..=512).contains(&tile));
                let grid = TileGrid::new(result, tile);
                for index in some(&grid) {
                    let output = grid.region(index).unwrap();
                    let region = recipe.input_region(size, output).unwrap();
                    prop_assert!(bytes(region.size(), format) <= record, "{recipe} on {size}: {region} of {output}");
                    prop_assert!(bytes(output.size(), recipe.output_format(format)) <= record);
                    // What lies between two operations: what the first ones make of the image, as far as the last ones need it.
                    let text = recipe.to_string();
                    let steps: Vec<&str> = text.split('|').collect();
                    for cut in 1..steps.len() {
                        let first = Recipe::parse(&steps[..cut].join("|")).unwrap();
                        let last = Recipe::parse(&steps[cut..].join("|")).unwrap();
                        let between = last.input_region(first.output_size(size).unwrap(), output).unwrap();
                        prop_assert!(bytes(between.size(), first.output_format(format)) <= MAX_STEP_BYTES);
                    }
                }
            }
            Err(TileError::Record { needed, most }) => {
                prop_assert_eq!(most, record);
                let least = TileBytes::largest(&recipe, size, format, 1).unwrap();
                prop_assert!(needed == least.record && needed > record);
            }
            Err(TileError::Step { needed }) => {
                let least = TileBytes::largest(&recipe, size, format, 1).unwrap();
                prop_assert!(needed == least.step && needed > MAX_STEP_BYTES);
            }
            Err(TileError::Recipe(error)) => prop_assert!(false, "it has a result: {error}"),
        }
    }
}

#[test]
fn what_was_refused_at_the_default_settings_runs() {
    for (text, size, format) in [
        (
            "resize:width=1024,height=1024",
            Size::new(4096, 4096),
            PixelFormat::RGBA8,
        ),
        ("blur:sigma=100", Size::new(8192, 8192), PixelFormat::RGBA16),
    ] {
        let recipe = Recipe::parse(text).unwrap();
        let tile = fitting_tile(&recipe, size, format, 512, 10 << 20).unwrap();
        assert!((1..512).contains(&tile), "{text}: {tile}");
    }
}
