//! The bytes of a raster, in the memory of the samples that they were computed as.

use std::ops::{Deref, DerefMut};

/// Bytes whose memory was allocated for numbers of 8, 16 or 32 bit. Numbers become bytes without a copy; the memory is given back
/// as what it was allocated as.
#[derive(Clone)]
pub(crate) enum Storage {
    Bytes(Vec<u8>),
    Sixteen(Vec<u16>),
    ThirtyTwo(Vec<u32>),
}

impl Storage {
    /// The bytes as a vector of bytes: a copy unless they were allocated as such.
    pub fn into_vec(self) -> Vec<u8> {
        match self {
            Self::Bytes(bytes) => bytes,
            numbers => numbers.to_vec(),
        }
    }
}

impl Deref for Storage {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Sixteen(numbers) => bytemuck::cast_slice(numbers),
            Self::ThirtyTwo(numbers) => bytemuck::cast_slice(numbers),
        }
    }
}

impl DerefMut for Storage {
    fn deref_mut(&mut self) -> &mut [u8] {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Sixteen(numbers) => bytemuck::cast_slice_mut(numbers),
            Self::ThirtyTwo(numbers) => bytemuck::cast_slice_mut(numbers),
        }
    }
}

impl PartialEq for Storage {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Storage {}
