//! What the components of a JPEG 2000 are, by the boxes of its file. Where these do not go together with the components they are taken as
//! the decoder `hayro-jpeg2000` takes them.

use super::frame::{Fields, Frame};
use super::refused::unsupported;
use crate::header::boxes::first;
use crate::{Channels, FileError};

/// What colours are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Space {
    Gray,
    Rgb,
    Inks,
    /// Something else of so many numbers.
    Other(usize),
    Unknown(usize),
}

impl Space {
    /// Numbers of a colour.
    fn count(self) -> usize {
        match self {
            Self::Gray => 1,
            Self::Rgb => 3,
            Self::Inks => 4,
            Self::Other(count) | Self::Unknown(count) => count,
        }
    }

    /// What so many components are when nothing is said.
    fn guess(count: usize) -> Self {
        match count {
            1 => Self::Gray,
            3 => Self::Rgb,
            4 => Self::Inks,
            _ => Self::Unknown(count),
        }
    }
}

/// What the box of the colours tells.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// `None` within where the space is told in a way that is not known.
    space: Option<Option<Space>>,
    is_last_alpha: bool,
    /// Bits of the columns of a palette, where there is one.
    palette: Option<Vec<u8>>,
}

impl Told {
    /// From what is in the box `jp2h`.
    ///
    /// # Errors
    /// When the colours are of a kind that is not read.
    pub(super) fn of(mut colors: &[u8]) -> Result<Self, FileError> {
        let mut told = Self::default();
        while let Some((each, own)) = first(colors, colors.len() as u64) {
            let (own, start) = (own as usize, each.start as usize);
            let (whole, rest) = colors.split_at_checked(own).unwrap_or((colors, &[]));
            let inner = whole.get(start..).unwrap_or_default();
            match &each.name {
                // The first counts.
                b"colr" if told.space.is_none() => told.space = Some(space(inner)?),
                b"cdef" => told.is_last_alpha = is_last_alpha(inner).unwrap_or(told.is_last_alpha),
                b"pclr" => {
                    let bits = inner
                        .get(2)
                        .and_then(|count| inner.get(3..3 + usize::from(*count)));
                    told.palette = bits
                        .filter(|bits| !bits.is_empty())
                        .map(|bits| bits.iter().map(|bits| (bits & 0x7f) + 1).collect());
                }
                _ => {}
            }
            colors = rest;
        }
        Ok(told)
    }

    /// Of a codestream without a file around it.
    pub(super) fn none(frame: &Frame) -> Self {
        let is_gray = frame.components.len() < 3;
        Self {
            space: Some(Some(if is_gray { Space::Gray } else { Space::Rgb })),
            ..Self::default()
        }
    }

    /// The channels that become of the components, how many of them are colours, and the bits of the widest.
    ///
    /// # Errors
    /// When they are of a kind that is not read.
    pub(super) fn channels(&self, frame: &Frame) -> Result<(Channels, usize, u8), FileError> {
        let (count, bits) = match &self.palette {
            Some(bits) => (bits.len(), bits.iter().copied().max()),
            None => (
                frame.components.len(),
                frame.components.iter().map(|component| component.bits).max(),
            ),
        };
        if frame.components.iter().any(|component| component.is_signed) {
            return Err(unsupported("its samples are signed"));
        }
        let mut space = self.space.flatten().unwrap_or(Space::guess(count));
        let said = space.count() + usize::from(self.is_last_alpha);
        let is_more = !self.is_last_alpha && count == space.count() + 1;
        if self.palette.is_none() && count != said && !is_more {
            space = match (count, self.is_last_alpha) {
                (1, _) | (2, true) => Space::Gray,
                (3, _) | (4, true) => Space::Rgb,
                (4, false) => Space::Inks,
                _ => Space::Unknown(count.saturating_sub(usize::from(self.is_last_alpha))),
            };
        }
        let channels = match (space, count) {
            (Space::Gray, 1) => Channels::Gray,
            (Space::Gray, 2) => Channels::GrayAlpha,
            (Space::Rgb, 3) => Channels::Rgb,
            (Space::Rgb, 4) => Channels::Rgba,
            (Space::Inks, _) => return Err(unsupported("its colours are inks (CMYK)")),
            (Space::Other(_), _) => return Err(unsupported("its colours are neither gray nor RGB")),
            (Space::Unknown(_), _) => return Err(unsupported("what its components are is not said")),
            (Space::Gray | Space::Rgb, _) => {
                let colors = space.count();
                return Err(unsupported(&format!(
                    "it has {count} components for {colors} colours"
                )));
            }
        };
        Ok((channels, space.count(), bits.unwrap_or(0)))
    }
}

/// What a box says of the colours; `None` within where it says it in a way that is not known.
fn space(inner: &[u8]) -> Result<Option<Space>, FileError> {
    let mut fields = Fields(inner);
    let method = fields.byte();
    // Precedence and approximation.
    fields.short();
    if method == Some(2) {
        return Ok(Some(match fields.0.get(16..20) {
            Some(b"GRAY") => Space::Gray,
            Some(b"CMYK" | b"4CLR") => Space::Other(4),
            Some(b"1CLR") => Space::Other(1),
            Some(
                b"XYZ " | b"Lab " | b"Luv " | b"YCbr" | b"Yxy " | b"LMS " | b"HSV " | b"HLS " | b"CMY "
                | b"3CLR",
            ) => Space::Other(3),
            _ => Space::Rgb,
        }));
    }
    if method != Some(1) {
        return Ok(None);
    }
    match fields.long() {
        Some(12 | 13) => Ok(Some(Space::Inks)),
        Some(14) => Ok(Some(Space::Other(3))),
        // sRGB, YCC by sRGB, which the decoder converts, extended sRGB and ROMM RGB.
        Some(16 | 18 | 20 | 21) => Ok(Some(Space::Rgb)),
        Some(17) => Ok(Some(Space::Gray)),
        _ => Err(unsupported("its colours are neither gray nor RGB")),
    }
}

/// Whether the last channel is alpha; `None` where the definitions are damaged.
fn is_last_alpha(inner: &[u8]) -> Option<bool> {
    let mut fields = Fields(inner);
    let count = fields.short()?;
    let mut kinds = vec![None; usize::from(count)];
    for _ in 0..count {
        let (index, kind, association) = (fields.short()?, fields.short()?, fields.short()?);
        let place = kinds.get_mut(usize::from(index))?;
        if kind > 1 || association == u16::MAX || place.replace(kind).is_some() {
            return None;
        }
    }
    Some((*kinds.last()?)? == 1)
}
