//! The walk of a 3x3 window: three rows above each other, one pixel wider on each side than the output.

use crate::Region;
use crate::patch::Patch;
use crate::sample::Sample;

/// Calls `row(y, [above, at, below])` for every row of `output`, with rows that reach one pixel beyond it to the
/// left and right, reflected at the borders of the image.
pub(crate) fn three_rows<S: Sample>(
    input: &Patch<'_, S>,
    output: Region,
    mut row: impl FnMut(usize, [&[S]; 3]),
) {
    let (mut above, mut at, mut below) = (Vec::new(), Vec::new(), Vec::new());
    let (left, width) = (i64::from(output.x) - 1, output.width + 2);
    for index in 0..output.height as usize {
        let y = i64::from(output.y) + index as i64;
        row(
            index,
            [
                input.reflected_row(y - 1, left, width, &mut above),
                input.reflected_row(y, left, width, &mut at),
                input.reflected_row(y + 1, left, width, &mut below),
            ],
        );
    }
}
