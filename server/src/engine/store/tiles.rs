//! Rows of tiles, and how far the results were read.

use azulejo_protocol::job::WorkerShare;
use azulejo_protocol::{JobId, TileState};
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row, params};

/// What is known of one tile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TileRow {
    /// Its index.
    pub tile: u32,
    /// `Queued` (failed, and waits for another try), `Done` or `Dead`.
    pub state: TileState,
    /// How often it was sent.
    pub attempt: u32,
    /// Tries that ended with an error, a refusal or a death.
    pub failures: u32,
    /// Points of its budget that are used up.
    pub spent: u32,
    /// Who finished it, or failed it last.
    pub worker: Option<String>,
    /// Rendering time, microseconds.
    pub micros: Option<u64>,
    /// From producing the task to storing the result, less the rendering, microseconds.
    pub transit_micros: Option<u64>,
    /// Why the last attempt failed.
    pub error: Option<String>,
    /// CRC-32 of its pixels in the scratch file.
    pub checksum: Option<u32>,
}

impl TileRow {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let state: String = row.get("state")?;
        Ok(Self {
            tile: row.get("tile")?,
            state: match state.as_str() {
                "queued" => TileState::Queued,
                "done" => TileState::Done,
                "dead" => TileState::Dead,
                other => {
                    let reason = format!("'{other}' is not a state of a tile");
                    return Err(rusqlite::Error::FromSqlConversionFailure(
                        0,
                        Type::Text,
                        reason.into(),
                    ));
                }
            },
            attempt: row.get("attempt")?,
            failures: row.get("failures")?,
            spent: row.get("spent")?,
            worker: row.get("worker")?,
            micros: row.get("micros")?,
            transit_micros: row.get("transit_micros")?,
            error: row.get("error")?,
            checksum: row.get("checksum")?,
        })
    }
}

/// Stores what is known of a tile of a job, if there still is such a job. A tile that is done stays done.
pub fn put(connection: &Connection, job: JobId, row: &TileRow) -> rusqlite::Result<()> {
    let state = match row.state {
        TileState::Queued | TileState::InFlight => "queued",
        TileState::Done => "done",
        TileState::Dead => "dead",
    };
    connection
        .prepare_cached(
            "INSERT INTO tiles (job, tile, state, attempt, failures, spent, worker, micros, transit_micros, error,
                checksum)
             SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11 WHERE EXISTS (SELECT 1 FROM jobs WHERE id = ?1)
             ON CONFLICT (job, tile) DO UPDATE SET state = excluded.state, attempt = excluded.attempt,
                failures = excluded.failures, spent = excluded.spent, worker = excluded.worker, micros = excluded.micros,
                transit_micros = excluded.transit_micros, error = excluded.error, checksum = excluded.checksum
             WHERE tiles.state <> 'done'",
        )?
        .execute(params![
            job.to_string(),
            row.tile,
            state,
            row.attempt,
            row.failures,
            row.spent,
            row.worker,
            row.micros,
            row.transit_micros,
            row.error,
            row.checksum,
        ])?;
    Ok(())
}

/// All rows of a job's tiles, in order.
pub fn of_job(connection: &Connection, job: JobId) -> rusqlite::Result<Vec<TileRow>> {
    connection
        .prepare_cached("SELECT * FROM tiles WHERE job = ?1 ORDER BY tile")?
        .query_map([job.to_string()], TileRow::read)?
        .collect()
}

/// Number and state of each tile that has a row, in order.
pub fn states(connection: &Connection, job: JobId) -> rusqlite::Result<Vec<(u32, TileState)>> {
    connection
        .prepare_cached("SELECT tile, state FROM tiles WHERE job = ?1 ORDER BY tile")?
        .query_map([job.to_string()], |row| {
            let state: String = row.get(1)?;
            Ok((
                row.get(0)?,
                match state.as_str() {
                    "done" => TileState::Done,
                    "dead" => TileState::Dead,
                    _ => TileState::Queued,
                },
            ))
        })?
        .collect()
}

/// Tiles of a job that are done and dead.
pub fn counts(connection: &Connection, job: JobId) -> rusqlite::Result<(u32, u32)> {
    connection
        .prepare_cached(
            "SELECT count(*) FILTER (WHERE state = 'done'), count(*) FILTER (WHERE state = 'dead')
             FROM tiles WHERE job = ?1",
        )?
        .query_row([job.to_string()], |row| Ok((row.get(0)?, row.get(1)?)))
}

/// One tile's row.
pub fn get(connection: &Connection, job: JobId, tile: u32) -> rusqlite::Result<Option<TileRow>> {
    connection
        .prepare_cached("SELECT * FROM tiles WHERE job = ?1 AND tile = ?2")?
        .query_row(params![job.to_string(), tile], TileRow::read)
        .optional()
}

/// What each worker did for a job, most first.
pub fn shares(connection: &Connection, job: JobId) -> rusqlite::Result<Vec<WorkerShare>> {
    connection
        .prepare_cached(
            "SELECT worker, count(*), avg(micros) / 1000.0 FROM tiles
             WHERE job = ?1 AND state = 'done' AND worker IS NOT NULL
             GROUP BY worker ORDER BY count(*) DESC, worker",
        )?
        .query_map([job.to_string()], |row| {
            Ok(WorkerShare {
                worker_id: row.get(0)?,
                tiles: row.get(1)?,
                mean_ms: row.get::<_, Option<f64>>(2)?.unwrap_or(0.0) as f32,
                pattern: None,
            })
        })?
        .collect()
}

/// Forgets the rows of some tiles: they are to be rendered again from the start.
pub fn forget(connection: &Connection, job: JobId, tiles: &[u32]) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached("DELETE FROM tiles WHERE job = ?1 AND tile = ?2")?;
    for tile in tiles {
        statement.execute(params![job.to_string(), tile])?;
    }
    Ok(())
}

/// Forgets every tile of a job that is not done.
pub fn forget_failures(connection: &Connection, job: JobId) -> rusqlite::Result<()> {
    connection
        .prepare_cached("DELETE FROM tiles WHERE job = ?1 AND state <> 'done'")?
        .execute([job.to_string()])?;
    Ok(())
}

/// The first offset of each partition of `topic` that was not read yet.
pub fn positions(connection: &Connection, topic: &str) -> rusqlite::Result<Vec<(i32, i64)>> {
    connection
        .prepare_cached("SELECT partition, offset FROM positions WHERE topic = ?1 ORDER BY partition")?
        .query_map([topic], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect()
}

/// Stores how far a partition was read. It may move back: a broker that lost its log counts from zero again.
pub fn set_position(
    connection: &Connection,
    topic: &str,
    partition: i32,
    offset: i64,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO positions (topic, partition, offset) VALUES (?1, ?2, ?3)
             ON CONFLICT (topic, partition) DO UPDATE SET offset = excluded.offset",
        )?
        .execute(params![topic, partition, offset])?;
    Ok(())
}
