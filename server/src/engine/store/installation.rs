//! What the server knows of itself and keeps for good.

use rusqlite::{Connection, OptionalExtension, params};

/// The server's name among those that share a pool of workers: eight hexadecimal digits, drawn when the database was made. Its
/// own topic of results is called after it.
pub fn server_id(connection: &Connection) -> rusqlite::Result<String> {
    let known: Option<String> = connection
        .query_row(
            "SELECT value FROM installation WHERE key = 'server_id'",
            [],
            |row| row.get(0),
        )
        .optional()?;
    if let Some(id) = known {
        return Ok(id);
    }
    let drawn = uuid::Uuid::new_v4().simple().to_string()[..8].to_owned();
    connection.execute(
        "INSERT INTO installation (key, value) VALUES ('server_id', ?1)",
        params![drawn],
    )?;
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
    let known = connection
        .query_row("SELECT value FROM installation WHERE key = 'costs'", [], |row| {
            row.get(0)
        })
        .optional()?;
    Ok(known.unwrap_or_default())
}

/// Keeps what was learned of costs.
pub fn set_costs(connection: &Connection, text: &str) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO installation (key, value) VALUES ('costs', ?1)
             ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        )?
        .execute([text])?;
    Ok(())
}

/// How many bytes of pixels fitted a record when the topics were looked at last; `None` when they never were.
pub fn record_bytes(connection: &Connection) -> rusqlite::Result<Option<u64>> {
    let known: Option<String> = connection
        .query_row(
            "SELECT value FROM installation WHERE key = 'record_bytes'",
            [],
            |row| row.get(0),
        )
        .optional()?;
    Ok(known.and_then(|text| text.parse().ok()))
}

/// Keeps how many bytes of pixels fit a record.
pub fn set_record_bytes(connection: &Connection, bytes: u64) -> rusqlite::Result<()> {
    connection.execute(
        "INSERT INTO installation (key, value) VALUES ('record_bytes', ?1)
         ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        [bytes.to_string()],
    )?;
    Ok(())
}
