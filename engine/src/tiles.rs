//! Where each tile of a job stands. Two bytes a tile is all the memory that grows with the picture; what has more to say (a
//! try that failed) has a [`Ledger`] beside it.

use std::collections::{BTreeMap, BTreeSet};

use azulejo_protocol::{Progress, TileState};

use crate::ledger::Ledger;

/// Where one tile stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TilePhase {
    /// Waits for its turn.
    #[default]
    Queued,
    /// Sent, and not answered.
    Out,
    /// Answered or given up, and what came of it is being stored.
    Settling,
    /// Its pixels are stored.
    Done,
    /// Given up.
    Dead,
}

impl TilePhase {
    /// How the API names it: what is being stored still counts as in flight.
    pub const fn state(self) -> TileState {
        match self {
            Self::Queued => TileState::Queued,
            Self::Out | Self::Settling => TileState::InFlight,
            Self::Done => TileState::Done,
            Self::Dead => TileState::Dead,
        }
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Cell {
    phase: TilePhase,
    /// How often it was sent, at most 255.
    attempt: u8,
}

/// The tiles of one job, row by row.
#[derive(Debug)]
pub struct Tiles {
    cells: Vec<Cell>,
    columns: u32,
    /// Every tile before it was sent at least once, or is in `again`.
    cursor: u32,
    /// Tiles to be sent again: they go first.
    again: BTreeSet<u32>,
    ledgers: BTreeMap<u32, Ledger>,
    counts: [u32; 5],
    /// Tiles done in each row of the grid.
    bands: Vec<u32>,
    /// Rows of the grid, from the top, that are complete.
    complete: u32,
}

impl Tiles {
    /// `columns` by `rows` tiles, none of them sent.
    pub fn new(columns: u32, rows: u32) -> Self {
        let total = columns.saturating_mul(rows);
        Self {
            cells: vec![Cell::default(); total as usize],
            columns: columns.max(1),
            cursor: 0,
            again: BTreeSet::new(),
            ledgers: BTreeMap::new(),
            counts: [total, 0, 0, 0, 0],
            bands: vec![0; rows as usize],
            complete: 0,
        }
    }

    /// Number of tiles.
    pub fn total(&self) -> u32 {
        self.cells.len() as u32
    }

    /// Where `tile` stands; `None` beyond the last.
    pub fn phase(&self, tile: u32) -> Option<TilePhase> {
        self.cells.get(tile as usize).map(|cell| cell.phase)
    }

    /// How often `tile` was sent, at most 255.
    pub fn attempt(&self, tile: u32) -> u32 {
        self.cells
            .get(tile as usize)
            .map_or(0, |cell| u32::from(cell.attempt))
    }

    /// All phases, in order.
    pub fn phases(&self) -> impl Iterator<Item = TilePhase> + '_ {
        self.cells.iter().map(|cell| cell.phase)
    }

    /// Tiles in a phase.
    pub fn count(&self, phase: TilePhase) -> u32 {
        self.counts[phase as usize]
    }

    /// Tiles as the API counts them.
    pub fn progress(&self) -> Progress {
        let (completed, failed) = (self.count(TilePhase::Done), self.count(TilePhase::Dead));
        Progress {
            total: self.total(),
            pending: self.total() - completed - failed,
            completed,
            failed,
        }
    }

    /// Moves `tile` to `phase`.
    pub fn set(&mut self, tile: u32, phase: TilePhase) {
        let Some(cell) = self.cells.get_mut(tile as usize) else {
            return;
        };
        let before = std::mem::replace(&mut cell.phase, phase);
        if before == phase {
            return;
        }
        debug_assert!(before != TilePhase::Done, "a tile is done once");
        self.counts[before as usize] -= 1;
        self.counts[phase as usize] += 1;
        if before == TilePhase::Queued {
            self.again.remove(&tile);
        }
        match phase {
            TilePhase::Queued => {
                self.again.insert(tile);
            }
            TilePhase::Done => {
                self.ledgers.remove(&tile);
                let band = (tile / self.columns) as usize;
                self.bands[band] += 1;
                while self.bands.get(self.complete as usize) == Some(&self.columns) {
                    self.complete += 1;
                }
            }
            TilePhase::Out | TilePhase::Settling | TilePhase::Dead => {}
        }
    }

    /// What the store knows of `tile`, which nothing was known of.
    pub fn restore(&mut self, tile: u32, state: TileState, attempt: u32, spent: u32) {
        let Some(cell) = self.cells.get_mut(tile as usize) else {
            return;
        };
        cell.attempt = attempt.min(255) as u8;
        match state {
            TileState::Done => self.set(tile, TilePhase::Done),
            TileState::Dead => self.set(tile, TilePhase::Dead),
            TileState::Queued | TileState::InFlight => {
                if spent > 0 {
                    self.ledgers.insert(tile, Ledger::stored(spent));
                }
            }
        }
    }

    /// The next tile to send; `None` when none waits.
    pub fn next_queued(&mut self) -> Option<u32> {
        if let Some(tile) = self.again.first() {
            return Some(*tile);
        }
        while let Some(cell) = self.cells.get(self.cursor as usize) {
            if cell.phase == TilePhase::Queued {
                return Some(self.cursor);
            }
            self.cursor += 1;
        }
        None
    }

    /// Sends `tile`: gives which try this is.
    pub fn begin(&mut self, tile: u32) -> u32 {
        self.set(tile, TilePhase::Out);
        let Some(cell) = self.cells.get_mut(tile as usize) else {
            return 0;
        };
        cell.attempt = cell.attempt.saturating_add(1);
        u32::from(cell.attempt)
    }

    /// The ledger of `tile`, if it has one.
    pub fn ledger(&self, tile: u32) -> Option<&Ledger> {
        self.ledgers.get(&tile)
    }

    /// The ledger of `tile`, made when it has none.
    pub fn ledger_mut(&mut self, tile: u32) -> &mut Ledger {
        self.ledgers.entry(tile).or_default()
    }

    /// All ledgers.
    pub fn ledgers_mut(&mut self) -> impl Iterator<Item = &mut Ledger> {
        self.ledgers.values_mut()
    }

    /// Rows of the grid that are complete, from the top.
    pub fn complete_bands(&self) -> u32 {
        self.complete
    }

    /// Rows of the grid.
    pub fn bands(&self) -> u32 {
        self.bands.len() as u32
    }

    /// Whether every tile is done.
    pub fn is_rendered(&self) -> bool {
        self.count(TilePhase::Done) == self.total()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_that_come_back_go_first_and_bands_complete_from_the_top() {
        let mut tiles = Tiles::new(2, 2);
        assert_eq!(tiles.next_queued(), Some(0));
        for tile in 0..3 {
            assert_eq!(tiles.begin(tile), 1);
        }
        tiles.set(1, TilePhase::Queued);
        assert_eq!(tiles.next_queued(), Some(1));
        assert_eq!(tiles.begin(1), 2);
        assert_eq!(tiles.next_queued(), Some(3));
        tiles.set(2, TilePhase::Done);
        tiles.begin(3);
        tiles.set(3, TilePhase::Done);
        assert_eq!(tiles.complete_bands(), 0);
        tiles.set(0, TilePhase::Done);
        tiles.set(1, TilePhase::Settling);
        assert_eq!(tiles.next_queued(), None);
        tiles.set(1, TilePhase::Done);
        assert_eq!(tiles.complete_bands(), 2);
        assert!(tiles.is_rendered());
    }

    #[test]
    fn what_was_stored_is_known_again() {
        let mut tiles = Tiles::new(2, 1);
        tiles.restore(0, TileState::Done, 1, 0);
        tiles.restore(1, TileState::Queued, 2, 20);
        tiles.restore(9, TileState::Done, 1, 0);
        assert_eq!(tiles.next_queued(), Some(1));
        assert_eq!(tiles.ledger(1).map(Ledger::spent), Some(20));
        assert_eq!(tiles.begin(1), 3);
        assert_eq!(tiles.progress().completed, 1);
    }
}
