//! Recipes: chains of operations, as text and as something that can be asked for sizes and regions.
//!
//! The text is operations joined by `|`, parameters after `:` as `name=value` joined by `,`:
//! `blur:sigma=2|edge_detection`; a value that is a text has `%7C` for `|`, `%2C` for `,` and `%25` for `%`. [`Recipe`]'s `Display` is
//! the canonical text, without parameters that have their default value; parsing it gives the same recipe. Where an operation has
//! measured its input, the text has the numbers.

mod bounds;
mod budget;
mod error;
mod measured;
mod parse;
mod work;

use std::fmt;
use std::sync::Arc;

pub use bounds::{MAX_SIDE, MAX_STEPS, MAX_TEXT};
pub use budget::{MAX_STEP_BYTES, TileBytes, TileError, fitting_tile};
pub use error::RecipeError;

use crate::color_space::ColorSpace;
use crate::measuring::{MEASURED, Measured};
use crate::operation::{Kernels, OperationInfo, Shape, Value, Values};
use crate::operations::Entry;
use crate::{Affine, PixelFormat, Region, Size};

/// A chain of operations with their parameters. Cheap to clone.
#[derive(Clone, PartialEq)]
pub struct Recipe {
    steps: Vec<Step>,
}

/// One operation of a recipe.
#[derive(Clone)]
pub struct Step {
    entry: Entry,
    info: &'static OperationInfo,
    values: Vec<Value>,
    shape: Arc<dyn Shape>,
    /// What it took from the histogram of its input, where it needs one and has it.
    measured: Option<Arc<Measured>>,
}

impl Step {
    /// The step that says which number stands for no data.
    fn of_no_data(value: f64) -> Self {
        let entry = Entry::NO_DATA;
        let values = vec![Value::Number(value + 0.0)];
        let shape = entry.shape(&Values(&values));
        Self {
            entry,
            info: entry.info(),
            values,
            shape,
            measured: None,
        }
    }

    /// The description of the operation.
    pub fn info(&self) -> &'static OperationInfo {
        self.info
    }

    /// Name and value of every parameter, defaults included, in the order of the description.
    pub fn parameters(&self) -> impl Iterator<Item = (&'static str, Value)> + '_ {
        self.info
            .parameters
            .iter()
            .map(|parameter| parameter.name)
            .zip(self.values.iter().cloned())
    }

    /// The number that stands for no data from this step on, where it says so.
    pub(crate) fn no_data(&self) -> Option<f64> {
        self.shape.no_data()
    }

    /// That the step cannot work on pixels of `format`.
    pub(crate) fn needs_more(&self, format: PixelFormat) -> RecipeError {
        RecipeError::Needs {
            operation: self.info.name,
            need: self.shape.needs(format).unwrap_or("other samples"),
            format: format.label(),
        }
    }

    /// Whether it can be rendered by what is built here.
    pub(crate) fn renders(&self) -> bool {
        self.entry.renders()
    }

    /// The arithmetic: for whoever renders.
    pub(crate) fn kernels(&self) -> Box<dyn Kernels> {
        self.entry
            .kernels(&Values(&self.values), self.measured.as_deref())
    }
}

impl PartialEq for Step {
    fn eq(&self, other: &Self) -> bool {
        self.info.name == other.info.name && self.values == other.values && self.measured == other.measured
    }
}

impl Recipe {
    /// The recipe that changes nothing. It has no text form that parses: a person always asks for something.
    pub fn identity() -> Self {
        Self { steps: Vec::new() }
    }

    /// Whether there is no step.
    pub fn is_identity(&self) -> bool {
        self.steps.is_empty()
    }

    /// The steps in order.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// This recipe followed by `next`.
    pub fn then(&self, next: &Self) -> Self {
        Self {
            steps: self.steps.iter().chain(&next.steps).cloned().collect(),
        }
    }

    /// Size of the result for an image of size `input`.
    ///
    /// # Errors
    /// When a step cannot give a result, for instance a crop that lies outside the image.
    pub fn output_size(&self, input: Size) -> Result<Size, RecipeError> {
        Ok(self.sizes(input)?.last().copied().unwrap_or(input))
    }

    /// Whether every step takes the pixels that it is given, of an image of `input` format.
    ///
    /// # Errors
    /// [`RecipeError::Needs`], with the first operation that does not and what it needs; [`RecipeError::OtherPixels`] when it was
    /// measured on pixels of another format; [`RecipeError::TooLongMeasured`] when its text could become too long.
    pub fn check(&self, input: PixelFormat) -> Result<(), RecipeError> {
        for (step, format) in self.steps.iter().zip(self.formats(input)) {
            if step.shape.needs(format).is_some() {
                return Err(step.needs_more(format));
            }
            step.check_measured(format)?;
        }
        self.check_text(input)
    }

    /// The number that stands for no data in the result, where a step says so.
    pub fn no_data(&self) -> Option<f64> {
        self.steps.iter().rev().find_map(Step::no_data)
    }

    /// The space that the colours of the file are to be converted to as they are read.
    pub fn color_space(&self) -> Option<ColorSpace> {
        self.steps.iter().find_map(|step| step.shape.color_space())
    }

    /// This recipe for an image in which `value` stands for no data.
    pub fn with_no_data(&self, value: f64) -> Self {
        Self {
            steps: std::iter::once(Step::of_no_data(value))
                .chain(self.steps.iter().cloned())
                .collect(),
        }
    }

    /// Format of the result for an image of `input` format that the recipe [suits](Recipe::check).
    pub fn output_format(&self, input: PixelFormat) -> PixelFormat {
        self.steps
            .iter()
            .fold(input, |format, step| step.shape.output_format(format))
    }

