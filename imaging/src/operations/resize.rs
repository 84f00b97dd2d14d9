//! Resampling to another size, exact across tiles: what a pixel is made of depends on its place in the whole image.

use std::collections::VecDeque;
use std::f64::consts::PI;
use std::ops::{AddAssign, Mul, Range};

use crate::numbers::Numbers;
use crate::numbers::resample::{Shares, resample as resample_numbers};
use crate::operation::{Group, Operation, OperationInfo, ParameterInfo, ParameterKind, Values};
use crate::patch::Patch;
use crate::sample::{Bits, Sample};
use crate::{Affine, Depth, Region, Size};

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
        group: Group::Shape,
        summary: "Makes the picture larger or smaller.",
        method: "Resamples; shrinking averages, so nothing flickers or aliases.",
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

    fn pixel_map(&self, input: Size) -> Option<Affine> {
        let size = Operation::output_size(self, input).ok()?;
        Some(Affine::scale(input, size))
    }

    fn apply<S: Sample>(&self, input: Patch<'_, S>, output: Region) -> Patch<'static, S> {
        if self.moves_pixels() {
            return self.picked(&input, output);
        }
        let (size, [columns, rows]) = self.taps(input.image, output);
        let samples = resample(&input, &columns, &rows);
        Patch::owned(size, output, input.channels, samples)
    }

    fn moves_pixels(&self) -> bool {
        matches!(self.filter, Filter::Nearest)
    }

    fn apply32(&self, input: Patch<'_, u32>, output: Region) -> Option<Patch<'static, u32>> {
        self.moves_pixels().then(|| self.picked(&input, output))
    }

    fn is_in_place(&self) -> bool {
        false
    }

    fn apply_numbers(&self, input: &Numbers<'_>, output: Region, out: &mut dyn FnMut(&[f64])) -> bool {
        let size = self.output_size(input.image).unwrap_or(output.size());
        let shares = |from: u32, to: u32, range: Range<u32>| -> Vec<Shares> {
            range.map(|index| self.filter.shares(from, to, index)).collect()
        };
        let columns = shares(input.image.width, size.width, output.x..output.x + output.width);
        let rows = shares(
            input.image.height,
            size.height,
            output.y..output.y + output.height,
        );
        let region = Operation::input_region(self, input.image, output);
        resample_numbers(input, region, &columns, &rows, out);
        true
    }
}

impl Resize {
    /// Size of the result, and what each column and row of `output` is made of.
    fn taps(&self, image: Size, output: Region) -> (Size, [Vec<Taps>; 2]) {
        let size = self.output_size(image).unwrap_or(output.size());
        let taps = |from: u32, to: u32, range: Range<u32>| -> Vec<Taps> {
            range.map(|index| self.filter.taps(from, to, index)).collect()
        };
        let columns = taps(image.width, size.width, output.x..output.x + output.width);
        let rows = taps(image.height, size.height, output.y..output.y + output.height);
        (size, [columns, rows])
    }

    /// The nearest pixels.
    fn picked<B: Bits>(&self, input: &Patch<'_, B>, output: Region) -> Patch<'static, B> {
        let (size, [columns, rows]) = self.taps(input.image, output);
        let mut samples = Vec::with_capacity(columns.len() * rows.len() * input.channels.count());
        for row in &rows {
            for column in &columns {
                samples.extend_from_slice(input.row(row.start, column.start, 1));
            }
        }
        Patch::owned(size, output, input.channels, samples)
    }
}

/// Fractional bits of a weight. A sample of 16 bits, two weights and the negative lobes, which add less than a factor of
/// two each way, stay within 63 bits.
const BITS: u32 = 22;

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
    fn taps(self, from: u32, to: u32, index: u32) -> Taps {
        let (start, values) = self.values(from, to, index);
        let sum: f64 = values.iter().sum();
        // The running total is rounded, not each weight, so that the errors of many small weights do not add up and
        // the whole is exactly one.
        let scale = f64::from(1 << BITS) / sum;
        let (mut total, mut rounded) = (0.0, 0);
        let weights = values.iter().map(|value| {
            total += value * scale;
            let before = std::mem::replace(&mut rounded, libm::rint(total) as i64);
            rounded - before
        });
        let weights = weights.collect();
        Taps { start, weights }
    }

    /// The same weights in floating point.
    fn shares(self, from: u32, to: u32, index: u32) -> Shares {
        let (start, values) = self.values(from, to, index);
        let sum: f64 = values.iter().sum();
        let weights = values.iter().map(|value| value / sum).collect();
        Shares { start, weights }
    }

    /// The first input sample that an output sample reads, and the filter at each.
    fn values(self, from: u32, to: u32, index: u32) -> (u32, Vec<f64>) {
        let reach = self.reach(from, to, index);
        let scale = f64::from(from) / f64::from(to);
        let centre = (f64::from(index) + 0.5) * scale;
        let widen = scale.max(1.0);
        let start = reach.start;
        let values = reach.map(|sample| self.value((f64::from(sample) + 0.5 - centre) / widen));
        (start, values.collect())
    }
}

/// Rows first, each once, kept while an output row needs them; then columns. Only the end is rounded.
fn resample<S: Sample>(input: &Patch<'_, S>, columns: &[Taps], rows: &[Taps]) -> Vec<S> {
    let channels = input.channels.count();
    let stride = columns.len() * channels;
    let premultiply = !input.is_opaque();
    let mut samples = vec![S::default(); stride * rows.len()];
    let mut kept: VecDeque<Vec<i64>> = VecDeque::new();
    let mut first = rows.first().map_or(0, |row| row.start);
    let mut wide: Vec<i64> = Vec::new();
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
        match (premultiply, S::DEPTH) {
            (false, _) => {
                for (to, sum) in out.iter_mut().zip(vertical::<i64>(&kept, &row.weights)) {
                    *to = S::clamp_i64(round(sum));
                }
            }
            (true, Depth::Eight) => {
                let sums = vertical::<i64>(&kept, &row.weights);
                for (to, sums) in out.chunks_exact_mut(channels).zip(sums.chunks_exact(channels)) {
                    let alpha = sums[channels - 1];
                    for (to, &sum) in to.iter_mut().zip(&sums[..channels - 1]) {
                        *to = S::weighted(sum, alpha);
                    }
                    to[channels - 1] = S::clamp_i64(round(alpha));
                }
            }
            // Colour times alpha has 32 bits here, and 76 with both weights.
            (true, _) => {
                let sums = vertical::<i128>(&kept, &row.weights);
                for (to, sums) in out.chunks_exact_mut(channels).zip(sums.chunks_exact(channels)) {
                    let alpha = sums[channels - 1];
                    for (to, &sum) in to.iter_mut().zip(&sums[..channels - 1]) {
                        *to = weighted(sum, alpha);
                    }
                    to[channels - 1] = S::clamp_i64(round(alpha as i64));
                }
            }
        }
    }
    samples
}

