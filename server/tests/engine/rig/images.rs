//! Pictures of the tests: made, written, read.

use std::path::Path;

use azulejo_imaging::file::{Decoder, Limits};
use azulejo_imaging::{PixelFormat, Raster, Size};

pub fn read_image(path: &Path) -> Raster {
    Decoder::open(path, &Limits::default())
        .unwrap()
        .read_all()
        .unwrap()
}

/// A picture that is different everywhere.
pub fn noise(size: Size, format: PixelFormat) -> Raster {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let bytes = (0..size.pixels() as usize * format.bytes_per_pixel())
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 32) as u8
        })
        .collect();
    Raster::from_bytes(size, format, bytes).unwrap()
}

pub fn write_png(path: &Path, raster: &Raster) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let file = std::fs::File::create(path).unwrap();
    let mut encoder = png::Encoder::new(file, raster.size().width, raster.size().height);
    encoder.set_color(match raster.format() {
        PixelFormat::GRAY8 => png::ColorType::Grayscale,
        PixelFormat::RGB8 => png::ColorType::Rgb,
        _ => png::ColorType::Rgba,
    });
    encoder.set_compression(png::Compression::Fastest);
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(raster.bytes()).unwrap();
    writer.finish().unwrap();
}
