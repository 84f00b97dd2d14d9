//! A second opinion: what the crate `imageproc` makes of gray pictures of 8 bit.
//!
//! It extends pictures by the pixels at the border, and Azulejo reflects them: where that matters only the inner pixels are compared.
//! Some of its definitions are others: `box_filter` rounds down after rows and again after columns, and `adaptive_threshold` rounds the
//! mean down and counts what equals the threshold as white. How far that may lead is derived beside each.

mod common;

use azulejo_imaging::{PixelFormat, Raster, Recipe, Size, apply};
use imageproc::contrast::{ThresholdType, adaptive_threshold, threshold};
use imageproc::filter::{box_filter, filter, laplacian_filter, median_filter};
use imageproc::geometric_transformations::{Border, Interpolation, Projection, rotate, warp};
use imageproc::gradients::{
    horizontal_prewitt, horizontal_scharr, horizontal_sobel, vertical_prewitt, vertical_scharr,
    vertical_sobel,
};
use imageproc::image::{GrayImage, ImageBuffer, Luma, imageops};
use imageproc::kernel::Kernel;
use imageproc::morphology::{Mask, grayscale_close, grayscale_dilate, grayscale_erode, grayscale_open};

const SIZE: Size = Size::new(131, 97);

/// Noise, as both see it.
fn pictures() -> (Raster, GrayImage) {
    let raster = common::noise_image(SIZE, PixelFormat::GRAY8);
    let image = GrayImage::from_raw(SIZE.width, SIZE.height, raster.bytes().to_vec()).unwrap();
    (raster, image)
}

/// What a recipe gives.
fn ours(recipe: &str) -> GrayImage {
    let recipe: Recipe = recipe.parse().unwrap();
    let result = apply(&recipe, &pictures().0).unwrap();
    GrayImage::from_raw(result.size().width, result.size().height, result.bytes().to_vec()).unwrap()
}

/// Looks at pairs of pixels of pictures of the same size, those at the border left out.
fn inner<A: Copy, B: Copy>(
    one: &ImageBuffer<Luma<A>, Vec<A>>,
    other: &ImageBuffer<Luma<B>, Vec<B>>,
    border: u32,
    judge: impl Fn(A, B) -> bool,
) where
    Luma<A>: imageproc::image::Pixel<Subpixel = A>,
    Luma<B>: imageproc::image::Pixel<Subpixel = B>,
{
    assert_eq!(one.dimensions(), other.dimensions());
    let (width, height) = one.dimensions();
    for y in border..height - border {
        for x in border..width - border {
            let (a, b) = (one.get_pixel(x, y).0[0], other.get_pixel(x, y).0[0]);
            assert!(judge(a, b), "at {x},{y}");
        }
    }
}

#[test]
fn erosion_dilation_opening_and_closing_are_the_same_to_the_border() {
    let (_, image) = pictures();
    for radius in [1u8, 2, 5] {
        let mask = Mask::square(radius);
        for (name, theirs) in [
            ("erode", grayscale_erode(&image, &mask)),
            ("dilate", grayscale_dilate(&image, &mask)),
            ("open", grayscale_open(&image, &mask)),
            ("close", grayscale_close(&image, &mask)),
        ] {
            let recipe = format!("{name}:radius={radius}");
            assert!(ours(&recipe) == theirs, "{recipe}");
        }
    }
}

#[test]
fn medians_are_the_same() {
    let (_, image) = pictures();
    for radius in [1, 2, 3, 7] {
        let theirs = median_filter(&image, radius, radius);
        inner(
            &ours(&format!("median:radius={radius}")),
            &theirs,
            radius,
            |a, b| a == b,
        );
    }
}

#[test]
fn gradients_are_the_same() {
    let (_, image) = pictures();
    for (name, across, down) in [
        ("edge_detection", horizontal_sobel(&image), vertical_sobel(&image)),
        ("scharr", horizontal_scharr(&image), vertical_scharr(&image)),
        ("prewitt", horizontal_prewitt(&image), vertical_prewitt(&image)),
    ] {
        let magnitude = ImageBuffer::from_fn(SIZE.width, SIZE.height, |x, y| {
            let [gx, gy] = [&across, &down].map(|image| i64::from(image.get_pixel(x, y).0[0]));
            Luma([(gx * gx + gy * gy).isqrt().min(255) as u8])
        });
        inner(&ours(name), &magnitude, 1, |a, b| a == b);
    }
    let theirs = laplacian_filter(&image);
    inner(&ours("laplacian"), &theirs, 1, |a, b| {
        u16::from(a) == b.unsigned_abs().min(255)
    });
}

#[test]
fn windows_of_weights_are_the_same() {
    let (_, image) = pictures();
    for (recipe, weights) in [
        ("emboss", [-2, -1, 0, -1, 1, 1, 0, 1, 2]),
        ("sharpen", [-1, -1, -1, -1, 9, -1, -1, -1, -1]),
    ] {
        let kernel = Kernel::new(&weights, 3, 3);
        let theirs: GrayImage = filter(&image, kernel, |sum: i32| sum.clamp(0, 255) as u8);
        inner(&ours(recipe), &theirs, 1, |a, b| a == b);
    }
}

