//! The timestamps with which a batch is stored: the producer's, if they are within what the topic allows, or the broker's.

use thiserror::Error;

use super::batch::{ATTRIBUTE_LOG_APPEND_TIME, BatchHeader};
use super::produced::Produced;
use super::settings::{LogSettings, TimestampType};
use super::timestamp::NO_TIMESTAMP;

/// A timestamp that the topic does not allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error(
    "the timestamp {timestamp} is too far from the broker's clock, {now}: message.timestamp.before.max.ms is {before}, \
     message.timestamp.after.max.ms {after}"
)]
pub struct TimestampError {
    /// The timestamp, milliseconds since 1970, here and below.
    pub timestamp: i64,
    /// The broker's clock.
    pub now: i64,
    /// So far in the past it may be.
    pub before: i64,
    /// So far in the future it may be.
    pub after: i64,
}

/// The header with which a sound batch is stored at `now`, but for its offset. Its latest timestamp is one that a record
/// has; of compressed records only the producer knows, and their header is held to the clock alone.
///
/// # Errors
/// See [`TimestampError`]; never where the broker's time counts.
pub fn stamped(produced: &Produced, settings: &LogSettings, now: i64) -> Result<BatchHeader, TimestampError> {
    let header = produced.header;
    if settings.timestamp_type == TimestampType::LogAppendTime {
        return Ok(BatchHeader {
            attributes: header.attributes | ATTRIBUTE_LOG_APPEND_TIME,
            max_timestamp: now,
            ..header
        });
    }
    let said = match produced.records {
        Some(facts) => [facts.earliest, facts.latest],
        None => [header.base_timestamp, header.max_timestamp],
    };
    let (before, after) = (settings.timestamp_before_max_ms, settings.timestamp_after_max_ms);
    for timestamp in said.into_iter().filter(|timestamp| *timestamp != NO_TIMESTAMP) {
        if now.saturating_sub(timestamp) > before || timestamp.saturating_sub(now) > after {
            return Err(TimestampError {
                timestamp,
                now,
                before,
                after,
            });
        }
    }
    let max_timestamp = produced
        .records
        .map_or(header.max_timestamp, |facts| facts.latest);
    Ok(BatchHeader {
        max_timestamp,
        ..header
    })
}

#[cfg(test)]
mod tests {
    use super::super::batch::tests::{sample, seal};
    use super::super::produced::check_produced;
    use super::*;

    const NOW: i64 = 1_000_000;

    fn limited() -> LogSettings {
        LogSettings {
            timestamp_before_max_ms: 100,
            timestamp_after_max_ms: 10,
            ..LogSettings::default()
        }
    }

    fn refused(batch: &[u8], settings: &LogSettings) -> bool {
        stamped(&check_produced(batch).unwrap(), settings, NOW).is_err()
    }

    #[test]
    fn a_timestamp_beyond_what_the_topic_allows_is_refused_at_its_first_millisecond() {
        let at = |timestamp| sample(2, 5, None, timestamp);
        for (timestamp, expected) in [
            (NOW - 101, true),
            (NOW - 100, false),
            (NOW + 10, false),
            (NOW + 11, true),
            (i64::MAX, true),
            (i64::MIN, true),
            (NO_TIMESTAMP, false),
        ] {
            assert_eq!(refused(&at(timestamp), &limited()), expected, "{timestamp}");
        }
        let hour = 60 * 60 * 1000;
        let usual = LogSettings::default();
        assert!(!refused(&at(NOW + hour), &usual) && refused(&at(NOW + hour + 1), &usual));
        assert!(!refused(&at(0), &usual), "nothing is too old by default");
    }

    #[test]
    fn compressed_records_are_judged_by_their_header() {
        let mut batch = sample(2, 5, None, NOW);
        batch[22] = 4;
        batch[35..43].copy_from_slice(&(NOW + 11).to_be_bytes());
        seal(&mut batch);
        assert!(refused(&batch, &limited()));
        batch[35..43].copy_from_slice(&(NOW + 10).to_be_bytes());
        seal(&mut batch);
        assert!(!refused(&batch, &limited()));
    }

    #[test]
    fn a_header_that_promises_another_time_than_its_records_have_is_put_right() {
        let mut batch = sample(2, 5, None, NOW);
        batch[35..43].copy_from_slice(&i64::MAX.to_be_bytes());
        seal(&mut batch);
        let header = stamped(&check_produced(&batch).unwrap(), &limited(), NOW).unwrap();
        assert_eq!((header.max_timestamp, header.attributes), (NOW, 0));
    }

    #[test]
    fn where_the_brokers_time_counts_the_producers_does_not_matter() {
        let settings = LogSettings {
            timestamp_type: TimestampType::LogAppendTime,
            ..limited()
        };
        let produced = check_produced(&sample(2, 5, None, i64::MAX)).unwrap();
        let header = stamped(&produced, &settings, NOW).unwrap();
        assert!(header.has_append_time());
        assert_eq!(header.max_timestamp, NOW);
    }
}
