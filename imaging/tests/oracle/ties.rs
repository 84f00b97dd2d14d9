//! `resize` of pictures whose results lie at the very middle between two samples, or beside it, or are at the ends of the range.

use azulejo_imaging::{PixelFormat, Recipe, Size, apply};

use crate::picture::Picture;
use crate::random;
use crate::shapes::{self, Filter};

#[test]
fn resize_rounds_ties_and_the_ends_of_the_range_as_its_formula_says() {
    let size = Size::new(34, 23);
    let sizes = [(17, 12), (17, 23), (34, 12), (68, 46), (9, 61), (1, 1), (3, 2)];
    for format in PixelFormat::ALL {
        let mut picture = Picture::of(&random::image(size, format, 1));
        let (width, channels, max) = (34, picture.channels, picture.max);
        let values = [(0, 1), (max - 1, max), (0, max), (max / 2, max / 2 + 1)];
        for (pair, alpha) in values.into_iter().zip([max, 1, 0, max / 2]) {
            for (n, pixel) in picture.samples.chunks_mut(channels).enumerate() {
                let (x, y) = (n % width, n / width);
                for (channel, sample) in pixel.iter_mut().enumerate() {
                    // Columns, rows, squares and pairs of columns, by channel.
                    let odd = [x, y, x + y, x / 2][channel % 4] % 2 == 1;
                    *sample = if odd { pair.1 } else { pair.0 };
                }
                if picture.has_alpha {
                    // Transparent on the left.
                    pixel[channels - 1] = if x < 9 { 0 } else { alpha };
                }
            }
            let image = picture.raster();
            for (text, filter) in [("bilinear", Filter::Bilinear), ("lanczos3", Filter::Lanczos3)] {
                for (width, height) in sizes {
                    let recipe = format!("resize:width={width},height={height},filter={text}");
                    let given = apply(&recipe.parse::<Recipe>().unwrap(), &image).unwrap();
                    let wanted = shapes::resize(&picture, (width, height), filter).raster();
                    assert!(given == wanted, "{recipe} {format} {pair:?} {alpha}");
                }
            }
        }
    }
}
