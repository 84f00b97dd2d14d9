//! What follows from what was read here and what the judges say.

use std::time::Duration;

use crate::judged::{Judge, Judged};
use crate::read::{Outcome, Read};

/// What is slow.
const SLOW: Duration = Duration::from_secs(5);
/// Levels of 8 or 16 bit that two exact decoders may lie apart: where one rounds what the other cuts.
const EXACT: f64 = 1.0;
/// The same of numbers, in parts of the largest: those of 64 bit are rounded to 32.
const EXACT_NUMBERS: f64 = 1e-6;
/// Means and what 99 of 100 samples keep to, in levels, where decoders compute cosine transforms and colours each in its own way. Inks
/// go through a profile by tables and interpolations that differ more: that is near.
const LOSSY: (f64, f64) = (1.0, 6.0);
const NEAR: (f64, f64) = (2.5, 20.0);

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// The pixels of at least one judge.
    Right,
    /// So near that they are the same picture in other arithmetic.
    Near,
    /// No judge has these pixels.
    Wrong,
    /// Called a kind that is not read, or too large, though a judge gives pixels.
    Refused,
    /// Called damaged though a judge gives pixels.
    Damaged,
    Hung,
    Panicked,
    /// Read here only, or nothing that can be compared.
    Unjudged,
    /// No judge gives pixels, and neither do we.
    Unread,
}

impl Verdict {
    pub const ALL: [Self; 9] = [
        Self::Right,
        Self::Near,
        Self::Wrong,
        Self::Refused,
        Self::Damaged,
        Self::Hung,
        Self::Panicked,
        Self::Unjudged,
        Self::Unread,
    ];

    pub fn of(read: &Read, judged: &Judged) -> Self {
        match &read.outcome {
            Outcome::Hung => Self::Hung,
            Outcome::Panicked(_) => Self::Panicked,
            Outcome::Refused { .. } if !judged.is_read() => Self::Unread,
            Outcome::Refused { damaged: true, .. } => Self::Damaged,
            Outcome::Refused { .. } => Self::Refused,
            Outcome::Read { .. } => Self::of_pixels(judged),
        }
    }

    fn of_pixels(judged: &Judged) -> Self {
        if judged
            .turned
            .as_ref()
            .is_some_and(|turned| turned.most != Some(0.0))
        {
            return Self::Wrong;
        }
        let compared = judged.judges.values().filter_map(|judge| {
            let is_compared = judge.size.is_some() || judge.most.is_some();
            is_compared.then(|| Self::by(judge, judged.lossy))
        });
        compared.min().unwrap_or(Self::Unjudged)
    }

    /// By one judge that read the same file.
    fn by(judge: &Judge, lossy: bool) -> Self {
        let Some(most) = judge.most else {
            return Self::Wrong;
        };
        let exact = judge.largest.map_or(EXACT, |largest| largest * EXACT_NUMBERS);
        let keeps = |(mean, p99)| lossy && judge.largest.is_none() && judge.mean <= mean && judge.p99 <= p99;
        if most <= exact || keeps(LOSSY) {
            Self::Right
        } else if keeps(NEAR) {
            Self::Near
        } else {
            Self::Wrong
        }
    }

    /// What it is called in the table.
    pub fn label(self) -> &'static str {
        match self {
            Self::Right => "right",
            Self::Near => "near",
            Self::Wrong => "wrong",
            Self::Refused => "refused, though a judge reads it",
            Self::Damaged => "called damaged, though a judge reads it",
            Self::Hung => "hung",
            Self::Panicked => "panicked",
            Self::Unjudged => "read, and by no judge",
            Self::Unread => "read by nobody",
        }
    }
}

/// Whether reading it took long.
pub fn is_slow(read: &Read) -> bool {
    read.time > SLOW
}
