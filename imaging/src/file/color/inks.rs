//! Cyan, magenta, yellow and black as sRGB, by the profile of the file.

use std::sync::Arc;

use moxcms::{
    ColorProfile, DataColorSpace, Layout, RenderingIntent, Transform8BitExecutor, Transform16BitExecutor,
    TransformOptions,
};

use super::{Space, read};
use crate::file::FileError;

/// The sentence for inks that became sRGB by a profile.
const BY_PROFILE: &str = "CMYK became sRGB by the profile of the file (relative colorimetric)";
/// The sentence for those that had none.
const BY_ARITHMETIC: &str = "CMYK became RGB by arithmetic, (1 - ink) times (1 - black): the file has no profile for CMYK that can be used";

/// The conversion of a profile, whose white becomes the white of sRGB; colours that sRGB does not have become the nearest
/// that it has.
pub(in crate::file) struct Inks {
    eight: Arc<Transform8BitExecutor>,
    sixteen: Arc<Transform16BitExecutor>,
}

impl Inks {
    /// Of the profile `icc`, if it is one for these inks and can be used; and the sentence on what becomes of them.
    pub fn of(icc: Option<&[u8]>) -> (Option<Self>, &'static str) {
        match icc
            .filter(|icc| Space::of(icc) == Space::Cmyk)
            .and_then(Self::new)
        {
            Some(inks) => (Some(inks), BY_PROFILE),
            None => (None, BY_ARITHMETIC),
        }
    }

    fn new(icc: &[u8]) -> Option<Self> {
        let profile = read(icc)?;
        if profile.color_space != DataColorSpace::Cmyk {
            return None;
        }
        let options = TransformOptions {
            rendering_intent: RenderingIntent::RelativeColorimetric,
            ..TransformOptions::default()
        };
        let srgb = ColorProfile::new_srgb();
        Some(Self {
            eight: profile
                .create_transform_8bit(Layout::Rgba, &srgb, Layout::Rgb, options)
                .ok()?,
            sixteen: profile
                .create_transform_16bit(Layout::Rgba, &srgb, Layout::Rgb, options)
                .ok()?,
        })
    }

    /// Pixels of four inks, 255 being all of an ink, as pixels of three colours.
    pub fn convert8(&self, inks: &[u8], rgb: &mut [u8]) -> Result<(), FileError> {
        self.eight.transform(inks, rgb).map_err(|_| failed())
    }

    /// The same with 65535 for all of an ink.
    pub fn convert16(&self, inks: &[u16], rgb: &mut [u16]) -> Result<(), FileError> {
        self.sixteen.transform(inks, rgb).map_err(|_| failed())
    }
}

fn failed() -> FileError {
    FileError::damaged("its profile does not turn its inks into colours")
}
