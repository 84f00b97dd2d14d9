//! The two sample types, 8 and 16 bit, behind one trait, so that a kernel is written once.

use std::borrow::Cow;

use crate::operations::transpose_block;
use crate::patch::Patch;
use crate::{Depth, Region};

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

/// `u8` or `u16`.
pub(crate) trait Sample:
    Widen<u32> + Copy + Default + Ord + Send + Sync + std::fmt::Debug + Into<u32> + 'static
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

    /// The nearest value in range.
    fn clamp_signed(value: Self::Signed) -> Self;

    /// The value, which the caller knows to be at most [`Sample::MAX`]; higher bits are dropped.
    fn wrap(value: u32) -> Self;

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

    /// A row of RGB to luma.
    fn luma_row(source: &[Self], out: &mut [Self]);

    /// Opaque samples convolved both ways with symmetric weights, see [`crate::convolve`].
    fn convolve_opaque(input: &Patch<'_, Self>, output: Region, weights: &[u32]) -> Vec<Self>;

    /// Columns of pixels of `N` samples as rows, see [`transpose_block`].
    fn transpose_block<const N: usize>(source: &[&[Self]], reversed: bool, out: &mut [Self], stride: usize) {
        transpose_block::<Self, N>(source, reversed, out, stride, [0, 0]);
    }

    /// Samples from the bytes of a raster.
    fn from_bytes(bytes: &[u8]) -> Cow<'_, [Self]>;

    /// Bytes of a raster from samples.
    fn into_bytes(samples: Vec<Self>) -> Vec<u8>;
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
    fn clamp_signed(value: i16) -> Self {
        value.clamp(0, 255) as u8
    }

    #[inline(always)]
    fn wrap(value: u32) -> Self {
        value as u8
    }

    fn luma_row(source: &[Self], out: &mut [Self]) {
        crate::operations::luma_row_u8(source, out);
    }

    fn convolve_opaque(input: &Patch<'_, Self>, output: Region, weights: &[u32]) -> Vec<Self> {
        crate::convolve::eight::convolve(input, output, weights)
    }

    fn transpose_block<const N: usize>(source: &[&[Self]], reversed: bool, out: &mut [Self], stride: usize) {
        let done = match N {
            3 => crate::simd::transpose_rgb(source, reversed, out, stride),
            _ => [0, 0],
        };
        transpose_block::<Self, N>(source, reversed, out, stride, done);
    }

    fn from_bytes(bytes: &[u8]) -> Cow<'_, [Self]> {
        Cow::Borrowed(bytes)
    }

    fn into_bytes(samples: Vec<Self>) -> Vec<u8> {
        samples
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
    fn clamp_signed(value: i32) -> Self {
        value.clamp(0, 65535) as u16
    }

    #[inline(always)]
    fn wrap(value: u32) -> Self {
        value as u16
    }

    fn luma_row(source: &[Self], out: &mut [Self]) {
        crate::operations::luma_row_u16(source, out);
    }

    fn convolve_opaque(input: &Patch<'_, Self>, output: Region, weights: &[u32]) -> Vec<Self> {
        crate::convolve::separable::convolve_opaque(input, output, weights)
    }

    fn from_bytes(bytes: &[u8]) -> Cow<'_, [Self]> {
        Cow::Owned(
            bytes
                .chunks_exact(2)
                .map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
                .collect(),
        )
    }

    fn into_bytes(samples: Vec<Self>) -> Vec<u8> {
        let mut bytes = vec![0; samples.len() * 2];
        for (pair, sample) in bytes.chunks_exact_mut(2).zip(samples) {
            pair.copy_from_slice(&sample.to_le_bytes());
        }
        bytes
    }
}
