//! Pixels picked by column and row.

use crate::patch::Patch;
use crate::sample::Bits;
use crate::simd;

/// The pixels at `columns` of each of `rows`.
pub(super) fn pixels<B: Bits>(input: &Patch<'_, B>, columns: &[u32], rows: &[u32]) -> Vec<B> {
    match input.channels.count() {
        1 => simd::run(Pick::<B, 1> { input, columns, rows }),
        2 => simd::run(Pick::<B, 2> { input, columns, rows }),
        3 => simd::run(Pick::<B, 3> { input, columns, rows }),
        4 => simd::run(Pick::<B, 4> { input, columns, rows }),
        _ => bands(input, columns, rows),
    }
}

/// Pixels of any number of samples.
fn bands<B: Bits>(input: &Patch<'_, B>, columns: &[u32], rows: &[u32]) -> Vec<B> {
    let mut samples = Vec::with_capacity(columns.len() * rows.len() * input.channels.count());
    for &row in rows {
        for &column in columns {
            samples.extend_from_slice(input.row(row, column, 1));
        }
    }
    samples
}

/// Pixels of `N` samples.
struct Pick<'a, B: Bits, const N: usize> {
    input: &'a Patch<'a, B>,
    columns: &'a [u32],
    rows: &'a [u32],
}

impl<B: Bits, const N: usize> simd::Kernel for Pick<'_, B, N> {
    type Output = Vec<B>;

    #[inline(always)]
    fn run(self) -> Vec<B> {
        let region = self.input.region;
        let mut line = vec![[B::default(); N]; self.columns.len()];
        let mut samples = Vec::with_capacity(line.len() * self.rows.len() * N);
        let mut before = None;
        for &row in self.rows {
            // A row of the input that is met again is in the buffer.
            if before.replace(row) != Some(row) {
                let (source, _) = self.input.row(row, region.x, region.width).as_chunks::<N>();
                for (to, &column) in line.iter_mut().zip(self.columns) {
                    *to = source[(column - region.x) as usize];
                }
            }
            samples.extend_from_slice(line.as_flattened());
        }
        samples
    }
}
