//! The tile patterns of workers.

use std::time::Duration;

use azulejo_engine::patterns::MAX_REMEMBERED;
use azulejo_protocol::{Pattern, Timestamp};
use rusqlite::{Connection, params};

use super::jobs::micros;

/// A worker that was not heard of for so long is forgotten.
const FORGET: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// Stores that a worker is heard of at `now` and which pattern it has. Of too many those that were heard of longest ago go.
pub fn put(connection: &Connection, worker: &str, pattern: Pattern, now: Timestamp) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO patterns (worker, pattern, heard) VALUES (?1, ?2, ?3)
             ON CONFLICT (worker) DO UPDATE SET pattern = excluded.pattern, heard = excluded.heard",
        )?
        .execute(params![worker, pattern.number(), micros(now)])?;
    connection
        .prepare_cached(
            "DELETE FROM patterns WHERE worker IN
             (SELECT worker FROM patterns ORDER BY heard DESC LIMIT -1 OFFSET ?1)",
        )?
        .execute([MAX_REMEMBERED as i64])?;
    Ok(())
}

/// Every worker that is remembered at `now`, with its pattern; forgets those not heard of for long.
pub fn restore(connection: &Connection, now: Timestamp) -> rusqlite::Result<Vec<(String, Pattern)>> {
    connection.execute("DELETE FROM patterns WHERE heard < ?1", [micros(now - FORGET)])?;
    connection
        .prepare("SELECT worker, pattern FROM patterns ORDER BY heard DESC")?
        .query_map([], |row| {
            let number: u16 = row.get(1)?;
            Ok((row.get(0)?, Pattern::from(number)))
        })?
        .collect()
}
