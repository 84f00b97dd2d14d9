//! Between a canvas' pixels (RGBA, 8 bit, not premultiplied) and rasters.

use azulejo_imaging::{Channels, PixelFormat, Raster, RasterError, Recipe, Region, RenderError, Size};

/// `rgba` of `size` as a raster: RGB where every pixel is opaque, as a file without alpha is read; RGBA otherwise.
///
/// # Errors
/// When there are not four bytes for every pixel.
pub fn raster(size: Size, rgba: &[u8]) -> Result<Raster, RasterError> {
    if rgba.chunks_exact(4).all(|pixel| pixel[3] == u8::MAX) {
        let rgb = rgba
            .chunks_exact(4)
            .flat_map(|pixel| [pixel[0], pixel[1], pixel[2]])
            .collect();
        Raster::from_bytes(size, PixelFormat::RGB8, rgb)
    } else {
        Raster::from_bytes(size, PixelFormat::RGBA8, rgba.to_vec())
    }
}

/// The pixels of an 8-bit raster as a canvas takes them; of a 16-bit one, the high bytes.
pub fn rgba(raster: &Raster) -> Vec<u8> {
    let PixelFormat { channels, depth } = raster.format();
    let wide = depth.bytes();
    let pixels = raster.bytes().chunks_exact(channels.count() * wide);
    pixels
        .flat_map(|pixel| {
            let sample = |n: usize| pixel[n * wide + wide - 1];
            match channels {
                Channels::Gray => [sample(0), sample(0), sample(0), u8::MAX],
                Channels::GrayAlpha => [sample(0), sample(0), sample(0), sample(1)],
                Channels::Rgb => [sample(0), sample(1), sample(2), u8::MAX],
                Channels::Rgba => [sample(0), sample(1), sample(2), sample(3)],
            }
        })
        .collect()
}

/// Renders the part `output` of the result of `recipe` on an image of size `image`, of which `input` are the RGBA pixels of
/// `region`.
///
/// # Errors
/// When recipe, regions and pixels do not fit each other.
pub fn render(
    recipe: &Recipe,
    image: Size,
    region: Region,
    input: &[u8],
    output: Region,
) -> Result<Vec<u8>, RenderError> {
    let pixels = raster(region.size(), input)?;
    Ok(rgba(&azulejo_imaging::render(
        recipe, image, region, &pixels, output,
    )?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: Size = Size::new(31, 17);

    fn canvas(alpha: u8) -> Vec<u8> {
        (0..SIZE.pixels() as u32)
            .flat_map(|n| {
                let value = n.wrapping_mul(2_654_435_761);
                [value as u8, (value >> 8) as u8, (value >> 16) as u8, alpha]
            })
            .collect()
    }

    #[test]
    fn a_part_of_the_preview_has_the_bytes_of_the_whole_result() {
        let recipe = Recipe::parse("blur:sigma=1.5|sharpen|rotate_90").unwrap();
        let input = canvas(255);
        let whole = azulejo_imaging::apply(&recipe, &raster(SIZE, &input).unwrap()).unwrap();
        let output = Region::new(3, 5, 9, 11);
        let region = recipe.input_region(SIZE, output).unwrap();
        let crop: Vec<u8> = (region.y..region.y + region.height)
            .flat_map(|y| {
                let start = ((y * SIZE.width + region.x) * 4) as usize;
                input[start..start + region.width as usize * 4].to_vec()
            })
            .collect();
        let part = render(&recipe, SIZE, region, &crop, output).unwrap();
        let whole_rgba = rgba(&whole);
        let expected: Vec<u8> = (output.y..output.y + output.height)
            .flat_map(|y| {
                let start = ((y * whole.size().width + output.x) * 4) as usize;
                whole_rgba[start..start + output.width as usize * 4].to_vec()
            })
            .collect();
        assert_eq!(part, expected);
    }

    #[test]
    fn opaque_pixels_are_rgb_and_others_keep_their_alpha() {
        assert_eq!(raster(SIZE, &canvas(255)).unwrap().format(), PixelFormat::RGB8);
        let input = canvas(100);
        let raster = raster(SIZE, &input).unwrap();
        assert_eq!(raster.format(), PixelFormat::RGBA8);
        assert_eq!(rgba(&raster), input);
    }

    #[test]
    fn pixels_that_do_not_fit_are_an_error() {
        let recipe = Recipe::parse("grayscale").unwrap();
        assert!(render(&recipe, SIZE, SIZE.region(), &[0; 7], SIZE.region()).is_err());
    }
}
