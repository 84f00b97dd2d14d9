//! Turns by any angle.

use super::projective::{FILTER, Filter, Projective};
use crate::numbers::Numbers;
use crate::operation::{Group, Operation, OperationInfo, ParameterInfo, ParameterKind, Values};
use crate::patch::Patch;
use crate::sample::Sample;
use crate::{Affine, Region, Size};

/// A turn clockwise about the middle, which stays the middle.
pub(crate) struct RotateBy {
    sine: f64,
    cosine: f64,
    keeps_size: bool,
    filter: Filter,
}

impl Operation for RotateBy {
    const INFO: &'static OperationInfo = &OperationInfo {
        name: "rotate_by",
        title: "Rotate by an angle",
        group: Group::Shape,
        summary: "Turns the picture to the right by any angle, to straighten a horizon or to tilt.",
        method: "Each pixel looks up its place in the picture as it was; what lies outside of that is transparent, or black where there is no alpha.",
        aliases: &["rotation", "turn"],
        parameters: &[
            ParameterInfo {
                name: "angle",
                symbol: "∠",
                summary: "How far to turn clockwise; below 0 to the left.",
                unit: "°",
                kind: ParameterKind::Number,
                min: -360.0,
                max: 360.0,
                default: 15.0,
                step: 0.1,
            },
            ParameterInfo {
                name: "size",
                symbol: "size",
                summary: "Of the result: whole holds all of the turned picture, same is that of the picture and cuts its corners off.",
                unit: "",
                kind: ParameterKind::Choice(&["whole", "same"]),
                min: 0.0,
                max: 1.0,
                default: 0.0,
                step: 1.0,
            },
            FILTER,
        ],
    };

    fn new(values: &Values<'_>) -> Self {
        let (sine, cosine) = sine_and_cosine(values.number(0));
        Self {
            sine,
            cosine,
            keeps_size: values.choice(1) == "same",
            filter: Filter::of(values.choice(2)),
        }
    }

    fn output_size(&self, input: Size) -> Result<Size, String> {
        if self.keeps_size {
            return Ok(input);
        }
        let (width, height) = (f64::from(input.width), f64::from(input.height));
        let (sine, cosine) = (self.sine.abs(), self.cosine.abs());
        // A millionth of a pixel is the rounding of the sum.
        let side = |sum: f64| (sum - 1e-6).ceil().max(1.0) as u32;
        Ok(Size::new(
            side(width * cosine + height * sine),
            side(width * sine + height * cosine),
        ))
    }

    fn input_region(&self, image: Size, output: Region) -> Region {
        self.map(image).input_region(image, output)
    }

    fn is_separable(&self) -> bool {
        false
    }

    fn widest_input(&self, image: Size, result: Size, output: Size) -> Size {
        self.map(image).widest_input(image, result, output)
    }

    fn pixel_map(&self, input: Size) -> Option<Affine> {
        self.map(input).as_affine()
    }

    fn apply<S: Sample>(&self, input: Patch<'_, S>, output: Region) -> Patch<'static, S> {
        let (map, size) = (self.map(input.image), self.size(input.image));
        match self.filter {
            Filter::Nearest => map.nearest(&input, output, size),
            Filter::Bilinear => map.bilinear(&input, output, size),
        }
    }

    fn moves_pixels(&self) -> bool {
        self.filter == Filter::Nearest
    }

    fn apply32(&self, input: Patch<'_, u32>, output: Region) -> Option<Patch<'static, u32>> {
        let map = self.map(input.image);
        self.moves_pixels()
            .then(|| map.nearest(&input, output, self.size(input.image)))
    }

    fn is_in_place(&self) -> bool {
        false
    }

    fn apply_numbers(&self, input: &Numbers<'_>, output: Region, out: &mut dyn FnMut(&[f64])) -> bool {
        self.map(input.image).numbers(input, output, out);
        true
    }
}

impl RotateBy {
    fn size(&self, image: Size) -> Size {
        self.output_size(image).unwrap_or(image)
    }

    fn map(&self, image: Size) -> Projective {
        let size = self.size(image);
        let middle = |side: u32| f64::from(side) / 2.0;
        let (u, v) = (middle(size.width), middle(size.height));
        let (sine, cosine) = (self.sine, self.cosine);
        Projective {
            affine: Affine {
                x: [cosine, sine, middle(image.width) - cosine * u - sine * v],
                y: [-sine, cosine, middle(image.height) + sine * u - cosine * v],
            },
            vanishing: [0.0; 2],
        }
    }
}

/// Of an angle in degrees; exactly 0, 1 and -1 at quarter turns, so that these only move pixels.
fn sine_and_cosine(degrees: f64) -> (f64, f64) {
    let degrees = degrees.rem_euclid(360.0);
    let quarters = libm::floor(degrees / 90.0);
    let (sine, cosine) = match degrees - 90.0 * quarters {
        0.0 => (0.0, 1.0),
        rest => {
            let angle = rest.to_radians();
            (libm::sin(angle), libm::cos(angle))
        }
    };
    match quarters as u32 % 4 {
        0 => (sine, cosine),
        1 => (cosine, -sine),
        2 => (-sine, -cosine),
        _ => (-cosine, sine),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quarter_turns_are_exact_and_angles_go_round() {
        assert_eq!(sine_and_cosine(90.0), (1.0, -0.0));
        assert_eq!(sine_and_cosine(-90.0), (-1.0, 0.0));
        assert_eq!(sine_and_cosine(180.0), (-0.0, -1.0));
        assert_eq!(sine_and_cosine(-360.0), (0.0, 1.0));
        for degrees in [-359.0, -100.5, -1e-20, 12.25, 133.0, 200.0, 359.9] {
            let (sine, cosine) = sine_and_cosine(degrees);
            let exact = f64::to_radians(degrees);
            assert!((sine - exact.sin()).abs() < 1e-14 && (cosine - exact.cos()).abs() < 1e-14);
        }
    }
}
