//! Colour spaces that colours can be converted to, by name.

/// What equal numbers of red, green and blue mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColorSpace {
    /// IEC 61966-2-1: what a picture without a profile is taken for.
    Srgb,
    /// The primaries of SMPTE RP 431-2 with the white D65 and the curve of sRGB.
    DisplayP3,
    /// Adobe RGB (1998).
    AdobeRgb,
    /// ROMM RGB, ISO 22028-2, with the white D50.
    ProPhoto,
}

impl ColorSpace {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Srgb, Self::DisplayP3, Self::AdobeRgb, Self::ProPhoto];
    /// Their names in recipes, in the same order.
    pub(crate) const NAMES: [&'static str; 4] = ["srgb", "display_p3", "adobe_rgb", "prophoto"];

    /// The space of that name.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        let index = Self::NAMES.iter().position(|known| *known == name)?;
        Self::ALL.get(index).copied()
    }
}
