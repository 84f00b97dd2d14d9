//! Means of the four numbers around a place.

use super::places::{BITS, pair, products};
use crate::Region;
use crate::numbers::Numbers;
use crate::operations::projective::Projective;

/// Means of four numbers, by the weights of those that have data: no data where these are less than half of all.
pub fn numbers(map: Projective, input: &Numbers<'_>, output: Region, out: &mut dyn FnMut(&[f64])) {
    let region = map.input_region(input.image, output);
    let channels = input.channels;
    let stride = region.width as usize * channels;
    let mut patch = Vec::with_capacity(stride * region.height as usize);
    let mut line = Vec::new();
    for y in region.y..region.y + region.height {
        input.row_within(y, region.x, region.width, &mut line);
        patch.extend_from_slice(&line);
    }
    let at = |x: u32, y: u32| (y - region.y) as usize * stride + (x - region.x) as usize * channels;
    for row in output.y..output.y + output.height {
        line.clear();
        for column in output.x..output.x + output.width {
            let Some((x, y)) = map.inside(input.image, column, row) else {
                line.extend(std::iter::repeat_n(f64::NAN, channels));
                continue;
            };
            let (columns, by_column) = pair(x, input.image.width);
            let (rows, by_row) = pair(y, input.image.height);
            let places = rows.map(|y| columns.map(|x| at(x, y)));
            // Powers of two: the sum of all is exactly one.
            let weights =
                products(by_column, by_row).map(|weight| weight as f64 / f64::from(1 << (2 * BITS)));
            for channel in 0..channels {
                let (mut value, mut total) = (0.0, 0.0);
                for (place, weight) in places.as_flattened().iter().zip(weights) {
                    let number = patch[place + channel];
                    if !number.is_nan() && weight > 0.0 {
                        value += weight * number;
                        total += weight;
                    }
                }
                line.push(if total < 0.5 { f64::NAN } else { value / total });
            }
        }
        out(&line);
    }
}
