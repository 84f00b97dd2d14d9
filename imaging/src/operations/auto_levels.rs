//! Stretching of what occurs to the full range.
//!
//! Of the n samples that are counted, ⌊n · clip / 100⌋ are cut at each end (clip in whole millionths, so that no rounding decides): `low` is the least value up to which there are more
//! samples than that, `high` the greatest from which on there are. A sample v becomes (v - low) · max / (high - low), rounded half
//! up, within 0 and max. `clip=0` is OpenCV's `normalize` with `NORM_MINMAX`, which rounds half to even. Where `low` is `high` all
//! stays as it is.

use crate::measuring::{Measured, Measuring, colours};
use crate::operation::{
    Group, Operation, OperationInfo, ParameterInfo, ParameterKind, Values, needs_colours,
};
use crate::patch::Patch;
use crate::sample::Sample;
use crate::{Depth, Histogram, PixelFormat, Raster, Region, Statistic};

use super::linear::{Line, Stretched};
use super::pointwise::each_color;
use super::sample_range::sample_range;
use super::tables::{look_up, table};

const EACH: &str = "each";
/// Millionths of a percent in all samples.
const SHARES: u64 = 100_000_000;

/// The darkest becomes black, the lightest white.
pub(crate) struct AutoLevels {
    /// Share of the samples that is cut at each end, in [`SHARES`].
    clip: u64,
    /// Whether each band has a range of its own.
    each: bool,
    /// Low and high, of each band or of all.
    numbers: Vec<u16>,
}

impl Operation for AutoLevels {
    const INFO: &'static OperationInfo = &OperationInfo {
        name: "auto_levels",
        title: "Auto levels",
        group: Group::Tone,
        summary: "Makes the darkest black and the lightest white, and stretches all between.",
        method: "Linear stretch of the range that is left when a share of the samples is cut at each end. Without clipping it is OpenCV's normalize with NORM_MINMAX. One value stays.",
        aliases: &["normalize", "autocontrast"],
        parameters: &[
            ParameterInfo {
                name: "clip",
                symbol: "clip",
                summary: "Which share of the samples becomes black, and white.",
                unit: "%",
                kind: ParameterKind::Number,
                min: 0.0,
                max: 20.0,
                default: 0.5,
                step: 0.1,
            },
            ParameterInfo {
                name: "bands",
                symbol: "bands",
                summary: "Red, green and blue together keep their hues; each by itself removes a cast.",
                unit: "",
                kind: ParameterKind::Choice(&["together", EACH]),
                min: 0.0,
                max: 1.0,
                default: 0.0,
                step: 1.0,
            },
        ],
    };

    fn new(values: &Values<'_>) -> Self {
        Self {
            clip: (values.number(0) * SHARES as f64 / 100.0 + 0.5) as u64,
            each: values.choice(1) == EACH,
            numbers: Vec::new(),
        }
    }

    fn needs(&self, input: PixelFormat) -> Option<&'static str> {
        needs_colours(input)
    }

    fn measuring(&self) -> Option<&dyn Measuring> {
        Some(self)
    }

    fn with_measured(self, measured: &Measured) -> Self {
        Self {
            numbers: measured.numbers().to_vec(),
            ..self
        }
    }

    fn apply<S: Sample>(&self, input: Patch<'_, S>, output: Region) -> Patch<'static, S> {
        // Of 16 bit, arithmetic is quicker than tables.
        if S::MAX >= 1 << 8
            && input.meaning.no_data_intensity().is_none()
            && let [low, high] = self.numbers[..]
        {
            return if low < high {
                each_color(&input, output, Stretched::new(low.into(), high.into()))
            } else {
                input.cropped(output)
            };
        }
        let ranges = self.numbers.as_chunks::<2>().0.iter();
        let tables: Vec<Vec<S>> = ranges
            .map(|[low, high]| {
                let (low, high) = (u32::from(*low), u32::from(*high));
                table(input.meaning, |value| stretched(value, low, high, S::MAX))
            })
            .collect();
        if let ([low, high], [table]) = (&self.numbers[..], &tables[..])
            && low < high
        {
            let factor = f64::from(S::MAX) / f64::from(high - low);
            if let Some(line) = Line::through(table, factor, -factor * f64::from(*low)) {
                return each_color(&input, output, line);
            }
        }
        look_up(&input, output, &tables)
    }
}

fn stretched(value: u32, low: u32, high: u32, max: u32) -> u32 {
    if low >= high {
        return value;
    }
    let range = u64::from(high - low);
    let above = u64::from(value.clamp(low, high) - low);
    ((2 * above * u64::from(max) + range) / (2 * range)) as u32
}

impl Measuring for AutoLevels {
    fn statistic(&self) -> Statistic {
        Statistic::Bands
    }

