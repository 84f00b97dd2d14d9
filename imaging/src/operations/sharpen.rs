//! Sharpening with a 3x3 kernel: the pixel against its eight neighbours.

use crate::convolve::window::{convolve_3x3, three_rows};
use crate::numbers::Numbers;
use crate::numbers::window::nine;
use crate::operation::{Group, Operation, OperationInfo, ParameterInfo, ParameterKind, Values};
use crate::patch::{Patch, Rows};
use crate::sample::Sample;
use crate::simd::{self, Kernel};
use crate::{Region, Size};

/// `v + amount · (8v - Σ neighbours)`, saturating; with the amount 1 the kernel `[-1 -1 -1; -1 9 -1; -1 -1 -1]`.
pub(crate) struct Sharpen {
    /// In 256ths, so that the arithmetic is exact.
    amount: i64,
}

impl Operation for Sharpen {
    const INFO: &'static OperationInfo = &OperationInfo {
        name: "sharpen",
        title: "Sharpen",
        group: Group::Sharpen,
        summary: "Brings out fine detail and grain.",
        method: "Adds how much a pixel differs from its eight neighbours.",
        aliases: &[],
        parameters: &[ParameterInfo {
            name: "amount",
            symbol: "amount",
            summary: "How much of the difference is added, in steps of 1/256.",
            unit: "",
            kind: ParameterKind::Number,
            min: 0.0,
            max: 10.0,
            default: 1.0,
            step: 0.05,
        }],
    };

    fn new(values: &Values<'_>) -> Self {
        Self {
            amount: libm::rint(values.number(0) * 256.0) as i64,
        }
    }

    fn input_region(&self, image: Size, output: Region) -> Region {
        output.inflate(1, 1, image)
    }

    fn apply<S: Sample>(&self, input: Patch<'_, S>, output: Region) -> Patch<'static, S> {
        let channels = input.channels.count();
        let stride = output.width as usize * channels;
        let mut written = Rows::new(output, input.channels);
        let opaque = input.is_opaque();
        let around = -self.amount;
        let centre = 256 + 8 * self.amount;
        let kernel = [
            [around, around, around],
            [around, centre, around],
            [around, around, around],
        ];
        let mut columns = Vec::new();
        three_rows(&input, output, |_, rows| {
            let out = written.next();
            if opaque && self.amount == 256 {
                columns.resize(stride + 2 * channels, S::Signed::default());
                simd::run(SharpenRow {
                    rows,
                    channels,
                    columns: &mut columns,
                    out,
                });
            } else {
                convolve_3x3(rows, &kernel, channels, !opaque, out);
            }
        });
        Patch::owned(input.image, output, input.channels, written.finish())
    }

    fn apply_numbers(&self, input: &Numbers<'_>, output: Region, out: &mut dyn FnMut(&[f64])) -> bool {
        let amount = self.amount as f64 / 256.0;
        nine(input, output, out, |samples| {
            let sum: f64 = samples.iter().sum();
            samples[4] + amount * (9.0 * samples[4] - sum)
        });
        true
    }
}

/// One row with the amount 1: `10 v - Σ` over all nine, columns first. 8-bit sums fit 16 bits.
struct SharpenRow<'a, S: Sample> {
    rows: [&'a [S]; 3],
    channels: usize,
    columns: &'a mut [S::Signed],
    out: &'a mut [S],
}

impl<S: Sample> Kernel for SharpenRow<'_, S> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let [above, at, below] = self.rows;
        let samples = above.iter().zip(at).zip(below);
        for (column, ((above, at), below)) in self.columns.iter_mut().zip(samples) {
            *column = above.signed() + at.signed() + below.signed();
        }
        let length = self.out.len();
        let left = &self.columns[..length];
        let middle = &self.columns[self.channels..][..length];
        let right = &self.columns[2 * self.channels..][..length];
        let at = &at[self.channels..][..length];
        for i in 0..length {
            let sum = left[i] + middle[i] + right[i];
            self.out[i] = S::clamp_signed(at[i].signed() * S::TEN - sum);
        }
    }
}
