//! Samples through tables of all values, of which each colour may have its own. Alpha stays.

use crate::meaning::Meaning;
use crate::meaning::with_data;
use crate::patch::{Patch, Rows};
use crate::sample::Sample;
use crate::{Channels, Region};

/// The result of every value. What stands for no data stays, and nothing else becomes it.
pub(super) fn table<S: Sample>(meaning: Meaning, function: impl Fn(u32) -> u32) -> Vec<S> {
    let no_data = meaning.no_data_intensity();
    let result = |value: u32| match no_data {
        Some(no_data) if no_data == value => S::wrap(value),
        Some(_) => with_data(meaning, S::wrap(function(value))),
        None => S::wrap(function(value)),
    };
    (0..=S::MAX).map(result).collect()
}

/// The pixels of `output`, whose colours are looked up in `tables`: one for all, or one for each.
pub(super) fn look_up<S: Sample>(
    input: &Patch<'_, S>,
    output: Region,
    tables: &[Vec<S>],
) -> Patch<'static, S> {
    // Of a length that is known, so that no index has to be checked.
    looked_up::<S, { 1 << 8 }>(input, output, tables)
        .or_else(|| looked_up::<S, { 1 << 16 }>(input, output, tables))
        .unwrap_or_else(|| input.clone().cropped(output))
}

/// With tables of `L` values; `None` where they have another number of them.
fn looked_up<S: Sample, const L: usize>(
    input: &Patch<'_, S>,
    output: Region,
    tables: &[Vec<S>],
) -> Option<Patch<'static, S>> {
    let table = |colour: usize| {
        let table = tables.get(colour).or_else(|| tables.first())?;
        <&[S; L]>::try_from(&table[..]).ok()
    };
    let tables = [table(0)?, table(1)?, table(2)?];
    let mut rows = Rows::new(output, input.channels);
    for y in output.y..output.y + output.height {
        let from = input.row(y, output.x, output.width);
        let to = rows.next();
        match input.channels {
            Channels::Rgb => pixels::<S, L, 3, 3>(from, to, tables),
            Channels::Rgba => pixels::<S, L, 4, 3>(from, to, tables),
            Channels::GrayAlpha => pixels::<S, L, 2, 1>(from, to, tables),
            Channels::Gray | Channels::Bands(_) => pixels::<S, L, 1, 1>(from, to, tables),
        }
    }
    Some(Patch::owned(input.image, output, input.channels, rows.finish()))
}

/// A row of pixels of `N` samples, of which the first are colours.
fn pixels<S: Sample, const L: usize, const N: usize, const COLOURS: usize>(
    from: &[S],
    to: &mut [S],
    tables: [&[S; L]; 3],
) {
    for (to, from) in to.as_chunks_mut::<N>().0.iter_mut().zip(from.as_chunks::<N>().0) {
        for channel in 0..N {
            to[channel] = if channel < COLOURS {
                let value: u32 = from[channel].into();
                tables[channel][value as usize % L]
            } else {
                from[channel]
            };
        }
    }
}
