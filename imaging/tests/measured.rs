//! Measurements: samples that are no intensities, bands that are no colours, and samples without data.

mod common;
#[allow(dead_code, reason = "other tests use the rest of it")]
mod random;

use azulejo_imaging::{
    Channels, Depth, PixelFormat, Raster, Recipe, Region, Size, TileGrid, apply, measure, operations, render,
};
use proptest::prelude::*;
use random::{recipe, size};

fn format_of(text: &str) -> PixelFormat {
    text.parse().unwrap()
}

/// Every kind of number, in one band and in several; and intensities, of which some may have no data.
fn formats() -> Vec<PixelFormat> {
    let channels = [1, 2, 3, 5].map(|count| Channels::without_colour(count).unwrap());
    let channels = channels.into_iter().chain([Channels::Rgb]);
    channels
        .flat_map(|channels| Depth::ALL.map(|depth| PixelFormat { channels, depth }))
        .collect()
}

fn format() -> impl Strategy<Value = PixelFormat> {
    proptest::sample::select(formats())
}

/// The samples of a raster as numbers.
fn numbers(raster: &Raster) -> Vec<f64> {
    let depth = raster.format().depth;
    raster
        .bytes()
        .chunks_exact(depth.bytes())
        .map(|bytes| match (depth, bytes) {
            (Depth::Eight, [a]) => f64::from(*a),
            (Depth::Sixteen, [a, b]) => f64::from(u16::from_le_bytes([*a, *b])),
            (Depth::SignedSixteen, [a, b]) => f64::from(i16::from_le_bytes([*a, *b])),
            (Depth::ThirtyTwo, [a, b, c, d]) => f64::from(u32::from_le_bytes([*a, *b, *c, *d])),
            (Depth::Float, [a, b, c, d]) => f64::from(f32::from_le_bytes([*a, *b, *c, *d])),
            other => panic!("{other:?}"),
        })
        .collect()
}

/// A raster of these numbers, which the format holds.
fn raster(size: Size, format: PixelFormat, numbers: impl Iterator<Item = f64>) -> Raster {
    let bytes = numbers.flat_map(|number| match format.depth {
        Depth::Eight => vec![number as u8],
        Depth::Sixteen => (number as u16).to_le_bytes().to_vec(),
        Depth::SignedSixteen => (number as i16).to_le_bytes().to_vec(),
        Depth::ThirtyTwo => (number as u32).to_le_bytes().to_vec(),
        Depth::Float => (number as f32).to_le_bytes().to_vec(),
    });
    Raster::from_bytes(size, format, bytes.collect()).unwrap()
}

/// Numbers of all sizes with holes: `hole` stands for no data.
fn measured(size: Size, format: PixelFormat, hole: f64) -> Raster {
    let count = size.pixels() * format.channels.count() as u64;
    let mut state = 7u32;
    let numbers = (0..count).map(|index| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let (noise, is_hole) = (state >> 8, (index / 7) % 5 == 0 || state >> 28 == 3);
        match (is_hole, format.depth) {
            (true, _) => hole,
            (_, Depth::Eight) => f64::from(noise % 256),
            (_, Depth::Sixteen) => f64::from(noise % 65536),
            (_, Depth::SignedSixteen) => f64::from(noise % 65536) - 32768.0,
            (_, Depth::ThirtyTwo) => f64::from(noise) * 256.0,
            (_, Depth::Float) => (f64::from(noise) - 8e6) * f64::from(1 + state % 3) / 777.0,
        }
    });
    raster(size, format, numbers)
}

/// What stands for no data in these tests.
fn hole(depth: Depth) -> f64 {
    match depth {
        Depth::Eight => 0.0,
        Depth::Sixteen => 65535.0,
        Depth::SignedSixteen => -9999.0,
        Depth::ThirtyTwo => 4_294_967_295.0,
        Depth::Float => f64::from(-3.402_823_5e38_f32),
    }
}

/// Those that keep the place and size of every pixel, with parameters.
const IN_PLACE: [&str; 11] = [
    "blur:sigma=1.5",
    "box_blur:radius=2",
    "median:radius=1",
    "median:radius=2",
    "erode:radius=2",
    "dilate:radius=1",
    "sharpen:amount=0.7",
    "unsharp:sigma=1",
    "emboss",
    "open:radius=2",
    "close:radius=1",
];

