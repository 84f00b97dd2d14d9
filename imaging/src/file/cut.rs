//! How the result is cut into pieces: few enough bytes for the memory, little enough read twice.

use super::{FileError, ImageInfo};
use crate::{PixelFormat, Recipe, RecipeError, Region, Size};

/// Bytes that all pieces under way may take with all that they need, for each thread that computes some and for what waits.
const CAP: u64 = 48 << 20;
/// The same where no smaller piece can be made: a single pixel of the result needs that much of the image.
const HARD_CAP: u64 = 512 << 20;
/// Below that nothing is won by smaller pieces.
const ENOUGH: u64 = 4 << 20;
/// How much more than the least possible may be read and computed for the sake of smaller pieces, in percent.
const WORTH: u64 = 150;
/// Side of the blocks in which the parts of an image are read, about, pixels.
const BLOCK: u64 = 256;

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
    /// Any part of the image, in blocks.
    Blocks,
}

/// How the result is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) input: Input,
    /// Width and height of the pieces, those at the right and at the bottom apart.
    pub(super) piece: Size,
    /// Threads that compute them.
    pub(super) threads: usize,
}

/// A way to cut.
struct Cut {
    piece: Size,
    /// Bytes that a piece takes with all that it needs.
    memory: u64,
    /// Bytes of the rows of the result that pieces side by side fill.
    band: u64,
    /// Bytes of the input of all pieces, and of what is copied beside it.
    read: u64,
    /// Bytes that are touched to read these.
    touched: u64,
}

impl Cut {
    /// Bytes of all that is there at a time where that many threads compute pieces.
    fn in_all(&self, threads: usize) -> u64 {
        let pieces = self.memory.saturating_mul(in_flight(threads) as u64);
        pieces.saturating_add(self.band.saturating_mul(if threads > 1 { 2 } else { 1 }))
    }
}

/// Pieces that are under way or wait to be written where that many threads compute them.
fn in_flight(threads: usize) -> usize {
    if threads > 1 { 2 * threads } else { 1 }
}

impl Work {
    /// Of `recipe` on the image that `info` describes.
    pub(super) fn new(recipe: Recipe, info: &ImageInfo) -> Result<Self, FileError> {
        let (image, input_format) = (info.stored_size, info.format);
        let size = recipe.output_size(image);
        recipe
            .check(input_format)
            .map_err(|error| FileError::recipe(&error))?;
        Ok(Self {
            size: size.map_err(|error| FileError::recipe(&error))?,
            format: recipe.output_format(input_format),
            recipe,
            image,
            input_format,
        })
    }

    /// The input pixels that `output` depends on.
    pub(super) fn input_region(&self, output: Region) -> Result<Region, FileError> {
        self.recipe
            .input_region(self.image, output)
            .map_err(|error| FileError::recipe(&error))
    }

    /// Where the input is to come from, the size of the pieces, and how many of `threads` there is memory for.
    ///
    /// # Errors
    /// When the smallest piece needs more memory than there may be.
    pub(super) fn plan(&self, threads: usize) -> Result<Plan, FileError> {
        let many = self.fitting(threads.max(1))?;
        if let Some(plan) = many.or(self.fitting(1)?) {
            return Ok(plan);
        }
        let smallest = self
            .cuts(Input::Blocks)?
            .into_iter()
            .min_by_key(|cut| cut.in_all(1));
        match smallest {
            Some(cut) if cut.in_all(1) <= HARD_CAP => Ok(Plan {
                input: Input::Blocks,
                piece: cut.piece,
                threads: 1,
            }),
            cut => Err(FileError::too_large(format!(
                "a piece of the result needs {} MiB of memory at once, and {} are allowed; make the image smaller first, \
                 by less than this recipe does",
                cut.map_or(0, |cut| cut.in_all(1) >> 20),
                HARD_CAP >> 20,
            ))),
        }
    }

