//! The sample types behind two traits, so that a kernel is written once: [`Bits`] for what only moves pixels, whatever they
//! mean; [`Sample`] for intensities of 8 and 16 bit.

use std::borrow::Cow;
use std::ops::{Add, BitOr};

use crate::Depth;
use crate::storage::Storage;

/// An unsigned integer as a wider or equal one.
pub(crate) trait Widen<A>: Copy {
    fn widen(self) -> A;
}

macro_rules! widen {
    ($($from:ty => $to:ty),*) => {
        $(impl Widen<$to> for $from {
            #[inline(always)]
            fn widen(self) -> $to {
                self.into()
            }
        })*
    };
}

widen!(u8 => u32, u16 => u32, u32 => u32, u64 => u64);

/// The bits of a sample, whatever number they stand for: `u8`, `u16` or `u32`.
pub(crate) trait Bits: bytemuck::Pod + Default + Send + Sync + std::fmt::Debug + Into<u32> {
    /// The lower bits of `value`; higher ones are dropped.
    fn wrap(value: u32) -> Self;

    /// Samples from the bytes of a raster.
    fn from_bytes(bytes: &[u8]) -> Cow<'_, [Self]>;

    /// Bytes of a raster from samples: in the memory of these, where they lie in it as in a raster.
    fn into_storage(samples: Vec<Self>) -> Storage;
}

impl Bits for u8 {
    #[inline(always)]
    fn wrap(value: u32) -> Self {
        value as u8
    }

    fn from_bytes(bytes: &[u8]) -> Cow<'_, [Self]> {
        Cow::Borrowed(bytes)
    }

    fn into_storage(samples: Vec<Self>) -> Storage {
        Storage::Bytes(samples)
    }
}

/// Bytes as samples without a copy, where they lie as the processor wants them: memory for many bytes is aligned for any number.
fn as_they_lie<T: bytemuck::AnyBitPattern>(bytes: &[u8]) -> Option<Cow<'_, [T]>> {
    let samples = bytemuck::try_cast_slice(bytes).ok()?;
    cfg!(target_endian = "little").then_some(Cow::Borrowed(samples))
}

impl Bits for u16 {
    #[inline(always)]
    fn wrap(value: u32) -> Self {
        value as u16
    }

    fn from_bytes(bytes: &[u8]) -> Cow<'_, [Self]> {
        as_they_lie(bytes).unwrap_or_else(|| {
            let samples = bytes.as_chunks::<2>().0.iter();
            Cow::Owned(samples.map(|bytes| u16::from_le_bytes(*bytes)).collect())
        })
    }

    fn into_storage(samples: Vec<Self>) -> Storage {
        if cfg!(target_endian = "little") {
            return Storage::Sixteen(samples);
        }
        Storage::Bytes(samples.into_iter().flat_map(u16::to_le_bytes).collect())
    }
}

impl Bits for u32 {
    #[inline(always)]
    fn wrap(value: u32) -> Self {
        value
    }

    fn from_bytes(bytes: &[u8]) -> Cow<'_, [Self]> {
        as_they_lie(bytes).unwrap_or_else(|| {
            let samples = bytes.as_chunks::<4>().0.iter();
            Cow::Owned(samples.map(|bytes| u32::from_le_bytes(*bytes)).collect())
        })
    }

    fn into_storage(samples: Vec<Self>) -> Storage {
        if cfg!(target_endian = "little") {
            return Storage::ThirtyTwo(samples);
        }
        Storage::Bytes(samples.into_iter().flat_map(u32::to_le_bytes).collect())
    }
}

/// What can be ranked by comparing or by looking for it bit by bit.
pub(crate) trait Ordered: Bits + Ord + Add<Output = Self> + BitOr<Output = Self> + From<bool> {}

impl<T: Bits + Ord + Add<Output = T> + BitOr<Output = T> + From<bool>> Ordered for T {}

