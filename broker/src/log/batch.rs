//! The header of a record batch (magic 2): the few fields that a broker must read, and those that it writes.
//!
//! Batches are stored as they came. The base offset and the leader epoch are always the broker's to set; both lie in
//! front of the part that the CRC covers, so the checksum of the producer stays good all the way to the consumer. The
//! latest timestamp is the broker's as well where a topic asks for it, or where the producer's header does not say what
//! its records do; then the checksum is made anew, from the old one and the header alone.
//! Layout: Kafka's "Record Batch" section of the protocol guide.

/// Bytes in front of a batch's length's own count: base offset (8) and length (4).
pub const LENGTH_PREFIX: usize = 12;
/// Bytes of a whole header, up to the first record.
pub const HEADER_BYTES: usize = 61;
/// Where the part that the CRC covers begins.
pub const CRC_START: usize = 21;
/// Largest batch that a log may hold, whatever a topic's `max.message.bytes` says: 1 GiB.
pub const MAX_BATCH_BYTES: u64 = 1 << 30;

const ATTRIBUTE_COMPRESSION: i16 = 0x07;
/// The latest timestamp is when the broker stored the batch, and holds for all of its records.
pub const ATTRIBUTE_LOG_APPEND_TIME: i16 = 0x08;
/// Part of a transaction.
pub const ATTRIBUTE_TRANSACTIONAL: i16 = 0x10;
/// No records of users.
pub const ATTRIBUTE_CONTROL: i16 = 0x20;
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

fn field<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&bytes[at..at + N]);
    out
}

impl BatchHeader {
    /// Reads the header at the start of `bytes`, or `None` when there are fewer than [`HEADER_BYTES`].
    /// Nothing is checked: see [`Self::is_plausible`] and [`super::produced`].
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

    /// Whether the latest timestamp is that of the broker, for every record.
    pub fn has_append_time(&self) -> bool {
        self.attributes & ATTRIBUTE_LOG_APPEND_TIME != 0
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

/// The header of `batch` as it is stored: with the base offset, attributes and latest timestamp of `header`, leader epoch 0,
/// and the checksum that goes with it. The content is not read again: of two batches that differ in their headers alone,
/// the checksums differ by what the difference of the headers comes to behind so many bytes (a CRC is linear).
///
/// `batch` has at least [`HEADER_BYTES`], and its own checksum is right.
pub fn stored_header(batch: &[u8], header: &BatchHeader) -> [u8; HEADER_BYTES] {
    let mut stored = field::<HEADER_BYTES>(batch, 0);
    stored[..8].copy_from_slice(&header.base_offset.to_be_bytes());
    stored[12..16].copy_from_slice(&0_i32.to_be_bytes());
    let came = crc32c::crc32c(&stored[CRC_START..]);
    stored[21..23].copy_from_slice(&header.attributes.to_be_bytes());
    stored[35..43].copy_from_slice(&header.max_timestamp.to_be_bytes());
    let goes = crc32c::crc32c(&stored[CRC_START..]);
    if came != goes {
        let difference = crc32c::crc32c_combine(came ^ goes, 0, batch.len() - HEADER_BYTES);
        let crc = u32::from_be_bytes(field(batch, 17)) ^ difference;
        stored[17..21].copy_from_slice(&crc.to_be_bytes());
    }
    stored
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
            put_varint(&mut record, -1); // no key
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
    fn a_stored_batch_has_a_checksum_that_fits_whatever_the_broker_has_written() {
        for (records, payload) in [(1, 0), (2, 5), (3, 70_000)] {
            let batch = sample(records, payload, None, 10);
            let came = BatchHeader::read(&batch).unwrap();
            let stamped = BatchHeader {
                base_offset: 77,
                attributes: came.attributes | ATTRIBUTE_LOG_APPEND_TIME,
                max_timestamp: 123_456_789,
                ..came
            };
            for header in [
                BatchHeader {
                    base_offset: 77,
                    ..came
                },
                stamped,
            ] {
                let mut stored = batch.clone();
                stored[..HEADER_BYTES].copy_from_slice(&stored_header(&batch, &header));
                let read = BatchHeader::read(&stored).unwrap();
                assert_eq!(
                    read.crc,
                    crc32c::crc32c(&stored[CRC_START..]),
                    "{records} records"
                );
                assert_eq!(
                    (read.base_offset, read.next_offset()),
                    (77, 77 + i64::from(records))
                );
                assert_eq!(
                    (read.attributes, read.max_timestamp),
                    (header.attributes, header.max_timestamp)
                );
            }
        }
    }
}
