//! The passes over a file before the one that renders: each counts the input of an operation that needs a histogram of it.
//!
//! The pieces are made as those of a result are, and counted by the threads that make them: no more memory is taken, and the sum
//! does not depend on how the image is cut.

use std::path::Path;
use std::sync::Arc;

use super::cut::Work;
use super::progress::Progress;
use super::{Decoder, FileError, ImageInfo, pieces};
use crate::{Recipe, RecipeError};

/// Rows that the passes go through, those of a temporary file apart.
pub(super) fn rows(recipe: &Recipe, info: &ImageInfo) -> Result<u64, RecipeError> {
    let unmeasured = recipe.steps().iter().enumerate();
    unmeasured
        .filter(|(_, step)| step.is_unmeasured())
        .map(|(index, _)| {
            let size = recipe.before(index).output_size(info.stored_size)?;
            Ok(u64::from(size.height))
        })
        .sum()
}

/// `recipe` with all that its operations need to know of the image that `open` opens anew for each of them. `threads` compute pieces,
/// and `scratch` is where decoded rows go that have to be put aside.
pub(super) fn measured(
    mut recipe: Recipe,
    info: &ImageInfo,
    open: &mut dyn FnMut() -> Result<Decoder, FileError>,
    threads: usize,
    scratch: &Path,
    progress: &mut Progress<'_>,
) -> Result<Recipe, FileError> {
    while let Some(index) = recipe.unmeasured() {
        let work = Work::new(recipe.before(index), info)?;
        let plan = work.plan(threads)?;
        let mut decoder = open()?;
        decoder.set_threads(plan.threads);
        let statistic = recipe.statistic(index);
        let histogram = pieces::count(&Arc::new(work), plan, decoder, statistic, scratch, progress)?;
        recipe = recipe
            .with_measured(index, &histogram)
            .map_err(|error| FileError::recipe(&error))?;
    }
    Ok(recipe)
}
