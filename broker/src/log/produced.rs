//! What a producer sends: exactly one whole batch, its checksum, its structure, and what its records say of themselves.
//!
//! Records are looked at one by one where they are not compressed. Compressed ones are never opened: of them the broker knows
//! what the header says.

use thiserror::Error;

use super::batch::{ATTRIBUTE_CONTROL, ATTRIBUTE_TRANSACTIONAL, BatchHeader, CRC_START, HEADER_BYTES};
use super::timestamp::NO_TIMESTAMP;
use super::varint::{take_int, take_long};

const HIGHEST_COMPRESSION: i16 = 4;

/// Why a batch is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BatchError {
    /// Damaged on the way, or not a batch at all.
    #[error("the record batch is damaged: {0}")]
    Corrupt(String),
    /// Well delivered, but not what a producer may send.
    #[error("the record batch is not valid: {0}")]
    Invalid(String),
    /// An older format.
    #[error("record batches of format {0} are not supported: use a client that speaks Kafka 0.11 or later")]
    OldFormat(i8),
    /// A timestamp type that is the broker's to set.
    #[error("only the broker may set the timestamp type LogAppendTime")]
    AppendTime,
    /// Transactions are not offered.
    #[error("transactions are not offered by this broker")]
    Transactional,
}

/// A batch that was found sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Produced {
    /// Its header.
    pub header: BatchHeader,
    /// What its records say; `None` when they are compressed.
    pub records: Option<RecordFacts>,
}

/// What the records of a batch say of themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordFacts {
    /// Earliest timestamp, or [`NO_TIMESTAMP`] when no record has one.
    pub earliest: i64,
    /// Latest timestamp, or [`NO_TIMESTAMP`] when no record has one.
    pub latest: i64,
    /// Whether a record has no key.
    pub keyless: bool,
}

/// Checks what a producer sent for one partition: exactly one whole batch, its checksum and its structure.
///
/// # Errors
/// See [`BatchError`].
pub fn check_produced(bytes: &[u8]) -> Result<Produced, BatchError> {
    if bytes.len() > 16 && bytes[16] < 2 {
        return Err(BatchError::OldFormat(i8::from_be_bytes([bytes[16]])));
    }
    let Some(header) = BatchHeader::read(bytes) else {
        return Err(BatchError::Corrupt(format!(
            "{} bytes are too few for a batch",
            bytes.len()
        )));
    };
    if header.magic != 2 {
        return Err(BatchError::Corrupt(format!("format {} is unknown", header.magic)));
    }
    if header.size < HEADER_BYTES as u64 || header.size > bytes.len() as u64 {
        return Err(BatchError::Corrupt(format!(
            "length {} of {} bytes",
            header.size,
            bytes.len()
        )));
    }
    if header.size < bytes.len() as u64 {
        return Err(BatchError::Invalid(
            "a partition takes exactly one batch in a request".to_owned(),
        ));
    }
    if crc32c::crc32c(&bytes[CRC_START..]) != header.crc {
        return Err(BatchError::Corrupt(
            "its checksum does not match its content".to_owned(),
        ));
    }
    check_fields(&header)?;
    let records = match header.compression() {
        0 => Some(check_records(&bytes[HEADER_BYTES..], &header)?),
        _ => None,
    };
    Ok(Produced { header, records })
}

fn check_fields(header: &BatchHeader) -> Result<(), BatchError> {
    let invalid = |why: String| Err(BatchError::Invalid(why));
    if header.attributes & ATTRIBUTE_TRANSACTIONAL != 0 {
        return Err(BatchError::Transactional);
    }
    if header.attributes & ATTRIBUTE_CONTROL != 0 {
        return invalid("control batches are the broker's own".to_owned());
    }
    if header.has_append_time() {
        return Err(BatchError::AppendTime);
    }
    if header.compression() > HIGHEST_COMPRESSION {
        return invalid(format!("compression {} is unknown", header.compression()));
    }
    if header.records < 1 || header.last_offset_delta != header.records - 1 {
        let (count, last) = (header.records, header.last_offset_delta);
        return invalid(format!(
            "{count} records do not go with a last offset delta of {last}"
        ));
    }
    if header.is_idempotent() && (header.producer_epoch < 0 || header.base_sequence < 0) {
        let (epoch, sequence) = (header.producer_epoch, header.base_sequence);
        return invalid(format!(
            "a producer id needs an epoch and a sequence, not {epoch} and {sequence}"
        ));
    }
    Ok(())
}

/// Walks uncompressed records: as many as the header says must fill `bytes` exactly, one offset after the other.
fn check_records(mut bytes: &[u8], header: &BatchHeader) -> Result<RecordFacts, BatchError> {
    let invalid = |why: String| BatchError::Invalid(why);
    let mut facts = RecordFacts {
        earliest: NO_TIMESTAMP,
        latest: NO_TIMESTAMP,
        keyless: false,
    };
    for index in 0..header.records {
        let length = take_int(&mut bytes).ok_or_else(|| invalid(format!("record {index} has no length")))?;
        let (record, rest) = usize::try_from(length)
            .ok()
            .and_then(|length| bytes.split_at_checked(length))
            .ok_or_else(|| invalid(format!("record {index} says it has {length} bytes")))?;
        bytes = rest;
        let (timestamp_delta, offset_delta, key) =
            fields(record).ok_or_else(|| invalid(format!("record {index} has {length} bytes, too few")))?;
        if offset_delta != index {
            return Err(invalid(format!(
                "record {index} has the offset delta {offset_delta}"
            )));
        }
        facts.keyless |= key < 0;
        let timestamp = header.base_timestamp.saturating_add(timestamp_delta);
        if timestamp != NO_TIMESTAMP {
            facts.earliest = match facts.earliest {
                NO_TIMESTAMP => timestamp,
                earliest => earliest.min(timestamp),
            };
            facts.latest = facts.latest.max(timestamp);
        }
    }
    if bytes.is_empty() {
        Ok(facts)
    } else {
        Err(invalid(format!("{} bytes follow the last record", bytes.len())))
    }
}

