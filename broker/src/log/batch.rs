//! The header of a record batch (magic 2): the few fields that a broker must read, and the two that it writes.
//!
//! Batches are stored as they came. Only the base offset and the leader epoch are the broker's to set; both lie in
//! front of the part that the CRC covers, so the checksum of the producer stays good all the way to the consumer.
//! Layout: Kafka's "Record Batch" section of the protocol guide.

use thiserror::Error;

/// Bytes in front of a batch's length's own count: base offset (8) and length (4).
pub const LENGTH_PREFIX: usize = 12;
/// Bytes of a whole header, up to the first record.
pub const HEADER_BYTES: usize = 61;
/// Where the part that the CRC covers begins.
pub const CRC_START: usize = 21;
/// Largest batch that a log may hold, whatever a topic's `max.message.bytes` says: 1 GiB.
pub const MAX_BATCH_BYTES: u64 = 1 << 30;

const ATTRIBUTE_COMPRESSION: i16 = 0x07;
const ATTRIBUTE_LOG_APPEND_TIME: i16 = 0x08;
const ATTRIBUTE_TRANSACTIONAL: i16 = 0x10;
const ATTRIBUTE_CONTROL: i16 = 0x20;
const HIGHEST_COMPRESSION: i16 = 4;
/// Compression code of zstd, which producers may use from Produce version 7 on.
pub const ZSTD: i16 = 4;

/// What a batch says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchHeader {
    /// Offset of the first record.
    pub base_offset: i64,
    /// Bytes of the whole batch, prefix included.
    pub size: u64,
    /// Format version: 2 is the only one stored.
    pub magic: i8,
    /// CRC-32C of everything from [`CRC_START`] on.
    pub crc: u32,
    /// Compression, timestamp type, transactional and control bits.
    pub attributes: i16,
    /// Offset of the last record, counted from the first.
    pub last_offset_delta: i32,
    /// Timestamp of the first record, milliseconds since 1970.
    pub base_timestamp: i64,
    /// Latest timestamp of a record, milliseconds since 1970.
    pub max_timestamp: i64,
    /// Id of the idempotent producer, or -1.
    pub producer_id: i64,
    /// Epoch of the idempotent producer, or -1.
    pub producer_epoch: i16,
    /// Sequence number of the first record, or -1.
    pub base_sequence: i32,
    /// Number of records.
    pub records: i32,
}

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
    /// Transactions are not offered.
    #[error("transactions are not offered by this broker")]
    Transactional,
}

fn field<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&bytes[at..at + N]);
    out
}

impl BatchHeader {
    /// Reads the header at the start of `bytes`, or `None` when there are fewer than [`HEADER_BYTES`].
    /// Nothing is checked: see [`Self::is_plausible`] and [`check_produced`].
    pub fn read(bytes: &[u8]) -> Option<Self> {
        if bytes.len() < HEADER_BYTES {
            return None;
        }
        let length = i32::from_be_bytes(field(bytes, 8));
        Some(Self {
            base_offset: i64::from_be_bytes(field(bytes, 0)),
            size: u64::try_from(length).unwrap_or(0) + LENGTH_PREFIX as u64,
            magic: i8::from_be_bytes(field(bytes, 16)),
            crc: u32::from_be_bytes(field(bytes, 17)),
            attributes: i16::from_be_bytes(field(bytes, 21)),
            last_offset_delta: i32::from_be_bytes(field(bytes, 23)),
            base_timestamp: i64::from_be_bytes(field(bytes, 27)),
            max_timestamp: i64::from_be_bytes(field(bytes, 35)),
            producer_id: i64::from_be_bytes(field(bytes, 43)),
            producer_epoch: i16::from_be_bytes(field(bytes, 51)),
            base_sequence: i32::from_be_bytes(field(bytes, 53)),
            records: i32::from_be_bytes(field(bytes, 57)),
        })
    }

    /// Offset after the last record.
    pub fn next_offset(&self) -> i64 {
        self.base_offset
            .saturating_add(i64::from(self.last_offset_delta))
            .saturating_add(1)
    }

    /// Compression code: 0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd.
    pub fn compression(&self) -> i16 {
        self.attributes & ATTRIBUTE_COMPRESSION
    }

    /// Whether an idempotent producer sent it.
    pub fn is_idempotent(&self) -> bool {
        self.producer_id >= 0
    }

    /// Whether this can be a batch of a log at all: sizes and counts within reason. The CRC is not looked at.
    pub fn is_plausible(&self) -> bool {
        self.magic == 2
            && self.size >= HEADER_BYTES as u64
            && self.size <= MAX_BATCH_BYTES
            && self.base_offset >= 0
            && self.last_offset_delta >= 0
            && self
                .base_offset
                .checked_add(i64::from(self.last_offset_delta) + 1)
                .is_some()
    }
}

/// The first [`LENGTH_PREFIX`] + 4 bytes of a stored batch: `base_offset` in place, leader epoch 0.
pub fn stored_prefix(batch: &[u8], base_offset: i64) -> [u8; 16] {
    let mut prefix = field::<16>(batch, 0);
    prefix[..8].copy_from_slice(&base_offset.to_be_bytes());
    prefix[12..16].copy_from_slice(&0_i32.to_be_bytes());
    prefix
}

