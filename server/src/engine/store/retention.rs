//! Which jobs have ended, oldest first, for whoever deletes them. Read in parts: a list of all jobs may be long.

use azulejo_protocol::{JobId, Timestamp};
use rusqlite::{Connection, Row, params};

use super::jobs::{micros, parsed, time};

/// A job that has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// Its id.
    pub id: JobId,
    /// When it ended: a retry makes it another.
    pub at: Timestamp,
}

impl Ended {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: parsed(row, "id")?,
            at: time(row.get("ended_at")?)?,
        })
    }
}

/// Which jobs are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// Completed.
    Completed,
    /// Failed or cancelled.
    Failed,
    /// In whatever way, as long as the uploaded file is there.
    WithOriginal,
    /// In whatever way.
    All,
}

/// At most `most` jobs of the kind `which` that ended at `until` or before, the oldest first, from the first one behind `behind`.
pub fn ended(
    connection: &Connection,
    which: Which,
    until: Timestamp,
    behind: Option<Ended>,
    most: u32,
) -> rusqlite::Result<Vec<Ended>> {
    let condition = match which {
        Which::Completed => "status = 'completed'",
        Which::Failed => "status IN ('failed', 'cancelled')",
        Which::WithOriginal => "status <> 'processing' AND NOT original_gone",
        Which::All => "status <> 'processing'",
    };
    let (at, id) = behind.map_or((i64::MIN, String::new()), |behind| {
        (micros(behind.at), behind.id.to_string())
    });
    connection
        .prepare_cached(&format!(
            "SELECT id, ended_at FROM jobs
             WHERE ended_at IS NOT NULL AND ended_at <= ?1 AND (ended_at, id) > (?2, ?3) AND {condition}
             ORDER BY ended_at, id LIMIT ?4"
        ))?
        .query_map(params![micros(until), at, id, most], Ended::read)?
        .collect()
}

/// How many jobs have ended.
pub fn count(connection: &Connection) -> rusqlite::Result<u64> {
    connection
        .prepare_cached("SELECT count(*) FROM jobs WHERE ended_at IS NOT NULL AND status <> 'processing'")?
        .query_row([], |row| row.get(0))
}

/// Notes that the uploaded file of a job was deleted.
pub fn original_gone(connection: &Connection, id: JobId) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE jobs SET original_gone = 1 WHERE id = ?1")?
        .execute([id.to_string()])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use azulejo_engine::Ending;

    use super::*;
    use crate::engine::store::{jobs, schema};
    use crate::engine::testing;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + time::Duration::seconds(seconds)
    }

    #[test]
    fn parts_go_through_all_that_have_ended_once_the_oldest_first() {
        let mut db = Connection::open_in_memory().unwrap();
        schema::migrate(&mut db).unwrap();
        let mut ids = Vec::new();
        // Two ended at each second, and one in each part of seven is under way.
        for number in 0..14 {
            let row = testing::plan(std::path::Path::new("/nowhere"), 1, 1).row;
            jobs::insert(&db, &row).unwrap();
            let ending = match number % 7 {
                0 => continue,
                1..4 => Ending::Completed { output_bytes: 1 },
                4 => Ending::Cancelled,
                _ => Ending::Failed { reason: "x".into() },
            };
            jobs::end(&db, row.id, &ending, at(number / 2), 0).unwrap();
            ids.push((number / 2, row.id.to_string()));
        }
        ids.sort();
        let mut found = Vec::new();
        let mut behind = None;
        loop {
            let part = ended(&db, Which::All, at(100), behind, 5).unwrap();
            let Some(last) = part.last() else { break };
            behind = Some(*last);
            found.extend(
                part.iter()
                    .map(|job| (job.at.unix_timestamp(), job.id.to_string())),
            );
        }
        assert_eq!(found, ids);
        assert_eq!(count(&db).unwrap(), 12);
        let of = |which, until| ended(&db, which, at(until), None, 100).unwrap();
        assert_eq!(of(Which::Completed, 100).len(), 6);
        assert_eq!(of(Which::Failed, 100).len(), 6);
        assert_eq!(
            of(Which::Completed, 0).len(),
            1,
            "what ended later is no candidate"
        );
        let first = of(Which::WithOriginal, 100)[0];
        original_gone(&db, first.id).unwrap();
        assert_eq!(of(Which::WithOriginal, 100).len(), 11);
    }
}
