//! From a message to the pieces of a frame: bytes in memory and ranges of log files.

use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::messages::ResponseHeader;
use kafka_protocol::protocol::{Encodable, HeaderVersion};

use super::request::Request;
use super::splice::SpliceBuf;
use crate::log::segment::Segment;

/// Largest answer without records, bytes. No sensible one comes near.
const MAX_IN_MEMORY: usize = 32 << 20;

/// A run of stored batches. Holding it keeps the file open even if retention deletes it meanwhile.
#[derive(Debug, Clone)]
pub struct FileRange {
    /// Where the bytes are.
    pub segment: Arc<Segment>,
    /// First byte.
    pub position: u64,
    /// Number of bytes.
    pub length: usize,
    /// Offset after the last record.
    pub next_offset: i64,
}

/// A part of a frame.
#[derive(Debug)]
pub enum Piece {
    /// Bytes in memory.
    Bytes(Bytes),
    /// Bytes in a file.
    File(FileRange),
}

/// What a request comes to.
#[derive(Debug)]
pub enum Reply {
    /// A frame, length included.
    Frame(Vec<Piece>),
    /// No answer is wanted (Produce with `acks=0`).
    None,
}

/// Encodes `message` as the answer to `request`, with the ranges that stand in for the placeholders in it, in order.
///
/// # Errors
/// The codec's words when a field does not go with the version: a mistake of a handler.
pub fn encode<T: Encodable + HeaderVersion>(
    request: &Request,
    version: i16,
    message: &T,
    ranges: Vec<FileRange>,
) -> Result<Reply, String> {
    let failed = |error: &dyn std::fmt::Display| format!("{:?} version {version}: {error}", request.key);
    if ranges.is_empty() {
        let size = message.compute_size(version).map_err(|error| failed(&error))?;
        if size > MAX_IN_MEMORY {
            return Err(failed(&format!(
                "an answer of {size} bytes: ask for less at a time"
            )));
        }
    }
    let mut buffer = SpliceBuf::new();
    buffer.put_i32(0);
    let header = ResponseHeader::default().with_correlation_id(request.correlation);
    let encoded = header
        .encode(&mut buffer, T::header_version(version))
        .and_then(|()| message.encode(&mut buffer, version));
    encoded.map_err(|error| failed(&error))?;
    let (mut bytes, splices) = buffer.into_parts();
    debug_assert_eq!(splices.len(), ranges.len());
    let spliced: usize = ranges.iter().map(|range| range.length).sum();
    let length =
        i32::try_from(bytes.len() - 4 + spliced).map_err(|_| "the response is too large".to_owned())?;
    bytes[..4].copy_from_slice(&length.to_be_bytes());
    Ok(Reply::Frame(assemble(bytes, splices, ranges)))
}

fn assemble(bytes: BytesMut, splices: Vec<(usize, usize)>, ranges: Vec<FileRange>) -> Vec<Piece> {
    let bytes = bytes.freeze();
    let mut pieces = Vec::with_capacity(1 + 2 * ranges.len());
    let mut from = 0;
    for ((at, _), range) in splices.into_iter().zip(ranges) {
        pieces.push(Piece::Bytes(bytes.slice(from..at)));
        pieces.push(Piece::File(range));
        from = at;
    }
    pieces.push(Piece::Bytes(bytes.slice(from..)));
    pieces
}
