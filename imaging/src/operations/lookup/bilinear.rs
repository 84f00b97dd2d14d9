//! Means of the four pixels around a place.

use super::places::{BITS, BLOCK, Neighbours, Places, pair, products};
use crate::operations::projective::Projective;
use crate::patch::Patch;
use crate::sample::Sample;
use crate::simd::{self, Kernel};
use crate::{Region, Size};

/// Means of four intensities, rounded half up.
pub fn bilinear<S: Sample>(
    map: Projective,
    input: &Patch<'_, S>,
    output: Region,
    size: Size,
) -> Patch<'static, S> {
    let samples = match (input.channels.count(), input.is_opaque()) {
        (1, true) => mixed::<S, 1, 1>(map, input, output),
        (2, true) => mixed::<S, 2, 2>(map, input, output),
        (3, true) => mixed::<S, 3, 4>(map, input, output),
        (4, true) => mixed::<S, 4, 4>(map, input, output),
        (_, is_opaque) => mixed_by_alpha(map, input, output, is_opaque),
    };
    Patch::owned(size, output, input.channels, samples)
}

fn mixed<S: Sample, const N: usize, const LANES: usize>(
    map: Projective,
    input: &Patch<'_, S>,
    output: Region,
) -> Vec<S> {
    let mut samples = vec![S::default(); output.size().pixels() as usize * N];
    simd::run(Mix::<S, N, LANES> {
        map,
        input,
        output,
        samples: &mut samples,
    });
    samples
}

/// Means of pixels of `N` samples, none of which is weighed, in as many or more lanes: what is outside stays as it is.
///
/// `f64` is exact here: samples of 16 bit and two weights of 15 are 46.
struct Mix<'a, S: Sample, const N: usize, const LANES: usize> {
    map: Projective,
    input: &'a Patch<'a, S>,
    output: Region,
    samples: &'a mut [S],
}

impl<S: Sample, const N: usize, const LANES: usize> Kernel for Mix<'_, S, N, LANES> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let (image, region) = (self.input.image, self.input.region);
        let pixels = &*self.input.samples;
        let mut places = Places::NONE;
        let (mut columns, mut lines) = (Neighbours::NONE, Neighbours::NONE);
        let rows = self.samples.chunks_exact_mut(self.output.width as usize * N);
        for (row, line) in (self.output.y..).zip(rows) {
            let blocks = line.as_chunks_mut::<N>().0.chunks_mut(BLOCK);
            for (column, block) in (self.output.x..).step_by(BLOCK).zip(blocks) {
                places.compute(self.map, image, column, row);
                columns.compute(&places.x, image.width, region.x);
                lines.compute(&places.y, image.height, region.y);
                for (i, to) in block.iter_mut().enumerate() {
                    if !places.is_inside[i] {
                        continue;
                    }
                    let stride = region.width as usize;
                    let top = lines.first[i] as usize * stride + columns.first[i] as usize;
                    let bottom = top + lines.step[i] as usize * stride;
                    let step = columns.step[i] as usize;
                    let [a, b] = [top, top + step].map(|at| load::<S, N, LANES>(pixels, at));
                    let [c, d] = [bottom, bottom + step].map(|at| load::<S, N, LANES>(pixels, at));
                    let (across, down) = (columns.weight[i], lines.weight[i]);
                    let mut mean = [S::default(); LANES];
                    for lane in 0..LANES {
                        let above = a[lane] + (b[lane] - a[lane]) * across;
                        let below = c[lane] + (d[lane] - c[lane]) * across;
                        mean[lane] = S::wrap((above + (below - above) * down + 0.5) as i32 as u32);
                    }
                    to.copy_from_slice(&mean[..N]);
                }
            }
        }
    }
}

/// The pixel at index `at`; in lanes that it does not have, whatever follows.
#[inline(always)]
fn load<S: Sample, const N: usize, const LANES: usize>(pixels: &[S], at: usize) -> [f64; LANES] {
    let from = &pixels[at * N..];
    let mut samples = [S::default(); LANES];
    match from.first_chunk::<LANES>() {
        Some(wide) => samples = *wide,
        None => samples[..N].copy_from_slice(&from[..N]),
    }
    let mut lanes = [0.0; LANES];
    for (lane, sample) in lanes.iter_mut().zip(samples) {
        let sample: u32 = sample.into();
        *lane = f64::from(sample as i32);
    }
    lanes
}

