//! The rows of the input, as the vertical pass takes them.

use crate::patch::Patch;
use crate::sample::{Bits, Sample};

/// Where rows come from.
pub(super) trait Lines {
    type Value;

    /// Makes row `y` ready; it stays so while at most as many others are made ready as a window has rows.
    fn prepare(&mut self, y: u32);

    /// Row `y`, which is ready.
    fn line(&self, y: u32) -> &[Self::Value];
}

/// The rows of a patch as they are.
pub(super) struct Plain<'a, S: Bits>(pub Patch<'a, S>);

impl<S: Bits> Lines for Plain<'_, S> {
    type Value = S;

    #[inline(always)]
    fn prepare(&mut self, _: u32) {}

    #[inline(always)]
    fn line(&self, y: u32) -> &[S] {
        self.0.row(y, self.0.region.x, self.0.region.width)
    }
}

/// Rows of 8 bit as numbers of 16 bit, colours times alpha where there is alpha: `255 · 255` fits. The last ones are kept.
pub(super) struct Widened<'a, S: Sample> {
    input: &'a Patch<'a, S>,
    length: usize,
    /// Row `y` is kept at `y` modulo the number of rows that are kept.
    kept: Vec<u16>,
    which: Vec<Option<u32>>,
}

impl<'a, S: Sample> Widened<'a, S> {
    /// Keeps `rows` rows, which is at least one.
    pub(super) fn new(input: &'a Patch<'a, S>, rows: usize) -> Self {
        let length = input.region.width as usize * input.channels.count();
        Self {
            input,
            length,
            kept: vec![0; length * rows],
            which: vec![None; rows],
        }
    }

    fn place(&self, y: u32) -> usize {
        y as usize % self.which.len()
    }
}

impl<S: Sample> Lines for Widened<'_, S> {
    type Value = u16;

    #[inline(always)]
    fn prepare(&mut self, y: u32) {
        let place = self.place(y);
        if self.which[place].replace(y) == Some(y) {
            return;
        }
        let (region, channels) = (self.input.region, self.input.channels);
        let source = self.input.row(y, region.x, region.width);
        let line = &mut self.kept[place * self.length..][..self.length];
        if !channels.has_alpha() {
            for (to, &sample) in line.iter_mut().zip(source) {
                *to = value(sample);
            }
        } else if channels.count() == 4 {
            premultiply::<S, 4>(source, line);
        } else {
            premultiply::<S, 2>(source, line);
        }
    }

    #[inline(always)]
    fn line(&self, y: u32) -> &[u16] {
        &self.kept[self.place(y) * self.length..][..self.length]
    }
}

#[inline(always)]
fn value<S: Sample>(sample: S) -> u16 {
    let value: u32 = sample.into();
    value as u16
}

#[inline(always)]
fn premultiply<S: Sample, const N: usize>(source: &[S], line: &mut [u16]) {
    let (source, _) = source.as_chunks::<N>();
    let (line, _) = line.as_chunks_mut::<N>();
    for (to, pixel) in line.iter_mut().zip(source) {
        let alpha = value(pixel[N - 1]);
        for (to, &sample) in to.iter_mut().zip(pixel) {
            *to = value(sample) * alpha;
        }
        to[N - 1] = alpha;
    }
}
