//! Decoding that cannot be talked into a huge allocation.
//!
//! The codec reserves room for an array as soon as it has read its length, before it has seen a single element. A
//! request of twenty bytes could so ask for gigabytes. [`decode`] therefore decodes twice: first from a [`Probe`], a
//! buffer that shows the codec no count above [`MAX_ELEMENTS`], then, if that went through, from the bytes themselves.
//!
//! A reader of bytes cannot see whether a number is a count, a length or a plain value, so the probe works by what
//! follows. A number above the limit is shown as the limit. If the next thing asked for is that many *bytes*, it was
//! a length, and the true number is used (the codec takes bytes without reserving anything, and only if they are
//! there). If it was a plain value, no harm is done: what the probe decodes is thrown away. If it was a count, the
//! codec now needs more reads than the probe grants in all, and the request is refused. Variable-length numbers are
//! only ever counts and lengths in front of bytes, so there anything else than bytes is refused at once.
//!
//! Bytes read one by one are variable-length numbers and booleans, which look alike. What looks like a number is followed
//! to its end, so that its later bytes are never taken for the first of another. A boolean of 128 or more, which no client
//! writes, makes the probe begin a byte early: the number after it is then a part of one that is shown as no more than
//! the limit, and so less than it. A number that has no end after five bytes is refused.

use bytes::{Buf, Bytes};
use kafka_protocol::protocol::Decodable;
use kafka_protocol::protocol::buf::{ByteBuf, NotEnoughBytesError};

/// Most elements of one array in a request.
pub const MAX_ELEMENTS: usize = (1 << 17) - 1;

/// Decodes a `T` of version `version` from `bytes`, which must hold it and nothing more than trailing bytes.
///
/// # Errors
/// A sentence on what does not fit.
pub fn decode<T: Decodable>(bytes: Bytes, version: i16) -> Result<T, String> {
    let mut probe = Probe::new(bytes.clone());
    T::decode(&mut probe, version).map_err(|error| error.to_string())?;
    if probe.refused {
        return Err(format!("an array holds more than {MAX_ELEMENTS} elements"));
    }
    let mut bytes = bytes;
    T::decode(&mut bytes, version).map_err(|error| error.to_string())
}

/// A number above the limit that was shown as less.
#[derive(Clone, Copy)]
struct Clamped {
    actual: usize,
    /// Nothing but bytes may follow.
    strict: bool,
}

struct Probe {
    bytes: Bytes,
    reads_left: usize,
    clamped: Option<Clamped>,
    /// What is left to show of a variable-length number above the limit: bytes shown, how many, the true number.
    showing: Option<(usize, usize, u32)>,
    /// Further bytes of a variable-length number within the limit.
    passing: usize,
    refused: bool,
}

impl Probe {
    fn new(bytes: Bytes) -> Self {
        Self {
            bytes,
            reads_left: MAX_ELEMENTS,
            clamped: None,
            showing: None,
            passing: 0,
            refused: false,
        }
    }

    fn refuse(&mut self) {
        self.refused = true;
        self.bytes.clear();
    }

    /// Called for every read that is not the continuation of the one before.
    fn step(&mut self) {
        if self.reads_left == 0 || self.clamped.is_some_and(|c| c.strict) || self.showing.is_some() {
            self.refuse();
        }
        self.reads_left = self.reads_left.saturating_sub(1);
        self.clamped = None;
        self.showing = None;
        self.passing = 0;
    }

    /// The variable-length number at the front and how many bytes it has; `None` when it has no end.
    fn varint(&self) -> Option<(usize, u32)> {
        let mut value = 0_u32;
        for (index, byte) in self.bytes.iter().take(5).enumerate() {
            value |= u32::from(byte & 0x7f) << (7 * index);
            if byte & 0x80 == 0 {
                return Some((index + 1, value));
            }
        }
        None
    }

    /// Byte `index` of the limit, written as a variable-length number that keeps the continuation bits of `byte`.
    fn shown_byte(index: usize, byte: u8) -> u8 {
        let bits = match index {
            0 | 1 => 0x7f,
            2 => 0x07,
            _ => 0,
        };
        bits | (byte & 0x80)
    }
}

impl Buf for Probe {
    fn remaining(&self) -> usize {
        self.bytes.len()
    }

    fn chunk(&self) -> &[u8] {
        &self.bytes
    }

    fn advance(&mut self, count: usize) {
        self.step();
        let count = count.min(self.bytes.len());
        self.bytes.advance(count);
    }

    fn try_get_u8(&mut self) -> Result<u8, bytes::TryGetError> {
        if let Some((index, length, value)) = self.showing.take() {
            let byte = self.bytes.try_get_u8()?;
            if index + 1 < length {
                self.showing = Some((index + 1, length, value));
            } else {
                self.clamped = Some(Clamped {
                    actual: value as usize,
                    strict: true,
                });
            }
            return Ok(Self::shown_byte(index, byte));
        }
        if let Some(left) = self.passing.checked_sub(1) {
            self.passing = left;
            return self.bytes.try_get_u8();
        }
        self.step();
        let Some((length, value)) = self.varint() else {
            self.refuse();
            return self.bytes.try_get_u8();
        };
        let byte = self.bytes.try_get_u8()?;
        if value as usize <= MAX_ELEMENTS {
            self.passing = length - 1;
            return Ok(byte);
        }
        self.showing = Some((1, length, value));
        Ok(Self::shown_byte(0, byte))
    }

