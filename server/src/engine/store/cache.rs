//! What is remembered of jobs so that their results answer others: the hash of the uploaded file, and what rendered it.

use azulejo_protocol::record::PROGRAM;
use azulejo_protocol::{JobId, Timestamp};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::jobs::{JobRow, micros, optional_time, parsed};
use super::notes;
use crate::engine::reuse::Sharing;

/// Results that are looked at before a job is rendered after all.
const MOST: u32 = 4;

/// A completed job that had the same image, recipe and format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Earlier {
    /// The job.
    pub id: JobId,
    /// When it ended: its result was whole before.
    pub ended_at: Timestamp,
    /// Bytes of its result.
    pub output_bytes: u64,
    /// Version of its picture.
    pub mosaic_version: u64,
}

/// Remembers that the uploaded file of job `id` has the SHA-256 `content`, and that this version renders it.
pub fn note(connection: &Connection, id: JobId, content: &[u8; 32]) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE jobs SET content = ?2, renderer = ?3 WHERE id = ?1")?
        .execute(params![id.to_string(), content, PROGRAM])?;
    Ok(())
}

/// The hash of the uploaded file of job `id`, if it was taken.
pub fn content(connection: &Connection, id: JobId) -> rusqlite::Result<Option<[u8; 32]>> {
    let found = connection
        .prepare_cached("SELECT content FROM jobs WHERE id = ?1")?
        .query_row([id.to_string()], |row| row.get(0))
        .optional()?;
    Ok(found.flatten())
}

/// Completed jobs whose results are those of the job `row` on a file with this hash, the latest first.
pub fn earlier(
    connection: &Connection,
    row: &JobRow,
    content: &[u8; 32],
    sharing: Sharing,
) -> rusqlite::Result<Vec<Earlier>> {
    connection
        .prepare_cached(
            "SELECT id, ended_at, output_bytes, mosaic_version FROM jobs
             WHERE content = ?1 AND tile_recipe = ?2 AND result_kind = ?3 AND renderer = ?4 AND page IS ?8 AND status = 'completed'
               AND output_bytes IS NOT NULL AND (?5 OR owner IS ?6)
             ORDER BY ended_at DESC LIMIT ?7",
        )?
        .query_map(
            params![
                content,
                row.tile_recipe,
                row.encoding,
                PROGRAM,
                sharing == Sharing::Everybody,
                row.owner,
                MOST,
                row.page
            ],
            read,
        )?
        .collect()
}

fn read(row: &Row<'_>) -> rusqlite::Result<Earlier> {
    Ok(Earlier {
        id: parsed(row, "id")?,
        ended_at: optional_time(row, "ended_at")?.unwrap_or(Timestamp::UNIX_EPOCH),
        output_bytes: row.get("output_bytes")?,
        mosaic_version: row.get("mosaic_version")?,
    })
}

/// Ends the job `row`, which was just stored, with the result of another: `row` says which, and when.
pub fn complete(connection: &Connection, row: &JobRow) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "UPDATE jobs SET ended_at = ?2, output_bytes = ?3, mosaic_version = ?4, cached_from = ?5 WHERE id = ?1",
        )?
        .execute(params![
            row.id.to_string(),
            row.ended_at.map(micros),
            row.output_bytes,
            row.mosaic_version,
            row.cached_from.map(|id| id.to_string()),
        ])?;
    match row.cached_from {
        Some(from) => notes::copy(connection, row.id, from),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use azulejo_engine::Ending;
    use azulejo_protocol::JobStatus;

    use super::*;
    use crate::engine::store::jobs;
    use crate::engine::store::schema::migrate;
    use crate::engine::testing;

    const CONTENT: [u8; 32] = [7; 32];

    fn database() -> (Connection, JobRow) {
        let mut db = Connection::open_in_memory().unwrap();
        migrate(&mut db).unwrap();
        let row = testing::row();
        jobs::insert(&db, &row).unwrap();
        note(&db, row.id, &CONTENT).unwrap();
        (db, row)
    }

    fn found(db: &Connection, row: &JobRow, content: &[u8; 32], sharing: Sharing) -> usize {
        earlier(db, row, content, sharing).unwrap().len()
    }

    #[test]
    fn only_a_completed_job_of_the_same_owner_image_page_recipe_and_format_is_found() {
        let (db, row) = database();
        assert_eq!(found(&db, &row, &CONTENT, Sharing::Owner), 0, "it is under way");
        let ending = Ending::Completed { output_bytes: 77 };
        jobs::end(&db, row.id, &ending, row.created_at, 3).unwrap();
        let is = earlier(&db, &row, &CONTENT, Sharing::Owner).unwrap();
        assert_eq!(
            (is[0].id, is[0].output_bytes, is[0].mosaic_version),
            (row.id, 77, 3)
        );
        assert_eq!(found(&db, &row, &[8; 32], Sharing::Owner), 0);
        let other = |change: fn(&mut JobRow)| {
            let mut other = row.clone();
            change(&mut other);
            other
        };
        let recipe = other(|row| row.tile_recipe = "invert".into());
        let format = other(|row| row.encoding = "jpeg:quality=80".into());
        let page = other(|row| row.page = Some(2));
        for different in [recipe, format, page] {
            assert_eq!(found(&db, &different, &CONTENT, Sharing::Everybody), 0);
        }
        let owner = other(|row| row.owner = Some("ann".into()));
        assert_eq!(found(&db, &owner, &CONTENT, Sharing::Owner), 0);
        assert_eq!(found(&db, &owner, &CONTENT, Sharing::Everybody), 1);
        db.execute("UPDATE jobs SET renderer = '0.0.0'", []).unwrap();
        assert_eq!(
            found(&db, &row, &CONTENT, Sharing::Everybody),
            0,
            "another version"
        );
    }

    #[test]
    fn a_job_that_ends_with_anothers_result_says_so_and_answers_others() {
        let (db, first) = database();
        let mut row = testing::row();
        row.id = JobId(uuid::Uuid::from_u128(2));
        row.status = JobStatus::Completed;
        row.ended_at = Some(row.created_at);
        row.output_bytes = Some(5);
        row.cached_from = Some(first.id);
        jobs::insert(&db, &row).unwrap();
        note(&db, row.id, &CONTENT).unwrap();
        complete(&db, &row).unwrap();
        assert_eq!(jobs::get(&db, row.id).unwrap(), Some(row.clone()));
        assert_eq!(content(&db, row.id).unwrap(), Some(CONTENT));
        assert_eq!(content(&db, JobId(uuid::Uuid::from_u128(9))).unwrap(), None);
        assert_eq!(found(&db, &row, &CONTENT, Sharing::Owner), 1);
    }
}
