//! A buffer to encode a response into that takes file contents by reference.
//!
//! A fetch response can hold tens of megabytes of records. The codec would copy them all into one buffer. Here the
//! records of a partition are given to the codec as a slice of [`placeholder`], a region of zeros that is never
//! touched and so costs no memory; when the codec "copies" such a slice into a [`SpliceBuf`], the buffer notes where,
//! and the file range goes there when the response is sent.

use std::sync::LazyLock;

use bytes::{BufMut, Bytes, BytesMut, buf::UninitSlice};
use kafka_protocol::protocol::buf::ByteBufMut;

/// Largest run of records that one partition can have in a response.
pub const MAX_PLACEHOLDER: usize = 128 << 20;

/// Zeroed pages straight from the operating system: reserved, not used.
static ZEROS: LazyLock<Bytes> = LazyLock::new(|| Bytes::from(vec![0; MAX_PLACEHOLDER]));

/// Stands for `length` bytes that are spliced in later. At most [`MAX_PLACEHOLDER`].
pub fn placeholder(length: usize) -> Bytes {
    ZEROS.slice(..length.min(MAX_PLACEHOLDER))
}

/// Encoded bytes, and where the placeholders belong.
#[derive(Default)]
pub struct SpliceBuf {
    bytes: BytesMut,
    /// Position in `bytes` that a placeholder goes in front of, and its length; in order.
    splices: Vec<(usize, usize)>,
}

impl SpliceBuf {
    /// An empty buffer that allocates nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The encoded bytes and the splices.
    pub fn into_parts(self) -> (BytesMut, Vec<(usize, usize)>) {
        (self.bytes, self.splices)
    }
}

#[allow(
    unsafe_code,
    reason = "the trait is unsafe to implement; every method hands over to BytesMut"
)]
// SAFETY: `chunk_mut`, `advance_mut` and `remaining_mut` are those of the `BytesMut` inside, which keeps the contract.
unsafe impl BufMut for SpliceBuf {
    fn remaining_mut(&self) -> usize {
        self.bytes.remaining_mut()
    }

    unsafe fn advance_mut(&mut self, count: usize) {
        // SAFETY: the caller keeps the contract of `advance_mut`, which is the same for the buffer inside.
        unsafe { self.bytes.advance_mut(count) }
    }

    fn chunk_mut(&mut self) -> &mut UninitSlice {
        self.bytes.chunk_mut()
    }

    fn put_slice(&mut self, source: &[u8]) {
        let zeros = ZEROS.as_ptr_range();
        if !source.is_empty() && zeros.contains(&source.as_ptr()) {
            self.splices.push((self.bytes.len(), source.len()));
        } else {
            self.bytes.put_slice(source);
        }
    }
}

impl ByteBufMut for SpliceBuf {
    fn offset(&self) -> usize {
        self.bytes.len()
    }

    fn seek(&mut self, offset: usize) {
        self.bytes.resize(offset, 0);
    }

    fn range(&mut self, range: std::ops::Range<usize>) -> &mut [u8] {
        &mut self.bytes[range]
    }
}

#[cfg(test)]
mod tests {
    use kafka_protocol::messages::FetchResponse;
    use kafka_protocol::messages::fetch_response::{FetchableTopicResponse, PartitionData};
    use kafka_protocol::protocol::Encodable;

    use super::*;

    fn response(records: &[Bytes]) -> FetchResponse {
        let partitions = records
            .iter()
            .map(|records| PartitionData::default().with_records(Some(records.clone())))
            .collect();
        FetchResponse::default().with_responses(vec![
            FetchableTopicResponse::default().with_partitions(partitions),
        ])
    }

    #[test]
    fn spliced_bytes_equal_those_that_the_codec_writes() {
        let records = [
            Bytes::from_static(b"first"),
            Bytes::new(),
            Bytes::from(vec![7; 70_000]),
        ];
        for version in [4, 11, 12, 16] {
            let mut expected = BytesMut::new();
            response(&records).encode(&mut expected, version).unwrap();

            let stand_ins: Vec<Bytes> = records.iter().map(|r| placeholder(r.len())).collect();
            let mut buffer = SpliceBuf::new();
            response(&stand_ins).encode(&mut buffer, version).unwrap();
            let (bytes, splices) = buffer.into_parts();
            let mut filled = Vec::new();
            let mut from = 0;
            let contents = records.iter().filter(|r| !r.is_empty());
            for ((at, length), content) in splices.into_iter().zip(contents) {
                filled.extend_from_slice(&bytes[from..at]);
                assert_eq!(length, content.len());
                filled.extend_from_slice(content);
                from = at;
            }
            filled.extend_from_slice(&bytes[from..]);
            assert_eq!(filled, expected, "version {version}");
        }
    }
}
