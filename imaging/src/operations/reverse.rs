//! Rows of pixels from right to left.

use crate::sample::Bits;
use crate::simd;

/// Writes the pixels of `source`, of `channels` samples each, to `out` in reversed order.
pub(crate) fn reverse<B: Bits>(source: &[B], channels: usize, out: &mut [B]) {
    let (source, out) = (bytemuck::cast_slice(source), bytemuck::cast_slice_mut(out));
    simd::run(Reverse {
        source,
        pixel: channels * size_of::<B>(),
        out,
    });
}

struct Reverse<'a> {
    source: &'a [u8],
    /// Bytes of a pixel.
    pixel: usize,
    out: &'a mut [u8],
}

impl simd::Kernel for Reverse<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { source, pixel, out } = self;
        match pixel {
            1 => words::<1, u8>(source, out, |bytes| bytes[0], |word| [word]),
            2 => words(source, out, u16::from_ne_bytes, u16::to_ne_bytes),
            3 => overlapping::<3, 4, 49>(source, out),
            4 => words(source, out, u32::from_ne_bytes, u32::to_ne_bytes),
            6 => overlapping::<6, 8, 98>(source, out),
            8 => words(source, out, u64::from_ne_bytes, u64::to_ne_bytes),
            _ => pixels(source, pixel, out),
        }
    }
}

/// Pixels that are words, which the compiler reverses by the register.
#[inline(always)]
fn words<const N: usize, W>(
    source: &[u8],
    out: &mut [u8],
    load: impl Fn([u8; N]) -> W,
    store: impl Fn(W) -> [u8; N],
) {
    let (source, _) = source.as_chunks::<N>();
    let (out, _) = out.as_chunks_mut::<N>();
    for (to, pixel) in out.iter_mut().zip(source.iter().rev()) {
        *to = store(load(*pixel));
    }
}

/// Pixels of any number of bytes.
#[inline(always)]
fn pixels(source: &[u8], pixel: usize, out: &mut [u8]) {
    for (to, pixel) in out.chunks_exact_mut(pixel).zip(source.chunks_exact(pixel).rev()) {
        to.copy_from_slice(pixel);
    }
}

/// Pixels of `N` bytes, moved as words of `WORD`: what a word has too much is written over by the next pixel. Blocks of sixteen
/// pixels read and write `LENGTH` bytes, what the last word has too much included.
#[inline(always)]
fn overlapping<const N: usize, const WORD: usize, const LENGTH: usize>(source: &[u8], out: &mut [u8]) {
    const BLOCK: usize = 16;
    const { assert!(LENGTH == BLOCK * N + WORD - N) };
    let count = out.len() / N;
    // The first pixel of the output is the last of the source: there is nothing behind it to be read.
    let mut done = count.min(1);
    pixels(&source[(count - done) * N..count * N], N, &mut out[..done * N]);
    while done < count {
        let Some(to) = out[done * N..].first_chunk_mut::<LENGTH>() else {
            break;
        };
        let Some(from) = (count - done)
            .checked_sub(BLOCK)
            .and_then(|first| source[first * N..].first_chunk::<LENGTH>())
        else {
            break;
        };
        for n in 0..BLOCK {
            to[n * N..n * N + WORD].copy_from_slice(&from[(BLOCK - 1 - n) * N..][..WORD]);
        }
        done += BLOCK;
    }
    pixels(&source[..(count - done) * N], N, &mut out[done * N..count * N]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixels_of_any_size_are_reversed_in_rows_of_any_length() {
        for pixel in 1..=13 {
            for count in (0..70).chain([255, 256, 257]) {
                let source: Vec<u8> = (0..pixel * count).map(|n| (n * 7 + n / 256) as u8).collect();
                let expected: Vec<u8> = source.chunks(pixel).rev().flatten().copied().collect();
                let mut out = vec![0; source.len()];
                reverse(&source, pixel, &mut out);
                assert_eq!(out, expected, "{count} pixels of {pixel} bytes");
            }
        }
        let mut out = [0u16; 9];
        reverse(&[1u16, 2, 3, 4, 5, 6, 7, 8, 9], 3, &mut out);
        assert_eq!(out, [7, 8, 9, 4, 5, 6, 1, 2, 3]);
    }
}
