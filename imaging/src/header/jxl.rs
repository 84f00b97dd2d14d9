//! What a JPEG XL says of its picture: bits in a row, the lower of a byte first, at the beginning of the codestream.

use super::boxes::{Boxes, read_part};
use super::bytes::ReadAt;
use super::{Header, broken};
use crate::{Channels, Depth, FileError, FileKind, PixelFormat, Size};

/// Bytes of a codestream in which its header lies: the names of channels may make it longer.
const MAX_HEADER: u64 = 1 << 13;
/// Channels beside the colours.
const MAX_EXTRA: u32 = 256;
/// Kinds of channels.
const ALPHA: u32 = 0;
const SPOT_COLOR: u32 = 2;
const BLACK: u32 = 4;
const FILTERS: u32 = 5;

pub(crate) fn unsupported(what: &str) -> FileError {
    FileError::unsupported(format!(
        "this kind of JPEG XL is not read: {what}; save it as PNG"
    ))
}

pub(crate) fn read(source: &mut impl ReadAt, length: u64) -> Result<Header, FileError> {
    let codestream = codestream(source, length)?;
    let mut bits = Bits {
        bytes: &codestream,
        at: 16,
    };
    let (size, told) = bits.header().ok_or_else(broken)?;
    // The decoder reads the width of a preview also where there is none (jxl-image 0.13), and takes what follows for something else.
    if told.has_ratio_preview {
        return Err(unsupported("it has a preview whose width is told by a ratio"));
    }
    if told.is_times_alpha {
        return Err(unsupported("its colours are stored times alpha"));
    }
    if told.has_inks {
        return Err(unsupported("its colours are inks (CMYK)"));
    }
    let channels = match (told.is_gray, told.has_alpha) {
        (true, false) => Channels::Gray,
        (true, true) => Channels::GrayAlpha,
        (false, false) => Channels::Rgb,
        (false, true) => Channels::Rgba,
    };
    let format = PixelFormat {
        channels,
        depth: depth(told.depth)?,
    };
    // The decoder turns it upright.
    Ok(Header::plain(FileKind::Jxl, size, format))
}

/// The depth that samples of so many bits get; `None` stands for floating point.
///
/// # Errors
/// When they are of a kind that is not read.
pub(crate) fn depth(bits: Option<u32>) -> Result<Depth, FileError> {
    match bits {
        Some(1..=8) => Ok(Depth::Eight),
        Some(9..=16) => Ok(Depth::Sixteen),
        Some(bits) => Err(unsupported(&format!("its samples have {bits} bits"))),
        None => Err(unsupported("its samples are floating-point numbers")),
    }
}

/// The beginning of the codestream, wherever it lies in the file.
fn codestream(source: &mut impl ReadAt, length: u64) -> Result<Vec<u8>, FileError> {
    let mut found = Vec::new();
    read_part(source, 0, 2, &mut found)?;
    if found == [0xff, 0x0a] {
        found.clear();
        read_part(source, 0, MAX_HEADER.min(length), &mut found)?;
        return Ok(found);
    }
    found.clear();
    let mut boxes = Boxes::of(source, length);
    while let Some(mut each) = boxes.next()? {
        let own = match &each.name {
            b"jxlc" => 0,
            // Each begins with its number.
            b"jxlp" => 4,
            _ => continue,
        };
        each.start += own;
        each.length = each
            .length
            .saturating_sub(own)
            .min(MAX_HEADER - found.len() as u64);
        boxes.read(each, &mut found)?;
        if found.len() as u64 >= MAX_HEADER {
            break;
        }
    }
    Ok(found)
}

/// What a header tells beside the size.
struct Told {
    /// Bits of a sample; `None` of floating point.
    depth: Option<u32>,
    is_gray: bool,
    has_alpha: bool,
    is_times_alpha: bool,
    has_inks: bool,
    /// Whether there is a preview whose width follows from its height.
    has_ratio_preview: bool,
}

/// Bits that are read one after the other. `None` stands for their end, and for what cannot be.
struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// A number that is told by two bits: itself, or from a least one on by some more bits.
type Choice = (u32, u32);
const ENUM: [Choice; 4] = [(0, 0), (1, 0), (2, 4), (18, 6)];
const SIDE: [Choice; 4] = [(1, 9), (1, 13), (1, 18), (1, 30)];

