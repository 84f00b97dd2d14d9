//! Histograms: how often each value occurs in each colour band of an image, or in its luma.
//!
//! Parts of an image are counted apart and [merged](Histogram::merge): the sum does not depend on how the image was cut. What is
//! not seen is not counted: a pixel whose alpha is 0, and a sample that stands for no data.

mod bytes;
mod count;

use std::fmt;
use std::str::FromStr;

use crate::{Depth, PixelFormat};

/// What is counted. Its text is the one that records carry: `bands` or `luma`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Statistic {
    /// Every colour band by itself: gray, or red, green and blue.
    Bands,
    /// The luma of every pixel, as `grayscale` computes it.
    Luma,
}

impl Statistic {
    /// All there are.
    pub const ALL: [Self; 2] = [Self::Bands, Self::Luma];

    const fn name(self) -> &'static str {
        match self {
            Self::Bands => "bands",
            Self::Luma => "luma",
        }
    }
}

impl fmt::Display for Statistic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Statistic {
    type Err = HistogramError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_it = |statistic: &Self| statistic.name() == text;
        let found = Self::ALL.into_iter().find(is_it);
        found.ok_or_else(|| HistogramError::UnknownStatistic(text.chars().take(40).collect()))
    }
}

/// Counts of every value, of each band that its [`Statistic`] has. Of pixels that are measurements (bands that are no colours,
/// numbers that are no intensities) nothing is counted: they have no bands here.
#[derive(Clone, PartialEq, Eq)]
pub struct Histogram {
    format: PixelFormat,
    statistic: Statistic,
    /// Of one band after the other, as many as a sample has values.
    counts: Vec<u64>,
}

impl Histogram {
    /// Of no pixels of `format`.
    pub fn empty(format: PixelFormat, statistic: Statistic) -> Self {
        Self {
            format,
            statistic,
            counts: vec![0; bands_of(format, statistic) * values_of(format)],
        }
    }

    /// Format of the pixels.
    pub fn format(&self) -> PixelFormat {
        self.format
    }

    /// What is counted.
    pub fn statistic(&self) -> Statistic {
        self.statistic
    }

    /// The counts of each band: 256 or 65536 of them, by value.
    pub fn bands(&self) -> impl ExactSizeIterator<Item = &[u64]> {
        self.counts.chunks_exact(values_of(self.format))
    }

    /// Adds what `other` counted.
    ///
    /// # Errors
    /// When `other` is of another format or statistic, or a count exceeds 64 bits: then nothing is added.
    pub fn merge(&mut self, other: &Self) -> Result<(), HistogramError> {
        if (self.format, self.statistic) != (other.format, other.statistic) {
            return Err(HistogramError::Mismatch {
                is: format!("{} of {}", other.statistic, other.format.label()),
                wanted: format!("{} of {}", self.statistic, self.format.label()),
            });
        }
        let pairs = || self.counts.iter().zip(&other.counts);
        if pairs().any(|(count, more)| count.checked_add(*more).is_none()) {
            return Err(HistogramError::Overflow);
        }
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count += more;
        }
        Ok(())
    }
}

impl fmt::Debug for Histogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Histogram({} of {}", self.statistic, self.format)?;
        for band in self.bands() {
            let occupied = band.iter().filter(|count| **count > 0).count();
            let sum: u128 = band.iter().map(|count| u128::from(*count)).sum();
            write!(f, ", {sum} samples of {occupied} values")?;
        }
        f.write_str(")")
    }
}

/// Bands that are counted of pixels of `format`.
fn bands_of(format: PixelFormat, statistic: Statistic) -> usize {
    match statistic {
        _ if format.is_measurement() => 0,
        Statistic::Luma => 1,
        Statistic::Bands => format.channels.count() - usize::from(format.channels.has_alpha()),
    }
}

/// Values that an intensity of `format` may have.
fn values_of(format: PixelFormat) -> usize {
    match format.depth {
        Depth::Eight => 1 << 8,
        _ => 1 << 16,
    }
}

/// Why there is no such histogram.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HistogramError {
    /// Of other pixels, or of another statistic.
    #[error("the histogram is that of {is}, and that of {wanted} is wanted")]
    Mismatch {
        /// What it is of.
        is: String,
        /// What it should be of.
        wanted: String,
    },
    /// More than 64 bits count.
    #[error("the histogram counts more than 64 bits do")]
    Overflow,
    /// Bytes that are no histogram.
    #[error("the histogram is damaged: {0}")]
    Damaged(&'static str),
    /// A word that names no statistic.
    #[error("'{0}' is not a statistic; there are bands and luma")]
    UnknownStatistic(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_the_statistics_round_trip() {
        for statistic in Statistic::ALL {
            assert_eq!(statistic.to_string().parse(), Ok(statistic));
        }
        assert!("Bands".parse::<Statistic>().is_err());
    }

    #[test]
    fn what_does_not_belong_together_is_not_merged() {
        let empty = |format, statistic| Histogram::empty(format, statistic);
        let mut bands = empty(PixelFormat::GRAY8, Statistic::Bands);
        let luma = empty(PixelFormat::GRAY8, Statistic::Luma);
        let wide = empty(PixelFormat::GRAY16, Statistic::Bands);
        for other in [luma, wide] {
            assert!(matches!(
                bands.merge(&other),
                Err(HistogramError::Mismatch { .. })
            ));
        }
        bands.counts[7] = u64::MAX;
        let before = bands.clone();
        assert_eq!(bands.merge(&before), Err(HistogramError::Overflow));
        assert_eq!(bands, before);
    }

    #[test]
    fn measurements_have_no_bins() {
        for name in ["bands256-u16le", "gray-f32le", "rgb-i16le", "bands4-u8"] {
            for statistic in Statistic::ALL {
                assert_eq!(
                    Histogram::empty(name.parse().unwrap(), statistic).bands().len(),
                    0
                );
            }
        }
    }
}
