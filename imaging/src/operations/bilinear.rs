//! Means of the four pixels around the places that a [`Projective`] map gives, rounded half up.

use super::projective::{BITS, Projective, pair, products};
use crate::floor::{as_integer, floor_signed};
use crate::patch::{Patch, Rows};
use crate::sample::Sample;
use crate::simd::{self, Kernel};
use crate::{Region, Size};

impl Projective {
    /// Means of four intensities.
    pub fn bilinear<S: Sample>(self, input: &Patch<'_, S>, output: Region, size: Size) -> Patch<'static, S> {
        let samples = match (input.channels.count(), input.is_opaque()) {
            (1, true) => self.mixed::<S, 1>(input, output),
            (2, true) => self.mixed::<S, 2>(input, output),
            (3, true) => self.mixed::<S, 3>(input, output),
            (4, true) => self.mixed::<S, 4>(input, output),
            (_, is_opaque) => self.mixed_by_alpha(input, output, is_opaque),
        };
        Patch::owned(size, output, input.channels, samples)
    }

    /// Means of pixels of `N` samples, none of which is weighed.
    fn mixed<S: Sample, const N: usize>(self, input: &Patch<'_, S>, output: Region) -> Vec<S> {
        let is_affine = self.as_affine().is_some();
        Rows::written(output, input.channels, |row, out| {
            let column = output.x;
            if is_affine {
                simd::run(MixedRow::<S, N, true> {
                    map: self,
                    input,
                    column,
                    row,
                    out,
                });
            } else {
                simd::run(MixedRow::<S, N, false> {
                    map: self,
                    input,
                    column,
                    row,
                    out,
                });
            }
        })
    }

    /// Means of pixels of any number of samples; colours count by alpha unless all are opaque.
    fn mixed_by_alpha<S: Sample>(self, input: &Patch<'_, S>, output: Region, is_opaque: bool) -> Vec<S> {
        let channels = input.channels.count();
        let mut samples = vec![S::default(); output.size().pixels() as usize * channels];
        let rows = samples.chunks_exact_mut(output.width as usize * channels);
        for (row, line) in (output.y..).zip(rows) {
            for (column, to) in (output.x..).zip(line.chunks_exact_mut(channels)) {
                let Some((x, y)) = self.inside(input.image, column, row) else {
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
}

/// Pixels that are looked up at a time.
const LANES: usize = 64;

/// A row of means of opaque pixels of `N` samples, from a column of the result on.
struct MixedRow<'a, S: Sample, const N: usize, const AFFINE: bool> {
    map: Projective,
    input: &'a Patch<'a, S>,
    column: u32,
    row: u32,
    out: &'a mut [S],
}

/// Where the places of pixels lie.
struct Places {
    /// 1 inside of the image, else 0: what is read there does not count.
    inside: [i32; LANES],
    /// Columns and rows of the two neighbours each way, in the patch.
    sides: [[[i32; LANES]; 2]; 2],
    /// Weights of the second column and of the second row, in 2^-15.
    weights: [[i32; LANES]; 2],
}

impl<S: Sample, const N: usize, const AFFINE: bool> Kernel for MixedRow<'_, S, N, AFFINE> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let (pixels, _) = self.input.samples.as_chunks::<N>();
        // Of places outside any pixel is read, and does not count.
        let Some(last) = pixels.len().checked_sub(1) else {
            return;
        };
        let width = self.input.region.width as isize;
        let (blocks, _) = self.out.as_chunks_mut::<N>();
        let mut places = Places {
            inside: [0; LANES],
            sides: [[[0; LANES]; 2]; 2],
            weights: [[0; LANES]; 2],
        };
        let mut corners = [[[S::default(); LANES]; N]; 4];
        for (index, block) in blocks.chunks_mut(LANES).enumerate() {
            let first = self.column + (index * LANES) as u32;
            places.find::<AFFINE>(self.map, self.input.image, self.input.region, first, self.row);
            if places.inside == [0; LANES] {
                block.fill([S::default(); N]);
                continue;
            }
            for lane in 0..block.len() {
                for (row, tops) in places.sides[1].iter().enumerate() {
                    for (column, lefts) in places.sides[0].iter().enumerate() {
                        let at = tops[lane] as isize * width + lefts[lane] as isize;
                        let pixel = pixels[(at as usize).min(last)];
                        for channel in 0..N {
                            corners[2 * row + column][channel][lane] = pixel[channel];
                        }
                    }
                }
            }
            let mut means = [[S::default(); LANES]; N];
            for channel in 0..N {
                let [a, b, c, d] = [
                    &corners[0][channel],
                    &corners[1][channel],
                    &corners[2][channel],
                    &corners[3][channel],
                ];
                for lane in 0..LANES {
                    let number = |sample: S| -> i32 {
                        let sample: u32 = sample.into();
                        sample as i32
                    };
                    let [column, row] = [places.weights[0][lane], places.weights[1][lane]];
                    let above = mixed(number(a[lane]), number(b[lane]), column);
                    let below = mixed(number(c[lane]), number(d[lane]), column);
                    means[channel][lane] =
                        S::wrap((rounded_mix(above, below, row) * places.inside[lane]) as u32);
                }
            }
            for (lane, to) in block.iter_mut().enumerate() {
                for channel in 0..N {
                    to[channel] = means[channel][lane];
                }
            }
        }
    }
}

impl Places {
    /// Of the pixels of row `row` from column `first` on.
    #[inline(always)]
    fn find<const AFFINE: bool>(
        &mut self,
        map: Projective,
        image: Size,
        region: Region,
        first: u32,
        row: u32,
    ) {
        let (width, height) = (f64::from(image.width), f64::from(image.height));
        let v = f64::from(row) + 0.5;
        let (mut xs, mut ys) = ([0.0; LANES], [0.0; LANES]);
        for lane in 0..LANES {
            let u = f64::from((first + lane as u32) as i32) + 0.5;
            // Told at compile time that there is no division.
            (xs[lane], ys[lane]) = if AFFINE { map.affine.at(u, v) } else { map.at(u, v) };
        }
        for lane in 0..LANES {
            let (x, y) = (xs[lane], ys[lane]);
            self.inside[lane] = i32::from((x >= 0.0) & (y >= 0.0) & (x < width) & (y < height));
        }
        let axes = [(&xs, image.width, region.x), (&ys, image.height, region.y)];
        for ((places, length, start), (sides, weights)) in
            axes.into_iter().zip(self.sides.iter_mut().zip(&mut self.weights))
        {
            let (last, start) = (length as i32 - 1, start as i32);
            let [before, after] = sides;
            for lane in 0..LANES {
                let (side, weight) = neighbours(places[lane]);
                before[lane] = side.max(0).min(last) - start;
                after[lane] = side.wrapping_add(1).max(0).min(last) - start;
                // Of a place far outside it may be any number.
                weights[lane] = weight.clamp(0, 1 << BITS);
            }
        }
    }
}

/// The neighbour before a place, which is -1 before the first middle, and the weight of the one after it, as [`pair`] has them for
/// places inside of the image.
#[inline(always)]
fn neighbours(place: f64) -> (i32, i32) {
    let from_middle = place - 0.5;
    let before = floor_signed(from_middle);
    let weight = floor_signed((from_middle - before) * f64::from(1 << BITS) + 0.5);
    (as_integer(before), as_integer(weight))
}

/// `2^15 a (1 - weight) + 2^15 b weight` with a weight in 2^-15: below 2^31 for samples of 16 bit.
#[inline(always)]
fn mixed(a: i32, b: i32, weight: i32) -> i32 {
    (a << BITS) + (b - a) * weight
}

/// The same of two such means, rounded half up: `floor((2^15 a + (b - a) weight + 2^29) / 2^30)`. With `b - a` as `2^16 high + low`
/// all but `low weight` is a multiple of 2^15, so that dividing by that first changes nothing and 32 bits are enough.
#[inline(always)]
fn rounded_mix(a: i32, b: i32, weight: i32) -> i32 {
    let difference = b - a;
    let (high, low) = (difference >> 16, difference & 0xffff);
    let low = (low as u32 * weight as u32) >> BITS;
    (a + 2 * high * weight + low as i32 + (1 << (BITS - 1))) >> BITS
}

/// A sum by [`products`], rounded half up.
fn rounded<S: Sample>(sum: u64) -> S {
    S::wrap(((sum + (1 << (2 * BITS - 1))) >> (2 * BITS)) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_those_of_single_places() {
        let places = (0..4000).map(|step| f64::from(step) / 1000.0);
        let edges = [
            0.5,
            1.5,
            1.0 - f64::EPSILON,
            0.5 - f64::EPSILON,
            3.0 - 1e-15,
            199_999.999_99,
        ];
        for place in places.chain(edges) {
            let ([before, after], weight) = pair(place, 1 << 20);
            let (side, own) = neighbours(place);
            assert_eq!(
                [side.max(0) as u32, (side + 1) as u32],
                [before, after],
                "{place}"
            );
            assert_eq!(own as u64, weight, "{place}");
        }
    }

    #[test]
    fn means_in_32_bits_are_those_in_64() {
        let weights = [0, 1, 2, 77, 16383, 16384, 16385, 30000, 32766, 32767, 32768];
        let samples = [0, 1, 2, 127, 128, 254, 255, 256, 32767, 32768, 65534, 65535];
        for (by_column, by_row) in weights.into_iter().flat_map(|c| weights.map(|r| (c, r))) {
            for (a, b) in samples.into_iter().flat_map(|a| samples.map(|b| (a, b))) {
                for (c, d) in samples.into_iter().flat_map(|c| samples.map(|d| (c, d))) {
                    let weights = products(by_column, by_row);
                    let sum = weights
                        .iter()
                        .zip([a, b, c, d])
                        .map(|(weight, sample)| weight * sample);
                    let right: u16 = rounded(sum.sum());
                    let [a, b, c, d] = [a, b, c, d].map(|sample| sample as i32);
                    let above = mixed(a, b, by_column as i32);
                    let below = mixed(c, d, by_column as i32);
                    assert_eq!(rounded_mix(above, below, by_row as i32), i32::from(right));
                }
            }
        }
    }
}
