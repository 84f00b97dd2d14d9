//! Resampling to another size, exact across tiles: what a pixel is made of depends on its place in the whole image.

mod exact;
mod filter;
mod horizontal;
mod lines;
mod pick;
mod quick;
mod round;
mod vertical;

use std::ops::Range;

use self::filter::{Filter, Taps};
use crate::numbers::Numbers;
use crate::numbers::resample::{Shares, resample as resample_numbers};
use crate::operation::{Group, Operation, OperationInfo, ParameterInfo, ParameterKind, Values};
use crate::patch::Patch;
use crate::sample::{Bits, Sample};
use crate::{Affine, Region, Size};

/// Resizes to a width and a height; one of them alone keeps the proportions.
pub(crate) struct Resize {
    width: u32,
    height: u32,
    filter: Filter,
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
        let samples = quick::resample(&input, &columns, &rows);
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
        let size = self.output_size(input.image).unwrap_or(output.size());
        let starts = |from: u32, to: u32, range: Range<u32>| -> Vec<u32> {
            range
                .map(|index| self.filter.reach(from, to, index).start)
                .collect()
        };
        let columns = starts(input.image.width, size.width, output.x..output.x + output.width);
        let rows = starts(
            input.image.height,
            size.height,
            output.y..output.y + output.height,
        );
        Patch::owned(size, output, input.channels, pick::pixels(input, &columns, &rows))
    }
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
