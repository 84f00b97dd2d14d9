//! Rows first, into sums that are exact, then columns in floating point, exact where 53 bits are enough: with samples of 8 bit
//! and usual weights. Elsewhere what the rounding of these sums might decide is calculated again in integers.

use std::marker::PhantomData;

use super::exact;
use super::filter::{BITS, Taps};
use super::horizontal::{Columns, behind};
use super::lines::{Lines, Plain, Widened};
use super::round::{self, Errors};
use super::vertical::{MOST_OF_BYTES, Source};
use crate::patch::Patch;
use crate::sample::Sample;
use crate::{Depth, simd};

/// The samples of the output whose columns and rows are made so.
pub(super) fn resample<S: Sample>(input: &Patch<'_, S>, columns: &[Taps], rows: &[Taps]) -> Vec<S> {
    let premultiplied = !input.is_opaque();
    if premultiplied && S::DEPTH != Depth::Eight {
        return exact::resample(input, columns, rows);
    }
    let columns: Vec<Taps> = columns.iter().map(Taps::trimmed).collect();
    let rows: Vec<Taps> = rows.iter().map(Taps::trimmed).collect();
    let made = Made {
        input,
        columns: &columns,
        rows: &rows,
        premultiplied,
    };
    if S::DEPTH == Depth::Sixteen {
        made.of(Plain(input.cast::<u16>()))
    } else if !premultiplied && magnitude(&rows) <= MOST_OF_BYTES {
        made.of(Plain(input.cast::<u8>()))
    } else {
        let most = rows.iter().map(|row| row.weights.len()).max();
        made.of(Widened::new(input, most.unwrap_or(1)))
    }
}

/// The largest sum of magnitudes of the weights of one sample.
fn magnitude(taps: &[Taps]) -> u64 {
    let sum = |taps: &Taps| taps.weights.iter().map(|weight| weight.unsigned_abs()).sum();
    taps.iter().map(sum).max().unwrap_or(0)
}

/// What is to be made.
struct Made<'a, S: Sample> {
    input: &'a Patch<'a, S>,
    columns: &'a [Taps],
    rows: &'a [Taps],
    premultiplied: bool,
}

impl<S: Sample> Made<'_, S> {
    fn of<L: Lines<Value: Source>>(&self, lines: L) -> Vec<S> {
        let region = self.input.region;
        simd::run(Pass::<S, L> {
            lines,
            columns: &Columns::new(self.columns, region.x),
            rows: self.rows,
            channels: self.input.channels.count(),
            width: region.width as usize,
            colour: self.error(if self.premultiplied { 255 * 255 } else { S::MAX }),
            alpha: self.premultiplied.then(|| self.error(S::MAX)),
            samples: PhantomData,
        })
    }

    /// How wrong the sums in floating point of values of at most `most` may be, in units of a sample.
    ///
    /// What the vertical pass gives is exact. Each product with a weight is rounded, and so is each addition to the others, by
    /// at most 2^-53 of `most` times the magnitudes of the weights: less in all than the number of weights times that. Twice as
    /// much, and for eight weights more, covers the few operations that round a sum. Numbers of at most 53 bits are not rounded.
    fn error(&self, most: u32) -> f64 {
        let (columns, rows) = (magnitude(self.columns), magnitude(self.rows));
        let largest = u128::from(columns) * u128::from(rows) * u128::from(most);
        // Half a unit is added at the end.
        if largest + (1 << (2 * BITS - 1)) <= 1 << 53 {
            return 0.0;
        }
        let count = self.columns.iter().map(|column| column.weights.len()).max();
        let unit = 1u64 << (2 * BITS);
        (count.unwrap_or(0) + 8) as f64 * 2.0f64.powi(-52) * (largest as f64 / unit as f64)
    }
}

struct Pass<'a, S, L> {
    lines: L,
    columns: &'a Columns,
    rows: &'a [Taps],
    channels: usize,
    /// Pixels of a row of the input.
    width: usize,
    /// How wrong sums of colour may be.
    colour: f64,
    /// How wrong sums of alpha may be, where colours are weighted by it.
    alpha: Option<f64>,
    samples: PhantomData<S>,
}