    /// The format before the first step and after each.
    pub(crate) fn formats(&self, input: PixelFormat) -> Vec<PixelFormat> {
        let after = self.steps.iter().scan(input, |format, step| {
            *format = step.shape.output_format(*format);
            Some(*format)
        });
        std::iter::once(input).chain(after).collect()
    }

    /// The pixels of an image of size `image` that the region `output` of the result depends on.
    ///
    /// # Errors
    /// When a step cannot give a result, or `output` is not inside the result.
    pub fn input_region(&self, image: Size, output: Region) -> Result<Region, RecipeError> {
        Ok(self.plan(image, output)?[0].1)
    }

    /// For whatever region of size `output` in the result: no less than the sides of what has to be there before the first step and
    /// after each.
    ///
    /// # Errors
    /// When a step cannot give a result.
    pub(crate) fn widest(&self, image: Size, output: Size) -> Result<Vec<Size>, RecipeError> {
        let sizes = self.sizes(image)?;
        let last = sizes[sizes.len() - 1];
        let mut needed = Size::new(output.width.min(last.width), output.height.min(last.height));
        let mut widest = vec![needed];
        for (step, pair) in self.steps.iter().zip(sizes.windows(2)).rev() {
            needed = step.shape.widest_input(pair[0], pair[1], needed);
            widest.push(needed);
        }
        widest.reverse();
        Ok(widest)
    }

    /// Whether [`Recipe::input_region`] may be looked at for rows and columns apart.
    pub(crate) fn is_separable(&self) -> bool {
        self.steps.iter().all(|step| step.shape.is_separable())
    }

    /// From places in the result to places in an image of size `image`.
    ///
    /// # Errors
    /// With the name of the step that has no such map, or no result.
    pub fn pixel_map(&self, image: Size) -> Result<Affine, &'static str> {
        let (mut map, mut size) = (Affine::IDENTITY, image);
        for step in &self.steps {
            let name = step.info.name;
            map = step.shape.pixel_map(size).ok_or(name)?.then(map);
            size = step.shape.output_size(size).map_err(|_| name)?;
        }
        Ok(map)
    }

    /// The size of the image before the first step and after each.
    fn sizes(&self, input: Size) -> Result<Vec<Size>, RecipeError> {
        let mut sizes = vec![input];
        let mut size = input;
        for step in &self.steps {
            let operation = step.info.name;
            if size.is_empty() {
                return Err(RecipeError::NoResult {
                    operation,
                    input: size,
                    reason: "it has no pixels".to_owned(),
                });
            }
            size = step
                .shape
                .output_size(size)
                .map_err(|reason| RecipeError::NoResult {
                    operation,
                    input: size,
                    reason,
                })?;
            if size.is_empty() || size.width > MAX_SIDE || size.height > MAX_SIDE {
                let reason = format!("its result of {size} is not between 1 and {MAX_SIDE} pixels a side");
                return Err(RecipeError::NoResult {
                    operation,
                    input: sizes[sizes.len() - 1],
                    reason,
                });
            }
            sizes.push(size);
        }
        Ok(sizes)
    }

    /// What has to be there before the first step and after each: the size of the whole image at that point and the
    /// region of it that is needed. The last is (`output_size`, `output`).
    pub(crate) fn plan(&self, image: Size, output: Region) -> Result<Vec<(Size, Region)>, RecipeError> {
        let sizes = self.sizes(image)?;
        let last = sizes[sizes.len() - 1];
        if !output.is_within(last) {
            return Err(RecipeError::Outside {
                region: output,
                size: last,
            });
        }
        let mut plan: Vec<(Size, Region)> = sizes.into_iter().map(|size| (size, output)).collect();
        for index in (0..self.steps.len()).rev() {
            let needed = plan[index + 1].1;
            plan[index].1 = self.steps[index].shape.input_region(plan[index].0, needed);
        }
        Ok(plan)
    }

    /// The pieces of the title, so that a UI can style them: for each step its name in words and the parameters worth
    /// showing, as (symbol, value).
    pub fn title_parts(&self) -> Vec<(String, Vec<(&'static str, String)>)> {
        self.steps
            .iter()
            .map(|step| {
                let shown = step
                    .info
                    .parameters
                    .iter()
                    .zip(&step.values)
                    .filter(|(parameter, value)| {
                        parameter.symbol != parameter.name || **value != parameter.default_value()
                    });
                let shown = shown
                    .map(|(parameter, value)| (parameter.symbol, value.shown()))
                    .collect();
                (step.info.title.to_lowercase(), shown)
            })
            .collect()
    }

    /// The recipe in words: `blur σ 6 then sharpen`.
    pub fn title(&self) -> String {
        let parts = self.title_parts().into_iter().map(|(name, parameters)| {
            let parameters: Vec<String> = parameters
                .iter()
                .map(|(symbol, value)| format!(" {symbol} {value}"))
                .collect();
            format!("{name}{}", parameters.join(","))
        });
        let parts: Vec<String> = parts.collect();
        if parts.is_empty() {
            "unchanged".to_owned()
        } else {
            parts.join(" then ")
        }
    }
}

impl fmt::Display for Recipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, step) in self.steps.iter().enumerate() {
            if index > 0 {
                f.write_str("|")?;
            }
            step.fmt(f)?;
        }
        Ok(())
    }
}

/// The step's part of the canonical text: `blur:sigma=6`.
impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.info.name)?;
        let mut separator = ':';
        for (parameter, value) in self.info.parameters.iter().zip(&self.values) {
            if *value != parameter.default_value() {
                write!(f, "{separator}{}={value}", parameter.name)?;
                separator = ',';
            }
        }
        if let Some(measured) = &self.measured {
            write!(f, "{separator}{MEASURED}={measured}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Recipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Recipe({self})")
    }
}
