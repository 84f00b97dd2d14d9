//! A worker's own azulejo: a quarter of a tile, mirrored four ways, so that a worker is known by its pattern and not by colour
//! alone. Which pattern it has, the server says.

use azulejo_protocol::Pattern;

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

/// Path data of the quarter from (0, 0) to (50, 50) of a tile of 100 by 100.
pub fn quarter(pattern: Pattern) -> String {
    let [corner, centre, side] = pattern.motifs();
    [CORNERS[corner], CENTRES[centre], SIDES[side]].concat()
}
