//! Operations on whole pixels that mix the colour channels. Alpha stays.

use super::points::factor;
use crate::floor::round_half_up;
use crate::luma::{luma, luma_plane};
use crate::meaning::with_data;
use crate::operation::{Group, Operation, OperationInfo, Values, needs_colours};
use crate::patch::{Patch, Rows};
use crate::planes::{BLOCK, Mix, Plane, mix_row};
use crate::sample::Sample;
use crate::{Channels, PixelFormat, Region};

/// How far colours are from gray.
pub(crate) struct Saturation {
    factor: f64,
}

impl Operation for Saturation {
    const INFO: &'static OperationInfo = &OperationInfo {
        name: "saturation",
        title: "Saturation",
        group: Group::Colour,
        summary: "Makes colours stronger or paler; 0 is gray.",
        method: "Multiplies how far every colour is from the gray of its luma.",
        aliases: &[],
        parameters: &[factor("0 is gray, above 1 is more vivid.", 1.5)],
    };

    fn new(values: &Values<'_>) -> Self {
        Self {
            factor: values.number(0),
        }
    }

    fn needs(&self, input: PixelFormat) -> Option<&'static str> {
        needs_colours(input)
    }

    fn apply<S: Sample>(&self, input: Patch<'_, S>, output: Region) -> Patch<'static, S> {
        let (meaning, no_data) = (input.meaning, input.meaning.no_data_intensity());
        let channels = input.channels.count();
        if channels >= 3 && no_data.is_none() {
            let quick = Quick::of::<S>(self.factor);
            let samples = Rows::written(output, input.channels, |y, row| {
                let source = input.row(y, output.x, output.width);
                match (&quick, channels) {
                    (Some(quick), 3) => mix_row::<S, 3, 3>(source, row, quick),
                    (Some(quick), _) => mix_row::<S, 4, 4>(source, row, quick),
                    (None, 3) => mix_row::<S, 3, 3>(source, row, self),
                    (None, _) => mix_row::<S, 4, 4>(source, row, self),
                }
            });
            return Patch::owned(input.image, output, input.channels, samples);
        }
        let mut patch = input.cropped(output);
        if channels >= 3 {
            for pixel in patch.samples.to_mut().chunks_exact_mut(channels) {
                if no_data.is_some() && pixel[..3].iter().any(|&sample| Some(sample.into()) == no_data) {
                    continue;
                }
                let gray: u32 = luma(pixel[0], pixel[1], pixel[2]).into();
                let gray = f64::from(gray);
                for sample in &mut pixel[..3] {
                    let value: u32 = (*sample).into();
                    *sample = S::round_f64(gray + (f64::from(value) - gray) * self.factor);
                    if no_data.is_some() {
                        *sample = with_data(meaning, *sample);
                    }
                }
            }
        }
        patch
    }
}

impl<S: Sample, const N: usize> Mix<S, N, N> for Saturation {
    #[inline(always)]
    fn mix(&self, planes: &[Plane<S>; N]) -> [Plane<S>; N] {
        let grays = luma_plane(planes);
        let mut result = *planes;
        for plane in &mut result[..3] {
            for at in 0..BLOCK {
                let gray = f64::from(grays[at].into() as i32);
                let value = f64::from(plane[at].into() as i32);
                plane[at] = round_half_up(gray + (value - gray) * self.factor);
            }
        }
        result
    }
}

/// [`Saturation`] of 8 bit in whole numbers: `gray + ((d · factor + half) >> 19)` for a difference `d` from gray.
struct Quick {
    factor: i32,
}

impl Quick {
    const SHIFT: u32 = 19;
    /// A half, and what rounds halves up whatever the error of the factor is.
    const HALF: i32 = (1 << (Self::SHIFT - 1)) + 255;

