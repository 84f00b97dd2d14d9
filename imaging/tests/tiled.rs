//! The promise: for every recipe, size, format and tile size, tiles give the bytes of the whole image.

mod common;

use azulejo_imaging::{
    ParameterKind, PixelFormat, Raster, Recipe, Region, Size, TileGrid, Value, apply, operations, render,
};
use proptest::prelude::*;

/// Any operation with any parameters that are quick enough to test.
fn step() -> impl Strategy<Value = String> {
    (0..operations().len(), proptest::collection::vec(0.0..=1.0f64, 4)).prop_map(|(index, positions)| {
        let info = operations()[index];
        let parameters = info
            .parameters
            .iter()
            .zip(positions)
            .map(|(parameter, position)| {
                // Squared, so that small values are more frequent; a large radius on a small image shows nothing new.
                let number = parameter.min
                    + (parameter.max.min(parameter.min + 64.0) - parameter.min) * position * position;
                let value = match parameter.kind {
                    ParameterKind::Number => Value::Number((number * 100.0).round() / 100.0),
                    ParameterKind::Integer => Value::Integer(number as i64),
                    ParameterKind::Choice(words) => {
                        Value::Choice(words[(number.round() as usize).min(words.len() - 1)])
                    }
                };
                format!("{}={value}", parameter.name)
            });
        let parameters: Vec<String> = parameters.collect();
        if parameters.is_empty() {
            info.name.to_owned()
        } else {
            format!("{}:{}", info.name, parameters.join(","))
        }
    })
}

fn recipe() -> impl Strategy<Value = Recipe> {
    proptest::collection::vec(step(), 1..=4).prop_map(|steps| steps.join("|").parse().unwrap())
}

fn format() -> impl Strategy<Value = PixelFormat> {
    proptest::sample::select(PixelFormat::ALL.to_vec())
}

fn size() -> impl Strategy<Value = Size> {
    let side = || prop_oneof![1..4u32, 1..100u32];
    (side(), side()).prop_map(|(width, height)| Size::new(width, height))
}

/// Noise, with alpha sometimes full, sometimes absent in places.
fn image(size: Size, format: PixelFormat, alpha: u8) -> Raster {
    let mut image = common::noise_image(size, format);
    if format.channels.has_alpha() {
        let pixel = format.bytes_per_pixel();
        let sample = format.depth.bytes();
        for (index, bytes) in image.bytes_mut().chunks_exact_mut(pixel).enumerate() {
            match alpha {
                0 => bytes[pixel - sample..].fill(255),
                1 if index % 7 < 4 => bytes[pixel - sample..].fill(0),
                _ => {}
            }
        }
    }
    image
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn tiles_give_the_bytes_of_the_whole(
        recipe in recipe(), size in size(), format in format(), alpha in 0..3u8, tile in 16..130u32,
    ) {
        let image = image(size, format, alpha);
        let result = recipe.output_size(size);
        prop_assume!(result.is_ok());
        let result = result.unwrap();
        prop_assume!(result.pixels() < 1_000_000);
        let whole = apply(&recipe, &image).unwrap();
        prop_assert_eq!(whole.size(), result);
        prop_assert_eq!(whole.format(), recipe.output_format(format));
        for output in TileGrid::new(result, tile).regions() {
            let region = recipe.input_region(size, output).unwrap();
            prop_assert!(region.is_within(size));
            let pixels = render(&recipe, size, region, &image.crop(region).unwrap(), output).unwrap();
            prop_assert!(pixels == whole.crop(output).unwrap(), "{} on {} {}: tile {} differs", recipe, size, format, output);
        }
    }

    #[test]
    fn an_opaque_image_gives_the_bytes_of_the_same_without_alpha(recipe in recipe(), size in size(), sixteen: bool) {
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
