//! Pixels: rasters, regions, recipes, the tile grid and rendering. No async, no network.
//!
//! # Tour
//! - [`geometry`]: [`Size`] and [`Region`], the rectangles everything is computed in.
//! - [`format`]: [`PixelFormat`], channels and depth of a pixel. [`Raster`]: pixels in memory.
//! - [`Recipe`]: a chain of operations, read from text such as `blur:sigma=2|sharpen`. It tells the size of its result
//!   and, walking backwards, which input pixels a region of the result depends on: [`Recipe::input_region`].
//! - [`render`]: from those pixels to the finished region, walking forwards. [`TileGrid`] cuts a result into tiles.
//! - [`measure`]: some operations need a [`Histogram`] of their whole input first. [`Recipe::unmeasured`] says which.
//! - [`operations`]: the table of operations, which parser, docs and UI are made from.
//!   To read how one is written, start with `operations/grayscale.rs`, then `operations/sharpen.rs`.
//! - [`header`]: what an image file says of itself before any of its pixels is decoded; needs no codec, and in a browser only the
//!   parts of the file that say it.
//! - Feature `lettering`: rendering `watermark`. Without it that operation is read, checked and not rendered.
//! - `file` (feature `files`; `decode` for the half that reads): image files, read and written in strips.
//!
//! ```
//! use azulejo_imaging::{PixelFormat, Raster, Recipe, Size, TileGrid, apply, render};
//!
//! let image = Raster::new(Size::new(100, 80), PixelFormat::RGB8)?;
//! let recipe: Recipe = "blur:sigma=2|rotate_90".parse()?;
//! let whole = apply(&recipe, &image)?;
//! for tile in TileGrid::new(recipe.output_size(image.size())?, 32).regions() {
//!     let region = recipe.input_region(image.size(), tile)?;
//!     let pixels = render(&recipe, image.size(), region, &image.crop(region)?, tile)?;
//!     assert_eq!(pixels, whole.crop(tile)?);
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![deny(missing_docs)]

mod affine;
mod color_space;
mod convolve;
pub mod encoding;
mod extremes;
mod failure;
#[cfg(feature = "decode")]
pub mod file;
mod floor;
mod format;
pub mod geometry;
mod grid;
pub mod header;
mod histogram;
mod kind;
mod limits;
mod luma;
mod meaning;
mod measuring;
mod numbers;
mod operation;
mod operations;
mod orientation;
mod patch;
mod planes;
mod raster;
mod recipe;
mod render;
mod sample;
mod simd;
mod storage;
mod stretch;
mod text;

pub use affine::Affine;
pub use color_space::ColorSpace;
pub use encoding::{Encoding, ParseEncodingError, TiffCompression, TiffLayout, TiffOptions};
pub use failure::{FileError, FileErrorKind};
pub use format::{Bands, Channels, Depth, MAX_BANDS, ParseFormatError, PixelFormat};
pub use geometry::{ParseGeometryError, Region, Size};
pub use grid::TileGrid;
pub use histogram::{Histogram, HistogramError, Statistic};
pub use kind::FileKind;
pub use limits::Limits;
pub use operation::{Group, OperationInfo, ParameterInfo, ParameterKind, Value};
pub use operations::operations;
pub use orientation::Orientation;
pub use raster::{MAX_RASTER_BYTES, Raster, RasterError};
pub use recipe::{
    MAX_SIDE, MAX_STEP_BYTES, MAX_STEPS, MAX_TEXT, Recipe, RecipeError, Step, TileBytes, TileError,
    fitting_tile,
};
pub use render::{RenderError, apply, measure, measure_in_parts, render};
pub use simd::{set_portable_only, uses_avx2};
pub use stretch::{Stretch, shown_numbers};
