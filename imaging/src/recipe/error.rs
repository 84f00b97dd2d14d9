//! What can be wrong with a recipe.

use super::bounds::{MAX_STEPS, MAX_TEXT};
use crate::{HistogramError, Region, Size};

/// Why a recipe cannot be read or carried out. The sentence is fit for the person who wrote the recipe.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecipeError {
    /// Nothing in it.
    #[error("the recipe is empty; name an operation, for instance 'blur:sigma=2|sharpen'")]
    Empty,
    /// More than [`MAX_TEXT`] bytes.
    #[error("the recipe has {length} bytes; at most {MAX_TEXT} are allowed")]
    TooLong {
        /// Bytes in it.
        length: usize,
    },
    /// More than [`MAX_STEPS`] operations.
    #[error("the recipe has {count} operations; at most {MAX_STEPS} are allowed")]
    TooManySteps {
        /// Operations in it.
        count: usize,
    },
    /// Two `|` with nothing between, or one at the end.
    #[error("operation {position} of the recipe is empty; remove the extra '|'")]
    EmptyStep {
        /// Counted from one.
        position: usize,
    },
    /// No operation of that name.
    #[error("'{name}' is not an operation{suggestion}; there are: {known}")]
    UnknownOperation {
        /// The name given, shortened.
        name: String,
        /// Empty, or `, did you mean 'x'?`.
        suggestion: String,
        /// All names.
        known: String,
    },
    /// An operation that exists elsewhere but cannot be exact in tiles.
    #[error("{name} is not offered: {reason}")]
    NotOffered {
        /// The operation.
        name: &'static str,
        /// Why, and what to use.
        reason: &'static str,
    },
    /// A conversion of colours that stands too late or is not the only one.
    #[error(
        "{operation} stands after {before}: colours are converted as the file is read, so it may follow only what moves pixels, \
         and a recipe has one at most"
    )]
    TooLate {
        /// The operation.
        operation: &'static str,
        /// What it stands after.
        before: &'static str,
    },
    /// No parameter of that name.
    #[error("{operation} has no parameter '{name}'; {known}")]
    UnknownParameter {
        /// The operation.
        operation: &'static str,
        /// The name given, shortened.
        name: String,
        /// Which there are.
        known: String,
    },
    /// Not of the form `name=value`.
    #[error("'{text}' in {operation} is not of the form name=value; {known}")]
    NotAParameter {
        /// The operation.
        operation: &'static str,
        /// The text given, shortened.
        text: String,
        /// Which parameters there are.
        known: String,
    },
    /// A parameter given twice.
    #[error("{operation} has '{parameter}' twice; give it once")]
    Duplicate {
        /// The operation.
        operation: &'static str,
        /// The parameter.
        parameter: &'static str,
    },
    /// A value that is not allowed.
    #[error("{operation}: {parameter}={value} is not allowed; {parameter} is {allowed}")]
    BadValue {
        /// The operation.
        operation: &'static str,
        /// The parameter.
        parameter: &'static str,
        /// The value given, shortened.
        value: String,
        /// The allowed values in words.
        allowed: String,
    },
    /// A text that is not allowed.
    #[error("{operation}: {parameter} {problem}")]
    BadText {
        /// The operation.
        operation: &'static str,
        /// The parameter.
        parameter: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// A step that has no result for an image of this size.
    #[error("{operation} cannot be applied to an image of {input}: {reason}")]
    NoResult {
        /// The operation.
        operation: &'static str,
        /// The size of the image it is given.
        input: Size,
        /// Why.
        reason: String,
    },
    /// A step that does not take the pixels that it is given.
    #[error("{operation} needs {need}, and the image has {format}")]
    Needs {
        /// The operation.
        operation: &'static str,
        /// What it needs.
        need: &'static str,
        /// What the pixels are that it is given, in words.
        format: String,
    },
    /// A step that needs a histogram of its whole input and has none yet.
    #[error("{operation} needs the histogram of the whole image, and it has not been measured")]
    Unmeasured {
        /// The operation.
        operation: &'static str,
    },
    /// A histogram for a step that needs none.
    #[error("operation {position} of the recipe needs no histogram")]
    NothingToMeasure {
        /// Counted from one.
        position: usize,
    },
    /// Numbers that were measured on pixels of another format.
    #[error("{operation} was measured on other pixels than {format}")]
    OtherPixels {
        /// The operation.
        operation: &'static str,
        /// What the pixels are that it is given, in words.
        format: String,
    },
    /// More than [`MAX_TEXT`] bytes once everything is measured.
    #[error(
        "the recipe has up to {length} bytes with what its operations measure, and {MAX_TEXT} are allowed; use fewer that depend \
         on the whole image"
    )]
    TooLongMeasured {
        /// Bytes that it may have.
        length: usize,
    },
    /// A histogram that is not the one that is needed.
    #[error(transparent)]
    Histogram(#[from] HistogramError),
    /// A region that is not part of the result.
    #[error("region {region} is not inside the result of {size}")]
    Outside {
        /// The region asked for.
        region: Region,
        /// The size of the result.
        size: Size,
    },
}
