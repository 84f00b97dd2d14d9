//! Two rows become one of half the width: the mean of two by two pixels, rounded, of the numbers as they are stored.
//!
//! Colours count by their alpha, so that those of invisible pixels do not get into what is visible; where nothing is visible, all
//! count alike. Samples without data count nowhere, and four of them give one, see [`crate::meaning`].

use crate::meaning::Meaning;
use crate::{Depth, PixelFormat};

/// Half of two rows of the same width; a last column that has no other stands for two. `no_data` stands for no data.
pub(super) fn rows(upper: &[u8], lower: &[u8], format: PixelFormat, no_data: Option<f64>) -> Vec<u8> {
    let meaning = Meaning::of(format.depth);
    let meaning = no_data.map_or(meaning, |value| meaning.with_no_data(value));
    let samples = format.channels.count();
    let alpha = format.channels.has_alpha();
    let pixel = format.bytes_per_pixel();
    let mut half = Vec::with_capacity(upper.len().div_ceil(2 * pixel) * pixel);
    for (upper, lower) in upper.chunks(2 * pixel).zip(lower.chunks(2 * pixel)) {
        let last = upper.len() - pixel;
        let four = [&upper[..pixel], &upper[last..], &lower[..pixel], &lower[last..]];
        match format.depth {
            // Alpha says itself where nothing is.
            _ if meaning.is_measured() && !alpha => {
                let wide = format.depth.bytes();
                for at in (0..pixel).step_by(wide) {
                    let numbers = four.map(|pixel| meaning.number(bits(&pixel[at..at + wide])));
                    let mean = meaning.bits(mean_of_data(numbers));
                    half.extend_from_slice(&mean.to_le_bytes()[..wide]);
                }
            }
            Depth::Eight => {
                let sample = |index: usize| four.map(|pixel| u64::from(pixel[index]));
                (0..samples).for_each(|index| half.push(mean(sample, index, samples, alpha) as u8));
            }
            // No other depth has alpha.
            _ => {
                let sample = |index: usize| {
                    four.map(|pixel| u64::from(u16::from_le_bytes([pixel[2 * index], pixel[2 * index + 1]])))
                };
                (0..samples).for_each(|index| {
                    half.extend((mean(sample, index, samples, alpha) as u16).to_le_bytes());
                });
            }
        }
    }
    half
}

/// A sample of up to 32 bit.
fn bits(bytes: &[u8]) -> u32 {
    let mut whole = [0; 4];
    whole[..bytes.len()].copy_from_slice(bytes);
    u32::from_le_bytes(whole)
}

/// The mean of the numbers that are data, NaN where none is.
fn mean_of_data(numbers: [f64; 4]) -> f64 {
    let data = numbers.into_iter().filter(|number| !number.is_nan());
    let (sum, count) = data.fold((0.0, 0.0), |(sum, count), number| (sum + number, count + 1.0));
    sum / count
}

/// The mean of sample `index` of four pixels.
fn mean(sample: impl Fn(usize) -> [u64; 4], index: usize, samples: usize, alpha: bool) -> u64 {
    let values = sample(index);
    if alpha && index + 1 < samples {
        let weights = sample(samples - 1);
        let all: u64 = weights.iter().sum();
        let sum: u64 = values
            .iter()
            .zip(weights)
            .map(|(value, weight)| value * weight)
            .sum();
        if let Some(mean) = (sum + all / 2).checked_div(all) {
            return mean;
        }
    }
    (values.iter().sum::<u64>() + 2) / 4
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_pixels_become_their_mean_and_edges_stand_for_two() {
        assert_eq!(rows(&[0, 1, 9], &[1, 1, 9], PixelFormat::GRAY8, None), [1, 9]);
        let wide = |values: [u16; 2]| values.map(u16::to_le_bytes).concat();
        let half = rows(
            &wide([65535, 65535]),
            &wide([65535, 65533]),
            PixelFormat::GRAY16,
            None,
        );
        assert_eq!(half, u16::to_le_bytes(65535));
        let half = rows(
            &[0, 10, 20, 2, 10, 40],
            &[0, 10, 20, 2, 10, 40],
            PixelFormat::RGB8,
            None,
        );
        assert_eq!(half, [1, 10, 30]);
    }

    #[test]
    fn an_invisible_colour_does_not_get_into_what_is_visible() {
        let half = rows(&[255, 0, 10, 255], &[255, 0, 10, 255], PixelFormat::GRAYA8, None);
        assert_eq!(half, [10, 128]);
        let half = rows(&[8, 0, 16, 0], &[8, 0, 16, 0], PixelFormat::GRAYA8, None);
        assert_eq!(half, [12, 0]);
    }

    #[test]
    fn samples_without_data_count_nowhere() {
        let format = |name: &str| name.parse::<PixelFormat>().unwrap();
        let signed = |values: &[i16]| {
            values
                .iter()
                .flat_map(|value| value.to_le_bytes())
                .collect::<Vec<_>>()
        };
        let half = |upper: &[i16], lower: &[i16]| {
            rows(
                &signed(upper),
                &signed(lower),
                format("bands2-i16le"),
                Some(-9999.0),
            )
        };
        // One datum of four in the first band, two in the second; then none and a mean that would mean none.
        let upper = [-9999, -9999, -7, 3, -9999, -9998, -9999, -10000];
        let lower = [-9999, -9999, -9999, -6, -9999, -9998, -9999, -10000];
        assert_eq!(half(&upper, &lower), signed(&[-7, -1, -9999, -10000]));

        let float = |values: &[f32]| {
            values
                .iter()
                .flat_map(|value| value.to_le_bytes())
                .collect::<Vec<_>>()
        };
        let (upper, lower) = (
            [f32::NAN, 0.25, f32::NAN, f32::NAN],
            [1e30, 0.75, f32::NAN, f32::NAN],
        );
        let half = rows(
            &float(&upper),
            &float(&lower),
            format("gray-f32le"),
            Some(f64::from(1e30_f32)),
        );
        assert_eq!(half, float(&[0.5, 1e30]));
        let half = rows(
            &float(&upper[2..]),
            &float(&lower[2..]),
            format("gray-f32le"),
            None,
        );
        assert_eq!(half, f32::NAN.to_le_bytes());

        let most = u32::MAX.to_le_bytes();
        assert_eq!(rows(&most, &most, format("gray-u32le"), None), most);
        // Intensities may have holes, too.
        assert_eq!(rows(&[0, 200], &[100, 0], PixelFormat::GRAY8, Some(0.0)), [150]);
    }
}
