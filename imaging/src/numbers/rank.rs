//! Ranks of numbers: of the samples of a square that have data.

use super::Numbers;
use crate::Region;

/// The middle of the samples of each square by value, the upper one where there are two.
pub(crate) fn medians(input: &Numbers<'_>, output: Region, radius: u32, out: &mut dyn FnMut(&[f64])) {
    let channels = input.channels;
    let (side, reach) = (2 * radius as usize + 1, radius as usize * channels);
    let (left, top) = (
        i64::from(output.x) - i64::from(radius),
        i64::from(output.y) - i64::from(radius),
    );
    let mut ring: Vec<Vec<f64>> = vec![Vec::new(); side];
    let mut square = Vec::with_capacity(side * side);
    let mut results = Vec::new();
    for index in 0..output.height as usize + side - 1 {
        let row = &mut ring[index % side];
        input.row(top + index as i64, left, output.width + 2 * radius, row);
        let Some(y) = (index + 1).checked_sub(side) else {
            continue;
        };
        let centre = &ring[(y + radius as usize) % side][reach..];
        results.clear();
        results.extend((0..output.width as usize * channels).map(|at| {
            if centre[at].is_nan() {
                return f64::NAN;
            }
            square.clear();
            let samples = ring
                .iter()
                .flat_map(|row| row[at..].iter().step_by(channels).take(side));
            square.extend(samples.filter(|sample| !sample.is_nan()));
            let middle = square.len() / 2;
            *square.select_nth_unstable_by(middle, f64::total_cmp).1
        }));
        out(&results);
    }
}

/// The least of the samples of each square, or the greatest: along rows first, then along columns.
pub(crate) fn extremes(
    input: &Numbers<'_>,
    output: Region,
    radius: u32,
    greatest: bool,
    out: &mut dyn FnMut(&[f64]),
) {
    let channels = input.channels;
    let (side, reach) = (2 * radius as usize + 1, radius as usize * channels);
    let length = output.width as usize * channels;
    let (left, top) = (
        i64::from(output.x) - i64::from(radius),
        i64::from(output.y) - i64::from(radius),
    );
    // Of two that are equal (0 and -0) the first is kept, in an order that does not depend on the tile.
    let fold = |into: &mut [f64], from: &[f64]| {
        for (into, &from) in into.iter_mut().zip(from) {
            let is_beyond = if greatest { from > *into } else { from < *into };
            if is_beyond || into.is_nan() {
                *into = from;
            }
        }
    };
    let mut row = Vec::new();
    let mut centres = vec![vec![0.0; length]; side];
    let mut lines = vec![vec![0.0; length]; side];
    let mut result = vec![0.0; length];
    for index in 0..output.height as usize + side - 1 {
        input.row(top + index as i64, left, output.width + 2 * radius, &mut row);
        centres[index % side].copy_from_slice(&row[reach..][..length]);
        let line = &mut lines[index % side];
        line.copy_from_slice(&row[..length]);
        for tap in 1..side {
            fold(line, &row[tap * channels..]);
        }
        let Some(y) = (index + 1).checked_sub(side) else {
            continue;
        };
        result.fill(f64::NAN);
        for row in 0..side {
            fold(&mut result, &lines[(y + row) % side]);
        }
        let centre = &centres[(y + radius as usize) % side];
        for (result, centre) in result.iter_mut().zip(centre) {
            if centre.is_nan() {
                *result = f64::NAN;
            }
        }
        out(&result);
    }
}

/// The extremes of the extremes: first of the one kind, then of the other. Gives the rows of `output`.
pub(crate) fn twice(
    input: &Numbers<'_>,
    output: Region,
    radius: u32,
    greatest_first: bool,
    out: &mut dyn FnMut(&[f64]),
) {
    let region = output.inflate(radius, radius, input.image);
    let stride = region.width as usize * input.channels;
    let mut samples = Vec::with_capacity(stride * region.height as usize);
    extremes(input, region, radius, greatest_first, &mut |row| {
        samples.extend_from_slice(row);
    });
    let between = Numbers {
        append: &|y, x, width, row| {
            let start = (y - region.y) as usize * stride + (x - region.x) as usize * input.channels;
            row.extend_from_slice(&samples[start..start + width as usize * input.channels]);
        },
        region,
        ..*input
    };
    extremes(&between, output, radius, !greatest_first, out);
}
