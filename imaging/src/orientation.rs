//! Which way is up: the eight ways in which stored pixels can lie.

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{PixelFormat, Raster, apply};

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
