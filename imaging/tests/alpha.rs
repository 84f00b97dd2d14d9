//! Invisible pixels: what colour they have does not matter to what is visible.

mod common;

use azulejo_imaging::{Channels, Depth, PixelFormat, Raster, Recipe, Size, apply};
use common::noise_image;

const SIZE: Size = Size {
    width: 41,
    height: 23,
};

/// Noise whose alpha is 0 in a third of the pixels, full in a third and anything in the rest; `invisible` is the colour where it
/// is 0.
fn image(format: PixelFormat, invisible: u8) -> Raster {
    let mut bytes = noise_image(SIZE, format).into_bytes();
    let depth = format.depth.bytes();
    for (index, pixel) in bytes.chunks_exact_mut(format.bytes_per_pixel()).enumerate() {
        let (colours, alpha) = pixel.split_at_mut(format.bytes_per_pixel() - depth);
        match (index * 7 + index / 41) % 3 {
            0 => {
                alpha.fill(0);
                colours.fill(invisible);
            }
            1 => alpha.fill(255),
            _ => {}
        }
    }
    Raster::from_bytes(SIZE, format, bytes).unwrap()
}

fn formats() -> [PixelFormat; 4] {
    [
        (Channels::Rgba, Depth::Eight),
        (Channels::GrayAlpha, Depth::Eight),
        (Channels::Rgba, Depth::Sixteen),
        (Channels::GrayAlpha, Depth::Sixteen),
    ]
    .map(|(channels, depth)| PixelFormat { channels, depth })
}

/// The samples of each pixel, as numbers.
fn pixels(image: &Raster) -> Vec<Vec<u64>> {
    let format = image.format();
    image
        .bytes()
        .chunks_exact(format.bytes_per_pixel())
        .map(|pixel| match format.depth {
            Depth::Eight => pixel.iter().map(|&sample| sample.into()).collect(),
            Depth::Sixteen => pixel
                .chunks_exact(2)
                .map(|pair| u16::from_le_bytes([pair[0], pair[1]]).into())
                .collect(),
            other => panic!("no alpha beside {other:?}"),
        })
        .collect()
}

#[test]
fn no_operation_on_neighbours_lets_invisible_colours_out() {
    for recipe in [
        "dilate:radius=2",
        "erode:radius=2",
        "median:radius=1",
        "median:radius=2",
        "blur:sigma=1.5",
        "box_blur:radius=2",
        "bilateral",
        "sharpen",
        "emboss",
        "open:radius=2",
        "close:radius=2",
        "gradient:radius=2",
        "tophat",
        "blackhat",
        "edge_detection",
        "scharr",
        "prewitt",
        "laplacian",
        "adaptive_threshold:radius=2",
        "rotate_by",
        "rotate_by:angle=200,filter=nearest",
        "warp:a=0.7,b=0.2,g=0.003",
        "resize:width=30",
        "resize:width=70",
        "unsharp",
        "equalize",
        "auto_levels",
        "auto_levels:clip=0,bands=each",
        "otsu",
        "watermark:size=20,margin=0",
        "watermark:text=g%2C,size=30,opacity=100,colour=black",
    ] {
        let steps: Recipe = recipe.parse().unwrap();
        for format in formats() {
            let [black, white] =
                [0, 255].map(|colour| pixels(&apply(&steps, &image(format, colour)).unwrap()));
            for (black, white) in black.iter().zip(&white) {
                assert_eq!(black.last(), white.last(), "{recipe} of {format}");
                if black.last() != Some(&0) {
                    assert_eq!(black, white, "{recipe} of {format}");
                }
            }
        }
    }
}

#[test]
fn ranks_are_those_of_colour_times_alpha() {
    let reflected = |at: i64, length: i64| {
        let folded = at.rem_euclid(2 * (length - 1));
        folded.min(2 * (length - 1) - folded)
    };
    for format in formats() {
        let full: u64 = if format.depth == Depth::Eight { 255 } else { 65535 };
        let image = image(format, 200);
        let input = pixels(&image);
        for (name, radius) in [("dilate", 2i64), ("erode", 1), ("median", 1), ("median", 3)] {
            let recipe: Recipe = format!("{name}:radius={radius}").parse().unwrap();
            let output = pixels(&apply(&recipe, &image).unwrap());
            let (width, height) = (i64::from(SIZE.width), i64::from(SIZE.height));
            for (index, found) in (0i64..).zip(&output) {
                let (x, y) = (index % width, index / width);
                let square = (-radius..=radius).flat_map(|dy| (-radius..=radius).map(move |dx| (dx, dy)));
                let square: Vec<&Vec<u64>> = square
                    .map(|(dx, dy)| {
                        &input[(reflected(y + dy, height) * width + reflected(x + dx, width)) as usize]
                    })
                    .collect();
                let rank = |mut values: Vec<u64>| {
                    values.sort_unstable();
                    match name {
                        "dilate" => values[values.len() - 1],
                        "erode" => values[0],
                        _ => values[values.len() / 2],
                    }
                };
                let last = found.len() - 1;
                let alpha = rank(square.iter().map(|pixel| pixel[last]).collect());
                assert_eq!(found[last], alpha, "{recipe} of {format} at {x},{y}");
                for channel in 0..last {
                    let product = rank(square.iter().map(|pixel| pixel[channel] * pixel[last]).collect());
                    let colour = (product + alpha / 2).checked_div(alpha).unwrap_or(0);
                    assert!(colour <= full);
                    assert_eq!(found[channel], colour, "{recipe} of {format} at {x},{y}");
                }
            }
        }
    }
}

#[test]
fn a_shape_grows_in_its_own_colour() {
    let red_beside_invisible_white: Vec<u8> = (0..64 * 64)
        .flat_map(|index| {
            if index % 64 < 32 {
                [255, 0, 0, 255]
            } else {
                [255, 255, 255, 0]
            }
        })
        .collect();
    let image =
        Raster::from_bytes(Size::new(64, 64), PixelFormat::RGBA8, red_beside_invisible_white).unwrap();
    let grown = apply(&"dilate:radius=2".parse().unwrap(), &image).unwrap();
    for (index, pixel) in grown.bytes().chunks_exact(4).enumerate() {
        if index % 64 < 34 {
            assert_eq!(pixel, [255, 0, 0, 255]);
        } else {
            assert_eq!(pixel[3], 0);
        }
    }
}
