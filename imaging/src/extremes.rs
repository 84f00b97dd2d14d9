//! The smallest and the largest sample of every square of an image, each channel by itself, a row after the other.
//!
//! What a square has outside the image is reflected, and what is reflected lies in the square, too: the extremes are those of the
//! part of the square that is in the image.

use crate::patch::{Patch, push_reflected, reflect};
use crate::sample::Bits;
use crate::simd::{self, Kernel};
use crate::{Region, Size};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extreme {
    Smallest,
    Largest,
}

/// The extremes of the squares of a picture.
pub(crate) struct Once<'a, V: Bits> {
    input: &'a Patch<'a, V>,
    /// The columns that the squares of a row reach over.
    left: i64,
    width: u32,
    squares: Squares<V>,
    scratch: Vec<V>,
    keys: Vec<V>,
}

impl<'a, V: Bits + Ord> Once<'a, V> {
    /// Of squares of side `2·radius + 1`, for `output`.
    pub fn new(input: &'a Patch<'a, V>, output: Region, radius: u32, extreme: Extreme) -> Self {
        Self {
            input,
            left: i64::from(output.x) - i64::from(radius),
            width: output.width + 2 * radius,
            squares: Squares::new(input.image, output, input.channels.count(), radius, extreme),
            scratch: Vec::new(),
            keys: Vec::new(),
        }
    }

    /// Row `y` of the result, which is one further than the last one.
    pub fn row(&mut self, y: u32, out: &mut [V]) {
        self.keys(y, out);
        self.input.meaning.keys_to_samples(out);
    }

    /// The [keys](crate::meaning::Meaning::keys) of that row: what is compared.
    fn keys(&mut self, y: u32, out: &mut [V]) {
        while let Some(y) = self.squares.wants(y) {
            let row = self
                .input
                .reflected_row(y.into(), self.left, self.width, &mut self.scratch);
            self.squares.push(self.input.meaning.keys(row, &mut self.keys));
        }
        self.squares.row(y, out);
    }
}

/// The extremes of the extremes of squares: of erosion and dilation what an opening is of, or a closing. Only as many rows as a
/// square has are kept of what is between, so that it stays in the cache.
pub(crate) struct Twice<'a, V: Bits> {
    first: Once<'a, V>,
    /// What is between the picture and the result.
    between: Region,
    row: Vec<V>,
    second: Squares<V>,
    left: i64,
    width: u32,
    scratch: Vec<V>,
}

impl<'a, V: Bits + Ord> Twice<'a, V> {
    /// Of squares of side `2·radius + 1`, for `output`.
    pub fn new(input: &'a Patch<'a, V>, output: Region, radius: u32, [first, second]: [Extreme; 2]) -> Self {
        let channels = input.channels.count();
        let between = output.inflate(radius, radius, input.image);
        Self {
            first: Once::new(input, between, radius, first),
            between,
            row: vec![V::default(); between.width as usize * channels],
            second: Squares::new(input.image, output, channels, radius, second),
            left: i64::from(output.x) - i64::from(radius),
            width: output.width + 2 * radius,
            scratch: Vec::new(),
        }
    }

    /// Row `y` of the result, which is one further than the last one.
    pub fn row(&mut self, y: u32, out: &mut [V]) {
        while let Some(between) = self.second.wants(y) {
            self.first.keys(between, &mut self.row);
            self.scratch.clear();
            push_reflected(
                &self.row,
                self.between.x,
                self.first.input.image.width,
                self.second.channels,
                self.left,
                self.width,
                &mut self.scratch,
            );
            self.second.push(&self.scratch);
        }
        self.second.row(y, out);
        self.first.input.meaning.keys_to_samples(out);
    }
}

/// The extremes of squares, from rows that come in order.
pub(crate) struct Squares<V> {
    radius: u32,
    channels: usize,
    extreme: Extreme,
    /// Of the image.
    height: u32,
    /// The next row that is to come.
    next: u32,
    /// Extremes along the last rows, that of row `y` in place `y` modulo the side.
    ring: Vec<Vec<V>>,
}

