//! Colours of a file as the numbers of another space, as its rows are read.

use std::sync::Arc;

use moxcms::{Layout, RenderingIntent, Transform8BitExecutor, Transform16BitExecutor, TransformOptions};

use super::profile;
use super::read::{Space, read};
use crate::color_space::ColorSpace;
use crate::file::{FileError, ImageInfo};
use crate::sample::Bits as _;
use crate::{Channels, Depth, PixelFormat, Raster, Recipe};

/// What a recipe asks of the colours of a file. Alpha stays; colours that the space does not have become the nearest that it has.
pub struct Conversion {
    transform: Transform,
}

enum Transform {
    /// They have the numbers already.
    Same,
    Eight(Arc<Transform8BitExecutor>),
    Sixteen(Arc<Transform16BitExecutor>),
}

impl Conversion {
    /// For the image that `info` is about; `None` where `recipe` does not convert.
    ///
    /// # Errors
    /// When the profile of the file cannot be used, or its pixels are not of a kind that has colours.
    pub fn of(info: &ImageInfo, recipe: &Recipe) -> Result<Option<Self>, FileError> {
        let Some(space) = recipe.color_space() else {
            return Ok(None);
        };
        recipe
            .check(info.format)
            .map_err(|error| FileError::recipe(&error))?;
        let metadata = &info.metadata;
        if metadata.no_data.is_some() {
            let sentence = "convert needs an image in which no number stands for no data: that number would become another";
            return Err(FileError::unsupported(sentence));
        }
        let icc = metadata
            .png_color
            .profile(metadata.icc.clone())
            .map_err(|_| unusable())?;
        let transform = match icc {
            None if space == ColorSpace::Srgb => Transform::Same,
            icc => transform(icc, space, info.format).ok_or_else(unusable)?,
        };
        Ok(Some(Self { transform }))
    }

    /// Converts whole pixels, laid out as in a [`Raster`].
    ///
    /// # Errors
    /// When the profile does not give colours for them.
    pub fn apply(&self, pixels: &mut [u8]) -> Result<(), FileError> {
        match &self.transform {
            Transform::Same => Ok(()),
            Transform::Eight(transform) => {
                let from = pixels.to_vec();
                transform.transform(&from, pixels).map_err(|_| unusable())
            }
            Transform::Sixteen(transform) => {
                let from = u16::from_bytes(pixels);
                let mut to = vec![0; from.len()];
                transform.transform(&from, &mut to).map_err(|_| unusable())?;
                pixels.copy_from_slice(&u16::into_storage(to));
                Ok(())
            }
        }
    }

    /// The same for an image in memory.
    ///
    /// # Errors
    /// As [`Conversion::apply`].
    pub fn apply_to(&self, image: Raster) -> Result<Raster, FileError> {
        let (size, format) = (image.size(), image.format());
        let mut pixels = image.into_bytes();
        self.apply(&mut pixels)?;
        Raster::from_bytes(size, format, pixels).map_err(FileError::damaged)
    }
}

fn transform(icc: Option<Vec<u8>>, space: ColorSpace, format: PixelFormat) -> Option<Transform> {
    let is_gray = format.channels.gray() == format.channels;
    let icc = match (icc, is_gray) {
        (None, false) => profile::of_space(ColorSpace::Srgb)?,
        (None, true) => profile::gray_of(&profile::of_space(ColorSpace::Srgb)?)?,
        (Some(icc), _) => match (Space::of(&icc), is_gray) {
            (Space::Gray, true) | (Space::Rgb, false) => icc,
            (Space::Rgb, true) => profile::gray_of(&icc)?,
            (Space::Gray, false) => profile::rgb_of(&icc)?,
            (Space::Cmyk | Space::Other, _) => return None,
        },
    };
    let (from, to) = (read(&icc)?, read(&target(space, is_gray)?)?);
    let layout = match format.channels {
        Channels::Gray => Layout::Gray,
        Channels::GrayAlpha => Layout::GrayAlpha,
        Channels::Rgb => Layout::Rgb,
        Channels::Rgba => Layout::Rgba,
        Channels::Bands(_) => return None,
    };
    let options = TransformOptions {
        rendering_intent: RenderingIntent::RelativeColorimetric,
        ..TransformOptions::default()
    };
    match format.depth {
        Depth::Eight => from
            .create_transform_8bit(layout, &to, layout, options)
            .ok()
            .map(Transform::Eight),
        Depth::Sixteen => from
            .create_transform_16bit(layout, &to, layout, options)
            .ok()
            .map(Transform::Sixteen),
        Depth::SignedSixteen | Depth::ThirtyTwo | Depth::Float => None,
    }
}

/// The profile of `space`, or one for gray with its curve.
fn target(space: ColorSpace, is_gray: bool) -> Option<Vec<u8>> {
    let icc = profile::of_space(space)?;
    if is_gray {
        profile::gray_of(&icc)
    } else {
        Some(icc)
    }
}

fn unusable() -> FileError {
    FileError::unsupported(
        "what the file says of its colours is nothing that they can be converted by; leave out convert",
    )
}