/// Timestamp delta, offset delta and length of the key of a record without its length, if the key fits into it and
/// something can follow.
fn fields(record: &[u8]) -> Option<(i64, i32, i32)> {
    // In front are the attributes, which have no meaning yet.
    let mut rest = record.get(1..)?;
    let timestamp_delta = take_long(&mut rest)?;
    let offset_delta = take_int(&mut rest)?;
    let key = take_int(&mut rest)?;
    // Behind the key come at least the length of the value and the number of headers.
    let left = rest.len().checked_sub(usize::try_from(key).unwrap_or(0))?;
    (left >= 2).then_some((timestamp_delta, offset_delta, key))
}

#[cfg(test)]
mod tests {
    use super::super::batch::tests::{sample, seal};
    use super::*;

    #[test]
    fn a_sound_batch_is_read_field_by_field() {
        let batch = sample(3, 10, Some((7, 1, 40)), 1234);
        let header = check_produced(&batch).unwrap().header;
        assert_eq!(
            (header.records, header.last_offset_delta, header.size),
            (3, 2, batch.len() as u64)
        );
        assert_eq!(
            (header.producer_id, header.producer_epoch, header.base_sequence),
            (7, 1, 40)
        );
        assert_eq!(
            (header.base_timestamp, header.max_timestamp, header.compression()),
            (1234, 1234, 0)
        );
    }

    #[test]
    fn one_flipped_bit_anywhere_behind_the_prefix_is_found() {
        let batch = sample(2, 5, None, 0);
        for at in 16..batch.len() {
            let mut damaged = batch.clone();
            damaged[at] ^= 1;
            assert!(check_produced(&damaged).is_err(), "byte {at}");
        }
    }

    #[test]
    fn structure_is_checked_beyond_the_checksum() {
        let changed = |at: usize, bytes: &[u8]| {
            let mut batch = sample(2, 5, None, 0);
            batch[at..at + bytes.len()].copy_from_slice(bytes);
            seal(&mut batch);
            check_produced(&batch)
        };
        assert!(
            matches!(changed(57, &3_i32.to_be_bytes()), Err(BatchError::Invalid(_))),
            "record count"
        );
        assert!(
            matches!(changed(23, &5_i32.to_be_bytes()), Err(BatchError::Invalid(_))),
            "last offset delta"
        );
        assert!(
            matches!(changed(21, &5_i16.to_be_bytes()), Err(BatchError::Invalid(_))),
            "compression"
        );
        assert!(
            matches!(changed(21, &0x20_i16.to_be_bytes()), Err(BatchError::Invalid(_))),
            "control"
        );
        assert_eq!(
            changed(21, &0x10_i16.to_be_bytes()),
            Err(BatchError::Transactional)
        );
        assert!(
            matches!(changed(HEADER_BYTES, &[0x7f]), Err(BatchError::Invalid(_))),
            "record length"
        );
        assert_eq!(changed(16, &[1]), Err(BatchError::OldFormat(1)));
    }

    #[test]
    fn two_batches_or_half_a_batch_are_refused() {
        let batch = sample(1, 5, None, 0);
        let twice = [batch.clone(), batch.clone()].concat();
        assert!(matches!(check_produced(&twice), Err(BatchError::Invalid(_))));
        for length in 0..batch.len() {
            assert!(check_produced(&batch[..length]).is_err(), "{length} bytes");
        }
    }

    #[test]
    fn what_records_say_is_read_unless_they_are_compressed() {
        let facts = |latest, earliest, keyless| RecordFacts {
            earliest,
            latest,
            keyless,
        };
        let plain = sample(2, 5, None, 50);
        assert_eq!(check_produced(&plain).unwrap().records, Some(facts(50, 50, true)));

        let at = HEADER_BYTES + 2;
        let mut early = plain.clone();
        early[at] = 9; // a delta of -5
        seal(&mut early);
        assert_eq!(check_produced(&early).unwrap().records, Some(facts(50, 45, true)));

        let mut gap = plain.clone();
        gap[at + 1] = 4; // an offset delta of 2
        seal(&mut gap);
        assert!(matches!(check_produced(&gap), Err(BatchError::Invalid(_))));

        let untimed = sample(2, 5, None, NO_TIMESTAMP);
        let none = facts(NO_TIMESTAMP, NO_TIMESTAMP, true);
        assert_eq!(check_produced(&untimed).unwrap().records, Some(none));

        let mut compressed = plain;
        compressed[22] = 1;
        seal(&mut compressed);
        assert_eq!(check_produced(&compressed).unwrap().records, None);
    }
}
