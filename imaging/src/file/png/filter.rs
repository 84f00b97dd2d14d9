//! The filters of PNG: each row becomes differences to what is around it, which compress better.

/// Every row with the filter "up": the difference to the row above vectorises, and the fast compressor's fixed code is made for
/// such small differences.
pub(super) fn up(rows: &[u8], above: &[u8], stride: usize) -> Vec<u8> {
    let mut filtered = Vec::with_capacity(rows.len() + rows.len() / stride);
    let mut above = above;
    for row in rows.chunks_exact(stride) {
        filtered.push(2);
        filtered.extend(row.iter().zip(above).map(|(at, above)| at.wrapping_sub(*above)));
        above = row;
    }
    filtered
}

/// Every row as it is.
pub(super) fn none(rows: &[u8], stride: usize) -> Vec<u8> {
    let mut filtered = Vec::with_capacity(rows.len() + rows.len() / stride);
    for row in rows.chunks_exact(stride) {
        filtered.push(0);
        filtered.extend_from_slice(row);
    }
    filtered
}

/// Every row with the filter whose differences are smallest in sum (the standard's heuristic, section 12.8); `pixel` is how many
/// bytes a pixel has.
pub(super) fn best(rows: &[u8], above: &[u8], stride: usize, pixel: usize) -> Vec<u8> {
    let mut filtered = Vec::with_capacity(rows.len() + rows.len() / stride);
    let (mut above, mut candidate, mut chosen) = (above, Vec::new(), Vec::new());
    for row in rows.chunks_exact(stride) {
        let mut least = u64::MAX;
        for filter in 0..5 {
            apply(filter, row, above, pixel, &mut candidate);
            let sum: u64 = candidate
                .iter()
                .map(|byte| u64::from((*byte as i8).unsigned_abs()))
                .sum();
            if sum < least {
                least = sum;
                std::mem::swap(&mut candidate, &mut chosen);
            }
        }
        filtered.extend_from_slice(&chosen);
        above = row;
    }
    filtered
}

/// The row with its filter's number before it.
fn apply(filter: u8, row: &[u8], above: &[u8], pixel: usize, to: &mut Vec<u8>) {
    to.clear();
    to.push(filter);
    // What is left of the first pixel counts as zero.
    let (first, rest) = row.split_at(pixel.min(row.len()));
    let upper = &above[first.len()..];
    let pairs = || rest.iter().zip(row);
    match filter {
        0 => to.extend_from_slice(row),
        1 => {
            to.extend_from_slice(first);
            to.extend(pairs().map(|(at, left)| at.wrapping_sub(*left)));
        }
        2 => to.extend(row.iter().zip(above).map(|(at, up)| at.wrapping_sub(*up))),
        3 => {
            to.extend(first.iter().zip(above).map(|(at, up)| at.wrapping_sub(up / 2)));
            let three = pairs().zip(upper);
            to.extend(
                three
                    .map(|((at, left), up)| at.wrapping_sub(((u16::from(*left) + u16::from(*up)) / 2) as u8)),
            );
        }
        _ => {
            to.extend(first.iter().zip(above).map(|(at, up)| at.wrapping_sub(*up)));
            let four = pairs().zip(upper.iter().zip(above));
            to.extend(four.map(|((at, left), (up, corner))| at.wrapping_sub(paeth(*left, *up, *corner))));
        }
    }
}

/// Left, above or above left: whichever is nearest to left + above - above left, the first among equals.
fn paeth(left: u8, up: u8, corner: u8) -> u8 {
    let (a, b, c) = (i16::from(left), i16::from(up), i16::from(corner));
    let (to_left, to_up, to_corner) = ((b - c).abs(), (a - c).abs(), (a + b - 2 * c).abs());
    if to_left <= to_up && to_left <= to_corner {
        left
    } else if to_up <= to_corner {
        up
    } else {
        corner
    }
}
