//! Sizes and regions: the integer rectangles that tiles, halos and images are described by.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Width and height in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Size {
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
}

impl Size {
    /// A size of `width` by `height` pixels.
    pub const fn new(width: u32, height: u32) -> Self {
        Self { width, height }
    }

    /// Number of pixels.
    pub const fn pixels(self) -> u64 {
        self.width as u64 * self.height as u64
    }

    /// The region that covers all of it.
    pub const fn region(self) -> Region {
        Region {
            x: 0,
            y: 0,
            width: self.width,
            height: self.height,
        }
    }

    /// Width and height exchanged.
    pub const fn transposed(self) -> Self {
        Self {
            width: self.height,
            height: self.width,
        }
    }

    /// Whether there is no pixel in it.
    pub const fn is_empty(self) -> bool {
        self.width == 0 || self.height == 0
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.width, self.height)
    }
}

impl FromStr for Size {
    type Err = ParseGeometryError;

    /// Reads `WxH`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || ParseGeometryError {
            text: text.chars().take(64).collect(),
            expected: "WxH",
        };
        let (width, height) = text.split_once('x').ok_or_else(error)?;
        Ok(Self {
            width: width.parse().map_err(|_| error())?,
            height: height.parse().map_err(|_| error())?,
        })
    }
}

/// A rectangle of pixels: left, top, width, height.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Region {
    /// Left column.
    pub x: u32,
    /// Top row.
    pub y: u32,
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
}

impl Region {
    /// The rectangle with its top left corner at (`x`, `y`).
    pub const fn new(x: u32, y: u32, width: u32, height: u32) -> Self {
        Self { x, y, width, height }
    }

    /// Its size.
    pub const fn size(self) -> Size {
        Size {
            width: self.width,
            height: self.height,
        }
    }

    /// First column to the right of it. Wider than `u32` so that a hostile region cannot wrap.
    pub const fn right(self) -> u64 {
        self.x as u64 + self.width as u64
    }

    /// First row below it.
    pub const fn bottom(self) -> u64 {
        self.y as u64 + self.height as u64
    }

    /// Whether it lies within an image of size `bounds` and has at least one pixel.
    pub const fn is_within(self, bounds: Size) -> bool {
        !self.size().is_empty()
            && self.right() <= bounds.width as u64
            && self.bottom() <= bounds.height as u64
    }

    /// Whether all of `other` lies inside.
    pub const fn contains(self, other: Region) -> bool {
        other.x >= self.x
            && other.y >= self.y
            && other.right() <= self.right()
            && other.bottom() <= self.bottom()
    }

    /// Grown by `dx` columns on the left and right and `dy` rows above and below, clipped at `bounds`.
    pub fn inflate(self, dx: u32, dy: u32, bounds: Size) -> Region {
        let x = self.x.saturating_sub(dx);
        let y = self.y.saturating_sub(dy);
        let right = (self.right() + u64::from(dx)).min(u64::from(bounds.width)) as u32;
        let bottom = (self.bottom() + u64::from(dy)).min(u64::from(bounds.height)) as u32;
        Region {
            x,
            y,
            width: right.saturating_sub(x),
            height: bottom.saturating_sub(y),
        }
    }

    /// The part that both share, if there is any.
    pub fn intersection(self, other: Region) -> Option<Region> {
        let x = self.x.max(other.x);
        let y = self.y.max(other.y);
        let right = self.right().min(other.right());
        let bottom = self.bottom().min(other.bottom());
        (u64::from(x) < right && u64::from(y) < bottom).then(|| Region {
            x,
            y,
            width: (right - u64::from(x)) as u32,
            height: (bottom - u64::from(y)) as u32,
        })
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{},{},{},{}", self.x, self.y, self.width, self.height)
    }
}

impl FromStr for Region {
    type Err = ParseGeometryError;

    /// Reads `x,y,w,h`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || ParseGeometryError {
            text: text.chars().take(64).collect(),
            expected: "x,y,w,h",
        };
        let mut numbers = text
            .split(',')
            .map(|part| part.parse::<u32>().map_err(|_| error()));
        let mut next = || numbers.next().ok_or_else(error)?;
        let region = Self {
            x: next()?,
            y: next()?,
            width: next()?,
            height: next()?,
        };
        if numbers.next().is_some() {
            Err(error())
        } else {
            Ok(region)
        }
    }
}

/// A size or region text that does not parse.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is not of the form {expected}")]
pub struct ParseGeometryError {
    text: String,
    expected: &'static str,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_round_trips() {
        let region = Region::new(1, 2, 3, 4);
        assert_eq!(region.to_string().parse(), Ok(region));
        assert_eq!(Size::new(7, 9).to_string().parse(), Ok(Size::new(7, 9)));
        assert!("1,2,3".parse::<Region>().is_err());
        assert!("1,2,3,4,5".parse::<Region>().is_err());
        assert!("12".parse::<Size>().is_err());
        assert!("-1x2".parse::<Size>().is_err());
    }

    #[test]
    fn inflating_stops_at_the_image_border() {
        let bounds = Size::new(10, 8);
        assert_eq!(
            Region::new(0, 0, 4, 4).inflate(3, 2, bounds),
            Region::new(0, 0, 7, 6)
        );
        assert_eq!(
            Region::new(6, 5, 4, 3).inflate(3, 2, bounds),
            Region::new(3, 3, 7, 5)
        );
    }

    #[test]
    fn a_region_that_would_wrap_is_not_within() {
        assert!(!Region::new(u32::MAX, 0, 2, 1).is_within(Size::new(10, 10)));
        assert!(!Region::new(0, 0, 0, 1).is_within(Size::new(10, 10)));
    }
}
