//! The horizontal pass: weighted sums along a row of pixels of floating point, in registers of four numbers.

use super::filter::Taps;

/// What the columns of the output are made of.
pub(super) struct Columns {
    columns: Vec<Column>,
    weights: Vec<f64>,
}

struct Column {
    /// The first pixel of the row that counts.
    start: usize,
    /// Where its weights are.
    first: usize,
    count: usize,
}

/// Numbers of a row that are read and written behind its end.
pub(super) const BEHIND: usize = 4;

impl Columns {
    /// Of a row that starts at the column `left` of the image.
    pub(super) fn new(taps: &[Taps], left: u32) -> Self {
        let mut weights = Vec::new();
        let columns = taps.iter().map(|taps| {
            let first = weights.len();
            weights.extend(taps.weights.iter().map(|&weight| weight as f64));
            Column {
                start: (taps.start - left) as usize,
                first,
                count: taps.weights.len(),
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
    /// [`BEHIND`]; what is there does not count.
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
                let start = column.start * stride + lane;
                let mut sums = [0.0; 4];
                let pixels = row[start..].windows(4).step_by(stride);
                for (pixel, weight) in pixels.zip(weights) {
                    for (sum, value) in sums.iter_mut().zip(pixel) {
                        *sum += weight * value;
                    }
                }
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
            .zip(weights)
            .map(|(&value, &weight)| value as i64 * weight as i64)
            .sum()
    }
}
