//! Rows of tiles that were given up, over all jobs.

use azulejo_protocol::dead::{DeadTile, DeadTileQuery};
use azulejo_protocol::{JobId, JobStatus};
use rusqlite::{Connection, Row, named_params};

use super::jobs::{like_pattern, optional_time, parsed};

/// Most tiles in one list.
pub const MAX_LIST: u32 = 500;
const DEFAULT_LIST: u32 = 50;

/// Which rows a query means.
const MATCHES: &str = "FROM tiles t JOIN jobs j ON j.id = t.job
     WHERE t.state = 'dead' AND (:status IS NULL OR j.status = :status)
       AND (:recipe IS NULL OR j.recipe LIKE :recipe ESCAPE '\\')
       AND (:error IS NULL OR t.error LIKE :error ESCAPE '\\')
       AND (:search IS NULL OR t.error LIKE :search ESCAPE '\\' OR t.worker LIKE :search ESCAPE '\\'
            OR j.recipe LIKE :search ESCAPE '\\' OR j.filename LIKE :search ESCAPE '\\'
            OR j.id LIKE :search ESCAPE '\\')
       AND (:owner IS NULL OR j.owner = :owner)";

/// The tiles that `query` means, those of the job that ended last first.
pub fn list(connection: &Connection, query: &DeadTileQuery) -> rusqlite::Result<Vec<DeadTile>> {
    let sql = format!(
        "SELECT t.job, t.tile, t.attempt, t.worker, t.error, j.recipe, j.filename, j.status, j.ended_at {MATCHES}
         ORDER BY j.ended_at DESC, t.job, t.tile LIMIT :limit OFFSET :offset"
    );
    let limit = query.limit.unwrap_or(DEFAULT_LIST).min(MAX_LIST);
    let pattern = |text: &Option<String>| text.as_deref().map(like_pattern);
    connection
        .prepare_cached(&sql)?
        .query_map(
            named_params! {
                ":status": query.status.map(JobStatus::name),
                ":recipe": pattern(&query.recipe),
                ":error": pattern(&query.error),
                ":search": pattern(&query.search),
                ":owner": query.owner,
                ":limit": limit,
                ":offset": query.offset.unwrap_or(0),
            },
            read,
        )?
        .collect()
}

/// Jobs that have ended with tiles that `query` means, at most `most`, the one that ended last first.
pub fn jobs(connection: &Connection, query: &DeadTileQuery, most: u32) -> rusqlite::Result<Vec<JobId>> {
    let sql = format!(
        "SELECT t.job {MATCHES} AND j.status IN ('failed', 'cancelled')
         GROUP BY t.job ORDER BY j.ended_at DESC, t.job LIMIT :limit"
    );
    let pattern = |text: &Option<String>| text.as_deref().map(like_pattern);
    connection
        .prepare_cached(&sql)?
        .query_map(
            named_params! {
                ":status": query.status.map(JobStatus::name),
                ":recipe": pattern(&query.recipe),
                ":error": pattern(&query.error),
                ":search": pattern(&query.search),
                ":owner": query.owner,
                ":limit": most,
            },
            |row| parsed(row, "job"),
        )?
        .collect()
}

/// The dead tiles of a job, in order.
pub fn of_job(connection: &Connection, job: JobId) -> rusqlite::Result<Vec<u32>> {
    connection
        .prepare_cached("SELECT tile FROM tiles WHERE job = ?1 AND state = 'dead' ORDER BY tile")?
        .query_map([job.to_string()], |row| row.get(0))?
        .collect()
}

fn read(row: &Row<'_>) -> rusqlite::Result<DeadTile> {
    Ok(DeadTile {
        job_id: parsed(row, "job")?,
        tile: row.get("tile")?,
        attempt: row.get("attempt")?,
        worker_id: row.get("worker")?,
        error: row.get("error")?,
        transformation: row.get("recipe")?,
        original_filename: row.get("filename")?,
        status: parsed(row, "status")?,
        completed_at: optional_time(row, "ended_at")?,
    })
}

