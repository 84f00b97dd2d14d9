//! Resampling to another size, exact across tiles: what a pixel is made of depends on its place in the whole image.

use std::f64::consts::PI;
use std::ops::Range;

use crate::operation::{Operation, OperationInfo, ParameterInfo, ParameterKind, Values};
use crate::patch::Patch;
use crate::sample::Sample;
use crate::{Depth, Region, Size};

/// Resizes to a width and a height; one of them alone keeps the proportions.
pub(crate) struct Resize {
    width: u32,
    height: u32,
    filter: Filter,
}

#[derive(Clone, Copy)]
enum Filter {
    Nearest,
    Bilinear,
    Lanczos3,
}

const fn side(name: &'static str, summary: &'static str) -> ParameterInfo {
    ParameterInfo {
        name,
        symbol: name,
        summary,
        unit: "px",
        kind: ParameterKind::Integer,
        min: 0.0,
        max: 200_000.0,
        default: 0.0,
        step: 1.0,
    }
}

impl Operation for Resize {
    const INFO: &'static OperationInfo = &OperationInfo {
        name: "resize",
        title: "Resize",
        summary: "Resamples to another size; shrinking averages, so nothing flickers or aliases.",
        aliases: &["scale"],
        parameters: &[
            side("width", "New width; 0 follows the height."),
            side("height", "New height; 0 follows the width."),
            ParameterInfo {
                name: "filter",
                symbol: "filter",
                summary: "How pixels are mixed: nearest (not at all), bilinear (soft), lanczos3 (sharp).",
                unit: "",
                kind: ParameterKind::Choice(&["nearest", "bilinear", "lanczos3"]),
                min: 0.0,
                max: 2.0,
                default: 2.0,
                step: 1.0,
            },
        ],
    };

    fn new(values: &Values<'_>) -> Self {
        let filter = match values.choice(2) {
            "nearest" => Filter::Nearest,
            "bilinear" => Filter::Bilinear,
            _ => Filter::Lanczos3,
        };
        Self {
            width: values.integer(0),
            height: values.integer(1),
            filter,
        }
    }

    fn output_size(&self, input: Size) -> Result<Size, String> {
        let follow = |side: u32, from: u32, to: u32| -> u32 {
            // Rounded half up, and at least one pixel.
            let scaled = (2 * u64::from(side) * u64::from(to) + u64::from(from)) / (2 * u64::from(from));
            u32::try_from(scaled.max(1)).unwrap_or(u32::MAX)
        };
        match (self.width, self.height) {
            (0, 0) => Err("give it a width, a height or both".to_owned()),
            (width, 0) => Ok(Size::new(width, follow(input.height, input.width, width))),
            (0, height) => Ok(Size::new(follow(input.width, input.height, height), height)),
            (width, height) => Ok(Size::new(width, height)),
        }
    }

    fn input_region(&self, image: Size, output: Region) -> Region {
        let Ok(size) = self.output_size(image) else {
            return image.region();
        };
        let columns = self
            .filter
            .span(image.width, size.width, output.x..output.x + output.width);
        let rows = self
            .filter
            .span(image.height, size.height, output.y..output.y + output.height);
        Region::new(
            columns.start,
            rows.start,
            columns.end - columns.start,
            rows.end - rows.start,
        )
    }

    fn apply<S: Sample>(&self, input: Patch<'_, S>, output: Region) -> Patch<'static, S> {
        let size = self.output_size(input.image).unwrap_or(output.size());
        let bits = match S::DEPTH {
            Depth::Eight => 20,
            Depth::Sixteen => 15,
        };
        let taps = |from: u32, to: u32, range: Range<u32>| -> Vec<Taps> {
            range
                .map(|index| self.filter.taps(from, to, index, bits))
                .collect()
        };
        let columns = taps(input.image.width, size.width, output.x..output.x + output.width);
        let rows = taps(
            input.image.height,
            size.height,
            output.y..output.y + output.height,
        );
        let samples = match self.filter {
            Filter::Nearest => pick(&input, &columns, &rows),
            _ => resample(&input, &columns, &rows, bits),
        };
        Patch::owned(size, output, input.channels, samples)
    }
}

/// The input samples that one output sample is made of, along one axis.
struct Taps {
    start: u32,
    /// They sum to exactly one, in fixed point.
    weights: Vec<i64>,
}

impl Filter {
    /// How far the filter reaches, in pixels of the larger of both images.
    fn support(self) -> f64 {
        match self {
            Self::Nearest => 0.0,
            Self::Bilinear => 1.0,
            Self::Lanczos3 => 3.0,
        }
    }

    fn value(self, x: f64) -> f64 {
        let x = x.abs();
        let sinc = |x: f64| {
            if x == 0.0 {
                1.0
            } else {
                libm::sin(PI * x) / (PI * x)
            }
        };
        match self {
            Self::Nearest => 1.0,
            Self::Bilinear => (1.0 - x).max(0.0),
            Self::Lanczos3 if x < 3.0 => sinc(x) * sinc(x / 3.0),
            Self::Lanczos3 => 0.0,
        }
    }

