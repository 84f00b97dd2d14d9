//! How the result is cut into pieces: few enough bytes for the memory, little enough read twice.

use super::FileError;
use crate::{PixelFormat, Recipe, RecipeError, Region, Size};

/// Bytes that a piece may take with all that it needs.
const CAP: u64 = 48 << 20;
/// The same where no smaller piece can be made: a single pixel of the result needs that much of the image.
const HARD_CAP: u64 = 512 << 20;
/// Below that nothing is won by smaller pieces.
const ENOUGH: u64 = 4 << 20;
/// The same where every row of a piece is read from a temporary file, in short runs.
const ENOUGH_FROM_DISK: u64 = 24 << 20;
/// How much more than the least possible may be read and computed for the sake of smaller pieces, in percent.
const WORTH: u64 = 150;

/// A recipe on an image.
pub(super) struct Work {
    pub(super) recipe: Recipe,
    pub(super) image: Size,
    pub(super) input_format: PixelFormat,
    pub(super) size: Size,
    pub(super) format: PixelFormat,
}

/// Where the input of a piece comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Input {
    /// Rows of full width, decoded once, from top to bottom.
    Rows,
    /// Any part, from a temporary file.
    Disk,
}

/// Width and height of the pieces, those at the right and at the bottom apart.
struct Cut {
    piece: Size,
    /// Bytes that a piece takes.
    memory: u64,
    /// Bytes of the input of all pieces.
    read: u64,
}

impl Work {
    /// The input pixels that `output` depends on.
    pub(super) fn input_region(&self, output: Region) -> Result<Region, FileError> {
        self.recipe
            .input_region(self.image, output)
            .map_err(|error| FileError::recipe(&error))
    }

    /// Where the input is to come from, and the size of the pieces.
    ///
    /// # Errors
    /// When the smallest piece needs more memory than there may be.
    pub(super) fn cut(&self) -> Result<(Input, Size), FileError> {
        let (rows, pieces) = (self.best(Input::Rows)?, self.best(Input::Disk)?);
        let fits = |cut: &Cut| cut.memory <= CAP;
        // Pieces side by side share less of a large halo; a little less is not worth a temporary file.
        let much_less =
            |pieces: &Cut, rows: &Cut| fits(pieces) && pieces.read.saturating_mul(WORTH) / 100 < rows.read;
        if let Some(rows) = rows.filter(fits)
            && !pieces.as_ref().is_some_and(|pieces| much_less(pieces, &rows))
            && self.reads_downwards(rows.piece.height)?
        {
            return Ok((Input::Rows, rows.piece));
        }
        match pieces {
            Some(cut) if cut.memory <= HARD_CAP => Ok((Input::Disk, cut.piece)),
            cut => Err(FileError::too_large(format!(
                "a piece of the result needs {} MiB of memory at once, and {} are allowed; make the image smaller first, \
                 by less than this recipe does",
                cut.map_or(0, |cut| cut.memory >> 20),
                HARD_CAP >> 20,
            ))),
        }
    }

    /// Regions of that height and full width, from top to bottom.
    pub(super) fn bands(&self, height: u32) -> impl Iterator<Item = Region> + use<> {
        let size = self.size;
        (0..size.height)
            .step_by(height.max(1) as usize)
            .map(move |y| Region::new(0, y, size.width, height.min(size.height - y)))
    }

    /// Whether every band needs input that begins at or below what the band before it needs.
    fn reads_downwards(&self, height: u32) -> Result<bool, FileError> {
        let mut top = 0;
        for band in self.bands(height) {
            let region = self.input_region(band)?;
            if region.y < top {
                return Ok(false);
            }
            top = region.y;
        }
        Ok(true)
    }

    /// The cut of least memory among those that read little more than the least; all being too large, the smallest.
    fn best(&self, from: Input) -> Result<Option<Cut>, FileError> {
        let mut cuts = Vec::new();
        for width in halves(self.size.width) {
            for height in halves(self.size.height.min(4096)) {
                cuts.push(self.try_cut(from, Size::new(width, height))?);
            }
            if from == Input::Rows {
                break;
            }
        }
        let fitting = || cuts.iter().filter(|cut| cut.memory <= CAP);
        let enough = match from {
            Input::Rows => ENOUGH,
            Input::Disk => ENOUGH_FROM_DISK,
        };
        let best = match fitting().map(|cut| cut.read).min() {
            Some(least) => {
                let worth = least.saturating_mul(WORTH) / 100;
                let index = |cut: &&Cut| (cut.memory.max(enough), cut.read);
                fitting().filter(|cut| cut.read <= worth).min_by_key(index)
            }
            None => cuts.iter().min_by_key(|cut| cut.memory),
        };
        Ok(best.map(|cut| Cut { ..*cut }))
    }

