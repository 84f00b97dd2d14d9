//! The pixels that become of a page: their format, and what of the page is left out or changed.

use super::numbers::Measured;
use super::page::{Numbers, Page};
use super::refused::unsupported;
use crate::{Channels, Depth, FileError, PixelFormat};

/// How a sample becomes one of 8 or 16 bit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// Its number.
    Number,
    /// From 0 to the most that its bits hold, to 0 to that number.
    Part(u16),
}

/// How a page is carried.
pub(crate) struct Carried {
    /// The format of the pixels.
    pub format: PixelFormat,
    pub meaning: Meaning,
    /// Which sample is alpha, and whether colour is stored times it.
    pub alpha: Option<(usize, bool)>,
    /// Where the page is a measurement, whose numbers are kept.
    pub measured: Option<Measured>,
    /// What is left out or changed, in sentences.
    pub notes: Vec<String>,
}

/// Photometric interpretations.
const PALETTE: u64 = 3;
const LAB: [u64; 2] = [8, 9];

impl Carried {
    /// Finds out, and refuses what is not read.
    ///
    /// # Errors
    /// When its pixels are of a kind that is not read, or do not go together.
    pub(crate) fn of(page: &Page) -> Result<Self, FileError> {
        let mut notes = Vec::new();
        let bits = page.bits;
        let colors = match page.photometric {
            0 | 1 | 3 | 4 | 32844 => 1,
            2 | 6 | 8 | 9 | 32845 => 3,
            5 => 4,
            10 => return Err(unsupported("its colours are ITU Lab")),
            32803 => {
                return Err(unsupported(
                    "it is the raw data of a camera (colour filter array)",
                ));
            }
            34892 => return Err(unsupported("it is the raw data of a camera (LinearRaw)")),
            other => {
                return Err(unsupported(&format!(
                    "its photometric interpretation is number {other}"
                )));
            }
        };
        if page.samples < colors {
            return Err(FileError::damaged(format!(
                "it has {} samples a pixel, and its colours need {colors}",
                page.samples
            )));
        }
        let plain = matches!(page.photometric, 0..=2);
        if !plain
            && page.numbers != Numbers::Unsigned
            && !matches!(page.photometric, 5 | 8 | 9 | 32844 | 32845)
        {
            return Err(unsupported("its colours are signed or floating-point numbers"));
        }
        let alpha = alpha(page, colors);
        if let Some((measured, format)) = Measured::of(page, alpha.is_some(), &mut notes)? {
            return Ok(Self {
                format,
                meaning: Meaning::Number,
                alpha: None,
                measured: Some(measured),
                notes,
            });
        }
        let beyond = page.samples - colors - usize::from(alpha.is_some());
        if beyond > 0 {
            notes.push(format!(
                "{beyond} of the {} bands are left out: they are neither colour nor alpha",
                page.samples
            ));
        }
        let (meaning, depth) = match (page.numbers, bits) {
            (_, 24 | 32 | 64) => {
                return Err(unsupported(&format!("its colours have {bits} bits in a sample")));
            }
            (_, 8) => (Meaning::Number, Depth::Eight),
            (_, 16) => (Meaning::Number, Depth::Sixteen),
            (_, 1..8) => (Meaning::Part(255), Depth::Eight),
            _ if plain && alpha.is_none() => {
                let most = (1u32 << bits) - 1;
                notes.push(format!(
                    "samples of {bits} bits are kept as they are in 16 bit: {most} is the brightest"
                ));
                (Meaning::Number, Depth::Sixteen)
            }
            _ => (Meaning::Part(u16::MAX), Depth::Sixteen),
        };
        let (meaning, depth) = match page.photometric {
            PALETTE => (Meaning::Number, Depth::Eight),
            kind if LAB.contains(&kind) => (Meaning::Number, depth),
            _ => (meaning, depth),
        };
        let channels = match (matches!(page.photometric, 0 | 1 | 4), alpha.is_some()) {
            (true, false) => Channels::Gray,
            (true, true) => Channels::GrayAlpha,
            (false, false) => Channels::Rgb,
            (false, true) => Channels::Rgba,
        };
        Ok(Self {
            format: PixelFormat { channels, depth },
            meaning,
            alpha,
            measured: None,
            notes,
        })
    }
}

/// The sample that is alpha: the first that is said to be, or the only one beyond the colours of which nothing is said.
fn alpha(page: &Page, colors: usize) -> Option<(usize, bool)> {
    match &page.extra {
        Some(extra) => {
            let first = page.samples.saturating_sub(extra.len()).max(colors);
            let index = extra.iter().position(|kind| matches!(kind, 1 | 2))?;
            let place = first + index;
            (place < page.samples).then(|| (place, extra[index] == 1))
        }
        None => (matches!(page.photometric, 0..=2) && page.samples == colors + 1).then_some((colors, false)),
    }
}
