//! Ranks of numbers: of the samples of a square that have data.

use super::Numbers;
use crate::Region;
use crate::extremes::{Extreme, Squares};

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

/// The least of the samples of each square that have data, or the greatest; of 0 and -0 the latter is less.
pub(crate) fn extremes(
    input: &Numbers<'_>,
    output: Region,
    radius: u32,
    extreme: Extreme,
    out: &mut dyn FnMut(&[f64]),
) {
    let (left, width) = (i64::from(output.x) - i64::from(radius), output.width + 2 * radius);
    // What has no data comes after everything: it is never an extreme where there is another.
    let last = match extreme {
        Extreme::Smallest => i64::MAX,
        Extreme::Largest => i64::MIN,
    };
    let mut squares = Squares::new(input.image, output, input.channels, radius, extreme);
    let (mut row, mut keys, mut centre) = (Vec::new(), Vec::new(), Vec::new());
    let mut chosen = vec![0; output.width as usize * input.channels];
    for y in output.y..output.y + output.height {
        while let Some(y) = squares.wants(y) {
            input.row(y.into(), left, width, &mut row);
            keys.clear();
            keys.extend(row.iter().map(|number| {
                if number.is_nan() {
                    last
                } else {
                    key(number.to_bits())
                }
            }));
            squares.push(&keys);
        }
        squares.row(y, &mut chosen);
        input.row_within(y, output.x, output.width, &mut centre);
        for (number, &chosen) in centre.iter_mut().zip(&chosen) {
            // A centre with data is in its square, so that one is chosen.
            let extreme = f64::from_bits(key(chosen as u64) as u64);
            *number = if number.is_nan() { f64::NAN } else { extreme };
        }
        out(&centre);
    }
}

/// Whole numbers in the order of the numbers of that `bits`, and back.
fn key(bits: u64) -> i64 {
    let bits = bits as i64;
    bits ^ ((bits >> 63) as u64 >> 1) as i64
}

/// The extremes of the extremes: first of the one kind, then of the other. Gives the rows of `output`.
pub(crate) fn twice(
    input: &Numbers<'_>,
    output: Region,
    radius: u32,
    [first, second]: [Extreme; 2],
    out: &mut dyn FnMut(&[f64]),
) {
    let region = output.inflate(radius, radius, input.image);
    let stride = region.width as usize * input.channels;
    let mut samples = Vec::with_capacity(stride * region.height as usize);
    extremes(input, region, radius, first, &mut |row| {
        samples.extend_from_slice(row);
    });
    let between = Numbers {
        append: &|y, x, width, row| {
            let start = (y - region.y) as usize * stride + (x - region.x) as usize * input.channels;
            row.extend_from_slice(&samples[start..start + width as usize * input.channels]);
        },
        ..*input
    };
    extremes(&between, output, radius, second, out);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_in_the_order_of_the_numbers_and_lead_back() {
        let numbers = [
            f64::NEG_INFINITY,
            -1.5,
            -1e-310,
            -0.0,
            0.0,
            1e-310,
            2.0,
            f64::INFINITY,
        ];
        let keys = numbers.map(|number| key(number.to_bits()));
        assert!(keys.is_sorted_by(|a, b| a < b), "{keys:?}");
        assert!(keys[0] > i64::MIN && keys[7] < i64::MAX);
        let back = keys.map(|chosen| f64::from_bits(key(chosen as u64) as u64));
        assert_eq!(back.map(f64::to_bits), numbers.map(f64::to_bits));
    }
}