    /// Sizes of what a piece needs before the first step and after each. One in the middle stands for all, but where the image is
    /// turned askew.
    fn sizes_of(&self, piece: Size) -> Result<Vec<Size>, RecipeError> {
        if !self.recipe.is_separable() {
            return self.recipe.widest(self.image, piece);
        }
        let middle = |whole: u32, part: u32| (whole / 2).min(whole - part);
        let region = Region::new(
            middle(self.size.width, piece.width),
            middle(self.size.height, piece.height),
            piece.width,
            piece.height,
        );
        let plan = self.recipe.plan(self.image, region)?;
        Ok(plan.into_iter().map(|(_, region)| region.size()).collect())
    }

    /// What pieces of that size cost at most.
    fn try_cut(&self, from: Input, piece: Size) -> Result<Cut, FileError> {
        let sizes = self.sizes_of(piece).map_err(|error| FileError::recipe(&error))?;
        let pixel = |format: PixelFormat| format.bytes_per_pixel() as u64;
        let bytes = |size: Size| {
            let most = pixel(self.input_format).max(pixel(self.format));
            size.pixels().saturating_mul(most)
        };
        let needed = sizes[0];
        let held = match from {
            Input::Rows => Size::new(self.image.width, needed.height).pixels(),
            Input::Disk => needed.pixels(),
        };
        let held = held.saturating_mul(pixel(self.input_format));
        // Two steps are there at a time, and a step keeps something between its two directions.
        let steps = sizes
            .windows(2)
            .map(|pair| bytes(pair[0]).saturating_add(bytes(pair[1])))
            .max()
            .unwrap_or(0);
        let rows = Size::new(self.size.width, piece.height).pixels() * pixel(self.format);
        let pieces = u64::from(self.size.width.div_ceil(piece.width))
            * u64::from(self.size.height.div_ceil(piece.height));
        Ok(Cut {
            piece,
            memory: held.saturating_add(steps).saturating_add(rows),
            read: pieces.saturating_mul(bytes(needed)),
        })
    }
}

/// The whole, then half of it and so on, rounded up, to one.
fn halves(whole: u32) -> impl Iterator<Item = u32> {
    std::iter::successors(Some(whole), |length| (*length > 1).then(|| length.div_ceil(2)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(recipe: &str, image: Size) -> Result<(Input, Size), FileError> {
        let recipe: Recipe = recipe.parse().unwrap();
        let size = recipe.output_size(image).unwrap();
        let format = recipe.output_format(PixelFormat::RGB8);
        let work = Work {
            recipe,
            image,
            input_format: PixelFormat::RGB8,
            size,
            format,
        };
        work.cut()
    }

    #[test]
    fn small_halos_slide_and_turns_go_through_the_disk() {
        let image = Size::new(40_000, 25_000);
        let (input, piece) = cut("blur:sigma=2", image).unwrap();
        assert!(input == Input::Rows && piece.width == 40_000 && piece.height < 200);
        assert!(cut("rotate_90", image).unwrap().0 == Input::Disk);
        // One row of the result needs thousands of the input, so pieces lie side by side.
        let (input, piece) = cut("resize:width=100", image).unwrap();
        assert!(input == Input::Disk && piece.width < 100, "{piece}");
    }

    #[test]
    fn a_large_halo_is_not_read_again_for_every_few_rows() {
        let (_, piece) = cut("blur:sigma=100", Size::new(2048, 2048)).unwrap();
        assert!(piece.height >= 512, "{piece}");
        // Nor for bands where pieces side by side read much less.
        let (input, piece) = cut("blur:sigma=100", Size::new(8192, 8192)).unwrap();
        assert!(
            input == Input::Disk && piece.width < 8192 && piece.height >= 512,
            "{piece}"
        );
    }

    #[test]
    fn a_piece_that_alone_shows_the_picture_is_what_counts() {
        // The middle of the result shows nothing; its upper left has the picture, ten times smaller.
        let image = Size::new(30_000, 30_000);
        let recipe: Recipe = "warp:a=10,e=10,width=20000,height=20000".parse().unwrap();
        let (_, piece) = cut("warp:a=10,e=10,width=20000,height=20000", image).unwrap();
        let needed = recipe
            .input_region(image, Region::new(0, 0, piece.width, piece.height))
            .unwrap();
        assert!(needed.size().pixels() * 3 <= CAP, "{piece} needs {needed}");
    }

    #[test]
    fn what_needs_too_much_at_once_is_refused_with_a_remedy() {
        let error = cut("resize:width=1,height=1", Size::new(40_000, 25_000)).unwrap_err();
        assert_eq!(error.kind(), super::super::FileErrorKind::TooLarge);
        assert!(error.to_string().contains("smaller first"), "{error}");
    }
}
