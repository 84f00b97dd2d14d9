//! Tiles: their states, one by one and packed.

use azulejo_imaging::Region;
use serde::{Deserialize, Serialize};

use crate::Pattern;

/// Where one tile stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum TileState {
    /// Waits for its turn.
    #[default]
    Queued,
    /// Produced to Kafka, result not stored yet.
    InFlight,
    /// Pixels stored.
    Done,
    /// Given up after the last attempt.
    Dead,
}

impl TileState {
    /// The letter in [`TileStates`].
    pub const fn letter(self) -> u8 {
        match self {
            Self::Queued => b'q',
            Self::InFlight => b'f',
            Self::Done => b'd',
            Self::Dead => b'x',
        }
    }

    /// The word for people.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::InFlight => "in flight",
            Self::Done => "done",
            Self::Dead => "dead",
        }
    }
}

/// The states of a job's tiles, row by row: run-length text such as `235d34f114qx` (a run of one has no number).
/// Short on the wire whatever the size of the job, and readable.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(transparent)]
pub struct TileStates(pub String);

impl TileStates {
    /// Most tiles that [`TileStates::decode`] gives: a text from outside cannot ask for more memory.
    pub const MAX_TILES: usize = 4_000_000;

    /// Packs `states`.
    pub fn encode(states: impl IntoIterator<Item = TileState>) -> Self {
        let mut text = String::new();
        let mut run: Option<(TileState, usize)> = None;
        let mut flush = |run: Option<(TileState, usize)>| {
            if let Some((state, count)) = run {
                if count > 1 {
                    text.push_str(&count.to_string());
                }
                text.push(char::from(state.letter()));
            }
        };
        for state in states {
            run = match run {
                Some((current, count)) if current == state => Some((current, count + 1)),
                other => {
                    flush(other);
                    Some((state, 1))
                }
            };
        }
        flush(run);
        Self(text)
    }

    /// Unpacks; `None` when the text is not of the form or names more than [`TileStates::MAX_TILES`].
    pub fn decode(&self) -> Option<Vec<TileState>> {
        let mut states = Vec::new();
        let mut count: Option<usize> = None;
        for byte in self.0.bytes() {
            let state = match byte {
                b'0'..=b'9' => {
                    let number = count.unwrap_or(0) * 10 + usize::from(byte - b'0');
                    if number > Self::MAX_TILES {
                        return None;
                    }
                    count = Some(number);
                    continue;
                }
                b'q' => TileState::Queued,
                b'f' => TileState::InFlight,
                b'd' => TileState::Done,
                b'x' => TileState::Dead,
                _ => return None,
            };
            let run = count.take().unwrap_or(1);
            if states.len() + run > Self::MAX_TILES {
                return None;
            }
            states.resize(states.len() + run, state);
        }
        count.is_none().then_some(states)
    }
}

/// All that is known of one tile: what the mosaic tells on hover.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TileInfo {
    /// Index, row by row.
    pub tile: u32,
    /// Row and column in the grid.
    pub row: u32,
    /// Column in the grid.
    pub column: u32,
    /// Its rectangle in the result.
    #[cfg_attr(feature = "openapi", schema(value_type = crate::schema::Region))]
    pub region: Region,
    /// Where it stands.
    pub state: TileState,
    /// How often it was sent; 0 when it was not yet.
    pub attempt: u32,
    /// Who finished it (or failed it last).
    pub worker_id: Option<String>,
    /// The tile pattern of that worker, if the server still knows it.
    #[serde(default)]
    pub pattern: Option<Pattern>,
    /// Rendering time, microseconds.
    pub micros: Option<u64>,
    /// From producing the task to storing the result, less the rendering, milliseconds.
    pub transit_ms: Option<f32>,
    /// Why the last attempt failed.
    pub error: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn states_round_trip(letters in proptest::collection::vec(0u8..4, 0..300)) {
            let states: Vec<_> = letters
                .into_iter()
                .map(|n| [TileState::Queued, TileState::InFlight, TileState::Done, TileState::Dead][n as usize])
                .collect();
            prop_assert_eq!(TileStates::encode(states.iter().copied()).decode(), Some(states));
        }
    }

    #[test]
    fn a_hostile_count_is_refused() {
        assert_eq!(TileStates("99999999999999999999q".into()).decode(), None);
        assert_eq!(TileStates("4000000q1q".into()).decode(), None);
        assert_eq!(TileStates("12".into()).decode(), None);
        assert_eq!(TileStates("z".into()).decode(), None);
    }

    #[test]
    fn text_is_the_documented_one() {
        let states = [TileState::Done, TileState::Done, TileState::Dead];
        assert_eq!(TileStates::encode(states).0, "2dx");
    }
}