    fn try_get_i32(&mut self) -> Result<i32, bytes::TryGetError> {
        self.step();
        let value = self.bytes.try_get_i32()?;
        match usize::try_from(value) {
            Ok(actual) if actual > MAX_ELEMENTS => {
                self.clamped = Some(Clamped {
                    actual,
                    strict: false,
                });
                Ok(MAX_ELEMENTS as i32)
            }
            _ => Ok(value),
        }
    }
}

impl ByteBuf for Probe {
    fn peek_bytes(&mut self, range: std::ops::Range<usize>) -> Bytes {
        let end = range.end.min(self.bytes.len());
        self.bytes.slice(range.start.min(end)..end)
    }

    fn get_bytes(&mut self, size: usize) -> Bytes {
        self.try_get_bytes(size).unwrap_or_default()
    }

    fn try_get_bytes(&mut self, size: usize) -> Result<Bytes, NotEnoughBytesError> {
        let actual = match self.clamped.take() {
            // Counts of compact bytes are one more than the bytes; sizes of tagged fields are not.
            Some(Clamped { actual, strict: true }) if size + 1 == MAX_ELEMENTS => actual - 1,
            Some(Clamped { actual, .. }) if size == MAX_ELEMENTS => actual,
            clamped => {
                self.clamped = clamped;
                size
            }
        };
        self.step();
        if self.bytes.len() < actual {
            Err(NotEnoughBytesError)
        } else {
            Ok(self.bytes.split_to(actual))
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;
    use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
    use kafka_protocol::messages::{MetadataRequest, OffsetFetchRequest, ProduceRequest, TopicName};
    use kafka_protocol::protocol::{Encodable, StrBytes};

    use super::*;

    fn produce(records: usize) -> ProduceRequest {
        let partition = PartitionProduceData::default()
            .with_index(3)
            .with_records(Some(Bytes::from(vec![0x5a; records])));
        let topic = TopicProduceData::default()
            .with_name(TopicName(StrBytes::from_static_str("tiles")))
            .with_partition_data(vec![partition]);
        ProduceRequest::default()
            .with_acks(-1)
            .with_timeout_ms(30_000_000)
            .with_topic_data(vec![topic])
    }

    #[test]
    fn large_bytes_and_large_numbers_pass_in_old_and_new_encodings() {
        for version in [3, 8, 9, 12] {
            for records in [
                0,
                100,
                MAX_ELEMENTS - 1,
                MAX_ELEMENTS,
                MAX_ELEMENTS + 1,
                3_000_000,
            ] {
                let request = produce(records);
                let mut bytes = BytesMut::new();
                request.encode(&mut bytes, version).unwrap();
                let decoded: ProduceRequest = decode(bytes.freeze(), version).unwrap();
                assert_eq!(decoded, request, "version {version}, {records} bytes");
            }
        }
    }

    #[test]
    fn a_huge_count_is_refused_before_anything_is_reserved() {
        // Metadata version 1: an array of 2^31 - 1 topics; version 12: a compact one.
        let old = Bytes::from_static(&[0x7f, 0xff, 0xff, 0xff, 0, 1, b'a']);
        assert!(decode::<MetadataRequest>(old, 1).is_err());
        let new = Bytes::from_static(&[0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0, 0, 0]);
        assert!(decode::<MetadataRequest>(new, 12).is_err());
    }

    #[test]
    fn a_number_without_an_end_is_refused_before_anything_is_reserved() {
        // Found by fuzzing: the fifth byte of such a number was taken for the first of the next.
        let endless = Bytes::from_static(&[0x80, 0xb9, 0x80, 0x80, 0x80, 0x80, 0x32]);
        assert!(decode::<MetadataRequest>(endless, 12).is_err());
        let shifted = Bytes::from_static(&[0x81, 0x80, 0x80, 0x80, 0x32, 0xff, 0xff, 0xff, 0x0f]);
        assert!(decode::<MetadataRequest>(shifted, 12).is_err());
    }

    #[test]
    fn a_count_above_the_limit_is_refused_even_with_all_its_elements_there() {
        let mut bytes = BytesMut::new();
        bytes.extend_from_slice(&[0, 1, b'g', 0, 0, 0, 1, 0, 1, b't']);
        bytes.extend_from_slice(&(MAX_ELEMENTS as i32 + 1).to_be_bytes());
        bytes.resize(bytes.len() + 4 * (MAX_ELEMENTS + 1), 0);
        assert!(decode::<OffsetFetchRequest>(bytes.freeze(), 1).is_err());
    }

    #[test]
    fn a_truncated_request_is_an_error() {
        let mut bytes = BytesMut::new();
        produce(200_000).encode(&mut bytes, 9).unwrap();
        let bytes = bytes.freeze();
        for length in [0, 1, 10, 100, 100_000, bytes.len() - 1] {
            assert!(
                decode::<ProduceRequest>(bytes.slice(..length), 9).is_err(),
                "{length} bytes"
            );
        }
    }
}
