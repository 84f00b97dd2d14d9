//! Black and white by Otsu's threshold: N. Otsu, "A threshold selection method from gray-level histograms", 1979. The level is the one
//! that parts the histogram into two classes with the greatest variance between them.
//!
//! The arithmetic is that of OpenCV's `threshold` with `THRESH_OTSU`, in binary64, with a bin for each value at 8 and at 16 bit. As there,
//! a picture of one value has the threshold 0.

use crate::measuring::{Measured, Measuring};
use crate::operation::{Group, Operation, OperationInfo, Values, needs_colours};
use crate::patch::Patch;
use crate::sample::Sample;
use crate::{Depth, Histogram, PixelFormat, Region, Statistic};

use super::bilevel::{self, Level};
use super::grayscale::Grayscale;
use super::tables::{look_up, table};

/// White above a threshold that follows from the picture.
pub(crate) struct Otsu {
    threshold: u32,
}

impl Operation for Otsu {
    const INFO: &'static OperationInfo = &OperationInfo {
        name: "otsu",
        title: "Otsu's threshold",
        group: Group::Tone,
        summary: "Only black and white, at the level that parts the picture best.",
        method: "White where the luma is above Otsu's threshold of the whole image, black elsewhere; the result is gray. OpenCV's THRESH_OTSU.",
        aliases: &["otsu_threshold"],
        parameters: &[],
    };

    fn new(_: &Values<'_>) -> Self {
        Self { threshold: 0 }
    }

    fn output_format(&self, input: PixelFormat) -> PixelFormat {
        PixelFormat {
            channels: input.channels.gray(),
            ..input
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
            threshold: measured.numbers().first().copied().unwrap_or(0).into(),
        }
    }

    fn apply<S: Sample>(&self, input: Patch<'_, S>, output: Region) -> Patch<'static, S> {
        if input.meaning.no_data_intensity().is_none() {
            let level = Level {
                level: S::wrap(self.threshold.min(S::MAX)),
                high: S::wrap(S::MAX),
                low: S::default(),
            };
            return bilevel::of_luma(&input, output, level);
        }
        let table = table(
            input.meaning,
            |value| if value > self.threshold { S::MAX } else { 0 },
        );
        look_up(&Grayscale.apply(input, output), output, &[table])
    }
}

impl Measuring for Otsu {
    fn statistic(&self) -> Statistic {
        Statistic::Luma
    }

    fn count(&self, _: PixelFormat) -> usize {
        1
    }

    fn numbers(&self, histogram: &Histogram) -> Vec<u16> {
        histogram.bands().map(threshold).collect()
    }

    fn may_be(&self, _: &[u16], _: Depth) -> bool {
        true
    }
}

/// The value with the greatest variance between those up to it and those above it; of several, the least.
fn threshold(counts: &[u64]) -> u16 {
    /// A class of fewer pixels than this share is none.
    const LEAST: f64 = f32::EPSILON as f64;
    let all: u64 = counts.iter().sum();
    let scale = 1.0 / all.max(1) as f64;
    let products = counts
        .iter()
        .enumerate()
        .map(|(value, count)| value as f64 * *count as f64);
    let mean = products.sum::<f64>() * scale;
    let (mut mean_below, mut below) = (0.0, 0.0f64);
    let (mut best, mut most) = (0, 0.0);
    for (value, count) in counts.iter().enumerate() {
        let share = *count as f64 * scale;
        mean_below *= below;
        below += share;
        let above = 1.0 - below;
        if below.min(above) < LEAST || below.max(above) > 1.0 - LEAST {
            continue;
        }
        mean_below = (mean_below + value as f64 * share) / below;
        let mean_above = (mean - below * mean_below) / above;
        let variance = below * above * (mean_below - mean_above) * (mean_below - mean_above);
        if variance > most {
            (best, most) = (value, variance);
        }
    }
    best as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_peaks_are_parted_and_one_is_not() {
        let mut counts = vec![0; 256];
        assert_eq!(threshold(&counts), 0);
        counts[40] = 100;
        assert_eq!(threshold(&counts), 0);
        counts[200] = 30;
        assert_eq!(threshold(&counts), 40);
        counts[201] = 30;
        assert_eq!(threshold(&counts), 40);
    }
}