    /// Where it gives what binary64 does for every difference and every gray: the product with a difference plus a half is either so
    /// far from a whole number that the two sums, each wrong by at most 2^-42, stay on its side; or a multiple of 2^-40, which both
    /// sums, below 2^12, hold exactly. Gray is then only added.
    fn of<S: Sample>(factor: f64) -> Option<Self> {
        const FINE: f64 = (1u64 << 40) as f64;
        if S::MAX >= 1 << 8 {
            return None;
        }
        let quick = Self {
            factor: (factor * f64::from(1 << Self::SHIFT)).round() as i32,
        };
        let is_right = |difference: i32| {
            let product = f64::from(difference) * factor;
            let above = product + 0.5;
            let is_held = (product * FINE).fract() == 0.0;
            let is_far = (above - above.round()).abs() > 8.0 / FINE;
            (is_held || is_far) && above.floor() == f64::from(quick.times(difference))
        };
        (-255..=255).all(is_right).then_some(quick)
    }

    #[inline(always)]
    fn times(&self, difference: i32) -> i32 {
        (difference * self.factor + Self::HALF) >> Self::SHIFT
    }
}

impl<S: Sample, const N: usize> Mix<S, N, N> for Quick {
    #[inline(always)]
    fn mix(&self, planes: &[Plane<S>; N]) -> [Plane<S>; N] {
        let grays = luma_plane(planes);
        let mut result = *planes;
        for plane in &mut result[..3] {
            for at in 0..BLOCK {
                let gray = grays[at].into() as i32;
                plane[at] = S::clamp_i32(gray + self.times(plane[at].into() as i32 - gray));
            }
        }
        result
    }
}

/// The brown of old photographs.
pub(crate) struct Sepia;

/// The usual matrix in thousandths, rows for red, green and blue.
const SEPIA: [[u32; 3]; 3] = [[393, 769, 189], [349, 686, 168], [272, 534, 131]];

impl Operation for Sepia {
    const INFO: &'static OperationInfo = &OperationInfo {
        name: "sepia",
        title: "Sepia",
        group: Group::Colour,
        summary: "The brown tones of old photographs.",
        method: "A fixed mix of the channels; a gray image becomes colour.",
        aliases: &[],
        parameters: &[],
    };

    fn new(_: &Values<'_>) -> Self {
        Self
    }

    fn output_format(&self, input: PixelFormat) -> PixelFormat {
        PixelFormat {
            channels: coloured(input.channels),
            ..input
        }
    }

    fn needs(&self, input: PixelFormat) -> Option<&'static str> {
        needs_colours(input)
    }

    fn apply<S: Sample>(&self, input: Patch<'_, S>, output: Region) -> Patch<'static, S> {
        let (image, from) = (input.image, input.channels);
        let to = coloured(from);
        let (meaning, no_data) = (input.meaning, input.meaning.no_data_intensity());
        if no_data.is_none() {
            let samples = Rows::written(output, to, |y, row| {
                let source = input.row(y, output.x, output.width);
                match from.count() {
                    1 => mix_row::<S, 1, 3>(source, row, &Brown),
                    2 => mix_row::<S, 2, 4>(source, row, &Brown),
                    3 => mix_row::<S, 3, 3>(source, row, &Brown),
                    _ => mix_row::<S, 4, 4>(source, row, &Brown),
                }
            });
            return Patch::owned(image, output, to, samples);
        }
        let mut samples = Vec::with_capacity(output.size().pixels() as usize * to.count());
        for y in output.y..output.y + output.height {
            for pixel in input.row(y, output.x, output.width).chunks_exact(from.count()) {
                let rgb = if from.count() < 3 {
                    [pixel[0]; 3]
                } else {
                    [pixel[0], pixel[1], pixel[2]]
                };
                let stored = rgb;
                let rgb: [u32; 3] = rgb.map(Into::into);
                if no_data.is_some_and(|no_data| rgb.contains(&no_data)) {
                    samples.extend(stored);
                    continue;
                }
                samples.extend(SEPIA.map(|[r, g, b]| {
                    let mixed = S::wrap(((r * rgb[0] + g * rgb[1] + b * rgb[2] + 500) / 1000).min(S::MAX));
                    if no_data.is_some() {
                        with_data(meaning, mixed)
                    } else {
                        mixed
                    }
                }));
                if from.has_alpha() {
                    samples.push(pixel[from.count() - 1]);
                }
            }
        }
        Patch::owned(image, output, to, samples)
    }
}

