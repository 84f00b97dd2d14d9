//! Black and white by a level of luma.

use super::pointwise::{Point, point_row};
use crate::Region;
use crate::luma::gray_row;
use crate::patch::{Patch, Rows};
use crate::sample::Sample;

/// `high` above `level`, `low` elsewhere.
#[derive(Clone, Copy)]
pub(super) struct Level<S> {
    pub level: S,
    pub high: S,
    pub low: S,
}

impl<S: Sample> Point<S> for Level<S> {
    #[inline(always)]
    fn of(self, sample: S) -> S {
        if sample > self.level { self.high } else { self.low }
    }
}

/// What `level` makes of the luma of the pixels of `output`, all of which have data; alpha stays.
pub(super) fn of_luma<S: Sample>(input: &Patch<'_, S>, output: Region, level: Level<S>) -> Patch<'static, S> {
    let channels = input.channels.gray();
    let mut gray = vec![S::default(); output.width as usize * channels.count()];
    let samples = Rows::written(output, channels, |y, row| {
        let source = input.row(y, output.x, output.width);
        if channels == input.channels {
            return point_row(channels, source, row, level);
        }
        gray_row(input.channels.count(), source, &mut gray);
        point_row(channels, &gray, row, level);
    });
    Patch::owned(input.image, output, channels, samples)
}
