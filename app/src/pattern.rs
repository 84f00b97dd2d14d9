//! A worker's own azulejo: a quarter of a tile, mirrored four ways, drawn from the worker's id, so that a worker is
//! known by its pattern and not by colour alone.

/// Motifs at the outer corner of the quarter, whose corner is (0, 0) and whose inner end is (50, 50).
const CORNERS: [&str; 6] = [
    "M0 0H22A22 22 0 0 1 0 22Z",
    "M17 0H27A27 27 0 0 1 0 27V17A17 17 0 0 0 17 0Z",
    "M0 0H28L0 28Z",
    "M2 2Q27 2 27 27Q2 27 2 2Z",
    "M0 0H20V20H0Z",
    "M0 0H34Q7 7 0 34Z",
];

/// Motifs at the centre of the tile.
const CENTRES: [&str; 6] = [
    "M50 28A22 22 0 0 0 28 50H50Z",
    "M50 22A28 28 0 0 0 22 50H32A18 18 0 0 1 50 32Z",
    "M50 20V50H20Z",
    "M50 6Q45 45 6 50H50Z",
    "M48 48Q23 48 23 23Q48 23 48 48Z",
    "M50 24L43 33H33V43L24 50H50Z",
];

/// Motifs at the middle of the sides.
const SIDES: [&str; 6] = [
    "M38 0A12 12 0 0 0 50 12V0ZM0 38A12 12 0 0 1 12 50H0Z",
    "M35 0L50 15V0ZM0 35L15 50H0Z",
    "M37 8A5 5 0 1 0 37 18A5 5 0 1 0 37 8ZM13 32A5 5 0 1 0 13 42A5 5 0 1 0 13 32Z",
    "M37 0H42A42 42 0 0 1 0 42V37A37 37 0 0 0 37 0Z",
    "M43 0H50L0 50V43Z",
    "M50 0V16Q42 8 30 4Q40 0 50 0ZM0 50H16Q8 42 4 30Q0 40 0 50Z",
];

/// Among more workers than this, patterns may repeat.
const MOST_TOLD_APART: usize = 100;

/// Which motifs a tile is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Pattern {
    corner: u8,
    centre: u8,
    side: u8,
    /// White on cobalt instead of cobalt on white.
    inverse: bool,
}

impl Pattern {
    /// The pattern that `id` has by itself.
    pub fn of(id: &str) -> Self {
        Self::candidate(hash(id))
    }

    /// A pattern for each of `ids`, in their order, such that any two of them differ in two motifs as long as there
    /// are few, and differ at all up to a hundred. Depends on the set of ids, not on its order.
    pub fn assign<S: AsRef<str>>(ids: &[S]) -> Vec<Self> {
        let mut order: Vec<usize> = (0..ids.len()).collect();
        order.sort_by(|&a, &b| ids[a].as_ref().cmp(ids[b].as_ref()));
        let mut chosen: Vec<Option<Self>> = vec![None; ids.len()];
        let mut taken: Vec<Self> = Vec::with_capacity(ids.len());
        for index in order {
            let first = hash(ids[index].as_ref());
            // Nobody tells so many apart, and the search would be long.
            if taken.len() >= MOST_TOLD_APART {
                chosen[index] = Some(Self::candidate(first));
                continue;
            }
            let pattern = [2, 1]
                .into_iter()
                .find_map(|distance| {
                    (0..432u64)
                        .map(|step| {
                            Self::candidate(first.wrapping_add(step.wrapping_mul(0x9E37_79B9_7F4A_7C15)))
                        })
                        .find(|pattern| taken.iter().all(|other| pattern.distance(*other) >= distance))
                })
                .unwrap_or_else(|| Self::candidate(first));
            taken.push(pattern);
            chosen[index] = Some(pattern);
        }
        chosen.into_iter().flatten().collect()
    }

    fn candidate(bits: u64) -> Self {
        let motif = |shift: u32| ((bits >> shift) % 6) as u8;
        Self {
            corner: motif(8),
            centre: motif(24),
            side: motif(40),
            inverse: (bits >> 60).is_multiple_of(4),
        }
    }

    /// In how many of its three motifs and its ground it differs from `other`.
    fn distance(self, other: Self) -> usize {
        [
            self.corner != other.corner,
            self.centre != other.centre,
            self.side != other.side,
            self.inverse != other.inverse,
        ]
        .into_iter()
        .filter(|differs| *differs)
        .count()
    }

    /// Path data of the quarter from (0, 0) to (50, 50) of a tile of 100 by 100.
    pub fn quarter(self) -> String {
        [
            CORNERS[self.corner as usize],
            CENTRES[self.centre as usize],
            SIDES[self.side as usize],
        ]
        .concat()
    }

    /// Whether the ground is cobalt and the motifs are white.
    pub const fn is_inverse(self) -> bool {
        self.inverse
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
    use super::*;

    #[test]
    fn workers_in_view_differ_in_two_motifs() {
        let ids: Vec<String> = (0..12).map(|n| format!("worker-host-{n:08x}")).collect();
        let patterns = Pattern::assign(&ids);
        for (n, one) in patterns.iter().enumerate() {
            for other in &patterns[..n] {
                assert!(one.distance(*other) >= 2, "{one:?} and {other:?}");
            }
        }
    }

    #[test]
    fn the_order_of_the_ids_does_not_matter() {
        let one = Pattern::assign(&["kiln-01", "kiln-02", "attic"]);
        let other = Pattern::assign(&["attic", "kiln-02", "kiln-01"]);
        assert_eq!(one[0], other[2]);
        assert_eq!(one[2], other[0]);
    }

    #[test]
    fn a_worker_alone_keeps_the_pattern_of_its_id() {
        assert_eq!(Pattern::assign(&["attic"]), vec![Pattern::of("attic")]);
    }

    #[test]
    fn more_workers_than_patterns_still_get_one_each() {
        let ids: Vec<String> = (0..600).map(|n| n.to_string()).collect();
        assert_eq!(Pattern::assign(&ids).len(), 600);
    }
}
