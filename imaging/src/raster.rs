//! A rectangle of pixels in memory: what records carry and what [`render`](crate::render) takes and gives.

use crate::sample::{Bits, Words};
use crate::{PixelFormat, Region, Size};

/// Most bytes that one raster may hold: 16 GiB. Sizes come from outside, so the product is checked before allocating.
pub const MAX_RASTER_BYTES: u64 = 16 << 30;

/// Pixels, row by row from the top, samples interleaved, 16-bit samples little endian, no padding.
#[derive(Clone, PartialEq, Eq)]
pub struct Raster {
    size: Size,
    format: PixelFormat,
    words: Words,
}

impl Raster {
    /// A raster with every sample zero.
    ///
    /// # Errors
    /// When the size is empty or needs more than [`MAX_RASTER_BYTES`].
    pub fn new(size: Size, format: PixelFormat) -> Result<Self, RasterError> {
        let length = Self::byte_length(size, format)?;
        Ok(Self {
            size,
            format,
            words: Words::Bytes(vec![0; length]),
        })
    }

    /// Wraps `bytes` that are laid out as described above.
    ///
    /// # Errors
    /// When the number of bytes is not that of `size` and `format`, or the size is empty or too large.
    pub fn from_bytes(size: Size, format: PixelFormat, bytes: Vec<u8>) -> Result<Self, RasterError> {
        Self::of_words(size, format, Words::Bytes(bytes))
    }

    /// Wraps samples as kernels have them, without a copy.
    ///
    /// # Errors
    /// As those of [`Raster::from_bytes`].
    pub(crate) fn from_samples<B: Bits>(
        size: Size,
        format: PixelFormat,
        samples: Vec<B>,
    ) -> Result<Self, RasterError> {
        Self::of_words(size, format, B::into_words(samples))
    }

    fn of_words(size: Size, format: PixelFormat, words: Words) -> Result<Self, RasterError> {
        let expected = Self::byte_length(size, format)?;
        let actual = words.bytes().len();
        if actual != expected {
            return Err(RasterError::Length {
                size,
                format,
                expected,
                actual,
            });
        }
        Ok(Self { size, format, words })
    }

    /// Bytes that `size` pixels of `format` take.
    ///
    /// # Errors
    /// When there are none, or more than [`MAX_RASTER_BYTES`].
    pub fn byte_length(size: Size, format: PixelFormat) -> Result<usize, RasterError> {
        if size.is_empty() {
            return Err(RasterError::Empty { size });
        }
        size.pixels()
            .checked_mul(format.bytes_per_pixel() as u64)
            .filter(|&bytes| bytes <= MAX_RASTER_BYTES)
            .and_then(|bytes| usize::try_from(bytes).ok())
            .ok_or(RasterError::TooLarge { size, format })
    }

    /// Width and height.
    pub fn size(&self) -> Size {
        self.size
    }

    /// Channels and depth.
    pub fn format(&self) -> PixelFormat {
        self.format
    }

    /// All bytes.
    pub fn bytes(&self) -> &[u8] {
        self.words.bytes()
    }

    /// All bytes, to change the samples in place.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        self.words.bytes_mut()
    }

    /// Gives the bytes away: without a copy, unless the raster is a result of [`render`](crate::render) with samples of more than
    /// a byte.
    pub fn into_bytes(self) -> Vec<u8> {
        self.words.into_bytes()
    }

    /// Bytes in a row.
    pub fn stride(&self) -> usize {
        self.size.width as usize * self.format.bytes_per_pixel()
    }

    /// The bytes of row `y`, or an empty slice below the last row.
    pub fn row(&self, y: u32) -> &[u8] {
        let stride = self.stride();
        let start = stride.saturating_mul(y as usize);
        self.bytes().get(start..start + stride).unwrap_or(&[])
    }

    /// A copy of the pixels of `region`.
    ///
    /// # Errors
    /// When the region is empty or reaches beyond the raster.
    pub fn crop(&self, region: Region) -> Result<Self, RasterError> {
        if !region.is_within(self.size) {
            return Err(RasterError::Outside {
                region,
                size: self.size,
            });
        }
        let pixel = self.format.bytes_per_pixel();
        let mut bytes = Vec::with_capacity(Self::byte_length(region.size(), self.format)?);
        for y in region.y..region.y + region.height {
            let start = region.x as usize * pixel;
            bytes.extend_from_slice(&self.row(y)[start..start + region.width as usize * pixel]);
        }
        Ok(Self {
            size: region.size(),
            format: self.format,
            words: Words::Bytes(bytes),
        })
    }
}

