//! The inverse cosine transform: the arithmetic of libjpeg's `jidctint.c`, to the bit. It is that of most readers, so pictures
//! look the same everywhere.

use super::tables::Quantization;
use crate::simd::Kernel;

/// Coefficients of a block, row by row.
pub(super) type Block = [i16; 64];

/// Blocks side by side, to samples.
pub(super) struct BlockRow<'a> {
    pub blocks: &'a [Block],
    pub quantization: &'a Quantization,
    /// Eight rows of samples.
    pub samples: &'a mut [u8],
    /// Samples in a row.
    pub stride: usize,
}

impl Kernel for BlockRow<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for (index, block) in self.blocks.iter().enumerate() {
            let out = &mut self.samples[8 * index..];
            if block[1..].iter().fold(0, |all, value| all | value) == 0 {
                let sample = flat(block[0].wrapping_mul(self.quantization[0] as i16));
                for y in 0..8 {
                    out[y * self.stride..][..8].fill(sample);
                }
                continue;
            }
            let rows = transform(block, self.quantization);
            for (y, row) in rows.iter().enumerate() {
                out[y * self.stride..][..8].copy_from_slice(row);
            }
        }
    }
}

/// The sample of a block that is of one colour.
#[inline(always)]
fn flat(dc: i16) -> u8 {
    (((i32::from(dc) * 4 + 16) >> 5) + 128).clamp(0, 255) as u8
}

type Lanes = [i32; 8];

#[inline(always)]
fn map(a: &Lanes, f: impl Fn(i32) -> i32) -> Lanes {
    let mut out = [0; 8];
    for (out, a) in out.iter_mut().zip(a) {
        *out = f(*a);
    }
    out
}

#[inline(always)]
fn add(a: &Lanes, b: &Lanes) -> Lanes {
    let mut out = *a;
    for (out, b) in out.iter_mut().zip(b) {
        *out = out.wrapping_add(*b);
    }
    out
}

#[inline(always)]
fn sub(a: &Lanes, b: &Lanes) -> Lanes {
    let mut out = *a;
    for (out, b) in out.iter_mut().zip(b) {
        *out = out.wrapping_sub(*b);
    }
    out
}

#[inline(always)]
fn mul(a: &Lanes, factor: i32) -> Lanes {
    map(a, |a| a.wrapping_mul(factor))
}

/// One pass over eight columns at once; the sums are rounded and shifted by `shift`.
#[inline(always)]
fn pass(rows: &[Lanes; 8], shift: u32) -> [Lanes; 8] {
    // Even part.
    let z1 = mul(&add(&rows[2], &rows[6]), 4433);
    let tmp2 = add(&z1, &mul(&rows[6], -15137));
    let tmp3 = add(&z1, &mul(&rows[2], 6270));
    let tmp0 = map(&add(&rows[0], &rows[4]), |a| a << 13);
    let tmp1 = map(&sub(&rows[0], &rows[4]), |a| a << 13);
    let even = [
        add(&tmp0, &tmp3),
        add(&tmp1, &tmp2),
        sub(&tmp1, &tmp2),
        sub(&tmp0, &tmp3),
    ];
    // Odd part.
    let (t0, t1, t2, t3) = (&rows[7], &rows[5], &rows[3], &rows[1]);
    let z3 = add(t0, t2);
    let z4 = add(t1, t3);
    let z5 = mul(&add(&z3, &z4), 9633);
    let z1 = mul(&add(t0, t3), -7373);
    let z2 = mul(&add(t1, t2), -20995);
    let z3 = add(&mul(&z3, -16069), &z5);
    let z4 = add(&mul(&z4, -3196), &z5);
    let odd = [
        add(&mul(t3, 12299), &add(&z1, &z4)),
        add(&mul(t2, 25172), &add(&z2, &z3)),
        add(&mul(t1, 16819), &add(&z2, &z4)),
        add(&mul(t0, 2446), &add(&z1, &z3)),
    ];
    let half = 1 << (shift - 1);
    let descale = |lanes: Lanes| map(&lanes, |a| a.wrapping_add(half) >> shift);
    [
        descale(add(&even[0], &odd[0])),
        descale(add(&even[1], &odd[1])),
        descale(add(&even[2], &odd[2])),
        descale(add(&even[3], &odd[3])),
        descale(sub(&even[3], &odd[3])),
        descale(sub(&even[2], &odd[2])),
        descale(sub(&even[1], &odd[1])),
        descale(sub(&even[0], &odd[0])),
    ]
}