/// `Σ weights · rows`.
fn vertical<A>(rows: &VecDeque<Vec<i64>>, weights: &[i64]) -> Vec<A>
where
    A: Copy + Default + From<i64> + AddAssign + Mul<Output = A>,
{
    let mut sums = vec![A::default(); rows.front().map_or(0, Vec::len)];
    for (line, &weight) in rows.iter().zip(weights) {
        let weight = A::from(weight);
        for (sum, &value) in sums.iter_mut().zip(line) {
            *sum += weight * A::from(value);
        }
    }
    sums
}

fn round(sum: i64) -> i64 {
    (sum + (1 << (2 * BITS - 1))) >> (2 * BITS)
}

/// [`Sample::weighted`] of wider sums.
fn weighted<S: Sample>(product: i128, weight: i128) -> S {
    if weight <= 0 {
        return S::default();
    }
    let colour = (product + weight / 2).div_euclid(weight);
    S::wrap(colour.clamp(0, i128::from(S::MAX)) as u32)
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The result at one place in plain floating point.
    fn exact(samples: &[u16], filter: Filter, to: u32) -> Vec<f64> {
        let from = samples.len() as u32;
        let scale = f64::from(from) / f64::from(to);
        (0..to)
            .map(|index| {
                let centre = (f64::from(index) + 0.5) * scale;
                let weights = filter.reach(from, to, index).map(|sample| {
                    let place = (f64::from(sample) + 0.5 - centre) / scale.max(1.0);
                    (filter.value(place), f64::from(samples[sample as usize]))
                });
                let (sum, total) = weights.fold((0.0, 0.0), |(sum, total), (weight, value)| {
                    (sum + weight * value, total + weight)
                });
                (sum / total).clamp(0.0, 65535.0)
            })
            .collect()
    }

    #[test]
    fn sixteen_bits_are_kept_however_far_an_image_is_shrunk() {
        for (from, to) in [(60_000, 1), (60_000, 24), (1000, 100), (200, 100), (77, 100)] {
            let samples: Vec<u16> = (0..from)
                .map(|x: u32| (x.wrapping_mul(40_503) >> 3) as u16)
                .collect();
            for (name, filter) in [("bilinear", Filter::Bilinear), ("lanczos3", Filter::Lanczos3)] {
                let image = Size::new(from, 1);
                let channels = crate::Channels::Gray;
                let patch = Patch::owned(image, image.region(), channels, samples.clone());
                let resize = Resize {
                    width: to,
                    height: 1,
                    filter,
                };
                let result = Operation::apply(&resize, patch, Region::new(0, 0, to, 1));
                for (got, exact) in result.samples.iter().zip(exact(&samples, filter, to)) {
                    assert!(
                        (f64::from(*got) - exact).abs() < 1.0,
                        "{name} {from} to {to}: {got}, exactly {exact}"
                    );
                }
            }
        }
    }
}