#[cfg(test)]
mod tests {
    use azulejo_engine::Ending;
    use azulejo_protocol::{TileState, Timestamp};

    use super::*;
    use crate::engine::store::jobs as rows;
    use crate::engine::store::schema::migrate;
    use crate::engine::store::tiles::{self, TileRow};
    use crate::engine::testing;

    fn tile(number: u32, state: TileState, error: &str) -> TileRow {
        TileRow {
            tile: number,
            state,
            attempt: 3,
            failures: 3,
            spent: 48,
            worker: Some("kiln".into()),
            micros: None,
            transit_micros: None,
            error: Some(error.into()),
            checksum: None,
        }
    }

    #[test]
    fn dead_tiles_are_found_by_what_is_said_of_them_and_their_jobs() {
        let mut db = Connection::open_in_memory().unwrap();
        migrate(&mut db).unwrap();
        let mut ids = Vec::new();
        for (number, error) in [(1, "poison 100%"), (2, "no room")] {
            let mut row = testing::row();
            row.id = JobId(uuid::Uuid::from_u128(number));
            row.owner = Some(format!("owner-{number}"));
            rows::insert(&db, &row).unwrap();
            tiles::put(&db, row.id, &tile(3, TileState::Dead, error)).unwrap();
            tiles::put(&db, row.id, &tile(1, TileState::Queued, error)).unwrap();
            ids.push(row.id);
        }
        let reason = "tile 3".to_owned();
        rows::end(&db, ids[0], &Ending::Failed { reason }, Timestamp::UNIX_EPOCH, 0).unwrap();
        let found = |query: DeadTileQuery| {
            let list = list(&db, &query).unwrap();
            list.iter()
                .map(|tile| (tile.job_id, tile.tile))
                .collect::<Vec<_>>()
        };
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(found(DeadTileQuery::default()), [(ids[0], 3), (ids[1], 3)]);
        for (query, expected) in [
            (
                DeadTileQuery {
                    error: text("100%"),
                    ..DeadTileQuery::default()
                },
                &ids[..1],
            ),
            (
                DeadTileQuery {
                    error: text("1_0"),
                    ..DeadTileQuery::default()
                },
                &[],
            ),
            (
                DeadTileQuery {
                    search: text("room"),
                    ..DeadTileQuery::default()
                },
                &ids[1..],
            ),
            (
                DeadTileQuery {
                    search: text("kiln"),
                    ..DeadTileQuery::default()
                },
                &ids[..],
            ),
            (
                DeadTileQuery {
                    recipe: text("sharp"),
                    limit: Some(1),
                    ..DeadTileQuery::default()
                },
                &ids[..1],
            ),
            (
                DeadTileQuery {
                    recipe: text("sharp"),
                    offset: Some(1),
                    ..DeadTileQuery::default()
                },
                &ids[1..],
            ),
            (
                DeadTileQuery {
                    recipe: text("blur"),
                    ..DeadTileQuery::default()
                },
                &[],
            ),
            (
                DeadTileQuery {
                    owner: text("owner-2"),
                    ..DeadTileQuery::default()
                },
                &ids[1..],
            ),
            (
                DeadTileQuery {
                    owner: text("owner"),
                    ..DeadTileQuery::default()
                },
                &[],
            ),
            (
                DeadTileQuery {
                    status: Some(JobStatus::Failed),
                    ..DeadTileQuery::default()
                },
                &ids[..1],
            ),
        ] {
            let expected: Vec<_> = expected.iter().map(|id| (*id, 3)).collect();
            assert_eq!(found(query.clone()), expected, "{query:?}");
        }
        // One that is under way has nothing to replay.
        assert_eq!(jobs(&db, &DeadTileQuery::default(), 9).unwrap(), ids[..1]);
        let of_another = DeadTileQuery {
            owner: text("owner-2"),
            ..DeadTileQuery::default()
        };
        assert_eq!(jobs(&db, &of_another, 9).unwrap(), []);
        assert_eq!(of_job(&db, ids[1]).unwrap(), [3]);
    }
}