impl<S: Sample, L: Lines<Value: Source>> simd::Kernel for Pass<'_, S, L> {
    type Output = Vec<S>;

    #[inline(always)]
    fn run(mut self) -> Vec<S> {
        // Rows of small pixels go through the horizontal pass side by side.
        let group = (4 / self.channels).max(1);
        let stride = group * self.channels;
        let length = self.columns.count() * stride;
        let mut sums = vec![0.0; self.width * stride + behind(stride)];
        let mut line = vec![0.0; self.width * self.channels];
        let mut ends = vec![0.0; length + behind(stride)];
        let mut rounded = vec![S::default(); length];
        let mut samples = Vec::with_capacity(self.columns.count() * self.channels * self.rows.len());
        let mut row_out = vec![S::default(); self.columns.count() * self.channels];
        for rows in self.rows.chunks(group) {
            for (n, row) in rows.iter().enumerate() {
                if group == 1 {
                    self.vertical(row, &mut sums[..self.width * stride]);
                } else {
                    self.vertical(row, &mut line);
                    beside(&line, self.channels, n, &mut sums);
                }
            }
            self.columns.sums(&sums, stride, &mut ends);
            self.round(&sums, &ends[..length], stride, &mut rounded);
            if group == 1 {
                samples.extend_from_slice(&rounded);
                continue;
            }
            for n in 0..rows.len() {
                apart(&rounded, self.channels, n, &mut row_out);
                samples.extend_from_slice(&row_out);
            }
        }
        samples
    }
}

impl<S: Sample, L: Lines<Value: Source>> Pass<'_, S, L> {
    #[inline(always)]
    fn vertical(&mut self, row: &Taps, out: &mut [f64]) {
        let window = row.start..row.start + row.weights.len() as u32;
        for y in window.clone() {
            self.lines.prepare(y);
        }
        let lines: Vec<&[L::Value]> = window.map(|y| self.lines.line(y)).collect();
        let weights: Vec<_> = row
            .weights
            .iter()
            .map(|&weight| L::Value::weight(weight))
            .collect();
        L::Value::sums(&lines, &weights, out);
    }

    /// `ends`, pixels of `stride` numbers, as samples; `sums` is what they were made of.
    #[inline(always)]
    fn round(&self, sums: &[f64], ends: &[f64], stride: usize, out: &mut [S]) {
        let columns = self.columns;
        let exact = |index: usize| columns.exact(sums, stride, index / stride, index % stride);
        let Some(alpha) = self.alpha else {
            return round::plain(ends, self.colour, out, exact);
        };
        let errors = Errors {
            colour: self.colour,
            alpha,
        };
        if self.channels == 4 {
            round::weighted::<S, 4>(ends, &errors, out, |pixel, n| exact(pixel * 4 + n));
        } else {
            round::weighted::<S, 2>(ends, &errors, out, |pixel, n| exact(pixel * 2 + n));
        }
    }
}

/// Pixels of one or two numbers to place `n` of pixels of four.
#[inline(always)]
fn beside(line: &[f64], channels: usize, n: usize, out: &mut [f64]) {
    let (fours, _) = out.as_chunks_mut::<4>();
    if channels == 1 {
        for (to, &number) in fours.iter_mut().zip(line) {
            to[n] = number;
        }
    } else {
        for (to, pixel) in fours.iter_mut().zip(line.as_chunks::<2>().0) {
            to.as_chunks_mut::<2>().0[n] = *pixel;
        }
    }
}

/// The other way.
#[inline(always)]
fn apart<S: Copy>(samples: &[S], channels: usize, n: usize, out: &mut [S]) {
    let (fours, _) = samples.as_chunks::<4>();
    if channels == 1 {
        for (to, four) in out.iter_mut().zip(fours) {
            *to = four[n];
        }
    } else {
        for (to, four) in out.as_chunks_mut::<2>().0.iter_mut().zip(fours) {
            *to = four.as_chunks::<2>().0[n];
        }
    }
}
