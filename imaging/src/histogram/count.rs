//! Counting the pixels of a raster.

use super::{Histogram, Statistic};
use crate::luma::{gray_row, luma_row};
use crate::meaning::Meaning;
use crate::sample::Sample;
use crate::{Channels, Depth, Raster};

/// Pixels that are counted in 32 bits before the counts are added to those of 64.
const PIXELS_AT_A_TIME: usize = 1 << 20;

impl Histogram {
    /// Of `pixels`. `no_data` is the number that stands for no data, where one does.
    pub fn of(pixels: &Raster, no_data: Option<f64>, statistic: Statistic) -> Self {
        let format = pixels.format();
        let mut histogram = Self::empty(format, statistic);
        if histogram.counts.is_empty() {
            return histogram;
        }
        let meaning = Meaning::of(format.depth);
        let meaning = no_data.map_or(meaning, |value| meaning.with_no_data(value));
        match format.depth {
            Depth::Eight => histogram.count::<u8>(pixels, meaning),
            _ => histogram.count::<u16>(pixels, meaning),
        }
        histogram
    }

    fn count<S: Sample>(&mut self, pixels: &Raster, meaning: Meaning) {
        let channels = pixels.format().channels;
        let bytes_at_a_time = PIXELS_AT_A_TIME * pixels.format().bytes_per_pixel();
        let values = S::MAX as usize + 1;
        let mut some = vec![0u32; self.counts.len()];
        let mut luma = Vec::new();
        for bytes in pixels.bytes().chunks(bytes_at_a_time) {
            let samples = S::from_bytes(bytes);
            match (self.statistic, channels) {
                (Statistic::Luma, Channels::Rgb | Channels::Rgba)
                    if meaning.no_data_intensity().is_none() =>
                {
                    gray_of(&samples, channels, &mut some);
                }
                (Statistic::Luma, Channels::Rgb | Channels::Rgba) => {
                    luma_of(&samples, channels, meaning, &mut luma);
                    one_band(&luma, &mut some);
                }
                (_, Channels::GrayAlpha) => beside_alpha::<S, 2>(&samples, values, &mut some),
                (_, Channels::Rgb) => bands::<S, 3>(&samples, values, &mut some),
                (_, Channels::Rgba) => beside_alpha::<S, 4>(&samples, values, &mut some),
                _ => one_band(&samples, &mut some),
            }
            for (count, more) in self.counts.iter_mut().zip(&mut some) {
                *count += u64::from(std::mem::take(more));
            }
        }
        // No luma of pixels that have data is the number that stands for none.
        if let Some(no_data) = meaning.no_data_intensity() {
            for band in self.counts.chunks_exact_mut(values) {
                band[no_data as usize] = 0;
            }
        }
    }
}

/// Counts samples of a single band.
fn one_band<S: Sample>(samples: &[S], counts: &mut [u32]) {
    // Equal neighbours would wait for each other in one table.
    if let Ok(counts) = <&mut [u32; 1 << 8]>::try_from(&mut *counts) {
        let mut tables = [[0u32; 1 << 8]; 4];
        let (fours, rest) = samples.as_chunks::<4>();
        for four in fours {
            for (table, sample) in tables.iter_mut().zip(four) {
                table[value(*sample) % (1 << 8)] += 1;
            }
        }
        for sample in rest {
            tables[0][value(*sample) % (1 << 8)] += 1;
        }
        for table in tables {
            for (count, more) in counts.iter_mut().zip(table) {
                *count += more;
            }
        }
        return;
    }
    if let Ok(counts) = <&mut [u32; 1 << 16]>::try_from(counts) {
        for sample in samples {
            counts[value(*sample) % (1 << 16)] += 1;
        }
    }
}

/// Counts the luma of RGB or RGBA that all has data, as many pixels at a time as stay in the first-level cache.
fn gray_of<S: Sample>(samples: &[S], channels: Channels, counts: &mut [u32]) {
    const PIXELS: usize = 4096;
    let step = channels.count();
    let mut gray = vec![S::default(); PIXELS * channels.gray().count()];
    for part in samples.chunks(PIXELS * step) {
        let gray = &mut gray[..part.len() / step * channels.gray().count()];
        gray_row(step, part, gray);
        match channels {
            Channels::Rgba => beside_alpha::<S, 2>(gray, counts.len(), counts),
            _ => one_band(gray, counts),
        }
    }
}

/// Counts pixels of `N` bands.
fn bands<S: Sample, const N: usize>(samples: &[S], values: usize, counts: &mut [u32]) {
    colours::<S, N, N>(samples, values, counts, |_| 1);
}

/// Counts pixels of `N` samples, the last of which is alpha.
fn beside_alpha<S: Sample, const N: usize>(samples: &[S], values: usize, counts: &mut [u32]) {
    let is_seen = |pixel: &[S; N]| u32::from(value(pixel[N - 1]) > 0);
    match N {
        2 => colours::<S, N, 1>(samples, values, counts, is_seen),
        _ => colours::<S, N, 3>(samples, values, counts, is_seen),
    }
}

