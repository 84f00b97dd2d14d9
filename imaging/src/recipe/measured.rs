//! Recipes with operations that need a histogram of their whole input: which, and how they get it.

use std::sync::Arc;

use super::{MAX_TEXT, Recipe, RecipeError, Step};
use crate::measuring::{MEASURED, Measured, Measuring, digits};
use crate::{Histogram, HistogramError, PixelFormat, Raster, Statistic};

impl Recipe {
    /// The first step that needs a histogram of its whole input and has none yet, counted from 0. Its input is the result of the
    /// steps [before](Recipe::before) it; [`Recipe::statistic`] of that is what it needs, for [`Recipe::with_measured`].
    pub fn unmeasured(&self) -> Option<usize> {
        self.steps.iter().position(Step::is_unmeasured)
    }

    /// The steps before step number `index`. They give what this recipe gives there: colours are converted only before all that
    /// changes pixels, and so before all that measures, and a number that stands for no data does so in the steps behind it.
    pub fn before(&self, index: usize) -> Self {
        let count = index.min(self.steps.len());
        Self {
            steps: self.steps[..count].to_vec(),
        }
    }

    /// Step number `index` and those behind it.
    pub fn from(&self, index: usize) -> Self {
        let count = index.min(self.steps.len());
        Self {
            steps: self.steps[count..].to_vec(),
        }
    }

    /// What step number `index` needs to have counted; of one that needs nothing, the bands.
    pub fn statistic(&self, index: usize) -> Statistic {
        let measuring = self.steps.get(index).and_then(|step| step.shape.measuring());
        measuring.map_or(Statistic::Bands, Measuring::statistic)
    }

    /// This recipe, with what step number `index` takes from the histogram of all of its input.
    ///
    /// # Errors
    /// When the step needs none, or another one, or is not for such pixels; or the text becomes longer than
    /// [`MAX_TEXT`](crate::MAX_TEXT).
    pub fn with_measured(&self, index: usize, histogram: &Histogram) -> Result<Self, RecipeError> {
        let step = self.steps.get(index);
        let Some((step, measuring)) = step.and_then(|step| Some((step, step.shape.measuring()?))) else {
            return Err(RecipeError::NothingToMeasure { position: index + 1 });
        };
        let format = histogram.format();
        if step.shape.needs(format).is_some() {
            return Err(step.needs_more(format));
        }
        if histogram.statistic() != measuring.statistic() {
            return Err(RecipeError::Histogram(HistogramError::Mismatch {
                is: histogram.statistic().to_string(),
                wanted: measuring.statistic().to_string(),
            }));
        }
        self.with_numbers(index, Measured::of(histogram, measuring))
    }

    /// This recipe, whose first step is unmeasured and takes pixels of the format of `image`, with what it takes from that: from a
    /// histogram, unless there is a shorter way.
    pub(crate) fn with_first_measured(&self, image: &Raster) -> Result<Self, RecipeError> {
        let measuring = self.steps.first().and_then(|step| step.shape.measuring());
        let measured = measuring.and_then(|measuring| Measured::directly(image, measuring));
        match measured {
            Some(measured) => self.with_numbers(0, measured),
            None => self.with_measured(0, &Histogram::of(image, None, self.statistic(0))),
        }
    }

    fn with_numbers(&self, index: usize, measured: Measured) -> Result<Self, RecipeError> {
        let mut recipe = self.clone();
        recipe.steps[index].measured = Some(Arc::new(measured));
        let length = recipe.to_string().len();
        if length > MAX_TEXT {
            return Err(RecipeError::TooLong { length });
        }
        Ok(recipe)
    }

    /// No less than the bytes of the text once everything is measured, of an image of `input` format.
    pub fn most_text_bytes(&self, input: PixelFormat) -> usize {
        let more = self.steps.iter().zip(self.formats(input)).map(|(step, format)| {
            let measuring = step.shape.measuring().filter(|_| step.is_unmeasured());
            // A separator, the name, an equals sign.
            measuring.map_or(0, |measuring| MEASURED.len() + 2 + digits(measuring, format))
        });
        self.to_string().len() + more.sum::<usize>()
    }

    /// That the text is not going to be too long.
    pub(super) fn check_text(&self, input: PixelFormat) -> Result<(), RecipeError> {
        if self.unmeasured().is_none() {
            return Ok(());
        }
        let length = self.most_text_bytes(input);
        if length > MAX_TEXT {
            return Err(RecipeError::TooLongMeasured { length });
        }
        Ok(())
    }

