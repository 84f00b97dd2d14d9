//! A rectangle of pixels in memory: what records carry and what [`render`](crate::render) takes and gives.

use crate::storage::Storage;
use crate::{PixelFormat, Region, Size};

/// Most bytes that one raster may hold: 16 GiB. Sizes come from outside, so the product is checked before allocating.
pub const MAX_RASTER_BYTES: u64 = 16 << 30;

/// Pixels, row by row from the top, samples interleaved, 16-bit samples little endian, no padding.
#[derive(Clone, PartialEq, Eq)]
pub struct Raster {
    size: Size,
    format: PixelFormat,
    bytes: Storage,
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
            bytes: Storage::Bytes(vec![0; length]),
        })
    }

    /// Wraps `bytes` that are laid out as described above.
    ///
    /// # Errors
    /// When the number of bytes is not that of `size` and `format`, or the size is empty or too large.
    pub fn from_bytes(size: Size, format: PixelFormat, bytes: Vec<u8>) -> Result<Self, RasterError> {
        Self::from_storage(size, format, Storage::Bytes(bytes))
    }

    /// [`Raster::from_bytes`], whatever their memory was allocated as.
    pub(crate) fn from_storage(size: Size, format: PixelFormat, bytes: Storage) -> Result<Self, RasterError> {
        let expected = Self::byte_length(size, format)?;
        if bytes.len() != expected {
            return Err(RasterError::Length {
                size,
                format,
                expected,
                actual: bytes.len(),
            });
        }
        Ok(Self { size, format, bytes })
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
        &self.bytes
    }

    /// All bytes, to change the samples in place.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    /// Gives the bytes away: without a copy, unless they were computed as numbers of more than 8 bit.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes.into_vec()
    }

    /// Bytes in a row.
    pub fn stride(&self) -> usize {
        self.size.width as usize * self.format.bytes_per_pixel()
    }

    /// The bytes of row `y`, or an empty slice below the last row.
    pub fn row(&self, y: u32) -> &[u8] {
        let stride = self.stride();
        let start = stride.saturating_mul(y as usize);
        self.bytes.get(start..start + stride).unwrap_or(&[])
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
            bytes: Storage::Bytes(bytes),
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
            self.bytes.len()
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
    use crate::Depth;
    use crate::sample::Bits;

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
    fn the_memory_of_wider_samples_holds_their_bytes() {
        let (size, format) = (
            Size::new(2, 1),
            PixelFormat {
                depth: Depth::Sixteen,
                ..PixelFormat::GRAY8
            },
        );
        let bytes = Raster::from_bytes(size, format, vec![1, 2, 3, 4]).unwrap();
        let mut words = Raster::from_storage(size, format, u16::into_storage(vec![0x0201, 0x0403])).unwrap();
        assert_eq!(bytes, words);
        words.bytes_mut()[3] = 5;
        assert_eq!(words.row(0), [1, 2, 3, 5]);
        assert_eq!(words.into_bytes(), [1, 2, 3, 5]);
        assert!(Raster::from_storage(size, format, u32::into_storage(vec![1, 2])).is_err());
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
