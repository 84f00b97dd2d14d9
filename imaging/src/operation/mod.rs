//! What an operation is: the description that everything user-facing is made from, and the trait behind it.
//!
//! [`OperationInfo`] describes; the trait `Operation` holds the arithmetic. `operations/` has one file for each and
//! `operations/mod.rs` the table.

mod info;

use crate::color_space::ColorSpace;
use crate::measuring::{Measured, Measuring};
use crate::numbers::{self, Numbers, OnNumbers};
use crate::patch::Patch;
use crate::sample::{Ordered, Sample};
use crate::{Affine, PixelFormat, Region, Size};

pub(crate) use info::Values;
pub use info::{Group, OperationInfo, ParameterInfo, ParameterKind, Value};

/// The arithmetic of an operation with its parameters set. The defaults suit an operation on single pixels.
///
/// The contract that makes tiles exact: `apply` gives for a pixel of `output` the same value whatever the rest of
/// `output` is, and reads nothing outside `input_region(image, output)` (and what reflect-101 makes of it).
pub(crate) trait Operation: Sized + Send + Sync + 'static {
    /// The description in the table.
    const INFO: &'static OperationInfo;

    /// Takes the values, which the parser has checked against the ranges in [`Operation::INFO`].
    fn new(values: &Values<'_>) -> Self;

    /// Size of the result, or a sentence on why there is none.
    fn output_size(&self, input: Size) -> Result<Size, String> {
        Ok(input)
    }

    /// Format of the result. The depth never changes.
    fn output_format(&self, input: PixelFormat) -> PixelFormat {
        input
    }

    /// The input that `output` depends on, inside an input image of size `image`, for any pixel format.
    fn input_region(&self, image: Size, output: Region) -> Region {
        let _ = image;
        output
    }

    /// Whether the width of `input_region` follows from the columns of the output alone, and its height from the rows; or the other way
    /// round. Not where the image is turned askew.
    fn is_separable(&self) -> bool {
        true
    }

    /// No less than the sides of `input_region` of whatever region of size `output` in a result of size `result`. What is not
    /// [separable](Operation::is_separable) has its own: here it is that of the region in the middle.
    fn widest_input(&self, image: Size, result: Size, output: Size) -> Size {
        let middle = |whole: u32, part: u32| (whole.saturating_sub(part) / 2, part.min(whole));
        let (x, width) = middle(result.width, output.width);
        let (y, height) = middle(result.height, output.height);
        let needed = self.input_region(image, Region::new(x, y, width, height));
        // In another size places are rounded, one way here and the other way there.
        let rounding = if image == result { 0 } else { 2 };
        let side = |needed: u32, whole: u32| (needed + rounding).min(whole);
        Size::new(side(needed.width, image.width), side(needed.height, image.height))
    }

    /// What the operation needs and pixels of `input` format are not, in words; `None` where it takes them.
    fn needs(&self, input: PixelFormat) -> Option<&'static str> {
        let _ = input;
        None
    }

    /// The number that stands for no data from here on, where the operation says so.
    fn no_data(&self) -> Option<f64> {
        None
    }

    /// The space that the colours of the file are converted to, where the operation asks for one.
    fn color_space(&self) -> Option<ColorSpace> {
        None
    }

    /// How the operation takes numbers from a histogram of its whole input, where it needs some: see [`crate::measuring`].
    fn measuring(&self) -> Option<&dyn Measuring> {
        None
    }

    /// With the numbers that it took; no pixel is rendered before.
    fn with_measured(self, measured: &Measured) -> Self {
        let _ = measured;
        self
    }

    /// From places in the result to places in an image of that size; `None` where no affine map says it. Whatever stays in its
    /// place, as with an operation on single pixels or on neighbours, needs none of its own.
    fn pixel_map(&self, input: Size) -> Option<Affine> {
        let _ = input;
        Some(Affine::IDENTITY)
    }

    /// Whether what it is rendered by is built: not where a feature of this crate is off.
    const RENDERS: bool = true;

    /// The pixels of `output`. `input` holds at least `input_region(input.image, output)`. Where samples without data may come
    /// here, that is, where there is no `apply_numbers`, the rule of [`crate::meaning`] is kept here.
    fn apply<S: Sample>(&self, input: Patch<'_, S>, output: Region) -> Patch<'static, S>;

    /// Whether pixels are only moved, so that it does not matter what their samples mean.
    fn moves_pixels(&self) -> bool {
        false
    }

    /// As [`Operation::apply`], of samples of 32 bit: what [moves pixels](Operation::moves_pixels) has it.
    fn apply32(&self, input: Patch<'_, u32>, output: Region) -> Option<Patch<'static, u32>> {
        let _ = (input, output);
        None
    }

    /// The same of numbers, see [`OnNumbers::apply_numbers`]: whatever takes other samples than intensities has it.
    fn apply_numbers(&self, input: &Numbers<'_>, output: Region, out: &mut dyn FnMut(&[f64])) -> bool {
        let _ = (input, output, out);
        false
    }

    /// Whether it has [`Operation::choose`].
    const CHOOSES: bool = false;

    /// The same of samples that all have data, where the operation chooses among them by comparing their
    /// [keys](crate::meaning::Meaning::keys), each channel by itself.
    fn choose<V: Ordered>(&self, input: &Patch<'_, V>, output: Region) -> Option<Patch<'static, V>> {
        let _ = (input, output);
        None
    }

    /// Whether a pixel of the result of `apply_numbers` is that of the input at the same place.
    fn is_in_place(&self) -> bool {
        true
    }
}

/// What an operation on single samples needs.
pub(crate) const NEEDS_INTENSITIES: &str = "samples of 8 or 16 bit without a sign, whose range is known";
/// What an operation on colours needs.
pub(crate) const NEEDS_COLOURS: &str = "gray or RGB of 8 or 16 bit without a sign";

/// [`NEEDS_INTENSITIES`], where `input` has none.
pub(crate) fn needs_intensities(input: PixelFormat) -> Option<&'static str> {
    (!input.depth.is_intensity()).then_some(NEEDS_INTENSITIES)
}

/// [`NEEDS_COLOURS`], where `input` has none.
pub(crate) fn needs_colours(input: PixelFormat) -> Option<&'static str> {
    input.is_measurement().then_some(NEEDS_COLOURS)
}

