//! What an operation is: the description that everything user-facing is made from, and the trait behind it.
//!
//! [`OperationInfo`] drives the parser, the API docs, the controls of the UI and the help of the CLI; the trait
//! `Operation` holds the arithmetic. `operations/` has one file for each and `operations/mod.rs` the table.

use std::sync::Arc;

use serde::Serialize;

use crate::color_space::ColorSpace;
use crate::numbers::{self, Numbers, OnNumbers};
use crate::patch::Patch;
use crate::sample::{Bits, Sample};
use crate::text;
use crate::{Affine, PixelFormat, Region, Size};

/// An operation as people see it.
#[derive(Debug, PartialEq, Serialize)]
pub struct OperationInfo {
    /// The name in recipes: `edge_detection`.
    pub name: &'static str,
    /// The name for people: `Edge detection`.
    pub title: &'static str,
    /// Where a menu lists it.
    pub group: Group,
    /// One sentence for people with pictures: what it does to them.
    pub summary: &'static str,
    /// One sentence for people who know the field: how it is computed.
    pub method: &'static str,
    /// Other names that the parser accepts.
    pub aliases: &'static [&'static str],
    /// The parameters in the order of the canonical text.
    pub parameters: &'static [ParameterInfo],
}

/// What operations are grouped by in menus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Group {
    /// Dark and light.
    Tone,
    /// Hues and how strong they are.
    Colour,
    /// What makes softer.
    Smooth,
    /// What makes crisper.
    Sharpen,
    /// Outlines and forms.
    Edges,
    /// Size, turn and part of the picture.
    Shape,
}

impl Group {
    /// All of them, in the order of a menu.
    pub const ALL: [Self; 6] = [
        Self::Tone,
        Self::Colour,
        Self::Smooth,
        Self::Sharpen,
        Self::Edges,
        Self::Shape,
    ];

    /// The heading in a menu.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Tone => "Light and dark",
            Self::Colour => "Colour",
            Self::Smooth => "Soften",
            Self::Sharpen => "Sharpen",
            Self::Edges => "Edges and forms",
            Self::Shape => "Size and shape",
        }
    }
}

impl OperationInfo {
    /// The parameter called `name`.
    pub fn parameter(&self, name: &str) -> Option<&'static ParameterInfo> {
        self.parameters.iter().find(|parameter| parameter.name == name)
    }
}

/// A parameter of an operation.
#[derive(Debug, PartialEq, Serialize)]
pub struct ParameterInfo {
    /// The name in recipes: `sigma`.
    pub name: &'static str,
    /// What titles show instead of the name: `σ`. Equal to the name where there is no symbol.
    pub symbol: &'static str,
    /// What it does, in a few words.
    pub summary: &'static str,
    /// `px`, `°`, `%` or empty.
    pub unit: &'static str,
    /// Which values there are.
    pub kind: ParameterKind,
    /// Smallest value; for a choice, zero; for a text, the fewest characters.
    pub min: f64,
    /// Largest value; for a choice, the index of the last; for a text, the most characters.
    pub max: f64,
    /// The value when the recipe names none; for a choice, an index; for a text, the characters of the default.
    pub default: f64,
    /// A sensible step for a slider. Values between steps are allowed for a number.
    pub step: f64,
}

impl ParameterInfo {
    /// The default as a value.
    pub fn default_value(&self) -> Value {
        self.value(self.default)
    }

    /// `number` as a value of this parameter's kind: rounded for an integer, an index for a choice; a text is the default one. Not
    /// range-checked.
    pub(crate) fn value(&self, number: f64) -> Value {
        match self.kind {
            ParameterKind::Number => Value::Number(number),
            ParameterKind::Integer => Value::Integer(number as i64),
            ParameterKind::Choice(names) => Value::Choice(names.get(number as usize).copied().unwrap_or("")),
            ParameterKind::Text { default } => Value::Text(default.into()),
        }
    }

