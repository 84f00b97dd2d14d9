//! The places of pixels in the image, and the pixels around them.

use crate::Size;
use crate::operations::projective::Projective;

/// Of how many parts of a pixel's width the weights of bilinear filtering know: 2^15, so that sums of four 16-bit colours, each times
/// alpha and two weights, stay within 62 bits.
pub const BITS: u32 = 15;

/// Pixels whose places are computed at once.
pub const BLOCK: usize = 64;

/// Columns or rows of two neighbours, and the weight of the second in 2^-15.
pub type Pair = ([u32; 2], u64);

/// The places of a block of pixels of a row.
pub struct Places {
    pub is_inside: [bool; BLOCK],
    /// Zero where it is not inside.
    pub x: [f64; BLOCK],
    pub y: [f64; BLOCK],
}

impl Places {
    pub const NONE: Self = Self {
        is_inside: [false; BLOCK],
        x: [0.0; BLOCK],
        y: [0.0; BLOCK],
    };

    /// As [`Projective::inside`] of each pixel from `column` on.
    #[inline(always)]
    pub fn compute(&mut self, map: Projective, image: Size, column: u32, row: u32) {
        let (width, height) = (f64::from(image.width), f64::from(image.height));
        let (first, v) = (f64::from(column) + 0.5, f64::from(row) + 0.5);
        for i in 0..BLOCK {
            let (x, y) = map.at(first + i as i32 as f64, v);
            let is_inside = (x >= 0.0) & (y >= 0.0) & (x < width) & (y < height);
            self.is_inside[i] = is_inside;
            self.x[i] = if is_inside { x } else { 0.0 };
            self.y[i] = if is_inside { y } else { 0.0 };
        }
    }
}

/// Along one axis, for each pixel of a block: where the first neighbour lies, whether the second lies behind it, and its weight.
pub struct Neighbours {
    pub first: [u32; BLOCK],
    pub step: [u32; BLOCK],
    pub weight: [f64; BLOCK],
}

impl Neighbours {
    pub const NONE: Self = Self {
        first: [0; BLOCK],
        step: [0; BLOCK],
        weight: [0.0; BLOCK],
    };

    /// As [`pair`] of each place, from `start` on.
    #[inline(always)]
    pub fn compute(&mut self, places: &[f64; BLOCK], length: u32, start: u32) {
        let last = length as i32 - 1;
        for (i, place) in places.iter().enumerate() {
            let from_middle = place - 0.5;
            let before = from_middle as i32 - i32::from(from_middle < 0.0);
            let weight = ((from_middle - f64::from(before)) * f64::from(1 << BITS) + 0.5) as i32;
            let (first, second) = (before.max(0), (before + 1).min(last));
            self.first[i] = (first as u32).wrapping_sub(start);
            self.step[i] = second.wrapping_sub(first) as u32;
            self.weight[i] = f64::from(weight) / f64::from(1 << BITS);
        }
    }
}

/// The two columns (or rows) whose middles are on both sides of a place.
pub fn pair(place: f64, length: u32) -> Pair {
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
pub fn products(by_column: u64, by_row: u64) -> [u64; 4] {
    let one = 1 << BITS;
    let (column, row) = (one - by_column, one - by_row);
    [column * row, by_column * row, column * by_row, by_column * by_row]
}
