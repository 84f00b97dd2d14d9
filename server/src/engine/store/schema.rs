//! The tables, one migration after the other. A migration that was released is never changed.

use rusqlite::Connection;
use rusqlite_migration::{M, Migrations};

const MIGRATIONS: &[M<'_>] = &[
    M::up(
        "CREATE TABLE jobs (
        id TEXT PRIMARY KEY NOT NULL,
        filename TEXT NOT NULL,
        -- What the client asked for, in canonical text.
        recipe TEXT NOT NULL,
        -- What workers are told: orientation first, then the client's recipe.
        tile_recipe TEXT NOT NULL,
        status TEXT NOT NULL CHECK (status IN ('processing', 'completed', 'failed', 'cancelled')),
        -- Times are microseconds since 1970, UTC.
        created_at INTEGER NOT NULL,
        ended_at INTEGER,
        kind TEXT NOT NULL,
        result_kind TEXT NOT NULL,
        stored_width INTEGER NOT NULL,
        stored_height INTEGER NOT NULL,
        input_width INTEGER NOT NULL,
        input_height INTEGER NOT NULL,
        output_width INTEGER NOT NULL,
        output_height INTEGER NOT NULL,
        input_format TEXT NOT NULL,
        output_format TEXT NOT NULL,
        tile_size INTEGER NOT NULL,
        total_tiles INTEGER NOT NULL,
        input_bytes INTEGER NOT NULL,
        output_bytes INTEGER,
        result_filename TEXT NOT NULL,
        error TEXT,
        -- Whether the decoded pixels are all on disk.
        decoded INTEGER NOT NULL DEFAULT 0,
        mosaic_version INTEGER NOT NULL DEFAULT 0,
        upload_started INTEGER,
        decode_started INTEGER,
        decode_finished INTEGER,
        tiles_started INTEGER,
        tiles_finished INTEGER,
        assemble_started INTEGER,
        assemble_finished INTEGER
    ) STRICT;
    CREATE INDEX jobs_by_time ON jobs (created_at DESC, id DESC);
    CREATE INDEX jobs_by_status ON jobs (status, created_at DESC);

    -- Only tiles that have something to say: done, dead, or failed and waiting for another try.
    CREATE TABLE tiles (
        job TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
        tile INTEGER NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('queued', 'done', 'dead')),
        attempt INTEGER NOT NULL,
        failures INTEGER NOT NULL DEFAULT 0,
        worker TEXT,
        micros INTEGER,
        transit_micros INTEGER,
        error TEXT,
        -- CRC-32 of the pixels of a tile that is done: whether the scratch file still has them.
        checksum INTEGER,
        PRIMARY KEY (job, tile)
    ) STRICT, WITHOUT ROWID;

    -- The first offset of each partition of the results that was not read yet.
    CREATE TABLE positions (
        topic TEXT NOT NULL,
        partition INTEGER NOT NULL,
        offset INTEGER NOT NULL,
        PRIMARY KEY (topic, partition)
    ) STRICT, WITHOUT ROWID;",
    ),
    M::up(
        "-- Points of the tile's budget that are used up: see the crate `engine`, ledger.
    ALTER TABLE tiles ADD COLUMN spent INTEGER NOT NULL DEFAULT 0;
    UPDATE tiles SET spent = failures * 16 WHERE state = 'queued';

    CREATE TABLE installation (
        key TEXT PRIMARY KEY NOT NULL,
        value TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;",
    ),
    M::up(
        "-- The tile pattern that stands for a worker.
    CREATE TABLE patterns (
        worker TEXT PRIMARY KEY NOT NULL,
        pattern INTEGER NOT NULL CHECK (pattern BETWEEN 0 AND 65535),
        heard INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX patterns_by_time ON patterns (heard);",
    ),
    M::up(
        "-- What a request with a key was answered; see the server's `http/idempotency`.
    CREATE TABLE idempotency_keys (
        owner TEXT NOT NULL,
        key TEXT NOT NULL,
        -- SHA-256 of what was asked for.
        fingerprint BLOB NOT NULL CHECK (length(fingerprint) = 32),
        -- The job may be gone.
        job TEXT NOT NULL,
        total_tiles INTEGER NOT NULL,
        recipe TEXT NOT NULL,
        status TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        PRIMARY KEY (owner, key)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX idempotency_keys_by_time ON idempotency_keys (created_at);

    -- Few tiles are dead, and they are looked for in all jobs.
    CREATE INDEX dead_tiles ON tiles (job) WHERE state = 'dead';",
    ),
    M::up(
        "-- Whether the uploaded file of a job that has ended was deleted because of its age.
    ALTER TABLE jobs ADD COLUMN original_gone INTEGER NOT NULL DEFAULT 0;
    CREATE INDEX jobs_by_end ON jobs (ended_at, id) WHERE ended_at IS NOT NULL;",
    ),
    M::up(
        "-- Who a job belongs to: the owner of the key or the subject of the token that it was submitted with.
    ALTER TABLE jobs ADD COLUMN owner TEXT;
    CREATE INDEX jobs_by_owner ON jobs (owner, created_at DESC, id DESC);",
    ),
    M::up(
        "-- SHA-256 of the uploaded file, the version that renders the job, and the earlier job whose result it has; that may be gone.
    ALTER TABLE jobs ADD COLUMN content BLOB;
    ALTER TABLE jobs ADD COLUMN renderer TEXT;
    ALTER TABLE jobs ADD COLUMN cached_from TEXT;
    CREATE INDEX jobs_by_content ON jobs (content, tile_recipe) WHERE content IS NOT NULL;",
    ),
    M::up(
        "-- Bytes of the images that each owner has started jobs on, by the hour since 1970.
    CREATE TABLE usage (
        owner TEXT NOT NULL,
        hour INTEGER NOT NULL,
        bytes INTEGER NOT NULL,
        PRIMARY KEY (owner, hour)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX usage_by_hour ON usage (hour);",
    ),
    M::up(
        "-- What of the image was left out or changed, and what the result has no room for: a note in each line.
    ALTER TABLE jobs ADD COLUMN input_notes TEXT NOT NULL DEFAULT '';
    ALTER TABLE jobs ADD COLUMN output_notes TEXT NOT NULL DEFAULT '';",
    ),
    M::up(
        "-- The page of the uploaded file, from 1 on; NULL for the one that is its image.
    ALTER TABLE jobs ADD COLUMN page INTEGER;",
    ),
    M::up(
        "-- Steps of the recipe that are still to be measured, the side of the tiles for that, what `tile_recipe` became when the first of
    -- them was measured, and when the measuring began and ended.
    ALTER TABLE jobs ADD COLUMN to_measure INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE jobs ADD COLUMN measure_tile INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE jobs ADD COLUMN measured_recipe TEXT;
    ALTER TABLE jobs ADD COLUMN measure_started INTEGER;
    ALTER TABLE jobs ADD COLUMN measure_finished INTEGER;",
    ),
];

/// Brings the tables of `connection` to the newest version.
///
/// # Errors
/// The file is no database, or a newer version of the program wrote it.
pub fn migrate(connection: &mut Connection) -> anyhow::Result<()> {
    Migrations::from_slice(MIGRATIONS)
        .to_latest(connection)
        .map_err(|error| match error {
            rusqlite_migration::Error::MigrationDefinition(
                rusqlite_migration::MigrationDefinitionError::DatabaseTooFarAhead,
            ) => anyhow::anyhow!(
                "it was written by a newer version of Azulejo: use that version, or another data folder"
            ),
            other => other.into(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn migrations_are_well_formed() {
        Migrations::from_slice(MIGRATIONS).validate().unwrap();
    }

    #[test]
    fn a_database_of_a_newer_version_is_refused_with_the_remedy() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection).unwrap();
        connection.pragma_update(None, "user_version", 1000).unwrap();
        assert!(
            migrate(&mut connection)
                .unwrap_err()
                .to_string()
                .contains("newer version")
        );
    }

    #[test]
    fn migrating_twice_changes_nothing() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection).unwrap();
        migrate(&mut connection).unwrap();
    }
}