    fn count(&self, input: PixelFormat) -> usize {
        if self.each { 2 * colours(input) } else { 2 }
    }

    fn numbers(&self, histogram: &Histogram) -> Vec<u16> {
        if self.each {
            return histogram
                .bands()
                .flat_map(|counts| range(counts, self.clip))
                .collect();
        }
        let mut all = Vec::new();
        for counts in histogram.bands() {
            all.resize(counts.len(), 0);
            for (sum, count) in all.iter_mut().zip(counts) {
                *sum += *count;
            }
        }
        range(&all, self.clip).to_vec()
    }

    /// Where nothing is cut it is the ends that count.
    fn numbers_of(&self, image: &Raster) -> Option<Vec<u16>> {
        (self.clip == 0 && !self.each).then(|| sample_range(image).to_vec())
    }

    fn may_be(&self, numbers: &[u16], _: Depth) -> bool {
        numbers.as_chunks::<2>().0.iter().all(|[low, high]| low <= high)
    }
}

/// Low and high. Where nothing is counted, both are 0.
fn range(counts: &[u64], clip: u64) -> [u16; 2] {
    let all: u64 = counts.iter().sum();
    let cut = (u128::from(all) * u128::from(clip) / u128::from(SHARES)) as u64;
    let mut sum = 0u64;
    let mut is_beyond = |count: &u64| {
        sum += count;
        sum > cut
    };
    let low = counts.iter().position(&mut is_beyond).unwrap_or(0);
    sum = 0;
    let mut is_beyond = |count: &u64| {
        sum += count;
        sum > cut
    };
    let high = counts.iter().rposition(&mut is_beyond).unwrap_or(0);
    [low as u16, high as u16]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operations::pointwise::Point;

    #[test]
    fn as_many_samples_are_cut_as_the_share_says_and_no_more() {
        let mut counts = vec![0u64; 256];
        for (value, count) in [(3, 1), (10, 99), (100, 800), (200, 90), (250, 10)] {
            counts[value] = count;
        }
        for (clip, ends) in [
            (0, [3, 250]),
            (99_999, [3, 250]),
            (100_000, [10, 250]),
            (1_000_000, [10, 200]),
            (9_999_999, [10, 200]),
            (10_000_000, [100, 100]),
            (20_000_000, [100, 100]),
        ] {
            assert_eq!(range(&counts, clip), ends, "{clip}");
        }
        assert_eq!(range(&[0; 256], 500_000), [0, 0]);
    }

    #[test]
    fn the_ends_become_black_and_white_and_one_value_stays() {
        for (value, result) in [
            (0, 0),
            (50, 0),
            (51, 3),
            (60, 26),
            (149, 252),
            (150, 255),
            (255, 255),
        ] {
            assert_eq!(stretched(value, 50, 150, 255), result);
        }
        assert_eq!(stretched(77, 30, 30, 255), 77);
        assert_eq!(stretched(65535, 0, 65535, 65535), 65535);
    }

    #[test]
    fn a_stretch_by_arithmetic_is_that_by_whole_numbers() {
        for (low, high) in [
            (0, 65535),
            (0, 1),
            (7, 9),
            (100, 40_000),
            (65_000, 65_535),
            (3, 65_534),
            (511, 12_345),
        ] {
            let point = Stretched::<u16>::new(low, high);
            for value in 0..=65535u16 {
                let right = stretched(value.into(), low, high, 65535);
                assert_eq!(u32::from(point.of(value)), right, "{value} {low} {high}");
            }
        }
    }

    #[test]
    fn the_ends_are_those_of_the_histogram() {
        let mut state = 3u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        let levels = AutoLevels {
            clip: 0,
            each: false,
            numbers: Vec::new(),
        };
        for format in PixelFormat::ALL {
            for width in [1, 3, 63, 64, 65, 150] {
                for (all, alpha) in [(0, 0), (40, 0), (40, 255)] {
                    let size = crate::Size::new(width, 1);
                    let mut bytes = Vec::new();
                    for _ in 0..Raster::byte_length(size, format).unwrap() {
                        bytes.push(all + next() / 2);
                    }
                    let depth = format.depth.bytes();
                    if format.channels.has_alpha() {
                        for pixel in bytes.chunks_exact_mut(format.bytes_per_pixel()).step_by(2) {
                            let last = pixel.len() - depth;
                            pixel[last..].fill(alpha);
                        }
                    }
                    let image = Raster::from_bytes(size, format, bytes).unwrap();
                    let histogram = Histogram::of(&image, None, Statistic::Bands);
                    assert_eq!(
                        levels.numbers_of(&image),
                        Some(levels.numbers(&histogram)),
                        "{format} {width}"
                    );
                }
            }
        }
    }
}