    /// `text` as a value of a parameter that is a text.
    ///
    /// # Errors
    /// A sentence: what is wrong with it, a character that is not allowed by its name.
    pub fn text_value(&self, text: &str) -> Result<Value, String> {
        text::check(text, self.max as usize)
            .map(|()| Value::Text(text.into()))
            .map_err(|problem| format!("{} {problem}", self.name))
    }

    /// The allowed values in words: `a number from 0.1 to 100`.
    pub fn allowed(&self) -> String {
        match self.kind {
            ParameterKind::Number => format!("a number from {} to {}", self.min, self.max),
            ParameterKind::Integer => format!("a whole number from {} to {}", self.min, self.max),
            ParameterKind::Choice(names) => format!("one of {}", names.join(", ")),
            ParameterKind::Text { .. } => format!(
                "a text of at most {} characters, with %2C for ',', %7C for '|' and %25 for '%'",
                self.max
            ),
        }
    }
}

/// Which values a parameter takes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ParameterKind {
    /// Any number in the range.
    Number,
    /// A whole number in the range.
    Integer,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// Characters that the font has.
    Text {
        /// The text when the recipe names none.
        default: &'static str,
    },
}

/// The value of a parameter. Its `Display` is the one that recipes carry.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A finite number.
    Number(f64),
    /// A whole number.
    Integer(i64),
    /// One of the words of a choice.
    Choice(&'static str),
    /// A text as it is read, which recipes carry with its separators encoded.
    Text(Arc<str>),
}

impl Value {
    /// The number; the index of a choice is not known here and gives `None`, as a text does.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Integer(number) => Some(*number as f64),
            Self::Choice(_) | Self::Text(_) => None,
        }
    }

    /// As titles show it: a text in quotation marks, cut after 24 characters.
    pub fn shown(&self) -> String {
        match self {
            Self::Text(text) => text::shown(text),
            other => other.to_string(),
        }
    }
}

impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Integer(number) => write!(f, "{number}"),
            Self::Choice(word) => f.write_str(word),
            Self::Text(text) => f.write_str(&text::encode(text)),
        }
    }
}

/// The checked values of one step, in the order of [`OperationInfo::parameters`].
pub(crate) struct Values<'a>(pub &'a [Value]);

impl Values<'_> {
    /// Parameter `index` as a number.
    pub fn number(&self, index: usize) -> f64 {
        self.0.get(index).and_then(Value::as_f64).unwrap_or(0.0)
    }

    /// Parameter `index` as a whole number that the table keeps within `u32`.
    pub fn integer(&self, index: usize) -> u32 {
        self.number(index) as u32
    }

    /// Parameter `index` as a word.
    pub fn choice(&self, index: usize) -> &'static str {
        match self.0.get(index) {
            Some(Value::Choice(word)) => word,
            _ => "",
        }
    }

    /// Parameter `index` as a text.
    pub fn text(&self, index: usize) -> Arc<str> {
        match self.0.get(index) {
            Some(Value::Text(text)) => text.clone(),
            _ => "".into(),
        }
    }
}

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

    /// From places in the result to places in an image of that size; `None` where no affine map says it. Whatever stays in its
    /// place, as with an operation on single pixels or on neighbours, needs none of its own.
    fn pixel_map(&self, input: Size) -> Option<Affine> {
        let _ = input;
        Some(Affine::IDENTITY)
    }

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
fn measured<T: Operation, B: Bits>(
    operation: &T,
    input: &Patch<'_, B>,
    output: Region,
) -> Option<Patch<'static, B>> {
    if !input.meaning.is_measured() || operation.moves_pixels() {
        return None;
    }
    numbers::apply(operation, input, output, operation.is_in_place())
}

impl<T: Operation> OnNumbers for T {
    fn apply_numbers(&self, input: &Numbers<'_>, output: Region, out: &mut dyn FnMut(&[f64])) -> bool {
        Operation::apply_numbers(self, input, output, out)
    }
}
