//! The tile pattern, an azulejo, by which people know a worker. The server gives each worker one and keeps it; how it is
//! drawn is the pages' business.

use serde::{Deserialize, Serialize};

/// Motifs that there are for each of the three places of a tile.
const MOTIFS: u16 = 6;

/// One of [`Pattern::COUNT`] patterns: a motif at the corners, one at the centre, one at the sides, and a ground.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(from = "u16", into = "u16")]
#[cfg_attr(feature = "openapi", schema(value_type = u16))]
pub struct Pattern(u16);

impl Pattern {
    /// How many patterns there are.
    pub const COUNT: u16 = MOTIFS * MOTIFS * MOTIFS * 2;

    /// The pattern that the id of a worker has by itself: the same on every machine and in every browser.
    pub fn of(id: &str) -> Self {
        let bits = hash(id);
        let motif = |shift: u32| ((bits >> shift) % u64::from(MOTIFS)) as u16;
        let inverse = u16::from((bits >> 60).is_multiple_of(4));
        Self(motif(8) + MOTIFS * (motif(24) + MOTIFS * (motif(40) + MOTIFS * inverse)))
    }

    /// All patterns, each once, beginning with this one. Those that follow each other look different.
    pub fn onwards(self) -> impl Iterator<Item = Self> {
        // Prime to the number of patterns, so that every one is reached.
        (0..Self::COUNT).map(move |step| Self((self.0 + step * 89) % Self::COUNT))
    }

    /// Its number, below [`Pattern::COUNT`].
    pub const fn number(self) -> u16 {
        self.0
    }

    /// Which motif is at the corners, which at the centre and which at the sides; each below 6.
    pub const fn motifs(self) -> [usize; 3] {
        let number = self.0 as usize;
        let motifs = MOTIFS as usize;
        [
            number % motifs,
            number / motifs % motifs,
            number / (motifs * motifs) % motifs,
        ]
    }

    /// Whether the ground is dark and the motifs are light.
    pub const fn is_inverse(self) -> bool {
        self.0 >= Self::COUNT / 2
    }

    /// In how many of its three motifs and its ground it differs from `other`.
    pub fn distance(self, other: Self) -> usize {
        let motifs = self.motifs().into_iter().zip(other.motifs());
        motifs.filter(|(one, other)| one != other).count()
            + usize::from(self.is_inverse() != other.is_inverse())
    }
}

/// Any number names a pattern: beyond the last one they begin again.
impl From<u16> for Pattern {
    fn from(number: u16) -> Self {
        Self(number % Self::COUNT)
    }
}

impl From<Pattern> for u16 {
    fn from(pattern: Pattern) -> Self {
        pattern.0
    }
}

/// FNV-1a with a final mix: short, the same on every machine and in every browser.
fn hash(text: &str) -> u64 {
    let mut hash = text.bytes().fold(0xCBF2_9CE4_8422_2325u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
    });
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xFF51_AFD7_ED55_8CCD);
    hash ^ (hash >> 29)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_pattern_is_reached_once_from_any() {
        for first in [0, 7, 431] {
            let reached: BTreeSet<_> = Pattern::from(first).onwards().collect();
            assert_eq!(reached.len(), usize::from(Pattern::COUNT));
            assert_eq!(Pattern::from(first).onwards().next(), Some(Pattern::from(first)));
        }
    }

    #[test]
    fn patterns_are_told_apart_by_motifs_and_ground() {
        let all: BTreeSet<_> = (0..Pattern::COUNT)
            .map(|number| (Pattern::from(number).motifs(), Pattern::from(number).is_inverse()))
            .collect();
        assert_eq!(all.len(), usize::from(Pattern::COUNT));
        assert_eq!(Pattern::from(0).distance(Pattern::from(0)), 0);
        assert_eq!(Pattern::from(0).distance(Pattern::from(1)), 1);
        assert_eq!(Pattern::from(0).distance(Pattern::from(431)), 4);
    }

    #[test]
    fn a_number_from_outside_is_a_pattern() {
        let read: Pattern = serde_json::from_str("65535").unwrap();
        assert!(read.number() < Pattern::COUNT);
        assert_eq!(serde_json::to_string(&Pattern::from(431)).unwrap(), "431");
    }
}
