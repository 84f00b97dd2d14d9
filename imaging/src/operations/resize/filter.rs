//! The filters: which input samples an output sample is made of along one axis, and by what weights.

use std::f64::consts::PI;
use std::ops::Range;

use crate::numbers::resample::Shares;

#[derive(Clone, Copy)]
pub(super) enum Filter {
    Nearest,
    Bilinear,
    Lanczos3,
}

/// Fractional bits of a weight. A sample of 16 bits, two weights and the negative lobes, which add less than a factor of
/// two each way, stay within 63 bits.
pub(super) const BITS: u32 = 22;

/// The input samples that one output sample is made of, along one axis.
pub(super) struct Taps {
    pub start: u32,
    /// They sum to exactly one, in fixed point.
    pub weights: Vec<i64>,
}

impl Taps {
    /// The same without weights of zero at both ends.
    pub(super) fn trimmed(&self) -> Self {
        let counts = |weight: &i64| *weight != 0;
        let first = self.weights.iter().position(counts).unwrap_or(0);
        let last = self.weights.iter().rposition(counts).unwrap_or(0);
        Self {
            start: self.start + first as u32,
            weights: self.weights[first..=last].to_vec(),
        }
    }
}

impl Filter {
    /// How far the filter reaches, in pixels of the larger of both images.
    fn support(self) -> f64 {
        match self {
            Self::Nearest => 0.0,
            Self::Bilinear => 1.0,
            Self::Lanczos3 => 3.0,
        }
    }

    pub(super) fn value(self, x: f64) -> f64 {
        let x = x.abs();
        let sinc = |x: f64| {
            if x == 0.0 {
                1.0
            } else {
                libm::sin(PI * x) / (PI * x)
            }
        };
        match self {
            Self::Nearest => 1.0,
            Self::Bilinear => (1.0 - x).max(0.0),
            Self::Lanczos3 if x < 3.0 => sinc(x) * sinc(x / 3.0),
            Self::Lanczos3 => 0.0,
        }
    }

    /// The input samples that the output sample `index` reads when `from` samples become `to`.
    pub(super) fn reach(self, from: u32, to: u32, index: u32) -> Range<u32> {
        if let Self::Nearest = self {
            let start = (2 * u64::from(index) + 1) * u64::from(from) / (2 * u64::from(to));
            let start = (start as u32).min(from - 1);
            return start..start + 1;
        }
        let scale = f64::from(from) / f64::from(to);
        let centre = (f64::from(index) + 0.5) * scale;
        let support = self.support() * scale.max(1.0);
        let start = ((centre - support).floor().max(0.0) as u32).min(from - 1);
        let end = (centre + support)
            .ceil()
            .clamp(f64::from(start) + 1.0, f64::from(from)) as u32;
        start..end
    }

    /// The input samples that a range of output samples reads. Both ends only grow with the index.
    pub(super) fn span(self, from: u32, to: u32, range: Range<u32>) -> Range<u32> {
        self.reach(from, to, range.start).start..self.reach(from, to, range.end - 1).end
    }

    /// Weights as Pillow defines them: the filter, widened by the scale when shrinking, sampled at the centres of the
    /// input samples and normalised over those inside the image.
    pub(super) fn taps(self, from: u32, to: u32, index: u32) -> Taps {
        let (start, values) = self.values(from, to, index);
        let sum: f64 = values.iter().sum();
        // The running total is rounded, not each weight, so that the errors of many small weights do not add up and
        // the whole is exactly one.
        let scale = f64::from(1 << BITS) / sum;
        let (mut total, mut rounded) = (0.0, 0);
        let weights = values.iter().map(|value| {
            total += value * scale;
            let before = std::mem::replace(&mut rounded, libm::rint(total) as i64);
            rounded - before
        });
        let weights = weights.collect();
        Taps { start, weights }
    }

    /// The same weights in floating point.
    pub(super) fn shares(self, from: u32, to: u32, index: u32) -> Shares {
        let (start, values) = self.values(from, to, index);
        let sum: f64 = values.iter().sum();
        let weights = values.iter().map(|value| value / sum).collect();
        Shares { start, weights }
    }

    /// The first input sample that an output sample reads, and the filter at each.
    fn values(self, from: u32, to: u32, index: u32) -> (u32, Vec<f64>) {
        let reach = self.reach(from, to, index);
        let scale = f64::from(from) / f64::from(to);
        let centre = (f64::from(index) + 0.5) * scale;
        let widen = scale.max(1.0);
        let start = reach.start;
        let values = reach.map(|sample| self.value((f64::from(sample) + 0.5 - centre) / widen));
        (start, values.collect())
    }
}
