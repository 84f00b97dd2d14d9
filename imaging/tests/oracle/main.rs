//! Every operation against its definition: a formula worked out a pixel at a time, on every format, byte for byte.
//!
//! [`points`], [`histograms`], [`neighbours`], [`edges`], [`shapes`]: the definitions. [`picture`]: what they work on. [`ties`]: results that are hard to
//! round. They share nothing with the kernels.

#[path = "../common/mod.rs"]
mod common;
#[path = "../random/mod.rs"]
#[expect(dead_code, reason = "each test program uses its own part")]
mod random;

mod edges;
mod histograms;
mod neighbours;
mod picture;
mod points;
mod shapes;
mod ties;

use azulejo_imaging::{PixelFormat, Recipe, Size, apply, operations};
use picture::Picture;
use shapes::Filter;

type Definition = Box<dyn Fn(&Picture) -> Picture>;

fn definition(f: impl Fn(&Picture) -> Picture + 'static) -> Definition {
    Box::new(f)
}

/// Recipes of one operation, each with its definition.
fn table() -> Vec<(String, Definition)> {
    let mut all: Vec<(String, Definition)> = vec![
        ("grayscale".into(), definition(points::grayscale)),
        ("invert".into(), definition(points::invert)),
        ("sepia".into(), definition(points::sepia)),
        ("equalize".into(), definition(histograms::equalize)),
        ("otsu".into(), definition(histograms::otsu)),
        // The colours of the file are converted before: see `imaging/tests/convert.rs`.
        ("convert".into(), definition(Picture::clone)),
        ("edge_detection".into(), definition(neighbours::edge_detection)),
        ("scharr".into(), definition(edges::scharr)),
        ("prewitt".into(), definition(edges::prewitt)),
        ("laplacian".into(), definition(edges::laplacian)),
        ("emboss".into(), definition(neighbours::emboss)),
        ("rotate_90".into(), definition(shapes::rotate_90)),
        ("rotate_180".into(), definition(shapes::rotate_180)),
        ("rotate_270".into(), definition(shapes::rotate_270)),
        ("flip_horizontal".into(), definition(shapes::flip_horizontal)),
        ("flip_vertical".into(), definition(shapes::flip_vertical)),
    ];
    let mut add = |recipe: String, f: Definition| all.push((recipe, f));
    for factor in [0.0, 0.3, 0.5, 1.0, 1.2, 1.5, 7.25] {
        add(
            format!("brightness:factor={factor}"),
            definition(move |p| points::brightness(p, factor)),
        );
        add(
            format!("contrast:factor={factor}"),
            definition(move |p| points::contrast(p, factor)),
        );
        add(
            format!("saturation:factor={factor}"),
            definition(move |p| points::saturation(p, factor)),
        );
    }
    for gamma in [0.1, 0.45, 1.0, 2.2, 10.0] {
        add(
            format!("gamma:gamma={gamma}"),
            definition(move |p| points::gamma(p, gamma)),
        );
    }
    for level in [0.0, 0.2, 0.5, 0.77, 1.0] {
        add(
            format!("threshold:level={level}"),
            definition(move |p| points::threshold(p, level)),
        );
    }
    for (clip, bands) in [
        (0.0, "together"),
        (0.5, "together"),
        (0.0, "each"),
        (7.125, "each"),
        (20.0, "together"),
    ] {
        add(
            format!("auto_levels:clip={clip},bands={bands}"),
            definition(move |p| histograms::auto_levels(p, clip, bands == "each")),
        );
    }
    for (amount, distribution, seed) in [
        (0.05, "gaussian", 0),
        (0.4, "gaussian", 4_294_967_295),
        (0.1, "uniform", 0),
        (1.0, "uniform", 77),
    ] {
        add(
            format!("noise:amount={amount},distribution={distribution},seed={seed}"),
            definition(move |p| points::noise(p, amount, distribution == "uniform", seed)),
        );
    }
    for (radius, offset) in [(1, 0.02), (4, 0.0), (2, -0.1)] {
        add(
            format!("adaptive_threshold:radius={radius},offset={offset}"),
            definition(move |p| edges::adaptive_threshold(p, radius, offset)),
        );
    }
    for sigma in [0.1, 0.5, 0.8, 1.0, 2.0, 3.3] {
        add(
            format!("blur:sigma={sigma}"),
            definition(move |p| neighbours::blur(p, sigma)),
        );
    }
    for radius in [1, 2, 3, 6] {
        add(
            format!("box_blur:radius={radius}"),
            definition(move |p| neighbours::box_blur(p, radius)),
        );
        add(
            format!("median:radius={radius}"),
            definition(move |p| neighbours::median(p, radius)),
        );
        add(
            format!("erode:radius={radius}"),
            definition(move |p| neighbours::erode(p, radius)),
        );
        add(
            format!("dilate:radius={radius}"),
            definition(move |p| neighbours::dilate(p, radius)),
        );
        for (name, form) in [
            ("open", edges::open as fn(&Picture, i64) -> Picture),
            ("close", edges::close),
            ("gradient", edges::gradient),
            ("tophat", edges::tophat),
            ("blackhat", edges::blackhat),
        ] {
            add(
                format!("{name}:radius={radius}"),
                definition(move |p| form(p, radius)),
            );
        }
    }
    for amount in [0.0, 0.25, 0.5, 1.0, 1.1, 10.0] {
        add(
            format!("sharpen:amount={amount}"),
            definition(move |p| neighbours::sharpen(p, amount)),
        );
    }
    for (sigma, amount, threshold) in [(0.5, 1.0, 0.0), (1.5, 2.5, 0.1), (2.0, 0.3, 0.02)] {
        add(
            format!("unsharp:sigma={sigma},amount={amount},threshold={threshold}"),
            definition(move |p| neighbours::unsharp(p, sigma, amount, threshold)),
        );
    }
    for (space, colour) in [(0.5, 0.1), (1.3, 0.03), (2.0, 1.0)] {
        add(
            format!("bilateral:sigma_space={space},sigma_colour={colour}"),
            definition(move |p| neighbours::bilateral(p, space, colour)),
        );
    }
    for (size, text) in [
        ((5, 3), "nearest"),
        ((31, 40), "bilinear"),
        ((7, 2), "lanczos3"),
        ((1, 1), "bilinear"),
        ((50, 33), "lanczos3"),
    ] {
        let filter = match text {
            "nearest" => Filter::Nearest,
            "bilinear" => Filter::Bilinear,
            _ => Filter::Lanczos3,
        };
        add(
            format!("resize:width={},height={},filter={text}", size.0, size.1),
            definition(move |p| shapes::resize(p, size, filter)),
        );
    }
    for (angle, size, filter) in [
        (15.0, "whole", "bilinear"),
        (-77.25, "whole", "bilinear"),
        (33.0, "same", "bilinear"),
        (201.5, "whole", "nearest"),
        (-5.0, "same", "nearest"),
    ] {
        add(
            format!("rotate_by:angle={angle},size={size},filter={filter}"),
            definition(move |p| shapes::rotate_by(p, angle, size == "same", filter == "bilinear")),
        );
    }
    for (map, size, filter) in [
        ([1.0, 0.25, -3.0, -0.125, 0.75, 2.5, 0.0, 0.0], (0, 0), "bilinear"),
        (
            [0.37, 0.1, 1.3, 0.2, 0.41, -1.7, 0.003, 0.008],
            (31, 19),
            "bilinear",
        ),
        (
            [2.3, -0.4, 3.0, 0.3, 1.9, -5.0, -0.002, 0.004],
            (40, 0),
            "nearest",
        ),
    ] {
        let [a, b, c, d, e, f, g, h] = map;
        add(
            format!(
                "warp:a={a},b={b},c={c},d={d},e={e},f={f},g={g},h={h},width={},height={},filter={filter}",
                size.0, size.1
            ),
            definition(move |p| shapes::warp(p, map, size, filter == "bilinear")),
        );
    }
    for (text, at, size, opacity, margin, colour) in [
        ("Åg", "bottom_right", 12, 60, 1, "white"),
        ("Ж|,%", "bottom_left", 8, 100, 0, "black"),
        ("j→W", "top_left", 20, 35, 2, "white"),
        ("WWWWWWWWWWWW", "top_right", 9, 99, 3, "black"),
        ("ß", "centre", 31, 80, 0, "white"),
    ] {
        let words = points::Words {
            text,
            at,
            size,
            opacity,
            margin,
            is_black: colour == "black",
        };
        let text = text.replace('%', "%25").replace('|', "%7C").replace(',', "%2C");
        add(
            format!(
                "watermark:text={text},at={at},size={size},opacity={opacity},margin={margin},colour={colour}"
            ),
            definition(move |p| points::watermark(p, &words)),
        );
    }
    add(
        "crop:x=0,y=0,width=1,height=1".into(),
        definition(|p| shapes::crop(p, [0, 0, 1, 1])),
    );
    add(
        "crop:x=3,y=1,width=9,height=4".into(),
        definition(|p| shapes::crop(p, [3, 1, 9, 4])),
    );
    all
}

