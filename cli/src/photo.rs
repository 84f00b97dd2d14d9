//! Pictures to measure with: made by arithmetic, the same on every machine, and like photographs in what costs time:
//! smooth areas, hard edges, and noise in every pixel, so that a PNG of them shrinks about as little as one of a
//! photograph.

use std::path::Path;

use azulejo_imaging::file::{EncodeOptions, Encoder, FileError, FileKind, Metadata};
use azulejo_imaging::{PixelFormat, Size};

/// Noise added to every sample is below this.
const NOISE: u32 = 8;

/// Writes a square RGB PNG of `side` pixels to `path`. `goes_on` is asked before every row; when it says no, the file stays
/// unfinished. Returns whether it is whole.
///
/// # Errors
/// When the file cannot be written.
pub fn write_while(path: &Path, side: u32, goes_on: impl Fn() -> bool) -> Result<bool, FileError> {
    let size = Size::new(side, side);
    let options = EncodeOptions::default();
    let mut encoder = Encoder::create(
        path,
        FileKind::Png,
        &options,
        size,
        PixelFormat::RGB8,
        &Metadata::default(),
    )?;
    let mut row = Vec::new();
    for y in 0..side {
        if !goes_on() {
            return Ok(false);
        }
        fill_row(&mut row, y, side);
        encoder.write_rows(&row)?;
    }
    encoder.finish().map(|_| true)
}

/// The same to its end, for tests.
#[cfg(test)]
pub fn write(path: &Path, side: u32) -> Result<(), FileError> {
    write_while(path, side, || true).map(drop)
}

fn fill_row(row: &mut Vec<u8>, y: u32, side: u32) {
    row.clear();
    let v = f64::from(y) / f64::from(side);
    let sky = (v * 3.1).sin();
    for x in 0..side {
        let u = f64::from(x) / f64::from(side);
        // Hard edges: overlapping discs, and stripes as of a roof.
        let disc = (0..5).any(|n| {
            let (cx, cy) = (0.15 + 0.17 * f64::from(n), 0.3 + 0.12 * f64::from(n % 3));
            (u - cx).powi(2) + (v - cy).powi(2) < 0.006
        });
        let stripe = v > 0.7 && (x / 24 + y / 40).is_multiple_of(2);
        let light = 0.5 + 0.35 * (u * 4.0).sin() * sky;
        for channel in 0..3u32 {
            let tint = f64::from(channel) * 0.11;
            let mut value = light + tint * (1.0 - v);
            if disc {
                value = 0.9 - tint;
            } else if stripe {
                value *= 0.55;
            }
            row.push(((value * 235.0) as u32 + noise(x, y, channel)).min(255) as u8);
        }
    }
}

/// The same number for the same place, everywhere: an integer hash (the finaliser of MurmurHash3).
fn noise(x: u32, y: u32, channel: u32) -> u32 {
    let mut hash =
        x.wrapping_mul(0x9E37_79B1) ^ y.wrapping_mul(0x85EB_CA77) ^ channel.wrapping_mul(0xC2B2_AE3D);
    hash = (hash ^ (hash >> 16)).wrapping_mul(0x85EB_CA6B);
    hash = (hash ^ (hash >> 13)).wrapping_mul(0xC2B2_AE35);
    (hash ^ (hash >> 16)) % NOISE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_the_same_every_time_and_does_not_shrink_to_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let files = [folder.path().join("a.png"), folder.path().join("b.png")];
        files.iter().for_each(|file| write(file, 256).unwrap());
        let [a, b] = files.map(|file| std::fs::read(file).unwrap());
        assert!(a == b);
        assert!(a.len() > 256 * 256 * 3 / 4, "{} bytes", a.len());
    }
}
