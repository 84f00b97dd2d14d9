//! Results whose pixels look up their place in the image by a map of the plane, and what they find there.
//!
//! The middle of the pixel in column i and row j of the result is (i + 0.5, j + 0.5). A pixel whose place lies outside of the image has
//! no data where a number stands for none (see [`crate::meaning`]) and is zero elsewhere: black, or transparent where there is alpha.
//! One whose place lies inside takes the pixel that the place is in (nearest), or a mean of the four whose middles are around it
//! (bilinear), of which those beyond the border are the ones at the border. Colours count by alpha in it.

use crate::numbers::Numbers;
use crate::operation::{ParameterInfo, ParameterKind};
use crate::patch::Patch;
use crate::sample::Bits;
use crate::{Affine, Region, Size};

/// How pixels are mixed.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Filter {
    Nearest,
    Bilinear,
}

/// The parameter that chooses a [`Filter`].
pub(super) const FILTER: ParameterInfo = ParameterInfo {
    name: "filter",
    symbol: "filter",
    summary: "How pixels are mixed: nearest (not at all) or bilinear (of four).",
    unit: "",
    kind: ParameterKind::Choice(&["nearest", "bilinear"]),
    min: 0.0,
    max: 1.0,
    default: 1.0,
    step: 1.0,
};

impl Filter {
    /// The filter of that name.
    pub fn of(word: &str) -> Self {
        match word {
            "nearest" => Self::Nearest,
            _ => Self::Bilinear,
        }
    }
}

/// From a place (u, v) in the result to the place in the image that it shows: ((a·u + b·v + c) / w, (d·u + e·v + f) / w) with
/// w = g·u + h·v + 1.
#[derive(Clone, Copy)]
pub(super) struct Projective {
    /// The affine part: a to f.
    pub affine: Affine,
    /// g and h: both 0 where there is no perspective.
    pub vanishing: [f64; 2],
}

/// Of how many parts of a pixel's width the weights of bilinear filtering know: 2^15, so that sums of four 16-bit colours, each times
/// alpha and two weights, stay within 62 bits.
pub(super) const BITS: u32 = 15;

/// Into how many parts each way a result is cut to see how steep a map is there.
const PARTS: u32 = 16;

/// Columns or rows of two neighbours, and the weight of the second in 2^-15.
pub(super) type Pair = ([u32; 2], u64);

impl Projective {
    fn divisor(self, u: f64, v: f64) -> f64 {
        self.vanishing[0] * u + self.vanishing[1] * v + 1.0
    }

    /// Whether every place in a result of that size has one in the plane of the image: where the divisor is positive in the corners,
    /// it is between them.
    pub fn covers(self, result: Size) -> bool {
        let (width, height) = (f64::from(result.width), f64::from(result.height));
        [(0.0, 0.0), (width, 0.0), (0.0, height), (width, height)]
            .into_iter()
            .all(|(u, v)| self.divisor(u, v) > 0.0)
    }

    /// The place in the image.
    pub fn at(self, u: f64, v: f64) -> (f64, f64) {
        let (x, y) = self.affine.at(u, v);
        if self.vanishing == [0.0; 2] {
            return (x, y);
        }
        let divisor = self.divisor(u, v);
        (x / divisor, y / divisor)
    }

    /// The place of a pixel's middle, where that is inside of the image.
    pub fn inside(self, image: Size, column: u32, row: u32) -> Option<(f64, f64)> {
        let (x, y) = self.at(f64::from(column) + 0.5, f64::from(row) + 0.5);
        let is_inside = x >= 0.0 && y >= 0.0 && x < f64::from(image.width) && y < f64::from(image.height);
        is_inside.then_some((x, y))
    }

    /// The map as an affine one, where it is.
    pub fn as_affine(self) -> Option<Affine> {
        (self.vanishing == [0.0; 2]).then_some(self.affine)
    }

