//! Rendering: from the input pixels that a tile depends on to the finished tile.

use crate::meaning::Meaning;
use crate::operation::Kernels;
use crate::patch::Patch;
use crate::recipe::Step;
use crate::sample::Bits;
use crate::{
    Depth, Histogram, PixelFormat, Raster, RasterError, Recipe, RecipeError, Region, Size, TileGrid,
};

/// Most bytes that a step may need, for a tile or for a whole image at once: whatever asks for it, no more is allocated.
/// What comes from outside is held to the much lower [`MAX_STEP_BYTES`](crate::MAX_STEP_BYTES) before it gets here.
const MAX_BYTES: u64 = 2 << 30;

/// Renders the region `output` of the result of `recipe` on an image of size `image`. `pixels` are those of `region`
/// of the image, which has at least [`Recipe::input_region`]. The result has the size of `output` and the format
/// [`Recipe::output_format`]; its bytes do not depend on how the result is cut into regions.
///
/// # Errors
/// When the regions do not fit the image, the recipe or the pixels, the recipe is not [measured](measure), or an operation is not
/// built (`watermark` without the feature `lettering`); never panics on such input.
pub fn render(
    recipe: &Recipe,
    image: Size,
    region: Region,
    pixels: &Raster,
    output: Region,
) -> Result<Raster, RenderError> {
    let plan = recipe.plan(image, output)?;
    recipe.check(pixels.format())?;
    recipe.check_is_measured()?;
    if let Some(step) = recipe.steps().iter().find(|step| !step.renders()) {
        return Err(RenderError::NotBuilt {
            operation: step.info().name,
        });
    }
    if !region.is_within(image) {
        return Err(RenderError::RegionOutside { region, image });
    }
    if pixels.size() != region.size() {
        return Err(RenderError::PixelsMismatch {
            region,
            size: pixels.size(),
        });
    }
    let needed = plan[0].1;
    if !region.contains(needed) {
        return Err(RenderError::RegionTooSmall {
            region,
            needed,
            output,
        });
    }
    for ((_, step), format) in plan.iter().zip(recipe.formats(pixels.format())) {
        let bytes = step
            .size()
            .pixels()
            .saturating_mul(format.bytes_per_pixel() as u64);
        if bytes > MAX_BYTES {
            return Err(RenderError::TooLarge {
                output,
                region: *step,
            });
        }
    }
    let steps = recipe.steps().iter().zip(plan[1..].iter().copied());
    match pixels.format().depth {
        Depth::Eight => run::<u8>(image, region, pixels, output, steps, |step, patch, to| {
            step.apply8(patch, to)
        }),
        Depth::Sixteen | Depth::SignedSixteen => {
            run::<u16>(image, region, pixels, output, steps, |step, patch, to| {
                step.apply16(patch, to)
            })
        }
        Depth::ThirtyTwo | Depth::Float => {
            run::<u32>(image, region, pixels, output, steps, |step, patch, to| {
                step.apply32(patch, to)
            })
        }
    }
}

