//! Operations on numbers: samples that are no intensities, or of which some have no data, each band by itself.
//!
//! There is one implementation for every kind of number, on rows of `f64` with NaN where there is no data; what that means is
//! said in [`crate::meaning`]. Intensities that all have data have kernels of their own, which are quicker and give OpenCV's
//! bytes.

pub(crate) mod convolve;
pub(crate) mod rank;
pub(crate) mod resample;
pub(crate) mod window;

use crate::meaning::Meaning;
use crate::patch::{Patch, push_reflected, reflect};
use crate::sample::Bits;
use crate::simd::{self, Kernel};
use crate::{Channels, Depth, Region, Size};

/// Appends pixels of a row: row, first column, width.
type Append<'a> = dyn Fn(u32, u32, u32, &mut Vec<f64>) + 'a;

/// The rows of a patch as numbers.
pub(crate) struct Numbers<'a> {
    /// The whole image.
    pub image: Size,
    pub channels: usize,
    /// Whether the channels are red, green and blue.
    pub is_rgb: bool,
    pub depth: Depth,
    /// Appends what is in the patch.
    append: &'a Append<'a>,
}

impl Numbers<'_> {
    /// Replaces what is in `row` by the pixels of row `y` from column `x` on, `width` of them. What lies outside of the image is
    /// reflected, as [`Patch::reflected_row`] does it.
    pub fn row(&self, y: i64, x: i64, width: u32, row: &mut Vec<f64>) {
        row.clear();
        let y = reflect(y, self.image.height);
        if x >= 0 && x + i64::from(width) <= i64::from(self.image.width) {
            return (self.append)(y, x as u32, width, row);
        }
        // The columns that are read: those within, and those that are reflected.
        let end = x + i64::from(width);
        let within = x.max(0)..end.min(i64::from(self.image.width));
        let outside = (x..within.start.min(end)).chain(within.end.max(x)..end);
        let reflected = outside.map(|column| reflect(column, self.image.width));
        let (mut first, mut last) = (u32::MAX, 0);
        let ends = (!within.is_empty()).then_some([within.start as u32, within.end as u32 - 1]);
        for column in reflected.chain(ends.into_iter().flatten()) {
            (first, last) = (first.min(column), last.max(column));
        }
        let mut read = Vec::new();
        (self.append)(y, first, last + 1 - first, &mut read);
        push_reflected(&read, first, self.image.width, self.channels, x, width, row);
    }

    /// As [`Numbers::row`], of pixels that are in the patch.
    pub fn row_within(&self, y: u32, x: u32, width: u32, row: &mut Vec<f64>) {
        row.clear();
        (self.append)(y, x, width, row);
    }
}

/// Whether one of them at least is not a number.
fn has_holes(row: &[f64]) -> bool {
    simd::run(HasHoles { row })
}

/// [`has_holes`].
struct HasHoles<'a> {
    row: &'a [f64],
}

impl Kernel for HasHoles<'_> {
    type Output = bool;

    #[inline(always)]
    fn run(self) -> bool {
        // All are looked at: that is done many at a time, with lanes as wide as the numbers.
        let mut any = [0u64; 16];
        let (blocks, rest) = self.row.as_chunks::<16>();
        for block in blocks {
            for (any, number) in any.iter_mut().zip(block) {
                *any |= if number.is_nan() { u64::MAX } else { 0 };
            }
        }
        any.into_iter().any(|lane| lane != 0) || rest.iter().any(|number| number.is_nan())
    }
}

/// What an operation does with numbers.
pub(crate) trait OnNumbers {
    /// Gives the rows of `output` to `out`, from the top on; `false` when the operation has no such way.
    fn apply_numbers(&self, input: &Numbers<'_>, output: Region, out: &mut dyn FnMut(&[f64])) -> bool;
}

/// Applies `operation`. Where `in_place`, a pixel of the output is that of the input at the same place, and is kept where there
/// is no data.
pub(crate) fn apply<B: Bits>(
    operation: &dyn OnNumbers,
    input: &Patch<'_, B>,
    output: Region,
    in_place: bool,
) -> Option<Patch<'static, B>> {
    let meaning: Meaning = input.meaning;
    let channels = input.channels.count();
    let numbers = Numbers {
        image: input.image,
        channels,
        is_rgb: input.channels == Channels::Rgb,
        depth: meaning.depth(),
        append: &|y, x, width, row| meaning.append(input.row(y, x, width), row),
    };
    let stride = output.width as usize * channels;
    let mut samples = vec![B::default(); stride * output.height as usize];
    // Where a pixel has its place, columns are worked on in stripes: rows of numbers stay in the cache then.
    let width = if in_place {
        (STRIPE / channels as u32).max(1)
    } else {
        output.width
    };
    for x in (0..output.width).step_by(width as usize) {
        let stripe = Region {
            x: output.x + x,
            width: width.min(output.width - x),
            ..output
        };
        let mut rows = (output.y..).zip(samples.chunks_exact_mut(stride));
        let is_there = operation.apply_numbers(&numbers, stripe, &mut |row| {
            let Some((y, samples)) = rows.next() else { return };
            let samples = &mut samples[x as usize * channels..][..row.len()];
            meaning.write(row, samples);
            if in_place && has_holes(row) {
                let kept = input.row(y, stripe.x, stripe.width);
                for ((to, &number), &kept) in samples.iter_mut().zip(row).zip(kept) {
                    if number.is_nan() && meaning.number(kept.into()).is_nan() {
                        *to = kept;
                    }
                }
            }
        });
        if !is_there {
            return None;
        }
    }
    let mut patch = Patch::owned(input.image, output, input.channels, samples);
    patch.meaning = meaning;
    Some(patch)
}

/// Samples of a row of a stripe.
const STRIPE: u32 = 1024;
