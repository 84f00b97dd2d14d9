//! The one thing that is needed from EXIF: which way is up.

use crate::{Recipe, Size};

/// The orientation tag: which of the eight ways the stored pixels lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Orientation {
    /// 1: upright.
    #[default]
    Upright,
    /// 2: mirrored left to right.
    FlipHorizontal,
    /// 3: upside down.
    Rotate180,
    /// 4: mirrored top to bottom.
    FlipVertical,
    /// 5: mirrored along the main diagonal.
    Transpose,
    /// 6: to be turned a quarter clockwise.
    Rotate90,
    /// 7: mirrored along the other diagonal.
    Transverse,
    /// 8: to be turned a quarter counterclockwise.
    Rotate270,
}

impl Orientation {
    /// From the value of the tag; anything else counts as upright, as in every viewer.
    pub fn from_tag(tag: u16) -> Self {
        match tag {
            2 => Self::FlipHorizontal,
            3 => Self::Rotate180,
            4 => Self::FlipVertical,
            5 => Self::Transpose,
            6 => Self::Rotate90,
            7 => Self::Transverse,
            8 => Self::Rotate270,
            _ => Self::Upright,
        }
    }

    /// The recipe that turns the stored pixels upright. Put before the user's recipe it costs nothing extra.
    pub fn recipe(self) -> Recipe {
        let text = match self {
            Self::Upright => return Recipe::identity(),
            Self::FlipHorizontal => "flip_horizontal",
            Self::Rotate180 => "rotate_180",
            Self::FlipVertical => "flip_vertical",
            Self::Transpose => "rotate_90|flip_horizontal",
            Self::Rotate90 => "rotate_90",
            Self::Transverse => "rotate_270|flip_horizontal",
            Self::Rotate270 => "rotate_270",
        };
        Recipe::parse(text).unwrap_or_else(|_| Recipe::identity())
    }

    /// Size of the upright image.
    pub fn upright(self, stored: Size) -> Size {
        match self {
            Self::Transpose | Self::Rotate90 | Self::Transverse | Self::Rotate270 => stored.transposed(),
            _ => stored,
        }
    }
}

const ORIENTATION_TAG: u16 = 0x0112;

/// Reads the orientation from an EXIF block (a TIFF structure) and sets it to upright there, so that what is carried
/// over does not turn the image a second time.
pub(super) fn take_orientation(exif: &mut [u8]) -> Orientation {
    let Some((at, little)) = find_orientation(exif) else {
        return Orientation::Upright;
    };
    let Some(value) = exif.get_mut(at..at + 2) else {
        return Orientation::Upright;
    };
    let bytes = [value[0], value[1]];
    let (tag, upright) = if little {
        (u16::from_le_bytes(bytes), 1u16.to_le_bytes())
    } else {
        (u16::from_be_bytes(bytes), 1u16.to_be_bytes())
    };
    value.copy_from_slice(&upright);
    Orientation::from_tag(tag)
}

/// Where the value of the orientation tag lies and whether numbers are little endian.
fn find_orientation(exif: &[u8]) -> Option<(usize, bool)> {
    let little = match exif.get(..4)? {
        [b'I', b'I', 42, 0] => true,
        [b'M', b'M', 0, 42] => false,
        _ => return None,
    };
    let short = |at: usize| -> Option<u16> {
        let bytes = exif.get(at..at.checked_add(2)?)?.try_into().ok()?;
        Some(if little {
            u16::from_le_bytes(bytes)
        } else {
            u16::from_be_bytes(bytes)
        })
    };
    let long = |at: usize| -> Option<u32> {
        let bytes = exif.get(at..at.checked_add(4)?)?.try_into().ok()?;
        Some(if little {
            u32::from_le_bytes(bytes)
        } else {
            u32::from_be_bytes(bytes)
        })
    };
    let directory = long(4)? as usize;
    let count = usize::from(short(directory)?);
    (0..count)
        .map(|index| directory + 2 + index * 12)
        .find_map(|entry| {
            // Type 3 is a short, stored at the start of the value field.
            (short(entry)? == ORIENTATION_TAG && short(entry + 2)? == 3).then_some((entry + 8, little))
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{PixelFormat, Raster, apply};

    fn exif(orientation: u16) -> Vec<u8> {
        let mut bytes = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01".to_vec();
        bytes.extend(orientation.to_be_bytes());
        bytes.extend([0; 6]);
        bytes
    }

    #[test]
    fn orientation_is_read_once_and_reset() {
        let mut bytes = exif(6);
        assert_eq!(take_orientation(&mut bytes), Orientation::Rotate90);
        assert_eq!(take_orientation(&mut bytes), Orientation::Upright);
        assert_eq!(take_orientation(&mut exif(9)), Orientation::Upright);
    }

    #[test]
    fn broken_exif_counts_as_upright() {
        let whole = exif(6);
        for length in 0..whole.len() - 4 {
            take_orientation(&mut whole[..length].to_vec());
        }
        let mut far = whole;
        far[4..8].fill(0xff);
        assert_eq!(take_orientation(&mut far), Orientation::Upright);
    }

    #[test]
    fn every_orientation_is_turned_upright() {
        // The upright image is 0 1 2 / 3 4 5; stored as the standard's eight pictures show.
        let stored: [(u16, u32, [u8; 6]); 8] = [
            (1, 3, [0, 1, 2, 3, 4, 5]),
            (2, 3, [2, 1, 0, 5, 4, 3]),
            (3, 3, [5, 4, 3, 2, 1, 0]),
            (4, 3, [3, 4, 5, 0, 1, 2]),
            (5, 2, [0, 3, 1, 4, 2, 5]),
            (6, 2, [2, 5, 1, 4, 0, 3]),
            (7, 2, [5, 2, 4, 1, 3, 0]),
            (8, 2, [3, 0, 4, 1, 5, 2]),
        ];
        for (tag, width, pixels) in stored {
            let orientation = Orientation::from_tag(tag);
            let size = Size::new(width, 6 / width);
            let raster = Raster::from_bytes(size, PixelFormat::GRAY8, pixels.to_vec()).unwrap();
            let upright = apply(&orientation.recipe(), &raster).unwrap();
            assert_eq!(upright.size(), Size::new(3, 2), "{tag}");
            assert_eq!(upright.bytes(), [0, 1, 2, 3, 4, 5], "{tag}");
            assert_eq!(orientation.upright(size), Size::new(3, 2), "{tag}");
        }
    }
}