    /// The pixels of the image that `output` looks up: the rectangle around the places of its corners, between which all others
    /// lie, and around it what the filter reaches and a pixel for the rounding of places. One pixel where all is outside.
    pub fn input_region(self, image: Size, output: Region) -> Region {
        let middles =
            |start: u32, count: u32| [f64::from(start) + 0.5, f64::from(start) + f64::from(count) - 0.5];
        let columns = middles(output.x, output.width);
        let rows = middles(output.y, output.height);
        let places = columns.map(|u| rows.map(|v| self.at(u, v)));
        let places = places.as_flattened();
        let span = |place: &dyn Fn(&(f64, f64)) -> f64, length: u32| {
            let least = places.iter().map(place).fold(f64::INFINITY, f64::min);
            let most = places.iter().map(place).fold(f64::NEG_INFINITY, f64::max);
            let start = ((least - 0.5).floor() - 1.0).clamp(0.0, f64::from(length) - 1.0);
            let end = ((most + 0.5).floor() + 2.0).clamp(start + 1.0, f64::from(length));
            (start as u32, (end - start) as u32)
        };
        let (x, width) = span(&|place| place.0, image.width);
        let (y, height) = span(&|place| place.1, image.height);
        Region::new(x, y, width, height)
    }

    /// No less than the sides of [`Projective::input_region`] of whatever region of size `output` in a result of size `result`.
    pub fn widest_input(self, image: Size, result: Size, output: Size) -> Size {
        let [g, h] = self.vanishing;
        // Without perspective it is as steep everywhere.
        let parts = if self.vanishing == [0.0; 2] { 1 } else { PARTS };
        // Parts of the result, each with what regions that begin in it reach beyond it.
        let spans = |whole: u32, reach: u32| {
            let at = move |part: u32| f64::from(whole) * f64::from(part) / f64::from(parts);
            (0..parts).map(move |part| {
                let end = at(part + 1) + f64::from(reach);
                (at(part), end.min(f64::from(whole)))
            })
        };
        // With w = g·u + h·v + 1, x = (p·u + q·v + r) / w changes along u by (v·(p·h - q·g) + p - r·g) / w², and along v by
        // (u·(q·g - p·h) + q - r·h) / w²: the numerators are largest, and w is least, at the ends.
        let ends = |factor: f64, rest: f64, (low, high): (f64, f64)| {
            f64::max((factor * low + rest).abs(), (factor * high + rest).abs())
        };
        let (across, down) = (
            f64::from(output.width.max(1)) - 1.0,
            f64::from(output.height.max(1)) - 1.0,
        );
        let mut most = [0.0_f64; 2];
        for columns in spans(result.width, output.width) {
            for rows in spans(result.height, output.height) {
                let corners = [
                    (columns.0, rows.0),
                    (columns.1, rows.0),
                    (columns.0, rows.1),
                    (columns.1, rows.1),
                ];
                let least = corners.map(|(u, v)| self.divisor(u, v)).into_iter();
                let least = least.fold(f64::INFINITY, f64::min);
                for (most, [p, q, r]) in most.iter_mut().zip([self.affine.x, self.affine.y]) {
                    let turn = p * h - q * g;
                    let change =
                        ends(turn, p - r * g, rows) * across + ends(-turn, q - r * h, columns) * down;
                    *most = most.max(change / (least * least));
                }
            }
        }
        let side = |span: f64, whole: u32| (span + 5.0).clamp(1.0, f64::from(whole)) as u32;
        Size::new(side(most[0], image.width), side(most[1], image.height))
    }

