//! What operations that choose a sample by its rank share: the rows that they choose from.
//!
//! Where there is alpha, what is ranked is colour times alpha: an invisible pixel counts as black in every colour, as it does
//! where pictures are laid over each other, and its own colour, which nobody sees, does not get out. Alpha is ranked by itself
//! and the chosen colour divided by it again. No colour exceeds full intensity then: of every pixel colour times alpha is at
//! most full intensity times alpha, and so are their ranks. Opaque pixels give what they give without alpha.

use crate::patch::{Patch, Rows};
use crate::sample::{Bits, Ordered, Sample};
use crate::{Channels, Region};

/// Rows of a patch on the way to the rows of `output`.
pub(super) trait Ranked {
    /// What is ranked.
    type Value: Ordered;
    /// What it is of.
    type Sample: Bits;

    /// Row `y` of the image, beyond the output by the radius on both sides, reflected outside the image.
    fn row(&mut self, y: i64) -> &[Self::Value];

    /// The same row, copied to `to`.
    fn copy_row(&mut self, y: i64, to: &mut Vec<Self::Value>) {
        to.clear();
        to.extend_from_slice(self.row(y));
    }

    /// Has `fill` write the next row of the output.
    fn next(&mut self, fill: impl FnOnce(&mut [Self::Value]));

    /// All rows.
    fn finish(self) -> Vec<Self::Sample>;
}

/// Samples as they are, by their keys.
pub(super) struct Plain<'a, S: Bits> {
    input: &'a Patch<'a, S>,
    left: i64,
    width: u32,
    scratch: Vec<S>,
    keys: Vec<S>,
    written: Rows<S>,
}

impl<'a, S: Bits> Plain<'a, S> {
    pub fn new(input: &'a Patch<'a, S>, output: Region, radius: u32) -> Self {
        Self {
            input,
            left: i64::from(output.x) - i64::from(radius),
            width: output.width + 2 * radius,
            scratch: Vec::new(),
            keys: Vec::new(),
            written: Rows::new(output, input.channels),
        }
    }
}

impl<S: Ordered> Ranked for Plain<'_, S> {
    type Value = S;
    type Sample = S;

    fn row(&mut self, y: i64) -> &[S] {
        let row = self
            .input
            .reflected_row(y, self.left, self.width, &mut self.scratch);
        self.input.meaning.keys(row, &mut self.keys)
    }

    fn copy_row(&mut self, y: i64, to: &mut Vec<S>) {
        if self.input.meaning.is_ordered() {
            return self.input.copy_reflected_row(y, self.left, self.width, to);
        }
        to.clear();
        to.extend_from_slice(self.row(y));
    }

    fn next(&mut self, fill: impl FnOnce(&mut [S])) {
        let row = self.written.next();
        fill(row);
        self.input.meaning.keys_to_samples(row);
    }

    fn finish(self) -> Vec<S> {
        self.written.finish()
    }
}

/// Colour times alpha, and alpha times full intensity, exactly.
pub(super) struct TimesAlpha<'a, S: Sample> {
    plain: Plain<'a, S>,
    channels: Channels,
    products: Vec<u32>,
    chosen: Vec<u32>,
}

impl<'a, S: Sample> TimesAlpha<'a, S> {
    pub fn new(input: &'a Patch<'a, S>, output: Region, radius: u32) -> Self {
        let channels = input.channels;
        Self {
            plain: Plain::new(input, output, radius),
            channels,
            products: Vec::new(),
            chosen: vec![0; output.width as usize * channels.count()],
        }
    }
}

impl<S: Sample> Ranked for TimesAlpha<'_, S> {
    type Value = u32;
    type Sample = S;

    fn row(&mut self, y: i64) -> &[u32] {
        self.products.clear();
        for pixel in self.plain.row(y).chunks_exact(self.channels.count()) {
            if let [colours @ .., alpha] = pixel {
                let alpha: u32 = (*alpha).into();
                self.products
                    .extend(colours.iter().map(|&colour| colour.into() * alpha));
                self.products.push(alpha * S::MAX);
            }
        }
        &self.products
    }

    fn next(&mut self, fill: impl FnOnce(&mut [u32])) {
        fill(&mut self.chosen);
        let count = self.channels.count();
        let out = self.plain.written.next().chunks_exact_mut(count);
        for (to, chosen) in out.zip(self.chosen.chunks_exact(count)) {
            let (Some((alpha, colours)), Some((chosen_alpha, chosen))) =
                (to.split_last_mut(), chosen.split_last())
            else {
                continue;
            };
            let weight = chosen_alpha / S::MAX;
            *alpha = S::wrap(weight);
            for (colour, &product) in colours.iter_mut().zip(chosen) {
                *colour = S::weighted(product.into(), weight.into());
            }
        }
    }

    fn finish(self) -> Vec<S> {
        self.plain.finish()
    }
}