    /// The plan for that many threads, where there is one within the memory for them.
    fn fitting(&self, threads: usize) -> Result<Option<Plan>, FileError> {
        let (rows, blocks) = (
            self.best(Input::Rows, threads)?,
            self.best(Input::Blocks, threads)?,
        );
        // Pieces side by side share less of a large halo; a little less is not worth blocks.
        let much_less = |blocks: &Cut, rows: &Cut| blocks.read.saturating_mul(WORTH) / 100 < rows.read;
        let plan = |input: Input, cut: Cut| Plan {
            input,
            piece: cut.piece,
            threads,
        };
        if let Some(rows) = rows
            && !blocks.as_ref().is_some_and(|blocks| much_less(blocks, &rows))
            && self.reads_downwards(rows.piece.height)?
        {
            return Ok(Some(plan(Input::Rows, rows)));
        }
        Ok(blocks.map(|cut| plan(Input::Blocks, cut)))
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

    /// Of the cuts that fit and read little more than the least, the one of least memory; of those that hardly take any, the one that
    /// touches least.
    fn best(&self, from: Input, threads: usize) -> Result<Option<Cut>, FileError> {
        let cap = CAP * if threads > 1 { 1 + threads as u64 } else { 1 };
        let mut cuts = self.cuts(from)?;
        cuts.retain(|cut| cut.in_all(threads) <= cap);
        let worth = cuts
            .iter()
            .map(|cut| cut.read)
            .min()
            .unwrap_or(0)
            .saturating_mul(WORTH)
            / 100;
        let index = |cut: &Cut| (cut.memory.max(ENOUGH), cut.touched);
        Ok(cuts.into_iter().filter(|cut| cut.read <= worth).min_by_key(index))
    }

    /// The ways to cut that are looked at.
    fn cuts(&self, from: Input) -> Result<Vec<Cut>, FileError> {
        let mut cuts = Vec::new();
        for width in halves(self.size.width) {
            for height in halves(self.size.height.min(4096)) {
                cuts.push(self.try_cut(from, Size::new(width, height))?);
            }
            if from == Input::Rows {
                break;
            }
        }
        Ok(cuts)
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
            Input::Blocks => needed.pixels(),
        };
        let held = held.saturating_mul(pixel(self.input_format));
        // Two steps are there at a time, and a step keeps something between its two directions.
        let steps = sizes
            .windows(2)
            .map(|pair| bytes(pair[0]).saturating_add(bytes(pair[1])))
            .max()
            .unwrap_or(0);
        let band = match piece.width == self.size.width {
            true => 0,
            false => Size::new(self.size.width, piece.height).pixels() * pixel(self.format),
        };
        let pieces = u64::from(self.size.width.div_ceil(piece.width))
            * u64::from(self.size.height.div_ceil(piece.height));
        let blocks = (u64::from(needed.width) + BLOCK).saturating_mul(u64::from(needed.height) + BLOCK);
        // Rows that several pieces need are copied for each, over the whole width.
        let again = match from {
            Input::Rows => pieces
                .saturating_mul(held)
                .saturating_sub(self.image.pixels().saturating_mul(pixel(self.input_format))),
            Input::Blocks => 0,
        };
        Ok(Cut {
            piece,
            memory: held.saturating_add(steps),
            band,
            read: pieces.saturating_mul(bytes(needed)).saturating_add(again),
            touched: pieces.saturating_mul(blocks),
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

    fn plan(recipe: &str, image: Size, threads: usize) -> Result<Plan, FileError> {
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
        work.plan(threads)
    }

    fn cut(recipe: &str, image: Size) -> Result<(Input, Size), FileError> {
        plan(recipe, image, 1).map(|plan| (plan.input, plan.piece))
    }

    #[test]
    fn small_halos_slide_and_turns_go_through_blocks() {
        let image = Size::new(40_000, 25_000);
        let (input, piece) = cut("blur:sigma=2", image).unwrap();
        assert!(input == Input::Rows && piece.width == 40_000 && piece.height < 200);
        assert!(cut("rotate_90", image).unwrap().0 == Input::Blocks);
        // One row of the result needs thousands of the input, so pieces lie side by side.
        let (input, piece) = cut("resize:width=100", image).unwrap();
        assert!(input == Input::Blocks && piece.width < 100, "{piece}");
    }

    #[test]
    fn no_row_is_copied_for_every_piece_of_a_turn() {
        for side in [300, 2048, 5000, 16_384] {
            for recipe in [
                "rotate_90",
                "rotate_270",
                "flip_horizontal|rotate_90",
                "rotate_90|blur:sigma=2",
            ] {
                let image = Size::new(side, side + 7);
                let (input, piece) = cut(recipe, image).unwrap();
                let is_whole = piece == image.transposed();
                assert!(input == Input::Blocks || is_whole, "{recipe} of {image}: {piece}");
            }
        }
        // Columns that a crop leaves out are decoded anyway: that needs no temporary file.
        let (input, _) = cut(
            "crop:x=9000,y=10,width=100,height=20000",
            Size::new(20_000, 25_000),
        )
        .unwrap();
        assert_eq!(input, Input::Rows);
    }

    #[test]
    fn more_threads_take_no_more_memory_than_there_is_for_them() {
        for recipe in ["invert", "blur:sigma=100", "rotate_90", "resize:width=50"] {
            for side in [1000, 20_000, 44_000] {
                let (one, eight) = (
                    plan(recipe, Size::new(side, side), 1),
                    plan(recipe, Size::new(side, side), 8),
                );
                assert_eq!(one.unwrap().threads, 1, "{recipe} {side}");
                let eight = eight.unwrap();
                assert!(matches!(eight.threads, 1 | 8), "{recipe} {side}: {eight:?}");
            }
        }
    }

    #[test]
    fn a_large_halo_is_not_read_again_for_every_few_rows() {
        let (_, piece) = cut("blur:sigma=100", Size::new(2048, 2048)).unwrap();
        assert!(piece.height >= 512, "{piece}");
        // Nor for bands where pieces side by side read much less.
        let (input, piece) = cut("blur:sigma=100", Size::new(8192, 8192)).unwrap();
        assert!(
            input == Input::Blocks && piece.width < 8192 && piece.height >= 512,
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