/// [`Sepia`] of pixels that all have data.
struct Brown;

impl<S: Sample, const N: usize, const M: usize> Mix<S, N, M> for Brown {
    #[inline(always)]
    fn mix(&self, planes: &[Plane<S>; N]) -> [Plane<S>; M] {
        // Alpha, where it is, is the last.
        let mut result = [planes[N - 1]; M];
        for (plane, [r, g, b]) in result.iter_mut().zip(SEPIA) {
            let mut eighths = [0; BLOCK];
            for at in 0..BLOCK {
                let value = |channel: usize| -> u32 { planes[channel][at].into() };
                let sum = if N < 3 {
                    (r + g + b) * value(0)
                } else {
                    r * value(0) + g * value(1) + b * value(2)
                };
                eighths[at] = (sum + 500) >> 3;
            }
            if S::MAX < 1 << 8 {
                for at in 0..BLOCK {
                    let result = hundred_and_twenty_fifth(eighths[at] as u16).min(255);
                    plane[at] = S::wrap(result.into());
                }
            } else {
                for at in 0..BLOCK {
                    plane[at] = S::clamp_i32(nearest_125th(eighths[at]) as i32);
                }
            }
        }
        result
    }
}

/// `eighths / 125`, for all numbers up to 59073, where the error of the factor comes to a unit; those of 8 bit are at most 43125.
#[inline(always)]
fn hundred_and_twenty_fifth(eighths: u16) -> u16 {
    ((u32::from(eighths) * 33_555) >> 16) as u16 >> 6
}

/// `eighths / 125`, for all from 62 to 2^23.5: less 62 it is the nearest whole number, at least 1/250 from the middle between two. As
/// far as 2^17 binary32 is right to 1/256 and so wrong by half of that at most.
#[inline(always)]
fn nearest_125th(eighths: u32) -> u32 {
    const WHOLE: f32 = (1u32 << 23) as f32;
    let quotient = (eighths as i32 - 62) as f32 / 125.0;
    (quotient + WHOLE).to_bits() - WHOLE.to_bits()
}

fn coloured(channels: Channels) -> Channels {
    if channels.has_alpha() {
        Channels::Rgba
    } else {
        Channels::Rgb
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotients_of_sepia_are_right_for_every_sum() {
        for eighths in 0..=43_125u16 {
            assert_eq!(hundred_and_twenty_fifth(eighths), eighths / 125);
        }
        for eighths in 62..=(1351 * 65535 + 500) / 8 {
            assert_eq!(nearest_125th(eighths), eighths / 125);
        }
    }

    #[test]
    fn whole_numbers_saturate_as_binary64_for_every_difference_and_gray() {
        let steps = (0..=200).map(|step| f64::from(step) / 20.0);
        let others = (0..100).map(|n| f64::from(n) * 0.098_765);
        let mut quick_ones = 0;
        for factor in steps
            .chain(others)
            .chain([0.1f64.next_up(), 1.5f64.next_down(), 1.5f64.next_up()])
        {
            let Some(quick) = Quick::of::<u8>(factor) else {
                continue;
            };
            quick_ones += 1;
            for gray in 0..=255 {
                for value in 0..=255 {
                    let (wide, other) = (f64::from(gray), f64::from(value));
                    let right = u8::round_f64(wide + (other - wide) * factor);
                    let result = u8::clamp_i32(gray + quick.times(value - gray));
                    assert_eq!(result, right, "{factor} {gray} {value}");
                }
            }
        }
        assert!(quick_ones > 100, "{quick_ones}");
    }
}