/// The same, of differences: what is even becomes nothing.
const DIFFERENCES: [&str; 7] = [
    "edge_detection",
    "gradient:radius=1",
    "tophat:radius=2",
    "blackhat:radius=2",
    "scharr",
    "prewitt",
    "laplacian",
];

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
fn no_data_stays_and_counts_nowhere() {
    let size = Size::new(40, 31);
    for format in formats() {
        let value = hole(format.depth);
        let image = measured(size, format, value);
        // The same with another number in the holes, which no sample has.
        let other = match format.depth {
            Depth::Float => f64::from(1e30_f32),
            _ => 77.0,
        };
        let swapped = numbers(&image).into_iter().map(|number| match number {
            number if number == value => other,
            number if number == other => number + 1.0,
            number => number,
        });
        let swapped = raster(size, format, swapped);
        let image = numbers(&swapped)
            .into_iter()
            .map(|number| if number == other { value } else { number });
        let image = raster(size, format, image);
        for text in IN_PLACE.into_iter().chain(DIFFERENCES) {
            let recipe: Recipe = text.parse().unwrap();
            // The luma of colours is another picture.
            if format.channels == Channels::Rgb && recipe.output_format(format) != format {
                continue;
            }
            let result = numbers(&apply(&recipe.with_no_data(value), &image).unwrap());
            let again = numbers(&apply(&recipe.with_no_data(other), &swapped).unwrap());
            for (index, before) in numbers(&image).into_iter().enumerate() {
                let (after, again) = (result[index], again[index]);
                if before == value {
                    assert_eq!((after, again), (value, other), "{text} {format}: no data changed");
                } else {
                    assert_ne!(after, value, "{text} {format}: data was lost");
                    // One of the two may have had to make way for the number that stands for no data.
                    let is_near =
                        (after - again).abs() <= if format.depth == Depth::Float { 0.0 } else { 1.0 };
                    assert!(is_near, "{text} {format}: {after} and {again}");
                }
            }
        }
    }
}

#[test]
fn the_mean_of_what_is_the_same_is_the_same_beside_a_hole() {
    let size = Size::new(30, 20);
    for name in [
        "gray8",
        "gray16le",
        "gray-i16le",
        "gray-u32le",
        "gray-f32le",
        "bands3-f32le",
    ] {
        let format = format_of(name);
        let count = size.pixels() as usize * format.channels.count();
        let numbers_of = |index: usize| if index % 11 < 4 { 250.0 } else { 100.0 };
        let image = raster(size, format, (0..count).map(numbers_of));
        for text in IN_PLACE.into_iter().chain([
            "resize:width=13",
            "resize:width=61,filter=bilinear",
            "rotate_by:angle=33",
            "rotate_by:angle=33,filter=nearest",
            "warp:a=0.7,b=0.3,c=-5,g=0.004,h=0.002",
        ]) {
            let recipe = text.parse::<Recipe>().unwrap().with_no_data(250.0);
            for number in numbers(&apply(&recipe, &image).unwrap()) {
                assert!(number == 100.0 || number == 250.0, "{text} {name}: {number}");
            }
        }
    }
}

#[test]
fn what_is_not_a_number_has_no_data_unsaid() {
    let format = format_of("gray-f32le");
    let size = Size::new(9, 9);
    // A quiet NaN with a payload, to be kept to the bit.
    let nan = f32::from_bits(0x7fc1_2345);
    let mut image = raster(size, format, (0..81).map(f64::from));
    image.bytes_mut()[4 * 40..][..4].copy_from_slice(&nan.to_le_bytes());
    for text in IN_PLACE.into_iter().chain(DIFFERENCES) {
        let result = apply(&text.parse().unwrap(), &image).unwrap();
        let not_numbers = numbers(&result)
            .into_iter()
            .filter(|number| number.is_nan())
            .count();
        assert_eq!(not_numbers, 1, "{text}");
        assert_eq!(result.bytes()[4 * 40..][..4], nan.to_le_bytes(), "{text}");
    }
}

#[test]
fn intensities_that_all_have_data_are_what_they_are_without_the_tag() {
    let size = Size::new(50, 33);
    for format in [
        PixelFormat::GRAY8,
        PixelFormat::RGB8,
        PixelFormat::GRAY16,
        PixelFormat::RGB16,
    ] {
        let image = common::noise_image(size, format);
        // Out of the reach of every sample and every mean.
        let most = if format.depth == Depth::Eight {
            255.0
        } else {
            65535.0
        };
        let image = raster(
            size,
            format,
            numbers(&image)
                .into_iter()
                .map(|number| number.clamp(2.0, most - 2.0)),
        );
        for info in operations() {
            let text = match info.name {
                "resize" => "resize:width=21",
                "crop" => "crop:x=3,y=2",
                name => name,
            };
            let recipe: Recipe = text.parse().unwrap();
            let plain = numbers(&apply(&recipe, &image).unwrap());
            let declared = numbers(&apply(&recipe.with_no_data(1.0), &image).unwrap());
            // What is rounded on the way with intensities is not with numbers.
            let most = if matches!(info.name, "resize" | "unsharp") {
                1.0
            } else {
                0.0
            };
            for (plain, declared) in plain.into_iter().zip(declared) {
                let made_way = plain == 1.0 && declared == 0.0;
                // Outside of the image nothing is black.
                let made_way = made_way || info.name == "rotate_by" && plain == 0.0 && declared == 1.0;
                assert!(
                    (plain - declared).abs() <= most || made_way,
                    "{text} {format}: {plain} {declared}"
                );
            }
        }
    }
}