fn run<'r, B: Bits>(
    image: Size,
    region: Region,
    pixels: &Raster,
    output: Region,
    steps: impl Iterator<Item = (&'r Step, (Size, Region))>,
    apply: impl Fn(&dyn Kernels, Patch<'_, B>, Region) -> Option<Patch<'static, B>>,
) -> Result<Raster, RenderError> {
    let PixelFormat { channels, depth } = pixels.format();
    let mut patch = Patch {
        image,
        region,
        channels,
        meaning: Meaning::of(depth),
        samples: B::from_bytes(pixels.bytes()),
    };
    for (step, (size, needed)) in steps {
        let format = PixelFormat {
            channels: patch.channels,
            depth,
        };
        let meaning = match step.no_data() {
            Some(value) => patch.meaning.with_no_data(value),
            None => patch.meaning,
        };
        patch = apply(&*step.kernels(), patch, needed).ok_or_else(|| step.needs_more(format))?;
        patch.image = size;
        patch.meaning = meaning;
    }
    let patch = patch.cropped(output);
    let format = PixelFormat {
        channels: patch.channels,
        depth,
    };
    Ok(Raster::from_storage(
        output.size(),
        format,
        B::into_storage(patch.samples.into_owned()),
    )?)
}

/// Applies `recipe` to the whole of `image`; what it needs to know of that is [measured](measure) before.
///
/// # Errors
/// When the recipe has no result for an image of that size and format.
pub fn apply(recipe: &Recipe, image: &Raster) -> Result<Raster, RenderError> {
    let recipe = measure(recipe, image)?;
    let output = recipe.output_size(image.size())?.region();
    render(&recipe, image.size(), image.size().region(), image, output)
}

/// Side of the parts in which an image in memory is measured, pixels.
const PART: u32 = 1024;

/// `recipe` with all that its operations need to know of the whole of `image`, step by step.
///
/// # Errors
/// When the recipe has no result for an image of that size and format.
pub fn measure(recipe: &Recipe, image: &Raster) -> Result<Recipe, RenderError> {
    recipe.check(image.format())?;
    // What the first step needs is that of the image itself.
    let first = match recipe.unmeasured() {
        Some(0) => Some(recipe.with_first_measured(image)?),
        _ => None,
    };
    let recipe = first.as_ref().unwrap_or(recipe);
    measure_in_parts(recipe, image.size(), image.format(), PART, |before, output| {
        let region = before.input_region(image.size(), output)?;
        render(before, image.size(), region, &image.crop(region)?, output)
    })
}

/// `recipe` with all that its operations need to know of the whole of an image of that size and format. `part` renders a region of
/// the result of a recipe that is measured; it is asked for all tiles of side `side`. The result does not depend on that.
///
/// # Errors
/// When the recipe has no result for such an image, and those of `part`.
pub fn measure_in_parts<E: From<RecipeError>>(
    recipe: &Recipe,
    image: Size,
    format: PixelFormat,
    side: u32,
    mut part: impl FnMut(&Recipe, Region) -> Result<Raster, E>,
) -> Result<Recipe, E> {
    let mut recipe = recipe.clone();
    recipe.check(format)?;
    while let Some(index) = recipe.unmeasured() {
        let before = recipe.before(index);
        let statistic = recipe.statistic(index);
        let mut histogram = Histogram::empty(before.output_format(format), statistic);
        for output in TileGrid::new(before.output_size(image)?, side).regions() {
            let pixels = part(&before, output)?;
            let counts = Histogram::of(&pixels, before.no_data(), statistic);
            histogram.merge(&counts).map_err(RecipeError::from)?;
        }
        recipe = recipe.with_measured(index, &histogram)?;
    }
    Ok(recipe)
}

/// Why a tile cannot be rendered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// The recipe has no result here.
    #[error(transparent)]
    Recipe(#[from] RecipeError),
    /// The result cannot be held.
    #[error(transparent)]
    Raster(#[from] RasterError),
    /// An operation is known here, and what renders it is not built.
    #[error("{operation} cannot be rendered here: it is built without the feature `lettering`")]
    NotBuilt {
        /// Its name.
        operation: &'static str,
    },
    /// The input region reaches beyond the image.
    #[error("the input region {region} is not inside the image of {image}")]
    RegionOutside {
        /// The region given.
        region: Region,
        /// The image's size.
        image: Size,
    },
    /// The pixels are not those of the region.
    #[error("the pixels are {size}, but the input region {region} has another size")]
    PixelsMismatch {
        /// The region given.
        region: Region,
        /// The size of the pixels given.
        size: Size,
    },
    /// Pixels are missing.
    #[error("output {output} depends on the input region {needed}, but only {region} was given")]
    RegionTooSmall {
        /// The region given.
        region: Region,
        /// The region that is needed.
        needed: Region,
        /// The output asked for.
        output: Region,
    },
    /// A step in the middle needs too much memory.
    #[error(
        "output {output} needs {region} in the middle of the recipe, more than {} GiB; use smaller tiles",
        MAX_BYTES >> 30
    )]
    TooLarge {
        /// The output asked for.
        output: Region,
        /// The region in the middle.
        region: Region,
    },
}
