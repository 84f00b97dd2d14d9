//! Geometry of the mosaic: path data for the tiles in one state, the grout, which tile is where. Pure, so that it is
//! the same on the server and in the browser.
//!
//! Coordinates are pixels of the result. All tiles in one state are one path, and tiles side by side are one
//! rectangle of it, so that a hundred thousand tiles stay cheap to draw.

use std::fmt::Write;

use azulejo_protocol::{Job, TileState};

/// The tile grid over a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grid {
    /// Width of the result, pixels; at least 1.
    pub width: u32,
    /// Height of the result, pixels; at least 1.
    pub height: u32,
    /// Side of a tile, pixels; at least 1.
    pub tile: u32,
}

/// Where the arrow keys and their like move the focus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Move {
    /// One to the left.
    Left,
    /// One to the right.
    Right,
    /// One up.
    Up,
    /// One down.
    Down,
    /// To the first of the row.
    RowStart,
    /// To the last of the row.
    RowEnd,
}

impl Grid {
    /// The grid of `job`.
    pub fn of(job: &Job) -> Self {
        Self {
            width: job.output_size.width.max(1),
            height: job.output_size.height.max(1),
            tile: job.tile_size.max(1),
        }
    }

    /// Tiles in a row.
    pub const fn columns(self) -> u32 {
        self.width.div_ceil(self.tile)
    }

    /// Rows of tiles.
    pub const fn rows(self) -> u32 {
        self.height.div_ceil(self.tile)
    }

    /// Tiles in all.
    pub const fn count(self) -> u64 {
        self.columns() as u64 * self.rows() as u64
    }

    /// Row and column of tile `index`.
    pub const fn place(self, index: u32) -> (u32, u32) {
        (index / self.columns(), index % self.columns())
    }

    /// Left, top, width, height of tile `index`; the last of a row or column may be smaller.
    pub fn rect(self, index: u32) -> (u32, u32, u32, u32) {
        let (row, column) = self.place(index);
        let x = column.saturating_mul(self.tile).min(self.width);
        let y = row.saturating_mul(self.tile).min(self.height);
        (
            x,
            y,
            self.tile.min(self.width - x),
            self.tile.min(self.height - y),
        )
    }

    /// The tile at the point (`x`, `y`), which are fractions of the width and height.
    pub fn at(self, x: f64, y: f64) -> Option<u32> {
        if !(0.0..1.0).contains(&x) || !(0.0..1.0).contains(&y) {
            return None;
        }
        let column = (x * f64::from(self.width)) as u32 / self.tile;
        let row = (y * f64::from(self.height)) as u32 / self.tile;
        u32::try_from(u64::from(row) * u64::from(self.columns()) + u64::from(column)).ok()
    }

    /// The tile that `step` leads to from `index`; it stays inside the grid.
    pub fn step(self, index: u32, step: Move) -> u32 {
        let (columns, rows) = (self.columns(), self.rows());
        let (row, column) = self.place(index);
        let (row, column) = match step {
            Move::Left => (row, column.saturating_sub(1)),
            Move::Right => (row, (column + 1).min(columns - 1)),
            Move::Up => (row.saturating_sub(1), column),
            Move::Down => ((row + 1).min(rows - 1), column),
            Move::RowStart => (row, 0),
            Move::RowEnd => (row, columns - 1),
        };
        row * columns + column
    }

    /// Width and height of the mosaic picture, in pixels of the result: each of its pixels is a square block of the
    /// result, at most 1024 a side, so it can reach a little beyond the right and bottom edges.
    pub const fn picture(self) -> (u32, u32) {
        let longest = if self.width > self.height {
            self.width
        } else {
            self.height
        };
        let block = longest.div_ceil(1024);
        (
            self.width.div_ceil(block) * block,
            self.height.div_ceil(block) * block,
        )
    }

    /// Path data of every tile for which `wanted` says so. `states` is row by row.
    pub fn path<T: Copy>(self, states: &[T], wanted: impl Fn(T) -> bool) -> String {
        let columns = self.columns() as usize;
        let mut path = String::new();
        for (row, line) in states.chunks(columns).take(self.rows() as usize).enumerate() {
            let top = row as u32 * self.tile;
            let height = self.tile.min(self.height - top);
            let mut column = 0;
            while column < line.len() {
                let run = line[column..].iter().take_while(|state| wanted(**state)).count();
                if run == 0 {
                    column += 1;
                    continue;
                }
                let left = column as u32 * self.tile;
                let width = (run as u32).saturating_mul(self.tile).min(self.width - left);
                // Writing to a String cannot fail.
                let _ = write!(path, "M{left} {top}h{width}v{height}h-{width}z");
                column += run;
            }
        }
        path
    }

    /// Path data of a cross in every dead tile.
    pub fn crosses(self, states: &[TileState]) -> String {
        let mut path = String::new();
        for (index, _) in states
            .iter()
            .enumerate()
            .filter(|(_, state)| **state == TileState::Dead)
        {
            let (x, y, width, height) = self.rect(index as u32);
            let arm = width.min(height) / 6;
            let (cx, cy) = (x + width / 2, y + height / 2);
            let (left, top, size) = (cx.saturating_sub(arm), cy.saturating_sub(arm), arm * 2);
            let _ = write!(path, "M{left} {top}l{size} {size}m0 -{size}l-{size} {size}");
        }
        path
    }

