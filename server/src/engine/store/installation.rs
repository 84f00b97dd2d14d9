//! What the server knows of itself and keeps for good.

use rusqlite::{Connection, OptionalExtension};

/// The server's name among those that share a pool of workers: eight hexadecimal digits, drawn when the database was made. Its
/// own topic of results is called after it.
pub fn server_id(connection: &Connection) -> rusqlite::Result<String> {
    if let Some(id) = value(connection, "server_id")? {
        return Ok(id);
    }
    let drawn = uuid::Uuid::new_v4().simple().to_string()[..8].to_owned();
    keep(connection, "server_id", &drawn)?;
    Ok(drawn)
}

/// Counts a start of a server on this database, and gives how many there were.
pub fn next_epoch(connection: &Connection) -> rusqlite::Result<u64> {
    connection.execute(
        "INSERT INTO installation (key, value) VALUES ('epoch', '1')
         ON CONFLICT (key) DO UPDATE SET value = CAST(value AS INTEGER) + 1",
        [],
    )?;
    connection.query_row(
        "SELECT CAST(value AS INTEGER) FROM installation WHERE key = 'epoch'",
        [],
        |row| row.get(0),
    )
}

/// What was learned of costs, as the core wrote it; empty when nothing was.
pub fn costs(connection: &Connection) -> rusqlite::Result<String> {
    Ok(value(connection, "costs")?.unwrap_or_default())
}

/// Keeps what was learned of costs.
pub fn set_costs(connection: &Connection, text: &str) -> rusqlite::Result<()> {
    keep(connection, "costs", text)
}

/// How many bytes of pixels fitted a record when the topics were looked at last; `None` when they never were.
pub fn record_bytes(connection: &Connection) -> rusqlite::Result<Option<u64>> {
    Ok(value(connection, "record_bytes")?.and_then(|text| text.parse().ok()))
}

/// Keeps how many bytes of pixels fit a record.
pub fn set_record_bytes(connection: &Connection, bytes: u64) -> rusqlite::Result<()> {
    keep(connection, "record_bytes", &bytes.to_string())
}

fn value(connection: &Connection, key: &str) -> rusqlite::Result<Option<String>> {
    connection
        .query_row("SELECT value FROM installation WHERE key = ?1", [key], |row| {
            row.get(0)
        })
        .optional()
}

fn keep(connection: &Connection, key: &str, value: &str) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO installation (key, value) VALUES (?1, ?2)
             ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        )?
        .execute([key, value])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_of_records_is_kept_and_changed() {
        let db = Connection::open_in_memory().unwrap();
        db.execute_batch("CREATE TABLE installation (key TEXT PRIMARY KEY, value TEXT NOT NULL)")
            .unwrap();
        assert_eq!(record_bytes(&db).unwrap(), None);
        for bytes in [983_052, 10_485_760] {
            set_record_bytes(&db, bytes).unwrap();
            assert_eq!(record_bytes(&db).unwrap(), Some(bytes));
        }
    }
}
