//! Images that tests make.

use azulejo_imaging::{Channels, Depth, PixelFormat, Raster, Size};

/// The pseudo-random bytes of `data/opencv.json`: any language can generate them.
pub fn noise(length: usize) -> Vec<u8> {
    (0..length as u64).map(|i| noise_at(i) as u8).collect()
}

/// The pseudo-random number at that place.
pub fn noise_at(i: u64) -> u64 {
    let mut v = i
        .wrapping_mul(6364136223846793005)
        .wrapping_add(1442695040888963407);
    v ^= v >> 33;
    v = v.wrapping_mul(0xff51_afd7_ed55_8ccd);
    v ^ v >> 33
}

/// Noise of that size and format.
pub fn noise_image(size: Size, format: PixelFormat) -> Raster {
    Raster::from_bytes(size, format, noise(Raster::byte_length(size, format).unwrap())).unwrap()
}

/// Red, green, blue and alpha of each pixel in 16 bit.
pub fn colors(image: &Raster) -> Vec<[u16; 4]> {
    let format = image.format();
    let wide = |bytes: &[u8]| match format.depth {
        Depth::Eight => u16::from(bytes[0]) * 257,
        Depth::Sixteen => u16::from_le_bytes([bytes[0], bytes[1]]),
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
            }
        })
        .collect()
}
