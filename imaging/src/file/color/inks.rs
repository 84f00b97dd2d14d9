//! Cyan, magenta, yellow and black as sRGB, by the profile of the file.

use std::sync::Arc;

use moxcms::{
    ColorProfile, DataColorSpace, Layout, RenderingIntent, Transform8BitExecutor, Transform16BitExecutor,
    TransformOptions,
};

use super::read::{Space, read};
use crate::Depth;
use crate::file::FileError;

/// The sentence for inks that became sRGB by a profile.
const BY_PROFILE: &str = "CMYK became sRGB by the profile of the file (relative colorimetric)";
/// The sentence for those that had none.
const BY_ARITHMETIC: &str = "CMYK became RGB by arithmetic, (1 - ink) times (1 - black): the file has no profile for CMYK that can be used";

/// The conversion of a profile, whose white becomes the white of sRGB; colours that sRGB does not have become the nearest
/// that it has.
pub(in crate::file) enum Inks {
    /// For samples of 8 bit.
    Eight(Arc<Transform8BitExecutor>),
    /// For samples of 16 bit.
    Sixteen(Arc<Transform16BitExecutor>),
}

impl Inks {
    /// Of the profile `icc`, if it is one for these inks and can be used; and the sentence on what becomes of them.
    pub fn of(icc: Option<&[u8]>, depth: Depth) -> (Option<Self>, &'static str) {
        match icc
            .filter(|icc| Space::of(icc) == Space::Cmyk)
            .and_then(|icc| Self::new(icc, depth))
        {
            Some(inks) => (Some(inks), BY_PROFILE),
            None => (None, BY_ARITHMETIC),
        }
    }

    fn new(icc: &[u8], depth: Depth) -> Option<Self> {
        let profile = read(icc)?;
        if profile.color_space != DataColorSpace::Cmyk {
            return None;
        }
        let options = TransformOptions {
            rendering_intent: RenderingIntent::RelativeColorimetric,
            ..TransformOptions::default()
        };
        let srgb = ColorProfile::new_srgb();
        Some(match depth {
            Depth::Eight => Self::Eight(
                profile
                    .create_transform_8bit(Layout::Rgba, &srgb, Layout::Rgb, options)
                    .ok()?,
            ),
            Depth::Sixteen => Self::Sixteen(
                profile
                    .create_transform_16bit(Layout::Rgba, &srgb, Layout::Rgb, options)
                    .ok()?,
            ),
            // Inks are intensities.
            Depth::SignedSixteen | Depth::ThirtyTwo | Depth::Float => return None,
        })
    }

    /// Pixels of four inks, the largest value being all of an ink, as pixels of three colours; both are samples of the depth that
    /// was asked for.
    pub fn convert(&self, inks: &[u16], rgb: &mut [u16]) -> Result<(), FileError> {
        match self {
            Self::Eight(transform) => {
                let inks: Vec<u8> = inks.iter().map(|ink| *ink as u8).collect();
                let mut bytes = vec![0; rgb.len()];
                transform.transform(&inks, &mut bytes).map_err(|_| failed())?;
                for (to, byte) in rgb.iter_mut().zip(bytes) {
                    *to = byte.into();
                }
                Ok(())
            }
            Self::Sixteen(transform) => transform.transform(inks, rgb).map_err(|_| failed()),
        }
    }

    /// The same for bytes.
    pub fn convert_bytes(&self, inks: &[u8], rgb: &mut [u8]) -> Result<(), FileError> {
        match self {
            Self::Eight(transform) => transform.transform(inks, rgb).map_err(|_| failed()),
            Self::Sixteen(_) => Err(failed()),
        }
    }
}

fn failed() -> FileError {
    FileError::damaged("its profile does not turn its inks into colours")
}