    /// The nearest pixels.
    pub fn nearest<B: Bits>(self, input: &Patch<'_, B>, output: Region, size: Size) -> Patch<'static, B> {
        let outside = B::wrap(input.meaning.bits(f64::NAN));
        let samples = match input.channels.count() {
            1 => self.picked::<B, 1>(input, output, outside),
            2 => self.picked::<B, 2>(input, output, outside),
            3 => self.picked::<B, 3>(input, output, outside),
            4 => self.picked::<B, 4>(input, output, outside),
            count => {
                let outside = vec![outside; count];
                let mut samples = Vec::with_capacity(output.size().pixels() as usize * count);
                for row in output.y..output.y + output.height {
                    for column in output.x..output.x + output.width {
                        let place = self.inside(input.image, column, row);
                        let pixel = place.map(|(x, y)| input.row(y as u32, x as u32, 1));
                        samples.extend_from_slice(pixel.unwrap_or(&outside));
                    }
                }
                samples
            }
        };
        Patch::owned(size, output, input.channels, samples)
    }

    /// The nearest pixels, of `N` samples.
    fn picked<B: Bits, const N: usize>(self, input: &Patch<'_, B>, output: Region, outside: B) -> Vec<B> {
        let region = input.region;
        let (pixels, _) = input.samples.as_chunks::<N>();
        let mut samples = vec![outside; output.size().pixels() as usize * N];
        let rows = samples.chunks_exact_mut(output.width as usize * N);
        for (row, line) in (output.y..).zip(rows) {
            for (column, to) in (output.x..).zip(line.as_chunks_mut::<N>().0) {
                if let Some((x, y)) = self.inside(input.image, column, row) {
                    let (x, y) = (x as u32 - region.x, y as u32 - region.y);
                    *to = pixels[y as usize * region.width as usize + x as usize];
                }
            }
        }
        samples
    }

    /// Means of four numbers, by the weights of those that have data: no data where these are less than half of all.
    pub fn numbers(self, input: &Numbers<'_>, output: Region, out: &mut dyn FnMut(&[f64])) {
        let region = self.input_region(input.image, output);
        let channels = input.channels;
        let stride = region.width as usize * channels;
        let mut patch = Vec::with_capacity(stride * region.height as usize);
        let mut line = Vec::new();
        for y in region.y..region.y + region.height {
            input.row_within(y, region.x, region.width, &mut line);
            patch.extend_from_slice(&line);
        }
        let at = |x: u32, y: u32| (y - region.y) as usize * stride + (x - region.x) as usize * channels;
        for row in output.y..output.y + output.height {
            line.clear();
            for column in output.x..output.x + output.width {
                let Some((x, y)) = self.inside(input.image, column, row) else {
                    line.extend(std::iter::repeat_n(f64::NAN, channels));
                    continue;
                };
                let (columns, by_column) = pair(x, input.image.width);
                let (rows, by_row) = pair(y, input.image.height);
                let places = rows.map(|y| columns.map(|x| at(x, y)));
                // Powers of two: the sum of all is exactly one.
                let weights =
                    products(by_column, by_row).map(|weight| weight as f64 / f64::from(1 << (2 * BITS)));
                for channel in 0..channels {
                    let (mut value, mut total) = (0.0, 0.0);
                    for (place, weight) in places.as_flattened().iter().zip(weights) {
                        let number = patch[place + channel];
                        if !number.is_nan() && weight > 0.0 {
                            value += weight * number;
                            total += weight;
                        }
                    }
                    line.push(if total < 0.5 { f64::NAN } else { value / total });
                }
            }
            out(&line);
        }
    }
}

/// The two columns (or rows) whose middles are on both sides of a place.
pub(super) fn pair(place: f64, length: u32) -> Pair {
    let from_middle = place - 0.5;
    // The floor, which without newer instructions is a call.
    let before = from_middle as i32 - i32::from(from_middle < 0.0);
    let weight = ((from_middle - f64::from(before)) * f64::from(1 << BITS) + 0.5) as i32;
    let last = length as i32 - 1;
    // Before the first middle it is -1, which counts as 0.
    let sides = [before.max(0), before + 1].map(|side| side.min(last) as u32);
    (sides, weight as u64)
}

/// The weights of four pixels, row by row: their sum is 2^30.
pub(super) fn products(by_column: u64, by_row: u64) -> [u64; 4] {
    let one = 1 << BITS;
    let (column, row) = (one - by_column, one - by_row);
    [column * row, by_column * row, column * by_row, by_column * by_row]
}
