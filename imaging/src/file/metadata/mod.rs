//! What carries over from file to file beside the pixels, and what becomes of it on the way.

pub(super) mod exif;
mod geo;
pub(super) mod tags;
pub(super) mod xmp;

pub use geo::GeoTags;

use super::PngColor;
use super::color;
#[cfg(feature = "files")]
use super::color::Space;
#[cfg(feature = "files")]
use crate::{FileKind, PixelFormat};
use crate::{Recipe, Size};

/// Data about an image that carries over from file to file.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Metadata {
    /// ICC colour profile.
    pub icc: Option<Vec<u8>>,
    /// Pixels per metre, horizontally and vertically, as stored.
    pub resolution: Option<(f64, f64)>,
    /// EXIF as a TIFF structure, orientation reset. Written only when `EncodeOptions::keep_exif` says so: it may hold
    /// the place and the camera's serial number.
    pub exif: Option<Vec<u8>>,
    /// What a PNG says of its colours beside the profile.
    pub png_color: PngColor,
    /// The number that stands for no data, as samples are given. [`ImageInfo::full_recipe`](super::ImageInfo::full_recipe)
    /// has it as its first step.
    pub no_data: Option<f64>,
    /// Where on Earth the image lies.
    pub geo: GeoTags,
    /// XMP, a document of XML. Written only when `EncodeOptions::keep_exif` says so: it may hold what EXIF may.
    pub xmp: Option<Vec<u8>>,
    /// Sentences on what could not follow the pixels.
    pub lost: Vec<String>,
}

impl Metadata {
    /// The metadata of an image of that size, as stored, after `recipe`, whose turns say what becomes of the resolution's two
    /// directions, and which pixels show which place on Earth.
    pub fn after(&self, recipe: &Recipe, size: Size) -> Self {
        let map = recipe.pixel_map(size);
        let (icc, png_color) = match recipe.color_space() {
            None => (self.icc.clone(), self.png_color),
            Some(space) => (color::of_space(space), PngColor::default()),
        };
        let mut exif = self.exif.clone();
        if let (Some(space), Some(block)) = (recipe.color_space(), &mut exif) {
            exif::set_color_space(block, space);
        }
        let mut lost = self.lost.clone();
        if let Err(step) = map
            && self.geo.has_place()
        {
            lost.push(format!(
                "the place on Earth (GeoTIFF) is left out: {step} moves pixels in a way that it cannot follow"
            ));
        }
        // Along which directions of the image those of the result lie.
        let (is_upright, is_turned) = match map {
            Ok(map) => (
                map.x[1] == 0.0 && map.y[0] == 0.0,
                map.x[0] == 0.0 && map.y[1] == 0.0,
            ),
            Err(_) => (false, false),
        };
        let resolution = match self.resolution {
            Some((x, y)) if is_turned => Some((y, x)),
            // Where they lie askew, what differs by direction is neither's.
            Some((x, y)) if !is_upright && x != y => None,
            other => other,
        };
        Self {
            icc,
            png_color,
            resolution,
            exif,
            no_data: recipe.no_data().or(self.no_data),
            geo: self.geo.moved(map.ok()),
            lost,
            ..self.clone()
        }
    }

    /// The metadata of a file of that kind with pixels of that format, and sentences on what is left out.
    ///
    /// What only a PNG says of its colours is said by a profile elsewhere. A gray result of an image with a profile for colour
    /// gets a profile for gray with the same curve, and the other way round; pixels are not changed, since equal amounts of red,
    /// green and blue mean the same gray.
    #[cfg(feature = "files")]
    pub(crate) fn for_file(&self, kind: FileKind, format: PixelFormat) -> (Self, Vec<String>) {
        let mut metadata = self.clone();
        let mut left_out = std::mem::take(&mut metadata.lost);
        if kind != FileKind::Tiff && !std::mem::take(&mut metadata.geo).is_empty() && self.geo.has_place() {
            left_out.push(format!(
                "the place on Earth (GeoTIFF) is left out: {kind} does not hold it; choose tiff"
            ));
        }
        if kind != FileKind::Png {
            let color = std::mem::take(&mut metadata.png_color);
            metadata.icc = color.profile(metadata.icc).unwrap_or_else(|sentence| {
                left_out.push(sentence);
                None
            });
        }
        if kind != FileKind::Tiff && metadata.no_data.take().is_some() {
            left_out.push(format!(
                "which number stands for no data is left out: {} cannot say it; choose tiff to keep it",
                kind.label()
            ));
        }
        // WebP stores gray as three colours.
        let is_gray = format.channels.gray() == format.channels && kind != FileKind::WebP;
        if let Some(icc) = metadata.icc.take() {
            metadata.icc = match (Space::of(&icc), is_gray) {
                (Space::Gray, true) | (Space::Rgb, false) => Some(icc),
                (Space::Rgb, true) => color::gray_of(&icc),
                (Space::Gray, false) => color::rgb_of(&icc),
                (Space::Cmyk | Space::Other, _) => None,
            };
            if metadata.icc.is_none() {
                let pixels = if is_gray { "gray" } else { "in colours" };
                left_out.push(format!(
                    "the ICC profile is left out: the result is {pixels}, and no profile for that can be made of it"
                ));
            }
        }
        (metadata, left_out)
    }
}
