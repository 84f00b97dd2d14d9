//! How samples that are no intensities are written, and bands that are no colours: as GDAL does it, so that it and whatever is
//! built on it read them as they were.

use crate::{Channels, Depth, PixelFormat};

/// PhotometricInterpretation: RGB, or "black is zero", which says least.
pub(super) fn photometric(format: PixelFormat) -> u16 {
    match format.channels {
        Channels::Rgb | Channels::Rgba => 2,
        Channels::Gray | Channels::GrayAlpha | Channels::Bands(_) => 1,
    }
}

/// ExtraSamples: alpha that is not premultiplied, or bands beside the first of which nothing is said.
pub(super) fn extra_samples(format: PixelFormat) -> Vec<u16> {
    match format.channels {
        Channels::Gray | Channels::Rgb => Vec::new(),
        Channels::GrayAlpha | Channels::Rgba => vec![2],
        Channels::Bands(bands) => vec![0; bands.count() - 1],
    }
}

/// SampleFormat, for every sample; none where it is whole numbers without a sign, which needs not be said.
pub(super) fn sample_format(format: PixelFormat) -> Vec<u16> {
    let kind = match format.depth {
        Depth::Eight | Depth::Sixteen | Depth::ThirtyTwo => return Vec::new(),
        Depth::SignedSixteen => 2,
        Depth::Float => 3,
    };
    vec![kind; format.channels.count()]
}

/// Predictor: differences to the pixel on the left, of floating point those of bytes of equal weight.
pub(super) fn predictor(format: PixelFormat) -> u16 {
    if format.depth == Depth::Float { 3 } else { 2 }
}

/// The tag's text for a number: the shortest decimals that mean it.
pub(super) fn no_data_text(value: f64) -> Vec<u8> {
    let text = if value.abs() >= 1e16 {
        format!("{value:e}\0")
    } else {
        format!("{value}\0")
    };
    text.into_bytes()
}

/// Turns a row of samples into what [`predictor`] says, from the right on.
pub(super) fn differences(row: &mut [u8], format: PixelFormat) {
    let samples = format.channels.count();
    match format.depth {
        Depth::Eight => bytes(row, samples),
        Depth::Sixteen | Depth::SignedSixteen => {
            let (row, _) = row.as_chunks_mut::<2>();
            for index in (samples..row.len()).rev() {
                let before = u16::from_le_bytes(row[index - samples]);
                row[index] = u16::from_le_bytes(row[index]).wrapping_sub(before).to_le_bytes();
            }
        }
        Depth::ThirtyTwo => {
            let (row, _) = row.as_chunks_mut::<4>();
            for index in (samples..row.len()).rev() {
                let before = u32::from_le_bytes(row[index - samples]);
                row[index] = u32::from_le_bytes(row[index]).wrapping_sub(before).to_le_bytes();
            }
        }
        Depth::Float => {
            let whole = row.to_vec();
            let (floats, _) = whole.as_chunks::<4>();
            for (weight, plane) in row.chunks_exact_mut(floats.len()).enumerate() {
                for (to, float) in plane.iter_mut().zip(floats) {
                    *to = float[3 - weight];
                }
            }
            bytes(row, samples);
        }
    }
}

fn bytes(row: &mut [u8], samples: usize) {
    for index in (samples..row.len()).rev() {
        row[index] = row[index].wrapping_sub(row[index - samples]);
    }
}
