//! Rows of keys of idempotency: which request with which key was answered by which job.

use azulejo_protocol::Timestamp;
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, params};

use super::jobs::{JobRow, micros};
use crate::engine::reuse::{Answered, Once};

/// Keeps what the request of `once` was answered: the job `row`. An older answer of the same key goes.
pub fn put(connection: &Connection, once: &Once, row: &JobRow) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO idempotency_keys (owner, key, fingerprint, job, total_tiles, recipe, status, created_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
             ON CONFLICT (owner, key) DO UPDATE SET fingerprint = excluded.fingerprint, job = excluded.job,
                total_tiles = excluded.total_tiles, recipe = excluded.recipe, status = excluded.status,
                created_at = excluded.created_at",
        )?
        .execute(params![
            once.owner,
            once.key,
            once.fingerprint,
            row.id.to_string(),
            row.total_tiles,
            row.recipe,
            row.status.name(),
            micros(row.created_at),
        ])?;
    Ok(())
}

/// What the request of `owner` with `key` was answered, when that was after `since`.
pub fn get(
    connection: &Connection,
    owner: &str,
    key: &str,
    since: Timestamp,
) -> rusqlite::Result<Option<Answered>> {
    connection
        .prepare_cached(
            "SELECT fingerprint, job, total_tiles, recipe, status FROM idempotency_keys
             WHERE owner = ?1 AND key = ?2 AND created_at > ?3",
        )?
        .query_row(params![owner, key, micros(since)], |row| {
            let unreadable =
                |reason: String| rusqlite::Error::FromSqlConversionFailure(0, Type::Text, reason.into());
            let (job, status): (String, String) = (row.get(1)?, row.get(4)?);
            Ok(Answered {
                fingerprint: row.get(0)?,
                job: job
                    .parse()
                    .map_err(|_| unreadable(format!("'{job}' is not the id of a job")))?,
                total_tiles: row.get(2)?,
                recipe: row.get(3)?,
                status: status.parse().map_err(unreadable)?,
            })
        })
        .optional()
}

/// Forgets what was answered before `since`, and of the rest all but the latest `most`.
pub fn sweep(connection: &Connection, since: Timestamp, most: u32) -> rusqlite::Result<usize> {
    let old = connection
        .prepare_cached("DELETE FROM idempotency_keys WHERE created_at <= ?1")?
        .execute([micros(since)])?;
    let many = connection
        .prepare_cached(
            "DELETE FROM idempotency_keys WHERE (owner, key) IN
                (SELECT owner, key FROM idempotency_keys ORDER BY created_at DESC LIMIT -1 OFFSET ?1)",
        )?
        .execute([most])?;
    Ok(old + many)
}

#[cfg(test)]
mod tests {
    use azulejo_protocol::JobStatus;

    use super::*;
    use crate::engine::store::schema::migrate;
    use crate::engine::testing;

    fn once(key: &str) -> Once {
        Once {
            owner: "a".into(),
            key: key.into(),
            fingerprint: [7; 32],
        }
    }

    #[test]
    fn a_key_is_found_by_its_owner_until_it_is_old_or_one_of_too_many() {
        let mut db = Connection::open_in_memory().unwrap();
        migrate(&mut db).unwrap();
        let mut row = testing::row();
        let began = row.created_at;
        for (second, key) in [(0, "first"), (1, "second"), (2, "third")] {
            row.created_at = began + std::time::Duration::from_secs(second);
            put(&db, &once(key), &row).unwrap();
        }
        let before = began - std::time::Duration::from_secs(1);
        let found = get(&db, "a", "second", before).unwrap().unwrap();
        assert_eq!((found.job, found.fingerprint), (row.id, [7; 32]));
        assert_eq!(found.status, JobStatus::Processing);
        assert_eq!(get(&db, "b", "second", before).unwrap(), None, "of another owner");
        assert_eq!(get(&db, "a", "first", began).unwrap(), None, "too old");

        assert_eq!(sweep(&db, before, 3).unwrap(), 0);
        assert_eq!(sweep(&db, began, 3).unwrap(), 1, "too old");
        assert_eq!(sweep(&db, began, 1).unwrap(), 1, "too many");
        assert_eq!(get(&db, "a", "second", before).unwrap(), None);
        assert!(get(&db, "a", "third", before).unwrap().is_some());
    }

    #[test]
    fn a_key_that_is_used_again_names_the_new_job() {
        let mut db = Connection::open_in_memory().unwrap();
        migrate(&mut db).unwrap();
        let mut row = testing::row();
        put(&db, &once("key"), &row).unwrap();
        row.total_tiles = 77;
        put(&db, &once("key"), &row).unwrap();
        let since = row.created_at - std::time::Duration::from_secs(1);
        assert_eq!(get(&db, "a", "key", since).unwrap().unwrap().total_tiles, 77);
    }
}
