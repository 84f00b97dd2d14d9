//! Profiles, read.

use moxcms::{ColorProfile, DataColorSpace, LutDataType, LutStore, LutWarehouse, ProfileVersion};

/// What the header of a profile says that it describes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::file) enum Space {
    Gray,
    Rgb,
    Cmyk,
    Other,
}

impl Space {
    /// Of the profile with these bytes.
    pub fn of(icc: &[u8]) -> Self {
        match icc.get(16..20) {
            Some(b"GRAY") => Self::Gray,
            Some(b"RGB ") => Self::Rgb,
            Some(b"CMYK") => Self::Cmyk,
            _ => Self::Other,
        }
    }
}

/// The profile with these bytes, made ready for relative colorimetric conversions.
pub(super) fn read(icc: &[u8]) -> Option<ColorProfile> {
    let mut profile = ColorProfile::new_from_slice(icc).ok()?;
    // Where there is one table, it is for every intent.
    let mut table = profile
        .lut_a_to_b_colorimetric
        .take()
        .or_else(|| profile.lut_a_to_b_perceptual.take())
        .or_else(|| profile.lut_a_to_b_saturation.take());
    if let Some(LutWarehouse::Lut(LutDataType { output_table, .. })) = &mut table
        && let LutStore::Store8(bytes) = output_table
        && profile.pcs == DataColorSpace::Lab
        && profile.version() < ProfileVersion::V4_0
    {
        // Full lightness is 255 in a table of bytes and 65280 in one of 16 bit; the conversion takes both for the latter.
        *output_table = LutStore::Store16(bytes.iter().map(|byte| u16::from(*byte) << 8).collect());
    }
    profile.lut_a_to_b_colorimetric = table;
    Some(profile)
}