    /// The input samples that the output sample `index` reads when `from` samples become `to`.
    fn reach(self, from: u32, to: u32, index: u32) -> Range<u32> {
        if let Self::Nearest = self {
            let start = (2 * u64::from(index) + 1) * u64::from(from) / (2 * u64::from(to));
            let start = (start as u32).min(from - 1);
            return start..start + 1;
        }
        let scale = f64::from(from) / f64::from(to);
        let centre = (f64::from(index) + 0.5) * scale;
        let support = self.support() * scale.max(1.0);
        let start = ((centre - support).floor().max(0.0) as u32).min(from - 1);
        let end = (centre + support)
            .ceil()
            .clamp(f64::from(start) + 1.0, f64::from(from)) as u32;
        start..end
    }

    /// The input samples that a range of output samples reads. Both ends only grow with the index.
    fn span(self, from: u32, to: u32, range: Range<u32>) -> Range<u32> {
        self.reach(from, to, range.start).start..self.reach(from, to, range.end - 1).end
    }

    /// Weights as Pillow defines them: the filter, widened by the scale when shrinking, sampled at the centres of the
    /// input samples and normalised over those inside the image.
    fn taps(self, from: u32, to: u32, index: u32, bits: u32) -> Taps {
        let reach = self.reach(from, to, index);
        let scale = f64::from(from) / f64::from(to);
        let centre = (f64::from(index) + 0.5) * scale;
        let widen = scale.max(1.0);
        let values: Vec<f64> = reach
            .clone()
            .map(|sample| self.value((f64::from(sample) + 0.5 - centre) / widen))
            .collect();
        let sum: f64 = values.iter().sum();
        let one = 1i64 << bits;
        let mut weights: Vec<i64> = values
            .iter()
            .map(|value| libm::rint(value / sum * one as f64) as i64)
            .collect();
        // What rounding left over goes to the largest weight, where it shows least.
        let rest = one - weights.iter().sum::<i64>();
        if let Some(largest) = weights.iter_mut().max() {
            *largest += rest;
        }
        Taps {
            start: reach.start,
            weights,
        }
    }
}

fn pick<S: Sample>(input: &Patch<'_, S>, columns: &[Taps], rows: &[Taps]) -> Vec<S> {
    let mut samples = Vec::with_capacity(columns.len() * rows.len() * input.channels.count());
    for row in rows {
        for column in columns {
            samples.extend_from_slice(input.row(row.start, column.start, 1));
        }
    }
    samples
}

/// Rows first, each once, kept while an output row needs them; then columns. Only the end is rounded. Sums of 16-bit
/// colour times alpha stay within 63 bits: the negative lobes of both passes together add less than a factor of two.
fn resample<S: Sample>(input: &Patch<'_, S>, columns: &[Taps], rows: &[Taps], bits: u32) -> Vec<S> {
    let channels = input.channels.count();
    let stride = columns.len() * channels;
    let premultiply = !input.is_opaque();
    let mut samples = vec![S::default(); stride * rows.len()];
    let mut kept: std::collections::VecDeque<Vec<i64>> = std::collections::VecDeque::new();
    let mut first = rows.first().map_or(0, |row| row.start);
    let mut wide: Vec<i64> = Vec::new();
    let mut sums = vec![0i64; stride];
    for (row, out) in rows.iter().zip(samples.chunks_exact_mut(stride)) {
        while first < row.start {
            kept.pop_front();
            first += 1;
        }
        while kept.len() < row.weights.len() {
            let y = first + kept.len() as u32;
            wide.clear();
            widen(
                input.row(y, input.region.x, input.region.width),
                channels,
                premultiply,
                &mut wide,
            );
            kept.push_back(horizontal(&wide, input.region.x, columns, channels));
        }
        sums.fill(0);
        for (line, &weight) in kept.iter().zip(&row.weights) {
            for (sum, &value) in sums.iter_mut().zip(line) {
                *sum += weight * value;
            }
        }
        if premultiply {
            for (to, sums) in out.chunks_exact_mut(channels).zip(sums.chunks_exact(channels)) {
                let alpha = sums[channels - 1];
                for (to, &sum) in to.iter_mut().zip(&sums[..channels - 1]) {
                    *to = S::weighted(sum, alpha);
                }
                to[channels - 1] = round(alpha, bits);
            }
        } else {
            for (to, &sum) in out.iter_mut().zip(&sums) {
                *to = round(sum, bits);
            }
        }
    }
    samples
}

fn round<S: Sample>(sum: i64, bits: u32) -> S {
    S::clamp_i64((sum + (1 << (2 * bits - 1))) >> (2 * bits))
}

/// Samples as wide integers, colour times alpha where asked for.
fn widen<S: Sample>(row: &[S], channels: usize, premultiply: bool, out: &mut Vec<i64>) {
    let value = |sample: S| i64::from(sample.into());
    if !premultiply {
        out.extend(row.iter().map(|&sample| value(sample)));
        return;
    }
    for pixel in row.chunks_exact(channels) {
        let alpha = value(pixel[channels - 1]);
        out.extend(pixel[..channels - 1].iter().map(|&sample| value(sample) * alpha));
        out.push(alpha);
    }
}

fn horizontal(row: &[i64], left: u32, columns: &[Taps], channels: usize) -> Vec<i64> {
    let mut out = Vec::with_capacity(columns.len() * channels);
    for column in columns {
        let start = (column.start - left) as usize * channels;
        for channel in 0..channels {
            let samples = row[start + channel..].iter().step_by(channels);
            out.push(
                samples
                    .zip(&column.weights)
                    .map(|(sample, weight)| sample * weight)
                    .sum(),
            );
        }
    }
    out
}
