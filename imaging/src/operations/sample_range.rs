//! The least and the greatest colour sample of an image.

use crate::planes::{BLOCK, Plane, parted};
use crate::sample::Sample;
use crate::simd::{self, Kernel};
use crate::{Channels, Depth, Raster};

/// The least and the greatest of all colour samples that are seen, that is, whose alpha is not 0; both 0 where there are none.
pub(super) fn sample_range(image: &Raster) -> [u16; 2] {
    match image.format().depth {
        Depth::Eight => of::<u8>(image),
        _ => of::<u16>(image),
    }
}

fn of<S: Sample>(image: &Raster) -> [u16; 2] {
    let samples = &S::from_bytes(image.bytes());
    let [least, most] = match image.format().channels {
        Channels::GrayAlpha => simd::run(SampleRange::<S, 2> { samples }),
        Channels::Rgba => simd::run(SampleRange::<S, 4> { samples }),
        _ => simd::run(SampleRange::<S, 1> { samples }),
    };
    if least > most {
        return [0; 2];
    }
    [least, most].map(|sample| {
        let value: u32 = sample.into();
        value as u16
    })
}

/// Of pixels of `N` samples, the last of which is alpha if there are several.
struct SampleRange<'a, S, const N: usize> {
    samples: &'a [S],
}

impl<S: Sample, const N: usize> Kernel for SampleRange<'_, S, N> {
    type Output = [S; 2];

    #[inline(always)]
    fn run(self) -> [S; 2] {
        let (zero, max) = (S::default(), S::wrap(S::MAX));
        let mut least = [max; BLOCK];
        let mut most = [zero; BLOCK];
        let pixels = self.samples.as_chunks::<N>().0;
        let (blocks, rest) = pixels.as_chunks::<BLOCK>();
        for block in blocks {
            add(block, &mut least, &mut most);
        }
        if let Some(last) = rest.last() {
            // One of them again for those that are missing.
            let mut block = [*last; BLOCK];
            block[..rest.len()].copy_from_slice(rest);
            add(&block, &mut least, &mut most);
        }
        [
            least.into_iter().fold(max, Ord::min),
            most.into_iter().fold(zero, Ord::max),
        ]
    }
}

/// Adds a block of pixels, each in its own place.
#[inline(always)]
fn add<S: Sample, const N: usize>(pixels: &[[S; N]; BLOCK], least: &mut Plane<S>, most: &mut Plane<S>) {
    let (zero, max) = (S::default(), S::wrap(S::MAX));
    let planes = parted(pixels);
    let colours = if N > 1 { N - 1 } else { 1 };
    for plane in &planes[..colours] {
        for at in 0..BLOCK {
            let is_seen = N == 1 || planes[N - 1][at] > zero;
            least[at] = least[at].min(if is_seen { plane[at] } else { max });
            most[at] = most[at].max(if is_seen { plane[at] } else { zero });
        }
    }
}