/// Means of pixels of any number of samples; colours count by alpha unless all are opaque.
fn mixed_by_alpha<S: Sample>(
    map: Projective,
    input: &Patch<'_, S>,
    output: Region,
    is_opaque: bool,
) -> Vec<S> {
    let channels = input.channels.count();
    let mut samples = vec![S::default(); output.size().pixels() as usize * channels];
    let rows = samples.chunks_exact_mut(output.width as usize * channels);
    for (row, line) in (output.y..).zip(rows) {
        for (column, to) in (output.x..).zip(line.chunks_exact_mut(channels)) {
            let Some((x, y)) = map.inside(input.image, column, row) else {
                continue;
            };
            let (columns, by_column) = pair(x, input.image.width);
            let (rows, by_row) = pair(y, input.image.height);
            let weights = products(by_column, by_row);
            let pixels = rows.map(|y| columns.map(|x| input.row(y, x, 1)));
            let sum = |value: &dyn Fn(&[S]) -> u64| -> u64 {
                let pixels = pixels.as_flattened().iter().zip(weights);
                pixels.map(|(pixel, weight)| weight * value(pixel)).sum()
            };
            if is_opaque {
                for (channel, to) in to.iter_mut().enumerate() {
                    *to = rounded(sum(&|pixel| u64::from(pixel[channel].into())));
                }
            } else if let Some((to_alpha, colours)) = to.split_last_mut() {
                let last = channels - 1;
                let alpha = |pixel: &[S]| u64::from(pixel[last].into());
                let weight = sum(&alpha);
                *to_alpha = rounded(weight);
                for (channel, to) in colours.iter_mut().enumerate() {
                    let product = sum(&|pixel| alpha(pixel) * u64::from(pixel[channel].into()));
                    *to = S::weighted(product as i64, weight as i64);
                }
            }
        }
    }
    samples
}

/// A sum by [`products`], rounded half up.
fn rounded<S: Sample>(sum: u64) -> S {
    S::wrap(((sum + (1 << (2 * BITS - 1))) >> (2 * BITS)) as u32)
}

#[cfg(test)]
mod tests {
    use super::super::nearest::nearest;
    use super::*;
    use crate::{Affine, Channels};

    /// The mean of the four pixels around a place in whole numbers, as the first lines of `projective` define it.
    fn defined(map: Projective, input: &Patch<'_, u16>, output: Region) -> Vec<u16> {
        let count = input.channels.count();
        let mut samples = Vec::new();
        for row in output.y..output.y + output.height {
            for column in output.x..output.x + output.width {
                let Some((x, y)) = map.inside(input.image, column, row) else {
                    samples.extend(std::iter::repeat_n(0, count));
                    continue;
                };
                let (columns, by_column) = pair(x, input.image.width);
                let (rows, by_row) = pair(y, input.image.height);
                let weights = products(by_column, by_row);
                for channel in 0..count {
                    let values = rows.map(|y| columns.map(|x| u64::from(input.row(y, x, 1)[channel])));
                    let sum = values
                        .as_flattened()
                        .iter()
                        .zip(weights)
                        .map(|(value, weight)| value * weight)
                        .sum();
                    samples.push(rounded::<u16>(sum));
                }
            }
        }
        samples
    }

    #[test]
    fn means_are_exact_at_every_place_and_border() {
        let size = Size::new(37, 23);
        let mut state = 7_u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            // Many at both ends of the range.
            ((state >> 15) as u16).saturating_mul(if state & 8 == 0 { 1 } else { 9 })
        };
        let maps = [
            ([0.83, 0.4, -3.1], [-0.37, 0.9, 8.2], [0.0, 0.0]),
            ([1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0]),
            ([0.5, 0.0, 0.25], [0.0, 0.25, -0.125], [0.0, 0.0]),
            ([1.3, -0.2, 1.0], [0.1, 1.2, -4.0], [0.004, 0.002]),
            ([-1.0, 0.0, 37.0], [0.0, -1.0, 23.0], [0.0, 0.0]),
        ];
        for channels in [Channels::Gray, Channels::GrayAlpha, Channels::Rgb, Channels::Rgba] {
            let samples = (0..size.pixels() as usize * channels.count())
                .map(|_| next())
                .collect();
            let input = Patch::owned(size, size.region(), channels, samples);
            for (x, y, vanishing) in maps {
                let map = Projective {
                    affine: Affine { x, y },
                    vanishing,
                };
                let output = Region::new(3, 1, 141, 29);
                let expected = defined(map, &input, output);
                let found = match channels.count() {
                    1 => mixed::<u16, 1, 1>(map, &input, output),
                    2 => mixed::<u16, 2, 2>(map, &input, output),
                    3 => mixed::<u16, 3, 4>(map, &input, output),
                    _ => mixed::<u16, 4, 4>(map, &input, output),
                };
                assert_eq!(found, expected, "{channels:?} {map:?}");
                let picked = nearest(map, &input, output, size);
                for (i, pixel) in picked.samples.chunks_exact(channels.count()).enumerate() {
                    let (column, row) = (
                        output.x + i as u32 % output.width,
                        output.y + i as u32 / output.width,
                    );
                    match map.inside(size, column, row) {
                        Some((x, y)) => assert_eq!(pixel, input.row(y as u32, x as u32, 1)),
                        None => assert!(pixel.iter().all(|sample| *sample == 0)),
                    }
                }
            }
        }
    }
}
