//! Black and white by the surroundings: what is darker than the mean of a square around it is black.

use super::box_blur::{BoxBlur, radius};
use super::grayscale::Grayscale;
use super::square_sums::sum_squares;
use crate::meaning::with_data;
use crate::numbers;
use crate::operation::{
    Group, Operation, OperationInfo, ParameterInfo, ParameterKind, Values, needs_colours,
};
use crate::patch::{Patch, Rows};
use crate::sample::Sample;
use crate::simd::{self, Kernel};
use crate::{Channels, PixelFormat, Region, Size};

/// White where `v - mean > -offset · max`, OpenCV's `adaptiveThreshold` with `ADAPTIVE_THRESH_MEAN_C`: the mean is rounded to a whole
/// number. (OpenCV repeats the outermost pixels beyond the border, here they are reflected as everywhere.)
pub(crate) struct AdaptiveThreshold {
    radius: u32,
    offset: f64,
}

impl Operation for AdaptiveThreshold {
    const INFO: &'static OperationInfo = &OperationInfo {
        name: "adaptive_threshold",
        title: "Adaptive threshold",
        group: Group::Tone,
        summary: "Only black and white, by the brightness around each pixel: pages with shadows on them.",
        method: "White where the luma is above the mean of a square around it less the offset, black elsewhere; the result is gray.",
        aliases: &[],
        parameters: &[
            radius(100.0, 7.0),
            ParameterInfo {
                name: "offset",
                symbol: "offset",
                summary: "What is subtracted from the mean, as a part of full intensity: more makes more white.",
                unit: "",
                kind: ParameterKind::Number,
                min: -1.0,
                max: 1.0,
                default: 0.02,
                step: 0.01,
            },
        ],
    };

    fn new(values: &Values<'_>) -> Self {
        Self {
            radius: values.integer(0),
            offset: values.number(1),
        }
    }

    fn output_format(&self, input: PixelFormat) -> PixelFormat {
        PixelFormat {
            channels: input.channels.gray(),
            ..input
        }
    }

    fn input_region(&self, image: Size, output: Region) -> Region {
        output.inflate(self.radius, self.radius, image)
    }

    fn needs(&self, input: PixelFormat) -> Option<&'static str> {
        needs_colours(input)
    }

    fn apply<S: Sample>(&self, input: Patch<'_, S>, output: Region) -> Patch<'static, S> {
        let (meaning, region) = (input.meaning, input.region);
        let mut gray = Grayscale.apply(input, region);
        gray.meaning = meaning;
        let no_data = meaning.no_data_intensity();
        let offset = self.offset * f64::from(S::MAX);
        if no_data.is_none() && gray.channels.has_alpha() && gray.is_opaque() {
            // The mean weighted by full alpha is the mean: both are rounded to the nearest, and of an odd area none is half way.
            let values = gray.samples.as_chunks::<2>().0.iter().map(|pixel| pixel[0]);
            let values = Patch::owned(gray.image, region, Channels::Gray, values.collect());
            let result = self.apply(values, output);
            let white = S::wrap(S::MAX);
            let samples = result.samples.iter().flat_map(|&value| [value, white]);
            return Patch::owned(gray.image, output, gray.channels, samples.collect());
        }
        if no_data.is_none() && !gray.channels.has_alpha() {
            let side = 2 * self.radius as i32 + 1;
            let mut written = Rows::new(output, gray.channels);
            sum_squares(&gray, output, self.radius, |y, sums| {
                simd::run(Compare {
                    values: gray.row(y, output.x, output.width),
                    sums,
                    area: side * side,
                    least: (-offset).floor() as i32 + 1,
                    out: written.next(),
                });
            });
            return Patch::owned(gray.image, output, gray.channels, written.finish());
        }
        let square = BoxBlur::of(self.radius);
        let means = match no_data {
            Some(_) => numbers::apply(&square, &gray, output, true),
            None => None,
        };
        let means = means.unwrap_or_else(|| square.apply(gray.clone(), output));
        let mut result = gray.cropped(output);
        let step = result.channels.count();
        let pixels = result.samples.to_mut().chunks_exact_mut(step);
        for (pixel, mean) in pixels.zip(means.samples.chunks_exact(step)) {
            let (value, mean): (u32, u32) = (pixel[0].into(), mean[0].into());
            if no_data == Some(value) {
                continue;
            }
            let is_white = f64::from(value) - f64::from(mean) > -offset;
            let extreme = S::wrap(if is_white { S::MAX } else { 0 });
            pixel[0] = match no_data {
                Some(_) => with_data(meaning, extreme),
                None => extreme,
            };
        }
        result
    }
}

/// White where the value is above the mean by `least` or more: differences are whole, so that this is the same as above the next
/// lower number. The mean, `floor((sum + area / 2) / area)`, is not computed: it is at most m where the sum is below
/// `(m + 1) area - area / 2`.
struct Compare<'a, S> {
    values: &'a [S],
    sums: &'a [u32],
    area: i32,
    least: i32,
    out: &'a mut [S],
}

impl<S: Sample> Kernel for Compare<'_, S> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let half = self.area / 2;
        let above = 1 - self.least;
        let pixels = self.values.iter().zip(self.sums);
        for (to, (&value, &sum)) in self.out.iter_mut().zip(pixels) {
            let factor = value.into() as i32 + above;
            // Of 8 bit all of it stays below 2^25.
            let is_white = if S::MAX < 1 << 8 {
                (sum as i32) < factor * self.area - half
            } else {
                i64::from(sum) < i64::from(factor) * i64::from(self.area) - i64::from(half)
            };
            *to = if is_white { S::wrap(S::MAX) } else { S::default() };
        }
    }
}