    /// Path data of the lines between tiles.
    pub fn grout(self) -> String {
        let mut path = String::new();
        for column in 1..self.columns() {
            let _ = write!(path, "M{} 0v{}", column * self.tile, self.height);
        }
        for row in 1..self.rows() {
            let _ = write!(path, "M0 {}h{}", row * self.tile, self.width);
        }
        path
    }

    /// How wide the grout is drawn: a class for the style sheet. Thousands of tiles have room for a hairline at most.
    pub fn grout_class(self) -> &'static str {
        match self.columns().max(self.rows()) {
            0..=28 => "grout wide",
            29..=72 => "grout",
            73..=160 => "grout fine",
            _ => "grout none",
        }
    }
}

/// Tiles by state: queued, in flight, done, dead.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Waiting.
    pub queued: u32,
    /// In Kafka or at a worker.
    pub in_flight: u32,
    /// Stored.
    pub done: u32,
    /// Given up.
    pub dead: u32,
}

impl Counts {
    /// The counts that `job` tells.
    pub fn of(job: &Job) -> Self {
        let in_flight = job.in_flight.min(job.progress.pending);
        Self {
            queued: job.progress.pending - in_flight,
            in_flight,
            done: job.progress.completed,
            dead: job.progress.failed,
        }
    }

    /// All tiles.
    pub const fn total(self) -> u32 {
        self.queued + self.in_flight + self.done + self.dead
    }
}

/// The states of `job`'s tiles. Where the job does not tell them (lists of ended jobs), a completed one is all done;
/// otherwise nothing is known and the list is empty.
pub fn states(job: &Job) -> Vec<TileState> {
    let grid = Grid::of(job);
    let told = job.tiles.decode().unwrap_or_default();
    if !told.is_empty() || grid.count() > azulejo_protocol::TileStates::MAX_TILES as u64 {
        return told;
    }
    if job.progress.total > 0 && job.progress.completed == job.progress.total {
        return vec![TileState::Done; grid.count() as usize];
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;
    use TileState::{Dead, Done, InFlight, Queued};

    const GRID: Grid = Grid {
        width: 25,
        height: 18,
        tile: 10,
    };

    #[test]
    fn tiles_side_by_side_are_one_rectangle_and_the_last_are_clipped() {
        let states = [Queued, Done, Done, InFlight, InFlight, InFlight];
        assert_eq!(GRID.path(&states, |state| state == Done), "M10 0h15v10h-15z");
        assert_eq!(GRID.path(&states, |state| state == InFlight), "M0 10h25v8h-25z");
        assert_eq!(GRID.path(&states, |state| state == Dead), "");
    }

    #[test]
    fn more_states_than_tiles_are_ignored() {
        assert_eq!(
            GRID.path(&[Done; 60], |state| state == Done),
            "M0 0h25v10h-25zM0 10h25v8h-25z"
        );
    }

    #[test]
    fn points_and_tiles_agree() {
        for index in 0..GRID.count() as u32 {
            let (x, y, width, height) = GRID.rect(index);
            let middle =
                |start: u32, size: u32, all: u32| (f64::from(start) + f64::from(size) / 2.0) / f64::from(all);
            assert_eq!(GRID.at(middle(x, width, 25), middle(y, height, 18)), Some(index));
        }
        assert_eq!(GRID.at(1.0, 0.5), None);
        assert_eq!(GRID.at(f64::NAN, 0.5), None);
    }

    #[test]
    fn the_focus_stays_inside_the_grid() {
        assert_eq!(GRID.step(0, Move::Left), 0);
        assert_eq!(GRID.step(0, Move::Up), 0);
        assert_eq!(GRID.step(0, Move::RowEnd), 2);
        assert_eq!(GRID.step(2, Move::Down), 5);
        assert_eq!(GRID.step(5, Move::Right), 5);
        assert_eq!(GRID.step(5, Move::RowStart), 3);
    }

    #[test]
    fn the_picture_covers_the_result_in_whole_blocks() {
        assert_eq!(
            Grid {
                width: 2500,
                height: 1000,
                tile: 512
            }
            .picture(),
            (2502, 1002)
        );
        assert_eq!(
            Grid {
                width: 1024,
                height: 7,
                tile: 512
            }
            .picture(),
            (1024, 7)
        );
    }

    #[test]
    fn grout_lies_between_tiles_only() {
        assert_eq!(GRID.grout(), "M10 0v18M20 0v18M0 10h25");
        assert_eq!(
            Grid {
                width: 5,
                height: 5,
                tile: 10
            }
            .grout(),
            ""
        );
    }

    #[test]
    fn a_cross_lies_inside_its_tile() {
        assert_eq!(GRID.crosses(&[Queued, Dead]), "M14 4l2 2m0 -2l-2 2");
    }
}
