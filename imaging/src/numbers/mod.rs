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
use crate::patch::{Patch, Rows, push_reflected, reflect};
use crate::sample::Bits;
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
    /// Where the patch lies.
    region: Region,
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
        let mut whole = Vec::new();
        (self.append)(y, self.region.x, self.region.width, &mut whole);
        push_reflected(
            &whole,
            self.region.x,
            self.image.width,
            self.channels,
            x,
            width,
            row,
        );
    }

    /// As [`Numbers::row`], of pixels that are in the patch.
    pub fn row_within(&self, y: u32, x: u32, width: u32, row: &mut Vec<f64>) {
        row.clear();
        (self.append)(y, x, width, row);
    }
}

/// Whether one of them at least is not a number.
fn has_holes(row: &[f64]) -> bool {
    // All are looked at: that is done many at a time.
    row.iter().fold(false, |any, number| any | number.is_nan())
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
        region: input.region,
    };
    let mut written = Rows::new(output, input.channels);
    let mut rows = output.y..output.y + output.height;
    let is_there = operation.apply_numbers(&numbers, output, &mut |row| {
        let samples = written.next();
        meaning.write(row, samples);
        let kept = match rows.next() {
            Some(y) if in_place && has_holes(row) => input.row(y, output.x, output.width),
            _ => return,
        };
        for ((to, &number), &kept) in samples.iter_mut().zip(row).zip(kept) {
            if number.is_nan() && meaning.number(kept.into()).is_nan() {
                *to = kept;
            }
        }
    });
    is_there.then(|| {
        let mut patch = Patch::owned(input.image, output, input.channels, written.finish());
        patch.meaning = meaning;
        patch
    })
}
