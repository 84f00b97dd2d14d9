//! Erosion and dilation: the smallest and the largest sample of a square, each channel by itself; where there is alpha, of colour
//! times alpha.

use super::box_blur::radius;
use super::rank::{Ranked, TimesAlpha};
use crate::extremes::{Extreme, Once, Squares};
use crate::numbers::{Numbers, rank};
use crate::operation::{Group, Operation, OperationInfo, Values};
use crate::patch::{Patch, Rows};
use crate::sample::{Ordered, Sample};
use crate::{Region, Size};

/// The smallest sample of the square.
pub(crate) struct Erode {
    radius: u32,
}

impl Operation for Erode {
    const INFO: &'static OperationInfo = &OperationInfo {
        name: "erode",
        title: "Erode",
        group: Group::Edges,
        summary: "Makes dark parts grow: thin bright lines disappear.",
        method: "The darkest sample of a square around every pixel, each channel by itself; where there is alpha, colour counts times alpha.",
        aliases: &["minimum"],
        parameters: &[radius(50.0, 1.0)],
    };

    fn new(values: &Values<'_>) -> Self {
        Self {
            radius: values.integer(0),
        }
    }

    fn input_region(&self, image: Size, output: Region) -> Region {
        output.inflate(self.radius, self.radius, image)
    }

    fn apply<S: Sample>(&self, input: Patch<'_, S>, output: Region) -> Patch<'static, S> {
        extreme(&input, output, self.radius, Extreme::Smallest)
    }

    const CHOOSES: bool = true;

    fn choose<V: Ordered>(&self, input: &Patch<'_, V>, output: Region) -> Option<Patch<'static, V>> {
        Some(plain(input, output, self.radius, Extreme::Smallest))
    }

    fn apply_numbers(&self, input: &Numbers<'_>, output: Region, out: &mut dyn FnMut(&[f64])) -> bool {
        rank::extremes(input, output, self.radius, Extreme::Smallest, out);
        true
    }
}

/// The largest sample of the square.
pub(crate) struct Dilate {
    radius: u32,
}

impl Operation for Dilate {
    const INFO: &'static OperationInfo = &OperationInfo {
        name: "dilate",
        title: "Dilate",
        group: Group::Edges,
        summary: "Makes bright parts grow: thin dark lines disappear.",
        method: "The brightest sample of a square around every pixel, each channel by itself; where there is alpha, colour counts times alpha.",
        aliases: &["maximum"],
        parameters: &[radius(50.0, 1.0)],
    };

    fn new(values: &Values<'_>) -> Self {
        Self {
            radius: values.integer(0),
        }
    }

    fn input_region(&self, image: Size, output: Region) -> Region {
        output.inflate(self.radius, self.radius, image)
    }

    fn apply<S: Sample>(&self, input: Patch<'_, S>, output: Region) -> Patch<'static, S> {
        extreme(&input, output, self.radius, Extreme::Largest)
    }

    const CHOOSES: bool = true;

    fn choose<V: Ordered>(&self, input: &Patch<'_, V>, output: Region) -> Option<Patch<'static, V>> {
        Some(plain(input, output, self.radius, Extreme::Largest))
    }

    fn apply_numbers(&self, input: &Numbers<'_>, output: Region, out: &mut dyn FnMut(&[f64])) -> bool {
        rank::extremes(input, output, self.radius, Extreme::Largest, out);
        true
    }
}

/// The extreme of each square of `output`; where there is alpha, of colour times alpha.
pub(super) fn extreme<S: Sample>(
    input: &Patch<'_, S>,
    output: Region,
    radius: u32,
    extreme: Extreme,
) -> Patch<'static, S> {
    if input.is_opaque() {
        return plain(input, output, radius, extreme);
    }
    let mut squares = Squares::new(input.image, output, input.channels.count(), radius, extreme);
    let mut products = TimesAlpha::new(input, output, radius);
    for y in output.y..output.y + output.height {
        while let Some(y) = squares.wants(y) {
            squares.push(products.row(y.into()));
        }
        products.next(|out| squares.row(y, out));
    }
    Patch::owned(input.image, output, input.channels, products.finish())
}

/// The extreme of each square of `output`, each channel by itself, alpha too.
fn plain<V: Ordered>(
    input: &Patch<'_, V>,
    output: Region,
    radius: u32,
    extreme: Extreme,
) -> Patch<'static, V> {
    let mut once = Once::new(input, output, radius, extreme);
    let samples = Rows::written(output, input.channels, |y, out| once.row(y, out));
    Patch::owned(input.image, output, input.channels, samples)
}
