//! A patch: the pixels of a region together with where it lies in which image. Operations turn patches into patches.
//!
//! Coordinates are those of the whole image, so a kernel never asks whether it works on a tile. What lies outside the
//! *image* is reflected (reflect-101: `dcb|abcd|cba`); what lies outside the *patch* but inside the image is never
//! asked for, because `input_region` made the patch large enough.

use std::borrow::Cow;

use crate::meaning::Meaning;
use crate::sample::{Bits, Sample};
use crate::simd::{self, Kernel};
use crate::{Channels, Region, Size};

/// Pixels of `region` of an image of size `image`.
#[derive(Debug, Clone)]
pub(crate) struct Patch<'a, S: Bits> {
    pub image: Size,
    pub region: Region,
    pub channels: Channels,
    /// What the bits of a sample stand for.
    pub meaning: Meaning,
    pub samples: Cow<'a, [S]>,
}

impl<S: Bits> Patch<'_, S> {
    /// Samples of row `y` (image coordinates) from column `x` on, `width` pixels.
    #[inline]
    pub fn row(&self, y: u32, x: u32, width: u32) -> &[S] {
        let channels = self.channels.count();
        let start = ((y - self.region.y) as usize * self.region.width as usize
            + (x - self.region.x) as usize)
            * channels;
        &self.samples[start..start + width as usize * channels]
    }

    /// Row `y` from column `x` on, `width` pixels, each of which may lie outside the image and is then reflected.
    /// Borrows the patch where nothing is outside, otherwise fills `scratch`.
    pub fn reflected_row<'s>(&'s self, y: i64, x: i64, width: u32, scratch: &'s mut Vec<S>) -> &'s [S] {
        let y = reflect(y, self.image.height);
        if x >= 0 && x + i64::from(width) <= i64::from(self.image.width) {
            return self.row(y, x as u32, width);
        }
        self.copy_reflected_row(y.into(), x, width, scratch);
        scratch
    }

    /// [`Patch::reflected_row`], copied to `to`.
    pub fn copy_reflected_row(&self, y: i64, x: i64, width: u32, to: &mut Vec<S>) {
        to.clear();
        let row = self.row(reflect(y, self.image.height), self.region.x, self.region.width);
        let channels = self.channels.count();
        push_reflected(row, self.region.x, self.image.width, channels, x, width, to);
    }

    /// The same pixels as a patch of `region`, which must lie inside this one; moves them when it is the whole.
    pub fn cropped(self, region: Region) -> Patch<'static, S> {
        let (image, channels, meaning) = (self.image, self.channels, self.meaning);
        let samples = if region == self.region {
            self.samples.into_owned()
        } else {
            let mut samples = Vec::with_capacity(region.size().pixels() as usize * channels.count());
            for y in region.y..region.y + region.height {
                samples.extend_from_slice(self.row(y, region.x, region.width));
            }
            samples
        };
        Patch {
            image,
            region,
            channels,
            meaning,
            samples: Cow::Owned(samples),
        }
    }
}

impl<S: Sample> Patch<'_, S> {
    /// Whether alpha is missing or full everywhere: then colour needs no premultiplying.
    pub fn is_opaque(&self) -> bool {
        match self.channels {
            Channels::GrayAlpha => simd::run(IsOpaque::<S, 2>(&self.samples)),
            Channels::Rgba => simd::run(IsOpaque::<S, 4>(&self.samples)),
            _ => true,
        }
    }
}

/// Whether the last of the `N` samples of every pixel is full. Blocks of pixels, since a loop that may end at any pixel is not vectorised.
struct IsOpaque<'a, S, const N: usize>(&'a [S]);

impl<S: Sample, const N: usize> Kernel for IsOpaque<'_, S, N> {
    type Output = bool;

    #[inline(always)]
    fn run(self) -> bool {
        let full = S::wrap(S::MAX);
        let (blocks, rest) = self.0.as_chunks::<N>().0.as_chunks::<64>();
        let is_opaque =
            |block: &[[S; N]; 64]| block.iter().fold(full, |least, pixel| least.min(pixel[N - 1])) == full;
        blocks.iter().all(is_opaque) && rest.iter().all(|pixel| pixel[N - 1] == full)
    }
}

impl<S: Bits> Patch<'_, S> {
    /// The same, by another name of the type of its samples: for what has a way of its own for one type.
    ///
    /// # Panics
    /// When samples of `T` have another size.
    pub fn cast<T: Bits>(&self) -> Patch<'_, T> {
        Patch {
            image: self.image,
            region: self.region,
            channels: self.channels,
            meaning: self.meaning,
            samples: Cow::Borrowed(bytemuck::cast_slice(&self.samples)),
        }
    }
}