/// What an [`Operation`] makes of sizes, formats and regions: what it *is*. A recipe holds this, and no kernel with it, so that a
/// program that only reads recipes (the application in the browser) does not carry the arithmetic.
pub(crate) trait Shape: Send + Sync {
    fn output_size(&self, input: Size) -> Result<Size, String>;
    fn output_format(&self, input: PixelFormat) -> PixelFormat;
    fn input_region(&self, image: Size, output: Region) -> Region;
    fn is_separable(&self) -> bool;
    fn widest_input(&self, image: Size, result: Size, output: Size) -> Size;
    fn needs(&self, input: PixelFormat) -> Option<&'static str>;
    fn no_data(&self) -> Option<f64>;
    fn color_space(&self) -> Option<ColorSpace>;
    fn measuring(&self) -> Option<&dyn Measuring>;
    fn moves_pixels(&self) -> bool;
    fn pixel_map(&self, input: Size) -> Option<Affine>;
}

impl<T: Operation> Shape for T {
    fn needs(&self, input: PixelFormat) -> Option<&'static str> {
        Operation::needs(self, input)
    }

    fn no_data(&self) -> Option<f64> {
        Operation::no_data(self)
    }

    fn color_space(&self) -> Option<ColorSpace> {
        Operation::color_space(self)
    }

    fn measuring(&self) -> Option<&dyn Measuring> {
        Operation::measuring(self)
    }

    fn moves_pixels(&self) -> bool {
        Operation::moves_pixels(self)
    }

    fn output_size(&self, input: Size) -> Result<Size, String> {
        Operation::output_size(self, input)
    }

    fn output_format(&self, input: PixelFormat) -> PixelFormat {
        Operation::output_format(self, input)
    }

    fn input_region(&self, image: Size, output: Region) -> Region {
        Operation::input_region(self, image, output)
    }

    fn is_separable(&self) -> bool {
        Operation::is_separable(self)
    }

    fn widest_input(&self, image: Size, result: Size, output: Size) -> Size {
        Operation::widest_input(self, image, result, output)
    }

    fn pixel_map(&self, input: Size) -> Option<Affine> {
        Operation::pixel_map(self, input)
    }
}

/// What an [`Operation`] *does*, for samples of every width. Made by whatever renders. `None` where it does not take such samples,
/// which [`Shape::needs`] says before.
pub(crate) trait Kernels {
    fn apply8(&self, input: Patch<'_, u8>, output: Region) -> Option<Patch<'static, u8>>;
    fn apply16(&self, input: Patch<'_, u16>, output: Region) -> Option<Patch<'static, u16>>;
    fn apply32(&self, input: Patch<'_, u32>, output: Region) -> Option<Patch<'static, u32>>;
}

impl<T: Operation> Kernels for T {
    fn apply8(&self, input: Patch<'_, u8>, output: Region) -> Option<Patch<'static, u8>> {
        Some(measured(self, &input, output).unwrap_or_else(|| Operation::apply(self, input, output)))
    }

    fn apply16(&self, input: Patch<'_, u16>, output: Region) -> Option<Patch<'static, u16>> {
        match measured(self, &input, output) {
            None if input.meaning.is_signed() && !self.moves_pixels() => None,
            None => Some(Operation::apply(self, input, output)),
            done => done,
        }
    }

    fn apply32(&self, input: Patch<'_, u32>, output: Region) -> Option<Patch<'static, u32>> {
        match measured(self, &input, output) {
            None => Operation::apply32(self, input, output),
            done => done,
        }
    }
}

/// The operation on numbers, where samples are more than intensities and it has such a way.
fn measured<T: Operation, B: Ordered>(
    operation: &T,
    input: &Patch<'_, B>,
    output: Region,
) -> Option<Patch<'static, B>> {
    if !input.meaning.is_measured() || operation.moves_pixels() {
        return None;
    }
    chosen(operation, input, output)
        .or_else(|| numbers::apply(operation, input, output, operation.is_in_place()))
}

/// What an operation that [chooses](Operation::choose) gives where all samples have data: the same as of numbers, and quicker.
fn chosen<T: Operation, B: Ordered>(
    operation: &T,
    input: &Patch<'_, B>,
    output: Region,
) -> Option<Patch<'static, B>> {
    let meaning = input.meaning;
    if !T::CHOOSES || !meaning.have_data(&input.samples) {
        return None;
    }
    let mut patch = operation.choose(input, output)?;
    patch.meaning = meaning;
    Some(patch)
}

impl<T: Operation> OnNumbers for T {
    fn apply_numbers(&self, input: &Numbers<'_>, output: Region, out: &mut dyn FnMut(&[f64])) -> bool {
        Operation::apply_numbers(self, input, output, out)
    }
}
