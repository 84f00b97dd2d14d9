//! What the tests work on.

use azulejo_imaging::{Channels, Depth, PixelFormat, Raster, Size};
use proptest::prelude::*;

pub fn format_of(text: &str) -> PixelFormat {
    text.parse().unwrap()
}

/// Every kind of number, in one band and in several; and intensities, of which some may have no data.
pub fn formats() -> Vec<PixelFormat> {
    let channels = [1, 2, 3, 5].map(|count| Channels::without_colour(count).unwrap());
    let channels = channels.into_iter().chain([Channels::Rgb]);
    channels
        .flat_map(|channels| Depth::ALL.map(|depth| PixelFormat { channels, depth }))
        .collect()
}

pub fn format() -> impl Strategy<Value = PixelFormat> {
    proptest::sample::select(formats())
}

/// The samples of a raster as numbers.
pub fn numbers(raster: &Raster) -> Vec<f64> {
    let depth = raster.format().depth;
    raster
        .bytes()
        .chunks_exact(depth.bytes())
        .map(|bytes| match (depth, bytes) {
            (Depth::Eight, [a]) => f64::from(*a),
            (Depth::Sixteen, [a, b]) => f64::from(u16::from_le_bytes([*a, *b])),
            (Depth::SignedSixteen, [a, b]) => f64::from(i16::from_le_bytes([*a, *b])),
            (Depth::ThirtyTwo, [a, b, c, d]) => f64::from(u32::from_le_bytes([*a, *b, *c, *d])),
            (Depth::Float, [a, b, c, d]) => f64::from(f32::from_le_bytes([*a, *b, *c, *d])),
            other => panic!("{other:?}"),
        })
        .collect()
}

/// A raster of these numbers, which the format holds.
pub fn raster(size: Size, format: PixelFormat, numbers: impl Iterator<Item = f64>) -> Raster {
    let bytes = numbers.flat_map(|number| match format.depth {
        Depth::Eight => vec![number as u8],
        Depth::Sixteen => (number as u16).to_le_bytes().to_vec(),
        Depth::SignedSixteen => (number as i16).to_le_bytes().to_vec(),
        Depth::ThirtyTwo => (number as u32).to_le_bytes().to_vec(),
        Depth::Float => (number as f32).to_le_bytes().to_vec(),
    });
    Raster::from_bytes(size, format, bytes.collect()).unwrap()
}

/// Numbers of all sizes with holes: `hole` stands for no data.
pub fn measured(size: Size, format: PixelFormat, hole: f64) -> Raster {
    let count = size.pixels() * format.channels.count() as u64;
    let mut state = 7u32;
    let numbers = (0..count).map(|index| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let (noise, is_hole) = (state >> 8, (index / 7) % 5 == 0 || state >> 28 == 3);
        match (is_hole, format.depth) {
            (true, _) => hole,
            (_, Depth::Eight) => f64::from(noise % 256),
            (_, Depth::Sixteen) => f64::from(noise % 65536),
            (_, Depth::SignedSixteen) => f64::from(noise % 65536) - 32768.0,
            (_, Depth::ThirtyTwo) => f64::from(noise) * 256.0,
            (_, Depth::Float) => (f64::from(noise) - 8e6) * f64::from(1 + state % 3) / 777.0,
        }
    });
    raster(size, format, numbers)
}

/// What stands for no data in these tests.
pub fn hole(depth: Depth) -> f64 {
    match depth {
        Depth::Eight => 0.0,
        Depth::Sixteen => 65535.0,
        Depth::SignedSixteen => -9999.0,
        Depth::ThirtyTwo => 4_294_967_295.0,
        Depth::Float => f64::from(-3.402_823_5e38_f32),
    }
}
