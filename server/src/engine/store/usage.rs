//! What each owner has asked for, to hold it to the quotas. Bytes are kept by the hour, so that deleting a job gives none back.

use azulejo_protocol::Timestamp;
use rusqlite::{Connection, params};
use time::Duration;

use crate::engine::quotas::{DAY, Excess, Quotas};

/// Seconds of a step.
const HOUR: i64 = 3600;

/// What of `quotas` `bytes` more of `owner` would exceed at `now`.
pub fn excess_of_bytes(
    connection: &Connection,
    owner: &str,
    bytes: u64,
    now: Timestamp,
    quotas: &Quotas,
) -> rusqlite::Result<Option<Excess>> {
    if let Some(most) = quotas.bytes_per_day {
        let since = hour(now - DAY);
        let (sent, first): (u64, Option<i64>) = connection
            .prepare_cached(
                "SELECT coalesce(sum(bytes), 0), min(hour) FROM usage WHERE owner = ?1 AND hour > ?2",
            )?
            .query_row(params![owner, since], |row| Ok((row.get(0)?, row.get(1)?)))?;
        if sent.saturating_add(bytes) > most {
            let first = first.unwrap_or_else(|| hour(now));
            let free = Duration::seconds(first * HOUR - now.unix_timestamp()) + DAY;
            let wait = free.clamp(Duration::SECOND, DAY);
            return Ok(Some(Excess::Bytes { sent, most, wait }));
        }
    }
    Ok(None)
}

/// What of `quotas` one more job of `owner` that is under way would exceed.
pub fn excess_of_jobs(
    connection: &Connection,
    owner: &str,
    quotas: &Quotas,
) -> rusqlite::Result<Option<Excess>> {
    let Some(most) = quotas.jobs else {
        return Ok(None);
    };
    let running: u32 = connection
        .prepare_cached("SELECT count(*) FROM jobs WHERE owner = ?1 AND status = 'processing'")?
        .query_row([owner], |row| row.get(0))?;
    Ok((running >= most).then_some(Excess::Jobs { running, most }))
}

/// Counts `bytes` of `owner`, and forgets what counts no more.
pub fn note(connection: &Connection, owner: &str, bytes: u64, now: Timestamp) -> rusqlite::Result<()> {
    connection
        .prepare_cached("DELETE FROM usage WHERE hour <= ?1")?
        .execute([hour(now - DAY)])?;
    connection
        .prepare_cached(
            "INSERT INTO usage (owner, hour, bytes) VALUES (?1, ?2, ?3)
             ON CONFLICT (owner, hour) DO UPDATE SET bytes = bytes + excluded.bytes",
        )?
        .execute(params![owner, hour(now), bytes])?;
    Ok(())
}

fn hour(time: Timestamp) -> i64 {
    time.unix_timestamp().div_euclid(HOUR)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::store::schema;

    #[test]
    fn bytes_count_for_a_day_by_owner() {
        let mut db = Connection::open_in_memory().unwrap();
        schema::migrate(&mut db).unwrap();
        let now = time::macros::datetime!(2026-11-29 12:30 UTC);
        let quotas = Quotas {
            jobs: None,
            bytes_per_day: Some(1000),
        };
        let over = |owner, bytes, now| excess_of_bytes(&db, owner, bytes, now, &quotas).unwrap();
        assert_eq!(over("ann", 1000, now), None);
        assert!(
            over("ann", 1001, now).is_some(),
            "larger than the quota as a whole"
        );
        note(&db, "ann", 600, now).unwrap();
        note(&db, "ann", 300, now).unwrap();
        assert_eq!(over("ann", 100, now), None);
        assert_eq!(over("bob", 1000, now), None);
        let wait = match over("ann", 101, now) {
            Some(Excess::Bytes {
                sent: 900,
                most: 1000,
                wait,
            }) => wait,
            other => panic!("{other:?}"),
        };
        assert_eq!(over("ann", 101, now + wait), None, "after {wait}");
        assert!(over("ann", 101, now + wait - Duration::hours(1)).is_some());
        note(&db, "bob", 1, now + Duration::days(2)).unwrap();
        let rows: u32 = db
            .query_row("SELECT count(*) FROM usage", [], |row| row.get(0))
            .unwrap();
        assert_eq!(rows, 1, "what counts no more is forgotten");
    }
}
