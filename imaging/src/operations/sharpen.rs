//! Sharpening with a 3x3 kernel: the pixel against its eight neighbours.

use crate::convolve::window::three_rows;
use crate::operation::{Operation, OperationInfo, Values};
use crate::patch::Patch;
use crate::sample::Sample;
use crate::simd::{self, Kernel};
use crate::{Region, Size};

/// `[-1 -1 -1; -1 9 -1; -1 -1 -1]`, saturating.
pub(crate) struct Sharpen;

impl Operation for Sharpen {
    const INFO: &'static OperationInfo = &OperationInfo {
        name: "sharpen",
        title: "Sharpen",
        summary: "Adds what a pixel differs from its eight neighbours.",
        aliases: &[],
        parameters: &[],
    };

    fn new(_: &Values<'_>) -> Self {
        Self
    }

    fn input_region(&self, image: Size, output: Region) -> Region {
        output.inflate(1, 1, image)
    }

    fn apply<S: Sample>(&self, input: Patch<'_, S>, output: Region) -> Patch<'static, S> {
        let channels = input.channels.count();
        let stride = output.width as usize * channels;
        let mut samples = vec![S::default(); stride * output.height as usize];
        let opaque = input.is_opaque();
        three_rows(&input, output, |y, rows| {
            let out = &mut samples[y * stride..][..stride];
            if opaque {
                simd::run(SharpenRow { rows, channels, out });
            } else {
                sharpen_premultiplied(rows, channels, out);
            }
        });
        Patch::owned(input.image, output, input.channels, samples)
    }
}

struct SharpenRow<'a, S> {
    rows: [&'a [S]; 3],
    channels: usize,
    out: &'a mut [S],
}

impl<S: Sample> Kernel for SharpenRow<'_, S> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let length = self.out.len();
        let taps = self
            .rows
            .map(|row| [0, 1, 2].map(|tap| &row[tap * self.channels..][..length]));
        for i in 0..length {
            let mut sum = 0i32;
            for row in taps {
                for tap in row {
                    sum += tap[i].into() as i32;
                }
            }
            self.out[i] = S::clamp_i32(10 * taps[1][1][i].into() as i32 - sum);
        }
    }
}

/// The same on colour times alpha, divided by the sharpened alpha, rounded half up. Transparent results are zero.
fn sharpen_premultiplied<S: Sample>(rows: [&[S]; 3], channels: usize, out: &mut [S]) {
    let colours = channels - 1;
    for (x, to) in out.chunks_exact_mut(channels).enumerate() {
        let sample = |row: usize, column: usize, channel: usize| -> i64 {
            let value: u32 = rows[row][(x + column) * channels + channel].into();
            i64::from(value)
        };
        let sharpened = |value: &dyn Fn(usize, usize) -> i64| {
            let mut sum = 0;
            for row in 0..3 {
                for column in 0..3 {
                    sum += value(row, column);
                }
            }
            10 * value(1, 1) - sum
        };
        let alpha = sharpened(&|row, column| sample(row, column, colours));
        for (channel, to) in to.iter_mut().enumerate().take(colours) {
            let product =
                sharpened(&|row, column| sample(row, column, channel) * sample(row, column, colours));
            *to = if alpha > 0 {
                S::clamp_i64((2 * product + alpha).div_euclid(2 * alpha))
            } else {
                S::default()
            };
        }
        to[colours] = S::clamp_i64(alpha);
    }
}
