//! Images that tests make.

use azulejo_imaging::{PixelFormat, Raster, Size};

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
