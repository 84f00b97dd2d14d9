//! Operations that need numbers of their whole input: `equalize`, `auto_levels`, `otsu`.
//!
//! Such an operation is made of two parts. [`Measuring`] says which [`Histogram`] it needs and takes a few numbers from it; these
//! are [`Measured`] and stay with the step, in its text, too. Its kernel then works on single pixels by these numbers, so that a
//! tile gives the bytes of the whole image. How to go through an image is up to whoever renders: see [`crate::measure`].

use std::fmt;

use crate::{Depth, Histogram, PixelFormat, Raster, Statistic};

/// The parameter of a recipe's text that has the numbers.
pub(crate) const MEASURED: &str = "measured";

/// How an operation takes numbers from a histogram of its input, which is gray or RGB of 8 or 16 bit.
pub(crate) trait Measuring {
    /// What is to be counted.
    fn statistic(&self) -> Statistic;

    /// How many numbers it takes of pixels of `input` format. Those of each depth and number of colours differ in the digits of all
    /// numbers, unless they are alike.
    fn count(&self, input: PixelFormat) -> usize;

    /// The numbers, each of which fits a sample.
    fn numbers(&self, histogram: &Histogram) -> Vec<u16>;

    /// The same of the whole of `image`, all samples of which have data, where that is quicker than counting.
    fn numbers_of(&self, image: &Raster) -> Option<Vec<u16>> {
        let _ = image;
        None
    }

    /// Whether [`Measuring::numbers`] may give these for samples of that depth.
    fn may_be(&self, numbers: &[u16], depth: Depth) -> bool;
}

/// What was measured. Its text is the digits of all numbers in base 16, lower case, two each for samples of 8 bit and four
/// for 16 bit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Measured {
    depth: Depth,
    numbers: Vec<u16>,
}

impl Measured {
    /// From a histogram of the statistic that is needed, of gray or RGB.
    pub fn of(histogram: &Histogram, measuring: &dyn Measuring) -> Self {
        Self {
            depth: histogram.format().depth,
            numbers: measuring.numbers(histogram),
        }
    }

    /// From the whole of an image in which all samples have data, where that needs no histogram.
    pub fn directly(image: &Raster, measuring: &dyn Measuring) -> Option<Self> {
        Some(Self {
            depth: image.format().depth,
            numbers: measuring.numbers_of(image)?,
        })
    }

    /// From the text.
    pub fn parse(text: &str, measuring: &dyn Measuring) -> Option<Self> {
        let formats = [
            PixelFormat::GRAY8,
            PixelFormat::RGB8,
            PixelFormat::GRAY16,
            PixelFormat::RGB16,
        ];
        let is_its = |format: &PixelFormat| text.len() == digits(measuring, *format);
        let depth = formats.into_iter().find(is_its)?.depth;
        let number = |digits: &[u8]| {
            digits.iter().try_fold(0u16, |number, digit| {
                let digit = match digit {
                    b'0'..=b'9' => digit - b'0',
                    b'a'..=b'f' => digit - b'a' + 10,
                    _ => return None,
                };
                Some(number << 4 | u16::from(digit))
            })
        };
        let numbers = text.as_bytes().chunks_exact(2 * depth.bytes()).map(number);
        let numbers: Vec<u16> = numbers.collect::<Option<_>>()?;
        measuring
            .may_be(&numbers, depth)
            .then_some(Self { depth, numbers })
    }

    /// Whether they are for pixels of `format`.
    pub fn suits(&self, format: PixelFormat, measuring: &dyn Measuring) -> bool {
        self.depth == format.depth && self.numbers.len() == measuring.count(format)
    }

    pub fn numbers(&self) -> &[u16] {
        &self.numbers
    }
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = 2 * self.depth.bytes();
        self.numbers
            .iter()
            .try_for_each(|number| write!(f, "{number:0digits$x}"))
    }
}

/// Digits of all numbers of pixels of `format`.
pub(crate) fn digits(measuring: &dyn Measuring, format: PixelFormat) -> usize {
    2 * format.depth.bytes() * measuring.count(format)
}

/// Colours that are counted of pixels of `format`: one or three.
pub(crate) fn colours(format: PixelFormat) -> usize {
    if format.channels.count() < 3 { 1 } else { 3 }
}
