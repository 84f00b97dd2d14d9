//! The horizontal pass: weighted sums along a row of pixels of floating point, in registers of four numbers.

use super::filter::Taps;

/// What the columns of the output are made of.
pub(super) struct Columns {
    columns: Vec<Column>,
    /// Four by four, filled up by zeros.
    weights: Vec<[f64; 4]>,
}

struct Column {
    /// The first pixel of the row that counts.
    start: usize,
    /// Where its weights are, and how many fours of them.
    first: usize,
    count: usize,
}

/// How many numbers are read and written behind the pixels of a row: those of pixels whose weight is zero, and those of a register.
pub(super) const fn behind(stride: usize) -> usize {
    4 * stride + 4
}

impl Columns {
    /// Of a row that starts at the column `left` of the image.
    pub(super) fn new(taps: &[Taps], left: u32) -> Self {
        let mut weights = Vec::new();
        let columns = taps.iter().map(|taps| {
            let first = weights.len();
            let fours = taps.weights.chunks(4);
            weights.extend(
                fours.map(|four| std::array::from_fn(|n| four.get(n).map_or(0.0, |&weight| weight as f64))),
            );
            Column {
                start: (taps.start - left) as usize,
                first,
                count: weights.len() - first,
            }
        });
        let columns = columns.collect();
        Self { columns, weights }
    }

    /// How many.
    pub(super) fn count(&self) -> usize {
        self.columns.len()
    }

    /// The weighted sums of pixels of `stride` numbers, three or more. Both `row` and `out` are longer than their pixels by
    /// [`behind`]; what is there does not count, but has to be finite.
    #[inline(always)]
    pub(super) fn sums(&self, row: &[f64], stride: usize, out: &mut [f64]) {
        match stride {
            3 => self.strided(row, 3, out),
            4 => self.strided(row, 4, out),
            _ => self.strided(row, stride, out),
        }
    }

    /// Four numbers at a time, whatever belongs to the next pixel: that is written after.
    #[inline(always)]
    fn strided(&self, row: &[f64], stride: usize, out: &mut [f64]) {
        for (x, column) in self.columns.iter().enumerate() {
            let weights = &self.weights[column.first..column.first + column.count];
            for lane in (0..stride).step_by(4) {
                let mut pixels = &row[column.start * stride + lane..];
                let mut sums = [[0.0; 4]; 2];
                for weights in weights {
                    let four = &pixels[..3 * stride + 4];
                    for (n, weight) in weights.iter().enumerate() {
                        let pixel = &four[n * stride..][..4];
                        for (sum, value) in sums[n % 2].iter_mut().zip(pixel) {
                            *sum += weight * value;
                        }
                    }
                    pixels = &pixels[4 * stride..];
                }
                let [even, odd] = sums;
                let sums: [f64; 4] = std::array::from_fn(|n| even[n] + odd[n]);
                out[x * stride + lane..][..4].copy_from_slice(&sums);
            }
        }
    }

    /// The sum at one column and number of a pixel, exactly: all numbers of `row` are integers.
    pub(super) fn exact(&self, row: &[f64], stride: usize, x: usize, lane: usize) -> i64 {
        let column = &self.columns[x];
        let weights = &self.weights[column.first..column.first + column.count];
        let values = row[column.start * stride + lane..].iter().step_by(stride);
        values
            .zip(weights.as_flattened())
            .map(|(&value, &weight)| value as i64 * weight as i64)
            .sum()
    }
}
