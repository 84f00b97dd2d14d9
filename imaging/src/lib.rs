//! Pixels: rasters, regions, recipes, the tile grid and rendering. No async, no network.
//!
//! # Tour
//! - [`geometry`]: [`Size`] and [`Region`], the rectangles everything is computed in.
//! - [`format`]: [`PixelFormat`], channels and depth of a pixel.

pub mod format;
pub mod geometry;

pub use format::{Channels, Depth, ParseFormatError, PixelFormat};
pub use geometry::{ParseGeometryError, Region, Size};