    /// That no step is unmeasured.
    pub(crate) fn check_is_measured(&self) -> Result<(), RecipeError> {
        match self.unmeasured() {
            Some(index) => Err(RecipeError::Unmeasured {
                operation: self.steps[index].info.name,
            }),
            None => Ok(()),
        }
    }
}

impl Step {
    /// Whether it needs a histogram of its whole input and has none yet.
    pub fn is_unmeasured(&self) -> bool {
        self.measured.is_none() && self.shape.measuring().is_some()
    }

    /// That what was measured, if something was, is for pixels of `format`.
    pub(super) fn check_measured(&self, format: PixelFormat) -> Result<(), RecipeError> {
        match (&self.measured, self.shape.measuring()) {
            (Some(measured), Some(measuring)) if !measured.suits(format, measuring) => {
                Err(RecipeError::OtherPixels {
                    operation: self.info.name,
                    format: format.label(),
                })
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Raster, Size, measure};

    /// An image in which every value occurs.
    fn image(format: PixelFormat) -> Raster {
        let size = Size::new(512, 384);
        let length = Raster::byte_length(size, format).unwrap();
        let bytes = (0..length as u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 17) as u8);
        Raster::from_bytes(size, format, bytes.collect()).unwrap()
    }

    #[test]
    fn what_is_measured_is_in_the_text_which_parses_to_the_same() {
        for format in PixelFormat::ALL {
            for text in [
                "equalize",
                "blur:sigma=2|auto_levels:clip=0,bands=each|rotate_90",
                "otsu",
                "auto_levels|otsu|invert",
                "resize:width=100|equalize|crop:x=3,y=2",
            ] {
                let recipe = Recipe::parse(text).unwrap();
                let measured = measure(&recipe, &image(format)).unwrap();
                assert_eq!(measured.unmeasured(), None, "{text} {format}");
                let long = measured.to_string();
                assert!(long.len() <= recipe.most_text_bytes(format), "{text} {format}");
                assert_eq!(long.parse(), Ok(measured.clone()), "{text} {format}");
                assert_ne!(measured, recipe);
                assert_eq!(measured.title(), recipe.title());
                assert_eq!(measured.check(format), Ok(()));
                assert_eq!(measured.most_text_bytes(format), long.len());
            }
        }
    }

    #[test]
    fn a_recipe_that_becomes_too_long_is_refused_before_it_is_measured() {
        let recipe = Recipe::parse("equalize|equalize").unwrap();
        assert_eq!(recipe.check(PixelFormat::RGB8), Ok(()));
        assert_eq!(recipe.check(PixelFormat::GRAY16), Ok(()));
        assert!(matches!(
            recipe.check(PixelFormat::RGBA16),
            Err(RecipeError::TooLongMeasured { length: 6000.. })
        ));
    }

    #[test]
    fn what_was_measured_on_other_pixels_is_refused() {
        let recipe = Recipe::parse("equalize").unwrap();
        let measured = |format| measure(&recipe, &image(format)).unwrap();
        let rgb = measured(PixelFormat::RGB8);
        assert_eq!(rgb.check(PixelFormat::RGBA8), Ok(()));
        for format in [PixelFormat::GRAY8, PixelFormat::RGB16] {
            assert!(
                matches!(rgb.check(format), Err(RecipeError::OtherPixels { .. })),
                "{format}"
            );
        }
        assert!(measured(PixelFormat::GRAY16).check(PixelFormat::GRAYA16).is_ok());
    }

    #[test]
    fn a_histogram_has_to_be_the_one_that_is_needed() {
        let recipe = Recipe::parse("blur|otsu").unwrap();
        assert_eq!(
            (recipe.unmeasured(), recipe.statistic(1)),
            (Some(1), Statistic::Luma)
        );
        assert_eq!(recipe.before(1), Recipe::parse("blur").unwrap());
        assert_eq!(recipe.before(1).then(&recipe.from(1)), recipe);
        let empty = |format: &str, statistic| Histogram::empty(format.parse().unwrap(), statistic);
        let with = |index, histogram| recipe.with_measured(index, &histogram);
        assert!(with(1, empty("rgb8", Statistic::Luma)).is_ok());
        assert!(matches!(
            with(1, empty("rgb8", Statistic::Bands)),
            Err(RecipeError::Histogram(HistogramError::Mismatch { .. }))
        ));
        assert!(matches!(
            with(1, empty("rgb-f32le", Statistic::Luma)),
            Err(RecipeError::Needs { .. })
        ));
        for index in [0, 2, usize::MAX - 1] {
            assert!(matches!(
                with(index, empty("rgb8", Statistic::Luma)),
                Err(RecipeError::NothingToMeasure { .. })
            ));
        }
    }
}
