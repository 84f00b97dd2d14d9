//! Measurements: samples that are no intensities, bands that are no colours, and samples without data.

#[path = "../common/mod.rs"]
mod common;
#[path = "../random/mod.rs"]
#[allow(dead_code, reason = "other tests use the rest of it")]
mod random;

mod no_data;
mod pictures;

use azulejo_imaging::{
    Channels, PixelFormat, Raster, Recipe, Region, Size, TileGrid, apply, measure, operations, render,
};
use pictures::{format, format_of, formats, hole, measured};
use proptest::prelude::*;
use random::{recipe, size};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn tiles_give_the_bytes_of_the_whole(
        recipe in recipe(), size in size(), format in format(), tile in 16..200u32, declared: bool,
    ) {
        prop_assume!(recipe.check(format).is_ok());
        let hole = hole(format.depth);
        let recipe = if declared { recipe.with_no_data(hole) } else { recipe };
        let image = measured(size, format, hole);
        let result = recipe.output_size(size);
        prop_assume!(result.is_ok());
        let result = result.unwrap();
        prop_assume!(result.pixels() < 100_000);
        let whole = apply(&recipe, &image).unwrap();
        prop_assert_eq!(whole.format(), recipe.output_format(format));
        let recipe = measure(&recipe, &image).unwrap();
        for output in TileGrid::new(result, tile).regions() {
            let region = recipe.input_region(size, output).unwrap();
            let pixels = render(&recipe, size, region, &image.crop(region).unwrap(), output).unwrap();
            prop_assert!(pixels == whole.crop(output).unwrap(), "{} on {} {}: tile {} differs", recipe, size, format, output);
        }
    }

    #[test]
    fn each_band_is_what_it_is_alone(recipe in recipe(), size in size(), format in format(), declared: bool) {
        prop_assume!(matches!(format.channels, Channels::Bands(_)) && recipe.check(format).is_ok());
        prop_assume!(recipe.output_size(size).is_ok_and(|size| size.pixels() < 50_000));
        let hole = hole(format.depth);
        let recipe = if declared { recipe.with_no_data(hole) } else { recipe };
        let image = measured(size, format, hole);
        let whole = apply(&recipe, &image).unwrap();
        let wide = format.depth.bytes();
        let gray = PixelFormat { channels: Channels::Gray, ..format };
        let band = |raster: &Raster, band: usize| -> Vec<u8> {
            let pixels = raster.bytes().chunks_exact(raster.format().bytes_per_pixel());
            pixels.flat_map(|pixel| &pixel[band * wide..][..wide]).copied().collect()
        };
        for index in 0..format.channels.count() {
            let alone = Raster::from_bytes(size, gray, band(&image, index)).unwrap();
            let alone = apply(&recipe, &alone).unwrap();
            prop_assert!(alone.bytes() == band(&whole, index), "{} on {} {}", recipe, size, format);
        }
    }
}

#[test]
fn every_operation_takes_a_measurement_or_says_what_it_needs() {
    let size = Size::new(23, 17);
    let mut refused = Vec::new();
    for format in formats() {
        for info in operations() {
            let recipe: Recipe = match info.name {
                "resize" => "resize:width=9".parse(),
                "crop" => "crop:x=3,y=2".parse(),
                name => name.parse(),
            }
            .unwrap();
            let image = measured(size, format, 1.0);
            match recipe.check(format) {
                Ok(()) => assert_eq!(
                    apply(&recipe, &image).unwrap().format(),
                    recipe.output_format(format)
                ),
                Err(error) => {
                    assert!(format.is_measurement(), "{error}");
                    assert_eq!(apply(&recipe, &image).unwrap_err().to_string(), error.to_string());
                    refused.push(error.to_string());
                }
            }
        }
    }
    assert!(refused.contains(
        &"brightness needs samples of 8 or 16 bit without a sign, whose range is known, and the image has gray floating point 32 bit"
            .to_owned()
    ));
    assert!(
        refused.contains(
            &"grayscale needs gray or RGB of 8 or 16 bit without a sign, and the image has 5 bands 16 bit"
                .to_owned()
        )
    );
    // Those on places and neighbours take everything.
    let spatial = [
        "blur",
        "box_blur",
        "sharpen",
        "unsharp",
        "median",
        "erode",
        "dilate",
        "emboss",
        "open",
        "close",
        "gradient",
        "tophat",
        "blackhat",
        "resize",
        "crop",
        "rotate_90",
        "rotate_by",
        "warp",
    ];
    for name in spatial {
        assert!(!refused.iter().any(|text| text.starts_with(name)), "{name}");
    }
}

#[test]
fn a_threshold_of_unsharp_needs_full_intensity() {
    let recipe: Recipe = "blur|unsharp:threshold=0.1".parse().unwrap();
    let error = recipe.check(format_of("gray-f32le")).unwrap_err().to_string();
    assert!(error.starts_with("unsharp needs a threshold of 0"), "{error}");
    assert_eq!(recipe.check(PixelFormat::GRAY16), Ok(()));
}

#[test]
fn a_region_that_only_moves_pixels_moves_every_bit() {
    let size = Size::new(70, 65);
    for format in formats() {
        let image = common::noise_image(size, format);
        // Four that undo each other, and three.
        let recipe: Recipe = "rotate_90|flip_horizontal|rotate_90|flip_horizontal|flip_vertical|rotate_180|flip_horizontal|rotate_270|rotate_90"
            .parse()
            .unwrap();
        assert!(apply(&recipe, &image).unwrap() == image, "{format}");
        let cropped = apply(&"crop:x=3,y=5,width=9,height=7".parse().unwrap(), &image).unwrap();
        assert_eq!(cropped, image.crop(Region::new(3, 5, 9, 7)).unwrap());
    }
}
