//! From the components of a JPEG to gray or RGB, with the constants of libjpeg, to the byte.

use crate::simd::Kernel;

/// A row of YCbCr as RGB.
pub(super) struct YCbCrRow<'a> {
    pub rows: [&'a [u8]; 3],
    pub out: &'a mut [u8],
}

/// Red, green and blue of a pixel.
#[inline(always)]
fn rgb(y: u8, cb: u8, cr: u8) -> [u8; 3] {
    let (y, cb, cr) = (i32::from(y), i32::from(cb) - 128, i32::from(cr) - 128);
    let clamped = |value: i32| value.clamp(0, 255) as u8;
    [
        clamped(y + ((91881 * cr + 32768) >> 16)),
        clamped(y + ((-22554 * cb - 46802 * cr + 32768) >> 16)),
        clamped(y + ((116130 * cb + 32768) >> 16)),
    ]
}

const LANES: usize = 32;

impl Kernel for YCbCrRow<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let [ys, cbs, crs] = self.rows;
        let (ys, y_rest) = ys.as_chunks::<LANES>();
        let (cbs, cb_rest) = cbs[..self.rows[0].len()].as_chunks::<LANES>();
        let (crs, cr_rest) = crs[..self.rows[0].len()].as_chunks::<LANES>();
        let (out, rest) = self.out.as_chunks_mut::<{ 3 * LANES }>();
        for (out, (y, (cb, cr))) in out.iter_mut().zip(ys.iter().zip(cbs.iter().zip(crs))) {
            let mut planes = [[0; LANES]; 3];
            for x in 0..LANES {
                let [r, g, b] = rgb(y[x], cb[x], cr[x]);
                planes[0][x] = r;
                planes[1][x] = g;
                planes[2][x] = b;
            }
            let (pixels, _) = out.as_chunks_mut::<3>();
            for (x, pixel) in pixels.iter_mut().enumerate() {
                *pixel = [planes[0][x], planes[1][x], planes[2][x]];
            }
        }
        let (pixels, _) = rest.as_chunks_mut::<3>();
        for (pixel, (y, (cb, cr))) in pixels
            .iter_mut()
            .zip(y_rest.iter().zip(cb_rest.iter().zip(cr_rest)))
        {
            *pixel = rgb(*y, *cb, *cr);
        }
    }
}

/// Components side by side.
pub(super) fn interleave(rows: &[&[u8]], out: &mut [u8]) {
    for (pixel, index) in out.chunks_exact_mut(rows.len()).zip(0..) {
        for (sample, row) in pixel.iter_mut().zip(rows) {
            *sample = row[index];
        }
    }
}

/// Inks as RGB: light that one ink and black let through.
pub(super) fn inks(rows: [&[u8]; 4], out: &mut [u8]) {
    let (pixels, _) = out.as_chunks_mut::<3>();
    for (x, pixel) in pixels.iter_mut().enumerate() {
        *pixel = [0, 1, 2].map(|ink| through(rows[ink][x], rows[3][x]));
    }
}

/// Three inks as luma and differences, and black, as RGB. The differences are of inks, and what is stored is light.
pub(super) fn coded_inks(rows: [&[u8]; 4], out: &mut [u8]) {
    let (pixels, _) = out.as_chunks_mut::<3>();
    for (x, pixel) in pixels.iter_mut().enumerate() {
        *pixel = rgb(rows[0][x], rows[1][x], rows[2][x]).map(|ink| through(255 - ink, rows[3][x]));
    }
}

/// Three inks as luma and differences, and black, as the light that each of the four lets through.
pub(super) fn light_of_coded_inks(rows: [&[u8]; 4], out: &mut [u8]) {
    let (pixels, _) = out.as_chunks_mut::<4>();
    for (x, pixel) in pixels.iter_mut().enumerate() {
        let [cyan, magenta, yellow] = rgb(rows[0][x], rows[1][x], rows[2][x]);
        *pixel = [255 - cyan, 255 - magenta, 255 - yellow, rows[3][x]];
    }
}

/// `a * b / 255`, rounded.
#[inline(always)]
fn through(a: u8, b: u8) -> u8 {
    let product = u32::from(a) * u32::from(b) + 128;
    ((product + (product >> 8)) >> 8) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_those_of_the_definition() {
        for y in (0..=255).step_by(15) {
            for cb in (0..=255).step_by(5) {
                for cr in (0..=255).step_by(5) {
                    let (luma, blue, red) = (f64::from(y), f64::from(cb) - 128.0, f64::from(cr) - 128.0);
                    let expected = [
                        luma + 1.402 * red,
                        luma - 0.344_136 * blue - 0.714_136 * red,
                        luma + 1.772 * blue,
                    ];
                    for (sample, expected) in rgb(y as u8, cb as u8, cr as u8).iter().zip(expected) {
                        let difference = (f64::from(*sample) - expected.clamp(0.0, 255.0)).abs();
                        assert!(difference < 0.6, "{y} {cb} {cr}: {sample} for {expected}");
                    }
                }
            }
        }
    }

    #[test]
    fn rows_of_any_length_are_converted_as_pixels_are() {
        let row: Vec<u8> = (0..100u32).map(|n| (n * 37 % 256) as u8).collect();
        for length in [1, 31, 32, 33, 100] {
            let mut out = vec![0; 3 * length];
            YCbCrRow {
                rows: [&row[..length], &row[..], &row[..]],
                out: &mut out,
            }
            .run();
            for (pixel, y) in out.chunks_exact(3).zip(&row) {
                assert_eq!(pixel, rgb(*y, *y, *y));
            }
        }
    }
}
