//! Image files, read and written in strips with bounded memory.
//!
//! # Tour
//! - [`probe`] reads a header and refuses what is no image, damaged at the start or beyond the [`Limits`].
//! - [`Decoder`] gives the stored rows from top to bottom; [`Orientation::recipe`] turns them upright.
//! - `Encoder` takes rows from top to bottom and writes the file.
//! - `apply_file` does all of it: file in, recipe, file out.
//!
//! With the feature `decode` alone, as in the browser's preview, there is the reading half: from bytes in memory, without
//! threads and without a file system.
//!
//! Each format has a folder with what reads it (an `ImageReader`) and what writes it (an `ImageWriter`). PNG, TIFF and JPEG are read in strips; WebP, interlaced PNG and the
//! kinds in `other`, which the crate `image` reads and writes, are decoded as a whole, up to [`Limits::max_unstreamed_pixels`]. `apply_file` decides in `cut` how the result is cut.
//!
//! What is converted: palettes and samples of less than 8 bit are expanded, a transparent colour becomes alpha, CMYK and YCCK become
//! sRGB by the profile of the file or RGB by arithmetic, CIELab becomes sRGB, YCbCr becomes RGB, white-is-zero is inverted, colour
//! times alpha is divided again, and gray becomes RGB where WebP is written and read again. Profiles follow the pixels:
//! `Metadata::for_file`. What is left out or changed (other pages and frames, bands that are no colours, numbers that 16 bit cannot
//! hold as they are, damaged metadata, colours that a GIF has no room for) is said by [`Decoder::notes`] and `Encoder::left_out`; what would be wrong is refused.

#[cfg(feature = "files")]
mod apply;
#[cfg(feature = "files")]
mod blocks;
mod color;
#[cfg(feature = "files")]
mod cut;
mod decoder;
#[cfg(feature = "files")]
mod encoder;
#[cfg(feature = "files")]
mod jp2;
mod jpeg;
#[cfg(feature = "files")]
mod jxl;
#[cfg(feature = "files")]
mod measure;
mod metadata;
#[cfg(feature = "files")]
mod options;
#[cfg(feature = "files")]
mod other;
#[cfg(feature = "files")]
mod pieces;
mod png;
#[cfg(feature = "files")]
mod pool;
mod probe;
#[cfg(feature = "files")]
mod progress;
mod reader;
#[cfg(feature = "files")]
mod rows;
#[cfg(feature = "files")]
mod scratch;
mod source;
#[cfg(feature = "files")]
mod splice;
mod tiff;
mod webp;
mod whole;
#[cfg(feature = "files")]
mod writer;

use std::path::Path;

#[cfg(feature = "files")]
pub use apply::{Applied, ApplyOptions, apply_file};
pub use color::Conversion;
pub use color::PngColor;
pub use decoder::{Decoder, RowSpan};
#[cfg(feature = "files")]
pub use encoder::Encoder;
pub use metadata::{GeoTags, Metadata};
#[cfg(feature = "files")]
pub use options::EncodeOptions;
pub use probe::{probe, probe_page};
#[cfg(feature = "files")]
pub use progress::ApplyProgress;

pub use crate::failure::{FileError, FileErrorKind};
pub use crate::kind::FileKind;
pub use crate::limits::Limits;
pub use crate::orientation::Orientation;
use crate::{Encoding, PixelFormat, Recipe, Size};

impl FileKind {
    /// The format of a file to be written at `path`: what its extension says; where it has none, `otherwise` or,
    /// where that is only read, PNG.
    ///
    /// # Errors
    /// When the extension is that of no format that is written.
    pub fn for_output(path: &Path, otherwise: Self) -> Result<Self, FileError> {
        match path.extension() {
            None if otherwise.is_written() => Ok(otherwise),
            None => Ok(Self::Png),
            Some(extension) => {
                let kind = extension.to_str().and_then(Self::from_name);
                kind.filter(|kind| kind.is_written()).ok_or_else(|| {
                    let extension = extension.to_string_lossy();
                    let written = Self::WRITTEN.map(|kind| format!(".{}", kind.extension()));
                    FileError::unsupported(format!(
                        ".{extension} is no format that is written; name the output {}",
                        written.join(", ")
                    ))
                })
            }
        }
    }

    /// Whether an image of that size and format can be written as this kind without losing anything.
    ///
    /// # Errors
    /// With a sentence that says which kind can.
    pub fn check(self, size: Size, format: PixelFormat) -> Result<(), FileError> {
        Encoding::from(self).check(size, format)
    }
}

impl Encoding {
    /// Whether an image of that size and format can be written so without losing something.
    ///
    /// # Errors
    /// With a sentence that says how it can.
    pub fn check(self, size: Size, format: PixelFormat) -> Result<(), FileError> {
        let problem = self.problem(size, format);
        problem.map_or(Ok(()), |problem| Err(FileError::unsupported(problem)))
    }
}

/// What a file says about its image before any pixel is decoded.
#[derive(Debug, Clone, PartialEq)]
pub struct ImageInfo {
    /// The format of the file.
    pub kind: FileKind,
    /// Size as stored.
    pub stored_size: Size,
    /// Format of the rows that [`Decoder`] gives: after palettes and small samples are expanded and CMYK is converted.
    pub format: PixelFormat,
    /// How the stored pixels have to be turned.
    pub orientation: Orientation,
    /// What carries over to the result.
    pub metadata: Metadata,
}

impl ImageInfo {
    /// Size of the upright image.
    pub fn size(&self) -> Size {
        self.orientation.upright(self.stored_size)
    }

    /// What is done to the stored pixels when `recipe` is asked for: they are turned upright first, and before that it is said
    /// which number stands for no data, where one does.
    pub fn full_recipe(&self, recipe: &Recipe) -> Recipe {
        let recipe = self.orientation.recipe().then(recipe);
        match self.metadata.no_data {
            Some(value) => recipe.with_no_data(value),
            None => recipe,
        }
    }
}