impl std::fmt::Debug for Raster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Raster({} {}, {} bytes)",
            self.size,
            self.format,
            self.bytes().len()
        )
    }
}

/// Why there is no such raster.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RasterError {
    /// No pixels.
    #[error("a raster of {size} pixels has no pixels")]
    Empty {
        /// The size asked for.
        size: Size,
    },
    /// Beyond [`MAX_RASTER_BYTES`].
    #[error("a raster of {size} pixels of {format} is larger than {} GiB", MAX_RASTER_BYTES >> 30)]
    TooLarge {
        /// The size asked for.
        size: Size,
        /// The format asked for.
        format: PixelFormat,
    },
    /// The bytes are not those of that size and format.
    #[error("{size} pixels of {format} take {expected} bytes, not {actual}")]
    Length {
        /// The size given.
        size: Size,
        /// The format given.
        format: PixelFormat,
        /// Bytes that they take.
        expected: usize,
        /// Bytes given.
        actual: usize,
    },
    /// A region that is not inside.
    #[error("region {region} is not inside a raster of {size}")]
    Outside {
        /// The region asked for.
        region: Region,
        /// The raster's size.
        size: Size,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_that_would_overflow_is_refused_before_allocating() {
        let size = Size::new(u32::MAX, u32::MAX);
        assert!(matches!(
            Raster::new(size, PixelFormat::RGBA16),
            Err(RasterError::TooLarge { .. })
        ));
        assert!(matches!(
            Raster::new(Size::new(0, 5), PixelFormat::GRAY8),
            Err(RasterError::Empty { .. })
        ));
    }

    #[test]
    fn bytes_of_another_length_are_refused() {
        assert!(Raster::from_bytes(Size::new(2, 2), PixelFormat::RGB8, vec![0; 12]).is_ok());
        assert!(Raster::from_bytes(Size::new(2, 2), PixelFormat::RGB8, vec![0; 13]).is_err());
    }

    #[test]
    fn samples_and_their_bytes_make_the_same_raster() {
        let (size, format) = (Size::new(3, 1), PixelFormat::GRAY16);
        let samples = vec![0x0102_u16, 0xfffe, 7];
        let bytes = vec![2, 1, 0xfe, 0xff, 7, 0];
        let mut raster = Raster::from_samples(size, format, samples.clone()).unwrap();
        assert_eq!(raster, Raster::from_bytes(size, format, bytes.clone()).unwrap());
        assert_eq!(raster.bytes(), bytes);
        assert_eq!(raster.clone().into_bytes(), bytes);
        raster.bytes_mut()[4] = 9;
        assert_eq!(raster.row(0), [2, 1, 0xfe, 0xff, 9, 0]);
        assert!(Raster::from_samples(Size::new(4, 1), format, samples).is_err());
    }

    #[test]
    fn cropping_takes_the_named_pixels() {
        let raster = Raster::from_bytes(Size::new(3, 3), PixelFormat::GRAY8, (0..9).collect()).unwrap();
        assert_eq!(
            raster.crop(Region::new(1, 1, 2, 2)).unwrap().bytes(),
            [4, 5, 7, 8]
        );
        assert!(raster.crop(Region::new(2, 0, 2, 1)).is_err());
        assert!(raster.row(3).is_empty());
    }
}