/// Checks what a producer sent for one partition: exactly one whole batch, its checksum and its structure.
///
/// # Errors
/// See [`BatchError`].
pub fn check_produced(bytes: &[u8]) -> Result<BatchHeader, BatchError> {
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
    if header.compression() == 0 {
        check_records(&bytes[HEADER_BYTES..], header.records)?;
    }
    Ok(header)
}

fn check_fields(header: &BatchHeader) -> Result<(), BatchError> {
    let invalid = |why: String| Err(BatchError::Invalid(why));
    if header.attributes & ATTRIBUTE_TRANSACTIONAL != 0 {
        return Err(BatchError::Transactional);
    }
    if header.attributes & ATTRIBUTE_CONTROL != 0 {
        return invalid("control batches are the broker's own".to_owned());
    }
    if header.attributes & ATTRIBUTE_LOG_APPEND_TIME != 0 {
        return invalid("only the broker may set the timestamp type LogAppendTime".to_owned());
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

/// Walks the lengths of uncompressed records: `count` of them must fill `bytes` exactly.
fn check_records(mut bytes: &[u8], count: i32) -> Result<(), BatchError> {
    for index in 0..count {
        let Some((length, used)) = read_varint(bytes) else {
            return Err(BatchError::Invalid(format!("record {index} has no length")));
        };
        let rest = &bytes[used..];
        match usize::try_from(length) {
            // A record has at least attributes, two deltas, two lengths and a header count: six bytes.
            Ok(length) if length >= 6 && length <= rest.len() => bytes = &rest[length..],
            _ => {
                return Err(BatchError::Invalid(format!(
                    "record {index} says it has {length} bytes"
                )));
            }
        }
    }
    if bytes.is_empty() {
        Ok(())
    } else {
        Err(BatchError::Invalid(format!(
            "{} bytes follow the last record",
            bytes.len()
        )))
    }
}

/// A zigzag varint of up to five bytes, and how many bytes it took.
fn read_varint(bytes: &[u8]) -> Option<(i32, usize)> {
    let mut value = 0_u32;
    for (index, byte) in bytes.iter().take(5).enumerate() {
        value |= u32::from(byte & 0x7f).checked_shl(7 * index as u32)?;
        if byte & 0x80 == 0 {
            return Some((((value >> 1) as i32) ^ -((value & 1) as i32), index + 1));
        }
    }
    None
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A valid uncompressed batch of `records` records with `payload` bytes of value each.
    pub(crate) fn sample(
        records: i32,
        payload: usize,
        producer: Option<(i64, i16, i32)>,
        timestamp: i64,
    ) -> Vec<u8> {
        let mut body = Vec::new();
        for index in 0..records {
            let mut record = vec![0_u8]; // attributes
            put_varint(&mut record, 0);
            put_varint(&mut record, index);
            put_varint(&mut record, -1);
            put_varint(&mut record, payload as i32);
            record.resize(record.len() + payload, b'x');
            put_varint(&mut record, 0);
            put_varint(&mut body, record.len() as i32);
            body.extend_from_slice(&record);
        }
        let (id, epoch, sequence) = producer.unwrap_or((-1, -1, -1));
        let mut batch = Vec::new();
        batch.extend_from_slice(&0_i64.to_be_bytes());
        batch.extend_from_slice(&((HEADER_BYTES - LENGTH_PREFIX + body.len()) as i32).to_be_bytes());
        batch.extend_from_slice(&(-1_i32).to_be_bytes());
        batch.push(2);
        batch.extend_from_slice(&[0; 4]);
        batch.extend_from_slice(&0_i16.to_be_bytes());
        batch.extend_from_slice(&(records - 1).to_be_bytes());
        batch.extend_from_slice(&timestamp.to_be_bytes());
        batch.extend_from_slice(&timestamp.to_be_bytes());
        batch.extend_from_slice(&id.to_be_bytes());
        batch.extend_from_slice(&epoch.to_be_bytes());
        batch.extend_from_slice(&sequence.to_be_bytes());
        batch.extend_from_slice(&records.to_be_bytes());
        batch.extend_from_slice(&body);
        seal(&mut batch);
        batch
    }

    /// Writes the checksum that fits the content.
    pub(crate) fn seal(batch: &mut [u8]) {
        let crc = crc32c::crc32c(&batch[CRC_START..]);
        batch[17..21].copy_from_slice(&crc.to_be_bytes());
    }

    fn put_varint(out: &mut Vec<u8>, value: i32) {
        let mut rest = ((value << 1) ^ (value >> 31)) as u32;
        while rest >= 0x80 {
            out.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        out.push(rest as u8);
    }

    #[test]
    fn a_sound_batch_is_read_field_by_field() {
        let batch = sample(3, 10, Some((7, 1, 40)), 1234);
        let header = check_produced(&batch).unwrap();
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
    fn the_stored_prefix_keeps_the_checksum_good() {
        let mut batch = sample(2, 5, None, 0);
        let prefix = stored_prefix(&batch, 77);
        batch[..16].copy_from_slice(&prefix);
        let header = check_produced(&batch).unwrap();
        assert_eq!((header.base_offset, header.next_offset()), (77, 79));
    }
}