/// Counts the first `B` of the `N` samples of each pixel, as often as `times` says.
fn colours<S: Sample, const N: usize, const B: usize>(
    samples: &[S],
    values: usize,
    counts: &mut [u32],
    times: impl Fn(&[S; N]) -> u32,
) {
    let pixels = samples.as_chunks::<N>().0;
    // Of a length that is known, so that no index has to be checked; and two of them, since equal neighbours would wait for each
    // other in one.
    if values == 1 << 8 {
        let mut tables = [[[0u32; 1 << 8]; B]; 2];
        let (twos, rest) = pixels.as_chunks::<2>();
        let mut add = |table: usize, pixel: &[S; N]| {
            let more = times(pixel);
            for band in 0..B {
                tables[table][band][value(pixel[band]) % (1 << 8)] += more;
            }
        };
        for [first, second] in twos {
            add(0, first);
            add(1, second);
        }
        rest.iter().for_each(|pixel| add(0, pixel));
        for table in &tables {
            for (count, more) in counts.iter_mut().zip(table.as_flattened()) {
                *count += more;
            }
        }
        return;
    }
    let Some(counts) = counts.as_chunks_mut::<{ 1 << 16 }>().0.first_chunk_mut::<B>() else {
        return;
    };
    for pixel in pixels {
        let more = times(pixel);
        for band in 0..B {
            counts[band][value(pixel[band]) % (1 << 16)] += more;
        }
    }
}

#[inline(always)]
fn value<S: Sample>(sample: S) -> usize {
    let value: u32 = sample.into();
    value as usize
}

/// Replaces what is in `luma` by the luma of the pixels that are seen and have data.
fn luma_of<S: Sample>(samples: &[S], channels: Channels, meaning: Meaning, luma: &mut Vec<S>) {
    let mut colours = Vec::new();
    let no_data = meaning.no_data_intensity();
    let has_data =
        |pixel: &[S]| no_data.is_none_or(|no_data| pixel.iter().all(|one| (*one).into() != no_data));
    let rgb: &[S] = match channels {
        Channels::Rgba => {
            for pixel in samples.as_chunks::<4>().0 {
                if value(pixel[3]) > 0 && has_data(&pixel[..3]) {
                    colours.extend_from_slice(&pixel[..3]);
                }
            }
            &colours
        }
        _ if no_data.is_some() => {
            let pixels = samples.as_chunks::<3>().0.iter();
            colours.extend(pixels.filter(|pixel| has_data(&pixel[..])).flatten().copied());
            &colours
        }
        _ => samples,
    };
    luma.clear();
    luma.resize(rgb.len() / 3, S::default());
    luma_row(rgb, luma);
    if no_data.is_some() {
        // As `grayscale` writes it: never the number that stands for no data.
        for sample in luma {
            let number: u32 = (*sample).into();
            *sample = S::wrap(meaning.bits(number.into()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{PixelFormat, Recipe, Size, apply};

    fn noise(size: Size, format: PixelFormat) -> Raster {
        let mut state = 7u32;
        let bytes = (0..Raster::byte_length(size, format).unwrap()).map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            // Few values, so that some are 0 and some are equal.
            (state >> 28) as u8 * 17
        });
        Raster::from_bytes(size, format, bytes.collect()).unwrap()
    }

    fn sample(raster: &Raster, pixel: usize, channel: usize) -> usize {
        let PixelFormat { channels, depth } = raster.format();
        let at = (pixel * channels.count() + channel) * depth.bytes();
        match depth {
            Depth::Eight => raster.bytes()[at].into(),
            _ => u16::from_le_bytes([raster.bytes()[at], raster.bytes()[at + 1]]).into(),
        }
    }

    /// The definition, sample by sample.
    fn naive(raster: &Raster, no_data: Option<usize>) -> Vec<Vec<u64>> {
        let channels = raster.format().channels;
        let colours = channels.count() - usize::from(channels.has_alpha());
        let values = 1 << (8 * raster.format().depth.bytes());
        let mut bands = vec![vec![0; values]; colours];
        for pixel in 0..raster.size().pixels() as usize {
            if channels.has_alpha() && sample(raster, pixel, colours) == 0 {
                continue;
            }
            for (channel, band) in bands.iter_mut().enumerate() {
                let value = sample(raster, pixel, channel);
                if Some(value) != no_data {
                    band[value] += 1;
                }
            }
        }
        bands
    }

    #[test]
    fn every_sample_that_is_seen_and_has_data_is_counted() {
        for format in PixelFormat::ALL {
            for size in [Size::new(1, 1), Size::new(67, 41)] {
                let image = noise(size, format);
                for no_data in [None, Some(17 * 5), Some(17 * 257)] {
                    // What says itself where nothing is needs no number for it.
                    let no_data = no_data.filter(|_| !format.channels.has_alpha());
                    let number = no_data.map(|value| value as f64);
                    let counted = Histogram::of(&image, number, Statistic::Bands);
                    assert!(counted.bands().eq(naive(&image, no_data)), "{format} {no_data:?}");

                    let gray = match number {
                        Some(number) => format!("no_data:value={number}|grayscale"),
                        None => "grayscale".to_owned(),
                    };
                    let gray = apply(&Recipe::parse(&gray).unwrap(), &image).unwrap();
                    let counted = Histogram::of(&image, number, Statistic::Luma);
                    assert!(counted.bands().eq(naive(&gray, no_data)), "{format} {no_data:?}");
                }
            }
        }
    }

    #[test]
    fn parts_add_up_to_the_whole_beyond_what_is_counted_at_a_time() {
        let size = Size::new(1500, 1000);
        for format in [PixelFormat::GRAY8, PixelFormat::RGBA8, PixelFormat::RGB16] {
            let image = noise(size, format);
            for statistic in Statistic::ALL {
                let mut sum = Histogram::empty(format, statistic);
                for part in crate::TileGrid::new(size, 333).regions() {
                    let part = Histogram::of(&image.crop(part).unwrap(), None, statistic);
                    sum.merge(&part).unwrap();
                }
                assert_eq!(sum, Histogram::of(&image, None, statistic), "{format}");
            }
        }
    }
}
