//! The promise: for every recipe, size, format and tile size, tiles give the bytes of the whole image.

mod common;
mod random;

use azulejo_imaging::{PixelFormat, Raster, Recipe, Region, Size, TileGrid, apply, measure, render};
use proptest::prelude::*;
use random::{format, image, recipe, size};

/// Mostly such that there are several tiles; odd sizes among them.
fn tile() -> impl Strategy<Value = u32> {
    prop_oneof![4 => 16..64u32, 2 => 64..300u32, 1 => 300..=1024u32]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn tiles_give_the_bytes_of_the_whole(
        recipe in recipe(), size in size(), format in format(), alpha in 0..3u8, tile in tile(),
    ) {
        let image = image(size, format, alpha);
        let result = recipe.output_size(size);
        prop_assume!(result.is_ok());
        let result = result.unwrap();
        prop_assume!(result.pixels() < 1_000_000);
        let whole = apply(&recipe, &image).unwrap();
        prop_assert_eq!(whole.size(), result);
        prop_assert_eq!(whole.format(), recipe.output_format(format));
        let recipe = measure(&recipe, &image).unwrap();
        for output in TileGrid::new(result, tile).regions() {
            let region = recipe.input_region(size, output).unwrap();
            prop_assert!(region.is_within(size));
            let pixels = render(&recipe, size, region, &image.crop(region).unwrap(), output).unwrap();
            prop_assert!(pixels == whole.crop(output).unwrap(), "{} on {} {}: tile {} differs", recipe, size, format, output);
        }
    }

    #[test]
    fn an_opaque_image_gives_the_bytes_of_the_same_without_alpha(recipe in recipe(), size in size(), sixteen: bool) {
        // What looks beyond the image is transparent there: the test below.
        prop_assume!(!recipe.steps().iter().any(|step| matches!(step.info().name, "rotate_by" | "warp")));
        let (rgb, rgba) = if sixteen { (PixelFormat::RGB16, PixelFormat::RGBA16) } else { (PixelFormat::RGB8, PixelFormat::RGBA8) };
        let image = common::noise_image(size, rgb);
        let (from, to) = (rgb.bytes_per_pixel(), rgba.bytes_per_pixel());
        let with_alpha = image.bytes().chunks_exact(from).flat_map(|pixel| {
            pixel.iter().copied().chain(std::iter::repeat_n(255, to - from))
        });
        let with_alpha = Raster::from_bytes(size, rgba, with_alpha.collect()).unwrap();
        let result = recipe.output_size(size);
        prop_assume!(result.is_ok());
        let result = result.unwrap();
        prop_assume!(result.pixels() < 1_000_000);
        let plain = apply(&recipe, &image).unwrap();
        let opaque = apply(&recipe, &with_alpha).unwrap();
        let (from, to) = (plain.format().bytes_per_pixel(), opaque.format().bytes_per_pixel());
        for (plain, opaque) in plain.bytes().chunks_exact(from).zip(opaque.bytes().chunks_exact(to)) {
            prop_assert_eq!(plain, &opaque[..from]);
            prop_assert!(opaque[from..].iter().all(|&byte| byte == 255));
        }
    }

    #[test]
    fn beyond_an_opaque_image_all_is_transparent_and_black_without_alpha(
        angle in -360..360i32, shear in -1.0..1.0f64, size in size(), sixteen: bool, smooth: bool, turn: bool,
    ) {
        let filter = if smooth { "bilinear" } else { "nearest" };
        let recipe = if turn {
            format!("rotate_by:angle={angle},filter={filter}")
        } else {
            format!("warp:b={shear},d={},c={angle},g={},filter={filter}", shear / 3.0, shear.abs() / 100.0)
        };
        let recipe: Recipe = recipe.parse().unwrap();
        let (rgb, rgba) = if sixteen { (PixelFormat::RGB16, PixelFormat::RGBA16) } else { (PixelFormat::RGB8, PixelFormat::RGBA8) };
        let image = common::noise_image(size, rgb);
        let (from, to) = (rgb.bytes_per_pixel(), rgba.bytes_per_pixel());
        let with_alpha = image.bytes().chunks_exact(from).flat_map(|pixel| {
            pixel.iter().copied().chain(std::iter::repeat_n(255, to - from))
        });
        let with_alpha = Raster::from_bytes(size, rgba, with_alpha.collect()).unwrap();
        let (plain, opaque) = (apply(&recipe, &image).unwrap(), apply(&recipe, &with_alpha).unwrap());
        for (plain, opaque) in plain.bytes().chunks_exact(from).zip(opaque.bytes().chunks_exact(to)) {
            prop_assert_eq!(plain, &opaque[..from]);
            let is_outside = opaque[from..].iter().all(|&byte| byte == 0);
            prop_assert!(is_outside || opaque[from..].iter().all(|&byte| byte == 255));
            prop_assert!(!is_outside || plain.iter().all(|&byte| byte == 0));
        }
    }

    #[test]
    fn gray_gives_the_bytes_of_the_same_stored_as_rgb(recipe in recipe(), size in size(), sixteen: bool) {
        let (gray, rgb) = if sixteen { (PixelFormat::GRAY16, PixelFormat::RGB16) } else { (PixelFormat::GRAY8, PixelFormat::RGB8) };
        let image = common::noise_image(size, gray);
        let from = gray.bytes_per_pixel();
        let tripled = image.bytes().chunks_exact(from).flat_map(|pixel| [pixel; 3].concat());
        let tripled = Raster::from_bytes(size, rgb, tripled.collect()).unwrap();
        prop_assume!(recipe.output_size(size).is_ok_and(|size| size.pixels() < 1_000_000));
        let from_gray = apply(&recipe, &image).unwrap();
        let from_rgb = apply(&recipe, &tripled).unwrap();
        let (one, other) = (from_gray.format(), from_rgb.format());
        let wide = one.depth.bytes();
        for (gray, rgb) in from_gray.bytes().chunks_exact(one.bytes_per_pixel()).zip(from_rgb.bytes().chunks_exact(other.bytes_per_pixel())) {
            for channel in 0..rgb.len() / wide {
                let at = if gray.len() == wide { 0 } else { channel * wide };
                prop_assert_eq!(&gray[at..at + wide], &rgb[channel * wide..][..wide], "{}", recipe);
            }
        }
    }

    #[test]
    fn canonical_text_round_trips(recipe in recipe()) {
        prop_assert_eq!(recipe.to_string().parse::<Recipe>().unwrap(), recipe);
    }

    #[test]
    fn any_text_parses_or_is_an_error(text in "(blur|crop|resize|[a-z]{0,9})?[:|,= ]?(sigma|width)?=?[-0-9.einf|:a-z]{0,12}") {
        if let Ok(recipe) = text.parse::<Recipe>() {
            prop_assert_eq!(recipe.to_string().parse::<Recipe>().unwrap(), recipe);
        }
    }

    #[test]
    fn regions_that_do_not_fit_are_errors_and_never_panics(
        recipe in recipe(), size in size(), format in format(),
        given in any::<(u32, u32, u8, u8)>(), asked in any::<(u32, u32, u32, u32)>(), small: bool,
    ) {
        let given_size = Size::new(u32::from(given.2).max(1), u32::from(given.3).max(1));
        let pixels = Raster::new(given_size, format).unwrap();
        let (x, y) = if small { (given.0 % 64, given.1 % 64) } else { (given.0, given.1) };
        let region = Region::new(x, y, given_size.width, given_size.height);
        let (asked_x, asked_y, width, height) = if small { (asked.0 % 64, asked.1 % 64, asked.2 % 64, asked.3 % 64) } else { asked };
        let output = Region::new(asked_x, asked_y, width, height);
        if let Ok(raster) = render(&recipe, size, region, &pixels, output) {
            prop_assert_eq!(raster.size(), output.size());
        }
    }
}