/// An intensity: `u8` or `u16`. [`Bits::wrap`] takes values that are known to be at most [`Sample::MAX`].
pub(crate) trait Sample:
    Bits + Widen<u32> + Ord + Add<Output = Self> + BitOr<Output = Self> + From<bool>
{
    /// The largest value: full intensity, fully opaque.
    const MAX: u32;
    /// The depth that this type stores.
    const DEPTH: Depth;
    /// Signed and wide enough for small windows: sixteen times the largest value fits.
    type Signed: Copy
        + Default
        + std::ops::Add<Output = Self::Signed>
        + std::ops::Sub<Output = Self::Signed>
        + std::ops::Mul<Output = Self::Signed>;
    /// Ten.
    const TEN: Self::Signed;

    /// The same value, signed.
    fn signed(self) -> Self::Signed;

    /// A small factor of such values.
    fn factor(factor: i16) -> Self::Signed;

    /// The nearest value in range.
    fn clamp_signed(value: Self::Signed) -> Self;

    /// The nearest value in range.
    #[inline(always)]
    fn clamp_i64(value: i64) -> Self {
        Self::wrap(value.clamp(0, i64::from(Self::MAX)) as u32)
    }

    /// The nearest value in range.
    #[inline(always)]
    fn clamp_i32(value: i32) -> Self {
        Self::wrap(value.clamp(0, Self::MAX as i32) as u32)
    }

    /// Rounded half up, then the nearest value in range. Not a number gives zero.
    #[inline(always)]
    fn round_f64(value: f64) -> Self {
        Self::wrap((value + 0.5).clamp(0.0, f64::from(Self::MAX)) as u32)
    }

    /// The fraction `product / weight` rounded half up, in range: a colour from its sum weighted by alpha and the sum of
    /// the weights. Zero where nothing is left of the weight.
    #[inline(always)]
    fn weighted(product: i64, weight: i64) -> Self {
        if weight <= 0 {
            Self::default()
        } else {
            Self::clamp_i64((product + weight / 2).div_euclid(weight))
        }
    }
}

impl Sample for u8 {
    type Signed = i16;
    const TEN: i16 = 10;
    const MAX: u32 = 255;
    const DEPTH: Depth = Depth::Eight;

    #[inline(always)]
    fn signed(self) -> i16 {
        i16::from(self)
    }

    #[inline(always)]
    fn factor(factor: i16) -> i16 {
        factor
    }

    #[inline(always)]
    fn clamp_signed(value: i16) -> Self {
        value.clamp(0, 255) as u8
    }
}

impl Sample for u16 {
    type Signed = i32;
    const TEN: i32 = 10;
    const MAX: u32 = 65535;
    const DEPTH: Depth = Depth::Sixteen;

    #[inline(always)]
    fn signed(self) -> i32 {
        i32::from(self)
    }

    #[inline(always)]
    fn factor(factor: i16) -> i32 {
        factor.into()
    }

    #[inline(always)]
    fn clamp_signed(value: i32) -> Self {
        value.clamp(0, 65535) as u16
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_those_of_the_bytes_wherever_they_lie() {
        let bytes: Vec<u8> = (0..=40).collect();
        for start in 0..8 {
            let bytes = &bytes[start..start + 16];
            let sixteen: Vec<u16> = (0..8)
                .map(|at| u16::from(bytes[2 * at]) | u16::from(bytes[2 * at + 1]) << 8)
                .collect();
            assert_eq!(*u16::from_bytes(bytes), sixteen);
            assert_eq!(u16::into_storage(sixteen).into_vec(), bytes);
            let thirty_two = u32::from_bytes(bytes);
            assert_eq!(
                thirty_two[1],
                u32::from_le_bytes([bytes[4], bytes[5], bytes[6], bytes[7]])
            );
            assert_eq!(u32::into_storage(thirty_two.into_owned()).into_vec(), bytes);
        }
    }
}