#[test]
fn means_differ_by_what_is_rounded_down() {
    let (_, image) = pictures();
    for radius in [1, 3, 8] {
        let theirs = box_filter(&image, radius, radius);
        let ours = ours(&format!("box_blur:radius={radius}"));
        // Less than 1 along rows and less than 1 along columns; ours is at most a half away from the mean.
        inner(&ours, &theirs, radius, |a, b| b <= a && a - b <= 2);
    }
}

#[test]
fn thresholds_are_the_same() {
    let (_, image) = pictures();
    // White from 128 on is white above 127.
    let theirs = threshold(&image, 127, ThresholdType::Binary);
    assert!(ours("threshold:level=0.5") == theirs);
}

#[test]
fn adaptive_thresholds_lie_between_those_of_means_that_are_rounded_down() {
    let (_, image) = pictures();
    for (radius, constant) in [(1, 3), (4, 0), (6, -7)] {
        let offset = f64::from(constant) / 255.0;
        let ours = ours(&format!("adaptive_threshold:radius={radius},offset={offset}"));
        // v > round(m) - c, that is v >= round(m) - c + 1, and floor(m) <= round(m) <= floor(m) + 1.
        let wider = adaptive_threshold(&image, radius, constant - 1);
        let narrower = adaptive_threshold(&image, radius, constant - 2);
        inner(&ours, &wider, radius, |a, b| a <= b);
        inner(&ours, &narrower, radius, |a, b| a >= b);
    }
}

#[test]
fn turns_and_flips_are_the_same() {
    let (_, image) = pictures();
    assert!(ours("rotate_90") == imageops::rotate90(&image));
    assert!(ours("rotate_by:angle=90") == imageops::rotate90(&image));
    assert!(ours("rotate_by:angle=-90") == imageops::rotate270(&image));
    assert!(ours("rotate_by:angle=180,size=same") == imageops::rotate180(&image));
    assert!(ours("flip_horizontal") == imageops::flip_horizontal(&image));
    assert!(ours("flip_vertical") == imageops::flip_vertical(&image));
}

/// Its places are those of the middles of pixels, counted from the middle of the first, and known to 24 bits: where a place is between
/// two pixels it may choose the other one.
#[test]
fn turns_by_an_angle_and_warps_are_the_same_but_for_the_rounding_of_places() {
    let (_, image) = pictures();
    let smooth = ours("blur:sigma=3");
    let black = Border::Constant(Luma([0]));
    let middle = ((SIZE.width - 1) as f32 / 2.0, (SIZE.height - 1) as f32 / 2.0);
    for degrees in [10.0f32, -33.0, 145.0] {
        let theirs = rotate(
            &image,
            middle,
            degrees.to_radians(),
            Interpolation::Nearest,
            black,
        );
        let ours_here = ours(&format!("rotate_by:angle={degrees},size=same,filter=nearest"));
        let differ = ours_here
            .pixels()
            .zip(theirs.pixels())
            .filter(|(a, b)| a != b)
            .count();
        assert!(differ < 20, "{degrees}: {differ}");
        let theirs = rotate(
            &smooth,
            middle,
            degrees.to_radians(),
            Interpolation::Bilinear,
            black,
        );
        let ours_here = ours(&format!("blur:sigma=3|rotate_by:angle={degrees},size=same"));
        near_where_both_are(&ours_here, &theirs);
    }
    // The same map for places that are counted from the corner: (1.1 x + 0.2 y - 9.5, ...) / w.
    let [a, b, c, d, e, f, g, h] = [1.1f64, 0.2, -9.5, -0.1, 0.9, 6.25, 0.0005, 0.001];
    let ours_here = ours(&format!(
        "blur:sigma=3|warp:a={a},b={b},c={c},d={d},e={e},f={f},g={g},h={h}"
    ));
    // M' = T(-0.5) M T(0.5), T a move.
    let half = |x: f64, y: f64, alone: f64| alone + (x + y) / 2.0;
    let (c, f, i) = (half(a, b, c), half(d, e, f), half(g, h, 1.0));
    let rows = [
        [a - g / 2.0, b - h / 2.0, c - i / 2.0],
        [d - g / 2.0, e - h / 2.0, f - i / 2.0],
        [g, h, i],
    ];
    let matrix: [f32; 9] = std::array::from_fn(|at| rows[at / 3][at % 3] as f32);
    let projection = Projection::from_matrix(matrix).unwrap().invert();
    let theirs = warp(&smooth, projection, Interpolation::Bilinear, black);
    near_where_both_are(&ours_here, &theirs);
}

/// It mixes what is outside into the pixels at the border, and rounds rows before columns, down.
fn near_where_both_are(ours: &GrayImage, theirs: &GrayImage) {
    let (mut compared, (width, height)) = (0, ours.dimensions());
    for y in 2..height - 2 {
        for x in 2..width - 2 {
            let around = (-2i64..=2).flat_map(|dy| (-2i64..=2).map(move |dx| (dx, dy)));
            let mut around = around.map(|(dx, dy)| {
                ours.get_pixel((i64::from(x) + dx) as u32, (i64::from(y) + dy) as u32)
                    .0[0]
            });
            if around.any(|sample| sample == 0) {
                continue;
            }
            let [a, b] = [ours, theirs].map(|image| i32::from(image.get_pixel(x, y).0[0]));
            assert!((a - b).abs() <= 2, "{a} and {b} at {x},{y}");
            compared += 1;
        }
    }
    assert!(compared > 4000, "{compared}");
}