#[inline(always)]
fn transposed(rows: &[Lanes; 8]) -> [Lanes; 8] {
    let mut out = [[0; 8]; 8];
    for (y, row) in rows.iter().enumerate() {
        for (x, value) in row.iter().enumerate() {
            out[x][y] = *value;
        }
    }
    out
}

#[inline(always)]
fn transform(block: &Block, quantization: &Quantization) -> [[u8; 8]; 8] {
    let mut rows = [[0; 8]; 8];
    for y in 0..8 {
        for x in 0..8 {
            // Products beyond 16 bits are of no sound file; they wrap as in libjpeg-turbo.
            rows[y][x] = i32::from(block[8 * y + x].wrapping_mul(quantization[8 * y + x] as i16));
        }
    }
    let columns = pass(&rows, 11);
    let rows = transposed(&pass(&transposed(&columns), 18));
    let mut out = [[0; 8]; 8];
    for (out, row) in out.iter_mut().zip(&rows) {
        for (out, value) in out.iter_mut().zip(row) {
            *out = (value + 128).clamp(0, 255) as u8;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition, in floating point.
    fn reference(block: &Block, quantization: &Quantization) -> [[f64; 8]; 8] {
        let scale = |k: usize| if k == 0 { 0.5f64.sqrt() } else { 1.0 };
        let cosine = |x: usize, u: usize| {
            ((2 * x + 1) as f64 * u as f64 * std::f64::consts::PI / 16.0).cos() * scale(u) / 2.0
        };
        let mut out = [[128.0; 8]; 8];
        for (y, row) in out.iter_mut().enumerate() {
            for (x, sample) in row.iter_mut().enumerate() {
                for v in 0..8 {
                    for u in 0..8 {
                        let coefficient = f64::from(block[8 * v + u]) * f64::from(quantization[8 * v + u]);
                        *sample += coefficient * cosine(x, u) * cosine(y, v);
                    }
                }
            }
        }
        out
    }

    #[test]
    fn samples_are_those_of_the_definition() {
        let mut state = 3u64;
        for _ in 0..500 {
            let mut block = [0; 64];
            let mut quantization = [1; 64];
            for (value, step) in block.iter_mut().zip(&mut quantization) {
                state = state
                    .wrapping_mul(6364136223846793005)
                    .wrapping_add(1442695040888963407);
                *value = ((state >> 40) as i16 % 32) * i16::from(state >> 60 < 6);
                *step = (state >> 33) as u16 % 9 + 1;
            }
            let expected = reference(&block, &quantization);
            for (row, expected) in transform(&block, &quantization).iter().zip(expected) {
                for (sample, expected) in row.iter().zip(expected) {
                    let close = (f64::from(*sample) - expected.clamp(0.0, 255.0)).abs();
                    assert!(close < 1.0, "{sample} for {expected}");
                }
            }
        }
    }

    #[test]
    fn a_block_of_one_colour_is_quicker_and_the_same() {
        for dc in -1100..1100 {
            let mut block = [0; 64];
            block[0] = dc;
            let sample = flat(dc);
            assert!(
                transform(&block, &[1; 64])
                    .iter()
                    .flatten()
                    .all(|value| *value == sample),
                "{dc}"
            );
        }
    }

    #[test]
    fn values_beyond_all_bounds_do_not_panic() {
        for value in [i16::MIN, i16::MAX] {
            transform(&[value; 64], &[u16::MAX; 64]);
            transform(&[value; 64], &[1; 64]);
        }
    }
}
