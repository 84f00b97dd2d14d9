//! Numbers in another size.

use std::collections::VecDeque;

use super::Numbers;
use crate::Region;

/// The input samples that one output sample is made of, along one axis, and their weights, which sum to one as nearly as
/// floating point can say.
pub(crate) struct Shares {
    pub start: u32,
    pub weights: Vec<f64>,
}

/// Sums of values and of the weights of those that have data.
struct Row {
    values: Vec<f64>,
    weights: Vec<f64>,
}

/// Gives the rows of the output: `Σ w·v / Σ w` over the samples that have data, no data where their weight is less than half.
pub(crate) fn resample(
    input: &Numbers<'_>,
    region: Region,
    columns: &[Shares],
    rows: &[Shares],
    out: &mut dyn FnMut(&[f64]),
) {
    let length = columns.len() * input.channels;
    let mut kept: VecDeque<Row> = VecDeque::new();
    let mut first = rows.first().map_or(0, |row| row.start);
    let mut source = Vec::new();
    let (mut values, mut weights) = (vec![0.0; length], vec![0.0; length]);
    for row in rows {
        while first < row.start {
            kept.pop_front();
            first += 1;
        }
        while kept.len() < row.weights.len() {
            let y = first + kept.len() as u32;
            input.row_within(y, region.x, region.width, &mut source);
            kept.push_back(along(&source, region.x, columns, input.channels));
        }
        values.fill(0.0);
        weights.fill(0.0);
        for (row, &weight) in kept.iter().zip(&row.weights) {
            let sums = values.iter_mut().zip(weights.iter_mut());
            for ((value, total), (row_value, row_total)) in sums.zip(row.values.iter().zip(&row.weights)) {
                *value += weight * row_value;
                *total += weight * row_total;
            }
        }
        for (value, &total) in values.iter_mut().zip(&weights) {
            *value = if total < 0.5 { f64::NAN } else { *value / total };
        }
        out(&values);
    }
}

fn along(row: &[f64], left: u32, columns: &[Shares], channels: usize) -> Row {
    let mut sums = Row {
        values: Vec::with_capacity(columns.len() * channels),
        weights: Vec::with_capacity(columns.len() * channels),
    };
    for column in columns {
        let start = (column.start - left) as usize * channels;
        for channel in 0..channels {
            let samples = row[start + channel..].iter().step_by(channels);
            let (mut value, mut total) = (0.0, 0.0);
            for (sample, weight) in samples.zip(&column.weights) {
                if !sample.is_nan() {
                    value += weight * sample;
                    total += weight;
                }
            }
            sums.values.push(value);
            sums.weights.push(total);
        }
    }
    sums
}
