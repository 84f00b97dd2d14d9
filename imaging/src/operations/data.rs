//! Samples without data among intensities.

use crate::meaning::Meaning;
use crate::sample::Sample;

/// A result of samples that have data: never the one that stands for none.
pub(super) fn with_data<S: Sample>(meaning: Meaning, result: S) -> S {
    let result: u32 = result.into();
    S::wrap(meaning.bits(result.into()))
}
