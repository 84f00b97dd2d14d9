//! Stored bytes to samples: predictors, orders of bytes, and every width of a sample to 8 or 16 bit.

use crate::header::tiff::{Meaning, Numbers, Page};

/// Turns the bytes of a chunk little endian and undoes its predictor.
pub(super) fn undo(page: &Page, big_endian: bool, row_bytes: usize, bytes: &mut [u8]) {
    let width = page.bits as usize / 8;
    if page.predictor == 3 {
        let mut scratch = vec![0; row_bytes];
        for row in bytes.chunks_exact_mut(row_bytes) {
            float_predictor(row, &mut scratch, page.chunk_samples(), width);
        }
        return;
    }
    // Whole numbers of 24 bits are bits in a row, as those of 12 are, the highest first in any file.
    let is_reversed = match (page.bits, page.numbers) {
        _ if page.codec.is_little_endian() => false,
        (24, Numbers::Unsigned) => true,
        (16 | 24 | 32 | 64, _) => big_endian,
        _ => false,
    };
    if is_reversed {
        for sample in bytes.chunks_exact_mut(width) {
            sample.reverse();
        }
    }
    if page.predictor == 2 {
        for row in bytes.chunks_exact_mut(row_bytes) {
            sum(row, page.chunk_samples(), width);
        }
    }
}

/// Adds to each sample the one of the pixel before it.
fn sum(row: &mut [u8], samples: usize, width: usize) {
    let step = samples * width;
    match width {
        1 => {
            for at in step..row.len() {
                row[at] = row[at].wrapping_add(row[at - step]);
            }
        }
        _ => {
            for at in (step..row.len()).step_by(width) {
                let mut carry = 0;
                for byte in at..at + width {
                    let total = u16::from(row[byte]) + u16::from(row[byte - step]) + carry;
                    row[byte] = total as u8;
                    carry = total >> 8;
                }
            }
        }
    }
}

/// Floats whose bytes of equal weight stand together, the highest first, as differences.
fn float_predictor(row: &mut [u8], scratch: &mut [u8], samples: usize, width: usize) {
    sum(row, samples, 1);
    scratch.copy_from_slice(row);
    let count = row.len() / width;
    for (index, sample) in row.chunks_exact_mut(width).enumerate() {
        for (byte, out) in sample.iter_mut().rev().enumerate() {
            *out = scratch[byte * count + index];
        }
    }
}

/// Puts the samples of a stored row, `undo` behind it, into `to`: from `first` on, `step` apart.
pub(super) fn unpack(
    page: &Page,
    meaning: Meaning,
    row: &[u8],
    to: &mut [u16],
    (first, step): (usize, usize),
) {
    let places = to.iter_mut().skip(first).step_by(step);
    let bits = page.bits;
    match (meaning, bits) {
        (Meaning::Number, 8) => places.zip(row).for_each(|(to, byte)| *to = (*byte).into()),
        (Meaning::Number, 16) => places
            .zip(row.chunks_exact(2))
            .for_each(|(to, bytes)| *to = u16::from_le_bytes([bytes[0], bytes[1]])),
        (Meaning::Number | Meaning::Part(_), _) => {
            let most = (1u32 << bits) - 1;
            let mut bytes = row.iter();
            let (mut held, mut count) = (0u32, 0);
            for to in places {
                while count < bits {
                    held = held << 8 | u32::from(*bytes.next().unwrap_or(&0));
                    count += 8;
                }
                count -= bits;
                let number = held >> count & most;
                *to = match meaning {
                    Meaning::Part(whole) => ((number * u32::from(whole) + most / 2) / most) as u16,
                    _ => number as u16,
                };
            }
        }
    }
}

/// The float of 2, 3, 4 or 8 bytes.
pub(super) fn float(bytes: &[u8]) -> f64 {
    match *bytes {
        [a, b] => half(u16::from_le_bytes([a, b])),
        [a, b, c] => small(u32::from_le_bytes([a, b, c, 0]), 16, 7),
        [a, b, c, d] => f32::from_le_bytes([a, b, c, d]).into(),
        [a, b, c, d, e, f, g, h] => f64::from_le_bytes([a, b, c, d, e, f, g, h]),
        _ => f64::NAN,
    }
}

/// The float of 16 bits.
fn half(bits: u16) -> f64 {
    small(bits.into(), 10, 5)
}

/// A float laid out as IEEE 754 lays out those of 16 and 32 bits: the sign, `exponent` bits, `fraction` bits. That of 24 bits, with 7
/// and 16, is in Adobe's Photoshop TIFF Technical Note 3.
fn small(bits: u32, fraction: u32, exponent: u32) -> f64 {
    let most = (1 << exponent) - 1;
    let bias = most / 2;
    let part = f64::from(bits & ((1 << fraction) - 1)) / f64::from(1u32 << fraction);
    let magnitude = match (bits >> fraction & most) as i32 {
        0 => libm::ldexp(part, 1 - bias as i32),
        power if power == most as i32 && part == 0.0 => f64::INFINITY,
        power if power == most as i32 => return f64::NAN,
        power => libm::ldexp(1.0 + part, power - bias as i32),
    };
    if bits >> (fraction + exponent) == 0 {
        magnitude
    } else {
        -magnitude
    }
}

/// Chunky samples from units of shared colour differences: luma of the unit, then the two.
pub(super) fn spread(stored: &[u8], (across, down): (u32, u32), width: usize, out: &mut [u8]) {
    let (across, down) = (across as usize, down as usize);
    let unit = across * down + 2;
    let units = width.div_ceil(across);
    for (y, row) in out.chunks_exact_mut(width * 3).enumerate() {
        let line = &stored[y / down * units * unit..][..units * unit];
        for (x, pixel) in row.chunks_exact_mut(3).enumerate() {
            let unit = &line[x / across * unit..][..unit];
            pixel[0] = unit[y % down * across + x % across];
            pixel[1..].copy_from_slice(&unit[across * down..]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_what_ieee_says() {
        for (bits, value) in [
            (0x3c00, 1.0),
            (0x3800, 0.5),
            (1, 1.0 / 16_777_216.0),
            (0xbc00, -1.0),
        ] {
            assert_eq!(half(bits), value);
        }
        assert_eq!(half(0xfc00), f64::NEG_INFINITY);
        assert!(half(0x7c01).is_nan());
        for (bytes, value) in [
            ([0, 0, 0x3f], 1.0),
            ([0, 0x80, 0xbf], -1.5),
            ([1, 0, 0], libm::ldexp(1.0, -78)),
            ([0, 0, 0x7f], f64::INFINITY),
        ] {
            assert_eq!(float(&bytes), value, "{bytes:?}");
        }
        assert!(float(&[1, 0, 0x7f]).is_nan());
    }
}
