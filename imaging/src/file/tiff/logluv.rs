//! SGI's logarithms of light, packed in runs (compression 34676): LogL, a luminance in 16 bits, and LogLuv, in 32 bits with the
//! chromaticities u' and v' of CIE 1976 in 8 each. They become numbers: Y, or X, Y and Z.
//!
//! After Greg Ward Larson, "Overcoming Gamut and Dynamic Range Limitations in Digital Images", Sixth Color Imaging Conference, 1998.

/// Bytes of a pixel as it is packed: of LogL, or of LogLuv.
const LUMINANCE: usize = 2;
const COLORS: usize = 4;

/// Unpacks rows of `width` pixels, of 4 bytes each (Y) or 12 (X, Y, Z), floating point of 32 bit, little endian; `None` where the
/// data ends early.
pub(super) fn decode(mut data: &[u8], width: usize, samples: usize, out: &mut [u8]) -> Option<()> {
    let packed = if samples == 1 { LUMINANCE } else { COLORS };
    let mut planes = vec![0; packed * width];
    for row in out.chunks_exact_mut(width * samples * 4) {
        for plane in planes.chunks_exact_mut(width) {
            unpack(&mut data, plane)?;
        }
        for (x, pixel) in row.chunks_exact_mut(samples * 4).enumerate() {
            let byte = |plane: usize| planes[plane * width + x];
            let luminance = luminance(u16::from_be_bytes([byte(0), byte(1)]));
            let numbers = if samples == 1 {
                [luminance, 0.0, 0.0]
            } else {
                colors(luminance, byte(2), byte(3))
            };
            for (to, number) in pixel.chunks_exact_mut(4).zip(numbers) {
                to.copy_from_slice(&(number as f32).to_le_bytes());
            }
        }
    }
    Some(())
}

/// Bytes of one weight of a row: up to 127 as they are behind their number, or 2 to 129 that are the same.
fn unpack(data: &mut &[u8], plane: &mut [u8]) -> Option<()> {
    let mut filled = 0;
    while filled < plane.len() {
        let (&code, rest) = data.split_first()?;
        let room = &mut plane[filled..];
        if code < 128 {
            let count = usize::from(code).min(room.len());
            room[..count].copy_from_slice(rest.get(..count)?);
            *data = &rest[count..];
            filled += count;
        } else {
            let (&byte, rest) = rest.split_first()?;
            let count = (usize::from(code) - 126).min(room.len());
            room[..count].fill(byte);
            *data = rest;
            filled += count;
        }
    }
    Some(())
}

/// The sign, and the logarithm to the base 2 in parts of 256, from -64 on.
fn luminance(code: u16) -> f64 {
    let logarithm = f64::from(code & 0x7fff);
    if logarithm == 0.0 {
        return 0.0;
    }
    let light = libm::exp2((logarithm + 0.5) / 256.0 - 64.0);
    if code >> 15 == 0 { light } else { -light }
}

/// X, Y and Z of a luminance and chromaticities in parts of 410.
fn colors(luminance: f64, u: u8, v: u8) -> [f64; 3] {
    if luminance <= 0.0 {
        return [0.0; 3];
    }
    let (u, v) = ((f64::from(u) + 0.5) / 410.0, (f64::from(v) + 0.5) / 410.0);
    let scale = 1.0 / (6.0 * u - 16.0 * v + 12.0);
    let (x, y) = (9.0 * u * scale, 4.0 * v * scale);
    [x / y * luminance, luminance, (1.0 - x - y) / y * luminance]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_luminance_has_a_sign_and_no_color() {
        // 64 * 256 is the logarithm of 1, of which half a part is the middle.
        let data = [2, 0x40, 0xc0, 129, 0, 0];
        let mut out = [0; 8];
        decode(&data, 2, 1, &mut out).unwrap();
        let light = libm::exp2(0.5 / 256.0) as f32;
        assert_eq!(out, [light, -light].map(f32::to_le_bytes).as_flattened());
        assert!(decode(&data[..4], 2, 1, &mut out).is_none());
    }
}
