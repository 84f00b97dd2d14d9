//! From rasters to the pixels of a canvas.

use azulejo_imaging::{Channels, PixelFormat, Raster};

/// The pixels as a canvas takes them: RGBA of 8 bit, not premultiplied. Of 16-bit samples it shows the high byte: the value
/// divided by 256, rounded down. Of intensities, gray or in colours: measurements are stretched, see [`azulejo_imaging::Stretch`].
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
                Channels::Bands(_) => [sample(0), sample(0), sample(0), u8::MAX],
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use azulejo_imaging::Size;

    #[test]
    fn every_format_becomes_rgba_and_sixteen_bits_are_cut_to_the_upper_eight() {
        for (format, bytes, expected) in [
            (PixelFormat::GRAY8, &[7][..], [7, 7, 7, 255]),
            (PixelFormat::GRAYA8, &[7, 9], [7, 7, 7, 9]),
            (PixelFormat::RGB8, &[1, 2, 3], [1, 2, 3, 255]),
            (PixelFormat::RGBA8, &[1, 2, 3, 4], [1, 2, 3, 4]),
            (PixelFormat::GRAY16, &[0xff, 7], [7, 7, 7, 255]),
            (PixelFormat::GRAYA16, &[0x80, 7, 0xff, 9], [7, 7, 7, 9]),
            (PixelFormat::RGB16, &[0xff, 1, 0, 2, 0x7f, 3], [1, 2, 3, 255]),
            (PixelFormat::RGBA16, &[0, 1, 9, 2, 9, 3, 0xff, 4], [1, 2, 3, 4]),
        ] {
            let raster = Raster::from_bytes(Size::new(1, 1), format, bytes.to_vec()).unwrap();
            assert_eq!(rgba(&raster), expected, "{format}");
        }
    }
}