impl Bits<'_> {
    fn take(&mut self, count: u32) -> Option<u32> {
        let mut value = 0;
        for index in 0..count {
            let byte = u32::from(*self.bytes.get(self.at / 8)?);
            value |= (byte >> (self.at % 8) & 1) << index;
            self.at += 1;
        }
        Some(value)
    }

    fn flag(&mut self) -> Option<bool> {
        Some(self.take(1)? == 1)
    }

    fn choose(&mut self, choices: [Choice; 4]) -> Option<u32> {
        let (least, count) = *choices.get(self.take(2)? as usize)?;
        Some(self.take(count)?.wrapping_add(least))
    }

    fn header(&mut self) -> Option<(Size, Told)> {
        let (size, _) = self.size([(1, 5); 4], 0, SIDE)?;
        let mut told = Told {
            depth: Some(8),
            is_gray: false,
            has_alpha: false,
            is_times_alpha: false,
            has_inks: false,
            has_ratio_preview: false,
        };
        if self.flag()? {
            return Some((size, told));
        }
        let mut is_turned = false;
        if self.flag()? {
            is_turned = self.take(3)? >= 4;
            if self.flag()? {
                self.size([(1, 5); 4], 0, SIDE)?;
            }
            if self.flag()? {
                // The size of a preview.
                let eighths = [(16, 0), (32, 0), (1, 5), (33, 9)];
                let sides = [(1, 6), (65, 8), (321, 10), (1345, 12)];
                (_, told.has_ratio_preview) = self.size(eighths, 2, sides)?;
            }
            if self.flag()? {
                // Ticks of an animation, how often it is shown, and whether frames have times of their own.
                self.choose([(100, 0), (1000, 0), (1, 10), (1, 30)])?;
                self.choose([(1, 0), (1001, 0), (1, 8), (1, 10)])?;
                self.choose([(0, 0), (0, 3), (0, 16), (0, 32)])?;
                self.flag()?;
            }
        }
        told.depth = self.depth()?;
        self.flag()?;
        let count = self.choose([(0, 0), (1, 0), (2, 4), (1, 12)])?;
        let mut has_black = false;
        for _ in 0..(count <= MAX_EXTRA).then_some(count)? {
            let (kind, is_times_alpha) = self.extra()?;
            told.has_alpha |= kind == ALPHA;
            told.is_times_alpha |= is_times_alpha;
            has_black |= kind == BLACK;
        }
        // Whether it is coded in colours of its own.
        self.flag()?;
        if !self.flag()? {
            let has_profile = self.flag()?;
            told.is_gray = self.choose(ENUM)? == 1;
            told.has_inks = has_profile && has_black;
        }
        let size = match is_turned {
            true => Size::new(size.height, size.width),
            false => size,
        };
        Some((size, told))
    }

    /// A size: in eighths, where `count` bits choose among them, or in pixels; and whether its width is told by a ratio.
    fn size(&mut self, eighths: [Choice; 4], count: u32, sides: [Choice; 4]) -> Option<(Size, bool)> {
        let is_eighths = self.flag()?;
        let side = |bits: &mut Self| {
            if !is_eighths {
                return bits.choose(sides);
            }
            let (least, more) = *eighths.get(bits.take(count)? as usize)?;
            Some((bits.take(more)? + least) * 8)
        };
        let height = side(self)?;
        let tall = u64::from(height);
        let ratio = self.take(3)?;
        let width = match ratio {
            1 => tall,
            2 => tall * 12 / 10,
            3 => tall * 4 / 3,
            4 => tall * 3 / 2,
            5 => tall * 16 / 9,
            6 => tall * 5 / 4,
            7 => tall * 2,
            _ => side(self)?.into(),
        };
        Some((Size::new(u32::try_from(width).ok()?, height), ratio != 0))
    }

    /// Bits of a sample; `None` within of floating point.
    fn depth(&mut self) -> Option<Option<u32>> {
        if self.flag()? {
            self.choose([(32, 0), (16, 0), (24, 0), (1, 6)])?;
            self.take(4)?;
            return Some(None);
        }
        self.choose([(8, 0), (10, 0), (12, 0), (1, 6)]).map(Some)
    }

    /// The kind of a channel beside the colours, and whether it is alpha that they are stored times.
    fn extra(&mut self) -> Option<(u32, bool)> {
        if self.flag()? {
            return Some((ALPHA, false));
        }
        let kind = self.choose(ENUM)?;
        self.depth()?;
        self.choose([(0, 0), (3, 0), (4, 0), (1, 3)])?;
        let name = self.choose([(0, 0), (0, 4), (16, 5), (48, 10)])?;
        self.at += name as usize * 8;
        let mut is_times_alpha = false;
        match kind {
            ALPHA => is_times_alpha = self.flag()?,
            SPOT_COLOR => self.at += 64,
            FILTERS => drop(self.choose([(1, 0), (0, 2), (3, 4), (19, 8)])?),
            _ => {}
        }
        Some((kind, is_times_alpha))
    }
}
