//! How measurements are shown: numbers without a known range, and bands that are no colours, as a picture of 8 bit.
//!
//! The first three bands are red, green and blue, a single one is gray (of two, the first). Each is stretched by itself: what
//! 2 % of its samples lie below becomes black, what 98 % lie below becomes white, as programs for maps do it unless told
//! otherwise. Samples without data are transparent. The pixels of a result are not touched by it.

use crate::meaning::Meaning;
use crate::{Depth, PixelFormat, Raster};

/// Samples of a band that are looked at, at most: those of a grid over the picture.
const MOST_SAMPLES: usize = 1 << 16;
/// Which part of the samples is darker than black, and lighter than white.
const CUT: f64 = 0.02;

/// From numbers to levels of 8 bit, for each band that is shown.
#[derive(Debug, Clone, PartialEq)]
pub struct Stretch {
    /// Black and white.
    ranges: Vec<(f64, f64)>,
}

impl Stretch {
    /// Bands that are shown of pixels of `format`: one or three.
    pub fn shown(format: PixelFormat) -> usize {
        if format.channels.count() < 3 { 1 } else { 3 }
    }

    /// By the samples of `image`. `no_data` is the number that stands for no data, where one does.
    pub fn of(image: &Raster, no_data: Option<f64>) -> Self {
        let format = image.format();
        let meaning = meaning(format.depth, no_data);
        let pixels = image.size().pixels() as usize;
        // A step that shares nothing with usual widths, so that not a few columns are looked at.
        let step = (pixels / MOST_SAMPLES).max(1) | 1;
        let bands = (0..Self::shown(format)).map(|band| {
            let pixels = image.bytes().chunks_exact(format.bytes_per_pixel()).step_by(step);
            pixels
                .map(|pixel| number(meaning, format.depth, pixel, band))
                .collect()
        });
        Self::of_numbers(bands)
    }

    /// By the numbers of each band that is shown; what is not a number has no data.
    pub fn of_numbers(bands: impl IntoIterator<Item = Vec<f64>>) -> Self {
        let ranges = bands.into_iter().map(|mut numbers| {
            numbers.retain(|number| number.is_finite());
            if numbers.is_empty() {
                return (0.0, 1.0);
            }
            let last = numbers.len() - 1;
            let mut at = |share: f64| {
                let index = (share * last as f64 + 0.5) as usize;
                *numbers.select_nth_unstable_by(index, f64::total_cmp).1
            };
            (at(CUT), at(1.0 - CUT))
        });
        Self {
            ranges: ranges.collect(),
        }
    }

    /// Black and white of each band that is shown.
    pub fn ranges(&self) -> &[(f64, f64)] {
        &self.ranges
    }

    /// The level of `number` in band `band`; transparent (`None`) where there is no data. A band of one value is middle gray.
    pub fn level(&self, band: usize, number: f64) -> Option<u8> {
        let (black, white) = self.ranges.get(band).copied().unwrap_or((0.0, 1.0));
        if number.is_nan() {
            return None;
        }
        if white <= black {
            return Some(if number < black {
                0
            } else if number > black {
                255
            } else {
                128
            });
        }
        Some(((number - black) / (white - black) * 255.0 + 0.5).clamp(0.0, 255.0) as u8)
    }

    /// The pixels of `raster` as RGBA of 8 bit, not premultiplied.
    pub fn rgba(&self, raster: &Raster, no_data: Option<f64>) -> Vec<u8> {
        let format = raster.format();
        let meaning = meaning(format.depth, no_data);
        let shown = Self::shown(format);
        let pixels = raster.bytes().chunks_exact(format.bytes_per_pixel());
        pixels
            .flat_map(|pixel| {
                let level = |band| self.level(band, number(meaning, format.depth, pixel, band));
                let levels = match shown {
                    1 => level(0).map(|gray| [gray; 3]),
                    _ => match (level(0), level(1), level(2)) {
                        (Some(red), Some(green), Some(blue)) => Some([red, green, blue]),
                        _ => None,
                    },
                };
                levels.map_or([0; 4], |[red, green, blue]| [red, green, blue, 255])
            })
            .collect()
    }
}

/// The numbers of the bands that are shown of a pixel of `format`, NaN where there is no data.
pub fn shown_numbers(format: PixelFormat, no_data: Option<f64>, pixel: &[u8]) -> impl Iterator<Item = f64> {
    let meaning = meaning(format.depth, no_data);
    (0..Stretch::shown(format)).map(move |band| number(meaning, format.depth, pixel, band))
}

fn meaning(depth: Depth, no_data: Option<f64>) -> Meaning {
    let meaning = Meaning::of(depth);
    no_data.map_or(meaning, |value| meaning.with_no_data(value))
}

/// The number of a band of a pixel.
fn number(meaning: Meaning, depth: Depth, pixel: &[u8], band: usize) -> f64 {
    let wide = depth.bytes();
    let bytes = pixel.get(band * wide..(band + 1) * wide).unwrap_or(&[]);
    let bits = bytes
        .iter()
        .rev()
        .fold(0, |bits, byte| bits << 8 | u32::from(*byte));
    meaning.number(bits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Size;

    #[test]
    fn what_is_rare_does_not_darken_the_rest() {
        let format: PixelFormat = "gray-i16le".parse().unwrap();
        let numbers = (0..100).map(|n| match n {
            0 => -32000,
            99 => 32000_i16,
            n => n,
        });
        let bytes = numbers.flat_map(i16::to_le_bytes).collect();
        let image = Raster::from_bytes(Size::new(10, 10), format, bytes).unwrap();
        let stretch = Stretch::of(&image, None);
        assert_eq!(stretch.ranges(), [(2.0, 97.0)]);
        let shown = stretch.rgba(&image, Some(50.0));
        assert_eq!(shown[..4], [0, 0, 0, 255]);
        assert_eq!(shown[4 * 99..], [255; 4]);
        assert_eq!(shown[4 * 50..4 * 51], [0; 4]);
        assert!(shown[4 * 30] < shown[4 * 70]);
    }

    #[test]
    fn the_first_three_bands_are_shown_each_by_its_own_range() {
        let format: PixelFormat = "bands4-f32le".parse().unwrap();
        let pixels = [
            [0.0, -5.0, 1e6, 7.0],
            [1.0, 5.0, 2e6, f32::NAN],
            [0.5, 0.0, f32::NAN, 7.0],
        ];
        let bytes = pixels.into_iter().flatten().flat_map(f32::to_le_bytes).collect();
        let image = Raster::from_bytes(Size::new(3, 1), format, bytes).unwrap();
        let shown = Stretch::of(&image, None).rgba(&image, None);
        assert_eq!(shown, [0, 0, 0, 255, 255, 255, 255, 255, 0, 0, 0, 0]);
    }

    #[test]
    fn one_value_is_gray_and_nothing_is_nothing() {
        let stretch = Stretch::of_numbers([vec![3.0; 9]]);
        assert_eq!(stretch.level(0, 3.0), Some(128));
        let empty = Stretch::of_numbers([vec![f64::NAN; 9]]);
        assert_eq!(empty.level(0, f64::NAN), None);
    }
}