impl<S: Bits> Patch<'static, S> {
    /// A patch that owns `samples`. What they mean is set by [`render`](crate::render): no operation changes it.
    pub fn owned(image: Size, region: Region, channels: Channels, samples: Vec<S>) -> Self {
        debug_assert_eq!(
            samples.len() as u64,
            region.size().pixels() * channels.count() as u64
        );
        Self {
            image,
            region,
            channels,
            meaning: Meaning::default(),
            samples: Cow::Owned(samples),
        }
    }
}

/// The samples of a region, written row by row. A row is filled in a buffer that stays in the first-level cache and then
/// appended, so that the memory of the whole is written once: zeroed first, it would be written twice.
pub(crate) struct Rows<S> {
    samples: Vec<S>,
    row: Vec<S>,
    /// Whether `row` was handed out and is to be appended.
    filled: bool,
}

impl<S: Copy + Default> Rows<S> {
    /// Room for `region`.
    pub fn new(region: Region, channels: Channels) -> Self {
        let length = region.width as usize * channels.count();
        Self {
            samples: Vec::with_capacity(length * region.height as usize),
            row: vec![S::default(); length],
            filled: false,
        }
    }

    /// All samples of `region`, each row of which `write` writes whole, from the top on.
    pub fn written(region: Region, channels: Channels, mut write: impl FnMut(u32, &mut [S])) -> Vec<S> {
        let mut rows = Self::new(region, channels);
        for y in region.y..region.y + region.height {
            write(y, rows.next());
        }
        rows.finish()
    }

    /// The next row, from the top on. All of it has to be written: what is in it is the row before.
    pub fn next(&mut self) -> &mut [S] {
        let start = self.samples.len();
        self.samples.resize(start + self.row.len(), S::default());
        &mut self.samples[start..]
    }

    /// All rows.
    pub fn finish(mut self) -> Vec<S> {
        if self.filled {
            self.samples.extend_from_slice(&self.row);
        }
        self.samples
    }
}

/// Appends the pixels from column `x` on, `width` of them, of a row of an image that is `image_width` wide; those outside
/// the image are reflected. `row` holds what is needed of it, from column `row_x` on.
pub(crate) fn push_reflected<T: Copy>(
    row: &[T],
    row_x: u32,
    image_width: u32,
    channels: usize,
    x: i64,
    width: u32,
    out: &mut Vec<T>,
) {
    let (end, image_end) = (x + i64::from(width), i64::from(image_width));
    let (inner, inner_end) = (x.max(0), end.min(image_end));
    let reflected = |columns: std::ops::Range<i64>, out: &mut Vec<T>| {
        for column in columns {
            let at = (reflect(column, image_width) - row_x) as usize * channels;
            out.extend_from_slice(&row[at..at + channels]);
        }
    };
    if inner >= inner_end {
        return reflected(x..end, out);
    }
    reflected(x..inner, out);
    let at = (inner - i64::from(row_x)) as usize * channels;
    out.extend_from_slice(&row[at..at + (inner_end - inner) as usize * channels]);
    reflected(inner_end..end, out);
}

/// Reflect-101: the index inside `0..length` that stands for `index`, with as many reflections as it takes.
#[inline]
pub(crate) fn reflect(index: i64, length: u32) -> u32 {
    let length = i64::from(length);
    if (0..length).contains(&index) {
        return index as u32;
    }
    if length == 1 {
        return 0;
    }
    let period = 2 * (length - 1);
    let folded = index.rem_euclid(period);
    folded.min(period - folded) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reflection_repeats_for_indices_far_outside() {
        let around = |length| (-5..8).map(|index| reflect(index, length)).collect::<Vec<_>>();
        assert_eq!(around(4), [1, 2, 3, 2, 1, 0, 1, 2, 3, 2, 1, 0, 1]);
        assert_eq!(around(2), [1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1]);
        assert_eq!(around(1), [0; 13]);
    }

    #[test]
    fn a_row_is_reflected_at_the_image_and_not_at_the_patch() {
        let size = Size::new(6, 1);
        let patch = Patch::owned(size, Region::new(0, 0, 4, 1), Channels::Gray, vec![0u8, 1, 2, 3]);
        let mut scratch = Vec::new();
        assert_eq!(patch.reflected_row(3, -2, 5, &mut scratch), [2, 1, 0, 1, 2]);
        assert_eq!(patch.reflected_row(0, 1, 3, &mut scratch), [1, 2, 3]);
        let narrow = Patch::owned(
            Size::new(2, 1),
            Region::new(0, 0, 2, 1),
            Channels::Gray,
            vec![7u8, 8],
        );
        assert_eq!(
            narrow.reflected_row(0, -3, 7, &mut scratch),
            [8, 7, 8, 7, 8, 7, 8]
        );
        assert_eq!(narrow.reflected_row(0, -4, 2, &mut scratch), [7, 8]);
    }
}
