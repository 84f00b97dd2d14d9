//! The transactions that the core asks for.

use azulejo_engine::{StoreOp, TileRecord};
use azulejo_protocol::{StageName, Timestamp};
use rusqlite::Connection;

use super::tiles::TileRow;
use super::{installation, jobs, patterns, tiles};

/// Executes `ops`; positions are those of the topic `results`.
pub fn apply(
    connection: &Connection,
    results: &str,
    ops: &[StoreOp],
    now: Timestamp,
) -> rusqlite::Result<()> {
    for op in ops {
        match op {
            StoreOp::Position { partition, offset } => {
                tiles::set_position(connection, results, *partition, *offset)?;
            }
            StoreOp::Tile { job, record, .. } => tiles::put(connection, *job, &row(record))?,
            StoreOp::Pattern { worker, pattern } => patterns::put(connection, worker, *pattern, now)?,
            StoreOp::Costs(text) => installation::set_costs(connection, text)?,
            StoreOp::MeasureStarted(job) => jobs::stage_started(connection, *job, StageName::Measure, now)?,
            StoreOp::TilesStarted(job) => jobs::stage_started(connection, *job, StageName::Tiles, now)?,
            StoreOp::TilesFinished(job) => jobs::tiles_finished(connection, *job, now)?,
            StoreOp::End {
                job,
                ending,
                mosaic_version,
            } => {
                jobs::end(connection, *job, ending, now, *mosaic_version)?;
            }
        }
    }
    Ok(())
}

/// A row that can always be stored: what comes from records is bounded to what SQLite holds.
fn row(record: &TileRecord) -> TileRow {
    let bounded = |value: u64| value.min(i64::MAX as u64);
    TileRow {
        tile: record.tile,
        state: record.state,
        attempt: record.attempt,
        failures: record.failures,
        spent: record.spent,
        worker: record.worker.clone(),
        micros: record.micros.map(bounded),
        transit_micros: record.transit_micros.map(bounded),
        error: record.error.clone(),
        checksum: record.checksum,
    }
}
