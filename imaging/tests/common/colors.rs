//! What the pixels of an image mean, whatever samples they have.

use azulejo_imaging::{Channels, Depth, Raster};

/// Red, green, blue and alpha of each pixel in 16 bit.
pub fn colors(image: &Raster) -> Vec<[u16; 4]> {
    let format = image.format();
    let wide = |bytes: &[u8]| match format.depth {
        Depth::Eight => u16::from(bytes[0]) * 257,
        Depth::Sixteen => u16::from_le_bytes([bytes[0], bytes[1]]),
        other => panic!("{other:?} is no intensity"),
    };
    let pixels = image.bytes().chunks_exact(format.bytes_per_pixel());
    pixels
        .map(|pixel| {
            let samples: Vec<u16> = pixel.chunks_exact(format.depth.bytes()).map(wide).collect();
            match format.channels {
                Channels::Gray => [samples[0], samples[0], samples[0], 65535],
                Channels::GrayAlpha => [samples[0], samples[0], samples[0], samples[1]],
                Channels::Rgb => [samples[0], samples[1], samples[2], 65535],
                Channels::Rgba => [samples[0], samples[1], samples[2], samples[3]],
                Channels::Bands(_) => panic!("bands are no colours"),
            }
        })
        .collect()
}