#[test]
fn operations_on_single_pixels_leave_no_data_alone() {
    let size = Size::new(16, 16);
    for format in [PixelFormat::GRAY8, PixelFormat::RGB16, format_of("bands4-u8")] {
        let value = hole(format.depth);
        let image = measured(size, format, value);
        for text in [
            "invert",
            "brightness:factor=3",
            "contrast",
            "gamma",
            "saturation",
            "sepia",
            "convert",
            "threshold",
            "equalize",
            "auto_levels",
            "auto_levels:clip=3,bands=each",
            "otsu",
            "adaptive_threshold:radius=2",
            "noise",
            "grayscale",
            "bilateral",
            "edge_detection",
            "watermark:text=Wj,size=14,margin=0",
        ] {
            let recipe = text.parse::<Recipe>().unwrap();
            if recipe.check(format).is_err() {
                continue;
            }
            let result = apply(&recipe.with_no_data(value), &image).unwrap();
            let (from, to) = (format.channels.count(), result.format().channels.count());
            let (before, after) = (numbers(&image), numbers(&result));
            for (before, after) in before.chunks(from).zip(after.chunks(to)) {
                if before.iter().all(|number| *number == value) {
                    assert!(after.iter().all(|number| *number == value), "{text} {format}");
                }
                if before.iter().all(|number| *number != value) {
                    assert!(after.iter().all(|number| *number != value), "{text} {format}");
                }
            }
        }
    }
}

/// What stands for no data is the brightest or the darkest of all, and a third of the picture.
#[test]
fn what_has_no_data_is_not_measured() {
    let size = Size::new(60, 40);
    for format in [
        PixelFormat::GRAY8,
        PixelFormat::RGB8,
        PixelFormat::GRAY16,
        PixelFormat::RGB16,
    ] {
        let most = if format.depth == Depth::Eight {
            255.0
        } else {
            65535.0
        };
        let unit = (most + 1.0) / 256.0;
        let count = size.pixels() as usize * format.channels.count();
        // Pixels without data in all bands, so that luma has the same holes.
        let is_hole = |index: usize| (index / format.channels.count()) % 3 == 1;
        let with = |hole: f64| {
            let number = |index: usize| {
                if is_hole(index) {
                    hole
                } else {
                    (60 + index * 7919 % 97) as f64 * unit
                }
            };
            raster(size, format, (0..count).map(number))
        };
        for text in ["equalize", "auto_levels", "auto_levels:clip=0,bands=each", "otsu"] {
            let result = |hole: f64| {
                let recipe = text.parse::<Recipe>().unwrap().with_no_data(hole);
                numbers(&apply(&recipe, &with(hole)).unwrap())
            };
            let (dark, bright) = (result(0.0), result(most));
            let bands = dark.len() / size.pixels() as usize;
            for (index, (dark, bright)) in dark.into_iter().zip(bright).enumerate() {
                if (index / bands) % 3 == 1 {
                    assert_eq!((dark, bright), (0.0, most), "{text} {format}");
                } else {
                    // One of the two may have had to make way for the number that stands for no data.
                    let made_way = dark == 1.0 && bright == 0.0 || dark == most && bright == most - 1.0;
                    assert!(dark == bright || made_way, "{text} {format}: {dark} {bright}");
                }
            }
        }
    }
}

#[test]
fn alpha_says_itself_where_nothing_is() {
    let recipe = "blur".parse::<Recipe>().unwrap().with_no_data(0.0);
    let error = recipe.check(PixelFormat::RGBA8).unwrap_err().to_string();
    assert!(
        error.starts_with("no_data needs an image without alpha"),
        "{error}"
    );
}

#[test]
fn a_recipe_says_which_number_stands_for_no_data() {
    for value in [-9999.0, -3.402_823_466_385_288_6e38, 0.0, 1e-20, 255.0] {
        let recipe = "blur:sigma=2".parse::<Recipe>().unwrap().with_no_data(value);
        assert_eq!(recipe.no_data(), Some(value));
        assert_eq!(recipe.to_string().parse::<Recipe>(), Ok(recipe));
    }
    assert!("no_data:value=NaN".parse::<Recipe>().is_err());
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
