//! Samples without data: they stay, and count nowhere.

use azulejo_imaging::{Channels, Depth, PixelFormat, Recipe, Region, Size, apply, operations, render};

use crate::common;
use crate::pictures::{format_of, formats, hole, measured, numbers, raster};

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

/// Where all has data it is computed in other ways, which are quicker: of that the result tells nothing.
#[test]
fn a_hole_far_away_changes_nothing() {
    let size = Size::new(64, 48);
    let output = Region::new(40, 24, 20, 20);
    for format in formats() {
        let value = hole(format.depth);
        let channels = format.channels.count();
        // In the rows of the output, so that these have a hole as a whole.
        let hole = 34 * size.width as usize * channels;
        // Many are the same, and there are zeros of both signs where there can be.
        let number = |index: usize| {
            let number = (index * 7919 % 61) as f64;
            match format.depth {
                _ if (hole..hole + channels).contains(&index) => value,
                Depth::Float if number < 10.0 => 0.0_f64.copysign(number - 4.5),
                Depth::Float => (number - 30.0) / 7.0,
                Depth::SignedSixteen => number - 30.0,
                _ => number + 1.0,
            }
        };
        let image = raster(size, format, (0..size.pixels() as usize * channels).map(number));
        for text in IN_PLACE.into_iter().chain(DIFFERENCES) {
            let recipe = text.parse::<Recipe>().unwrap().with_no_data(value);
            // These take the luma, which numbers of no known range have not.
            let takes_luma = ["edge_detection", "scharr", "prewitt", "laplacian"].contains(&text);
            let has_luma = matches!(format.depth, Depth::Eight | Depth::Sixteen);
            if format.channels == Channels::Rgb && takes_luma && !has_luma {
                assert!(recipe.check(format).is_err(), "{text} {format}");
                continue;
            }
            let whole = apply(&recipe, &image).unwrap().crop(output).unwrap();
            let region = recipe.input_region(size, output).unwrap();
            let part = render(&recipe, size, region, &image.crop(region).unwrap(), output).unwrap();
            assert!(region.x > 0 && part == whole, "{text} {format}");
        }
    }
}