/// Sizes of which the last are narrower than any window.
const SIZES: [Size; 5] = [
    Size::new(23, 17),
    Size::new(70, 9),
    Size::new(2, 13),
    Size::new(11, 1),
    Size::new(1, 1),
];

#[test]
fn every_operation_gives_what_its_formula_says() {
    let (mut wrong, mut compared) = (Vec::new(), 0);
    for (text, definition) in table() {
        let recipe: Recipe = text.parse().unwrap();
        for format in PixelFormat::ALL {
            for size in SIZES {
                for alpha in 0..if format.channels.has_alpha() { 3 } else { 1 } {
                    let image = random::image(size, format, alpha);
                    if recipe.output_size(size).is_err() {
                        continue;
                    }
                    let given = apply(&recipe, &image).unwrap();
                    let wanted = definition(&Picture::of(&image)).raster();
                    compared += 1;
                    if given != wanted {
                        let differ = given
                            .bytes()
                            .iter()
                            .zip(wanted.bytes())
                            .filter(|(a, b)| a != b)
                            .count();
                        wrong.push(format!(
                            "{text} on {size} {format}, alpha {alpha}: {differ} bytes differ"
                        ));
                    }
                }
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {compared}: {:#?}",
        wrong.len(),
        &wrong[..wrong.len().min(40)]
    );
    assert!(compared > 3000, "{compared}");
}

#[test]
fn every_operation_has_a_definition() {
    let table = table();
    for operation in operations() {
        let of_it = |text: &str| text.split(':').next() == Some(operation.name);
        assert!(
            table.iter().any(|(text, _)| of_it(text)),
            "{} has none",
            operation.name
        );
    }
}

/// Noise has all values: what few values, narrow ranges and gaps become.
#[test]
fn what_is_measured_of_flat_and_of_dark_pictures_is_what_the_formula_says() {
    let table = table();
    let measuring = |text: &str| matches!(text.split(':').next(), Some("equalize" | "auto_levels" | "otsu"));
    let mut compared = 0;
    for (text, definition) in table.iter().filter(|(text, _)| measuring(text)) {
        let recipe: Recipe = text.parse().unwrap();
        for format in PixelFormat::ALL {
            for (low, every, values) in [
                (0, 1, 1),
                (7, 1, 2),
                (3, 50, 4),
                (100, 1, 90),
                (250, 1, 6),
                (0, 255, 2),
            ] {
                let mut picture = Picture::of(&random::image(Size::new(61, 43), format, 1));
                let (has_alpha, channels, max) = (picture.has_alpha, picture.channels, picture.max);
                let colours = picture.colours();
                for pixel in picture.samples.chunks_mut(channels) {
                    let all = if has_alpha { colours } else { channels };
                    for sample in &mut pixel[..all] {
                        // Squared, so that they are not equally frequent.
                        let one = (*sample * *sample / max.max(1)) * values / (max + 1);
                        *sample = (low + every * one) * max / 255;
                    }
                }
                let given = apply(&recipe, &picture.raster()).unwrap();
                assert!(
                    given == definition(&picture).raster(),
                    "{text} {format} {low} {every} {values}"
                );
                compared += 1;
            }
        }
    }
    assert!(compared > 300, "{compared}");
}

/// Were two operations exchanged, or their parameters without effect, the pictures here would not tell.
#[test]
fn the_definitions_tell_all_operations_apart() {
    let image = random::image(Size::new(23, 17), PixelFormat::RGB8, 0);
    let picture = Picture::of(&image);
    let results: Vec<(String, Picture)> = table()
        .into_iter()
        .map(|(text, definition)| (text, definition(&picture)))
        .collect();
    for (index, (one, a)) in results.iter().enumerate() {
        for (other, b) in &results[..index] {
            let is_same_operation = one.split(':').next() == other.split(':').next();
            // What changes nothing at all is the same for all of them.
            let changes_nothing = *a == picture;
            assert!(
                is_same_operation || changes_nothing || a != b,
                "{one} and {other} give the same"
            );
        }
    }
}
