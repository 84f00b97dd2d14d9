//! Erosion and dilation: the smallest and the largest sample of a square, each channel by itself; where there is alpha, of colour
//! times alpha.

use super::box_blur::radius;
use super::rank::{Plain, Ranked, TimesAlpha, Value};
use crate::numbers::{Numbers, rank};
use crate::operation::{Group, Operation, OperationInfo, Values};
use crate::patch::Patch;
use crate::sample::Sample;
use crate::simd::{self, Kernel};
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

    fn apply_numbers(&self, input: &Numbers<'_>, output: Region, out: &mut dyn FnMut(&[f64])) -> bool {
        rank::extremes(input, output, self.radius, false, out);
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

    fn apply_numbers(&self, input: &Numbers<'_>, output: Region, out: &mut dyn FnMut(&[f64])) -> bool {
        rank::extremes(input, output, self.radius, true, out);
        true
    }
}

#[derive(Clone, Copy)]
pub(super) enum Extreme {
    Smallest,
    Largest,
}

/// The extreme of each square of `output`; where there is alpha, of colour times alpha.
pub(super) fn extreme<S: Sample>(
    input: &Patch<'_, S>,
    output: Region,
    radius: u32,
    extreme: Extreme,
) -> Patch<'static, S> {
    if input.is_opaque() {
        return plain_extreme(input, output, radius, extreme);
    }
    let samples = squares(
        TimesAlpha::new(input, output, radius),
        input.channels.count(),
        output,
        radius,
        extreme,
    );
    Patch::owned(input.image, output, input.channels, samples)
}

/// The extreme of each square of `output`, each channel by itself, alpha too.
pub(super) fn plain_extreme<V: Value>(
    input: &Patch<'_, V>,
    output: Region,
    radius: u32,
    extreme: Extreme,
) -> Patch<'static, V> {
    let samples = squares(
        Plain::new(input, output, radius),
        input.channels.count(),
        output,
        radius,
        extreme,
    );
    Patch::owned(input.image, output, input.channels, samples)
}

/// Along rows first, into a ring of rows; then along columns. Three are compared at a time, and then two more with what they gave:
/// the side of a square is odd.
fn squares<R: Ranked>(
    mut ranked: R,
    channels: usize,
    output: Region,
    radius: u32,
    extreme: Extreme,
) -> Vec<R::Sample> {
    let side = 2 * radius as usize + 1;
    let stride = output.width as usize * channels;
    let mut ring = vec![vec![R::Value::default(); stride]; side];
    let top = i64::from(output.y) - i64::from(radius);
    for index in 0..output.height as usize + side - 1 {
        let row = ranked.row(top + index as i64);
        let taps = (0..side).map(|tap| &row[tap * channels..][..stride]);
        fold(taps, &mut ring[index % side], extreme);
        if index + 1 < side {
            continue;
        }
        ranked.next(|out| fold(ring.iter().map(Vec::as_slice), out, extreme));
    }
    ranked.finish()
}

/// The extremes of rows of one length, an odd number of them.
fn fold<'a, T: Copy + Ord + 'a>(mut rows: impl Iterator<Item = &'a [T]>, out: &mut [T], extreme: Extreme) {
    let Some(first) = rows.next() else { return };
    let mut started = false;
    while let (Some(second), Some(third)) = (rows.next(), rows.next()) {
        let first = (!started).then_some(first);
        simd::run(Fold {
            first,
            others: [second, third],
            out,
            extreme,
        });
        started = true;
    }
    if !started {
        out.copy_from_slice(first);
    }
}

/// Of three rows, or of two and what is there.
struct Fold<'a, T> {
    first: Option<&'a [T]>,
    others: [&'a [T]; 2],
    out: &'a mut [T],
    extreme: Extreme,
}

impl<T: Copy + Ord> Kernel for Fold<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        match self.extreme {
            Extreme::Smallest => self.with(T::min),
            Extreme::Largest => self.with(T::max),
        }
    }
}

impl<T: Copy + Ord> Fold<'_, T> {
    #[inline(always)]
    fn with(self, choose: impl Fn(T, T) -> T) {
        let [second, third] = self.others;
        let others = second.iter().zip(third);
        match self.first {
            Some(first) => {
                for ((to, &first), (&second, &third)) in self.out.iter_mut().zip(first).zip(others) {
                    *to = choose(choose(first, second), third);
                }
            }
            None => {
                for (to, (&second, &third)) in self.out.iter_mut().zip(others) {
                    *to = choose(choose(*to, second), third);
                }
            }
        }
    }
}