impl<V: Copy + Default + Ord> Squares<V> {
    /// Of squares of side `2·radius + 1`, for `output` of an image of size `image`.
    pub fn new(image: Size, output: Region, channels: usize, radius: u32, extreme: Extreme) -> Self {
        let side = 2 * radius as usize + 1;
        Self {
            radius,
            channels,
            extreme,
            height: image.height,
            next: output.y.saturating_sub(radius),
            ring: vec![vec![V::default(); output.width as usize * channels]; side],
        }
    }

    /// Which row has to come before row `y` of the result is known.
    pub fn wants(&self, y: u32) -> Option<u32> {
        (self.next < self.height && self.next <= y + self.radius).then_some(self.next)
    }

    /// Takes the row that is [wanted](Self::wants), reaching beyond the result by the radius on both sides.
    pub fn push(&mut self, row: &[V]) {
        let side = self.ring.len();
        let to = &mut self.ring[self.next as usize % side];
        let part = part::<V>();
        for (start, to) in (0..).step_by(part).zip(to.chunks_mut(part)) {
            let count = to.len();
            let taps = (0..side).map(|tap| &row[start + tap * self.channels..][..count]);
            fold(taps, to, self.extreme);
        }
        self.next += 1;
    }

    /// Row `y` of the result, for which nothing is [wanted](Self::wants).
    pub fn row(&self, y: u32, out: &mut [V]) {
        let (y, radius) = (i64::from(y), i64::from(self.radius));
        let side = self.ring.len();
        let part = part::<V>();
        for (start, to) in (0..).step_by(part).zip(out.chunks_mut(part)) {
            let end = start + to.len();
            let rows = (y - radius..=y + radius).map(|y| reflect(y, self.height) as usize % side);
            let rows = rows.map(|place| &self.ring[place][start..end]);
            fold(rows, to, self.extreme);
        }
    }
}

/// Samples of a row that are worked on at a time, so that what three comparisons read and write stays in the first-level cache.
const fn part<T>() -> usize {
    (4 << 10) / size_of::<T>()
}

/// The extremes of rows of one length, an odd number of them. Three are compared at a time, and then two more with what they gave.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Channels;

    /// Of the square around a pixel, as far as it lies in the image.
    fn naive(image: &Patch<'_, u8>, radius: i64, extreme: Extreme) -> Patch<'static, u8> {
        let (width, height) = (i64::from(image.image.width), i64::from(image.image.height));
        let mut samples = Vec::new();
        for (y, x) in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
            let rows = (y - radius).max(0)..=(y + radius).min(height - 1);
            let square = rows.flat_map(|y| {
                let columns = (x - radius).max(0)..=(x + radius).min(width - 1);
                columns.map(move |x| (y * width + x) as usize)
            });
            let square = square.map(|at| image.samples[at]);
            samples.extend(match extreme {
                Extreme::Smallest => square.min(),
                Extreme::Largest => square.max(),
            });
        }
        Patch::owned(image.image, image.region, image.channels, samples)
    }

    #[test]
    fn rows_of_any_part_are_those_of_the_whole_however_small_the_image() {
        for (width, height, radius) in [(1, 1, 3), (2, 5, 4), (9, 7, 1), (17, 12, 3), (5, 30, 6)] {
            let size = Size::new(width, height);
            let samples = (0..width * height).map(|at| (at * at * 31 % 251) as u8).collect();
            let image = Patch::owned(size, size.region(), Channels::Gray, samples);
            for kinds in [
                [Extreme::Smallest, Extreme::Largest],
                [Extreme::Largest, Extreme::Smallest],
            ] {
                let right = naive(&naive(&image, radius.into(), kinds[0]), radius.into(), kinds[1]);
                for y in 0..height {
                    let output = Region::new(width / 3, y, width - width / 3, height - y);
                    let mut twice = Twice::new(&image, output, radius, kinds);
                    let mut row = vec![0; output.width as usize];
                    for y in y..height {
                        twice.row(y, &mut row);
                        assert_eq!(row, right.row(y, output.x, output.width), "{size:?} {radius} {y}");
                    }
                }
            }
        }
    }
}
