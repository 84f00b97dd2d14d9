//! Bodies made of pieces of a file: all of it, one range, or several as `multipart/byteranges` (RFC 9110, section 14.6).
//!
//! tower-http's `ServeFile` sends the whole and one range. It knows neither entity tags nor `If-Range`, and refuses what it should
//! ignore, so that next to nothing of it was left to use.

use std::collections::VecDeque;
use std::io::{self, SeekFrom};
use std::ops::Range;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use futures::stream::try_unfold;
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use uuid::Uuid;

/// Bytes read from the file at a time.
const CHUNK_BYTES: u64 = 256 * 1024;

/// What goes out: text, then a range of the file.
#[derive(Debug, Default)]
struct Piece {
    head: Bytes,
    range: Range<u64>,
}

/// A body and what its headers must say of it.
#[derive(Debug)]
pub struct Pieces {
    /// Bytes of the body.
    pub length: u64,
    /// The type of the body, where it is not the file's own.
    pub kind: Option<String>,
    pieces: VecDeque<Piece>,
}

impl Pieces {
    /// One range of a file.
    pub fn one(range: Range<u64>) -> Self {
        let head = Bytes::new();
        Self {
            length: range.end.saturating_sub(range.start),
            kind: None,
            pieces: VecDeque::from([Piece { head, range }]),
        }
    }

    /// Several ranges of a file of the type `mime` with `length` bytes. Each gets a head that says which it is.
    pub fn several(ranges: &[Range<u64>], mime: &str, length: u64) -> Self {
        // Drawn anew for each answer, so that no file can hold it but by chance.
        let boundary = Uuid::new_v4().simple().to_string();
        let mut pieces = VecDeque::with_capacity(ranges.len() + 1);
        for range in ranges {
            let start = if pieces.is_empty() { "" } else { "\r\n" };
            let head = format!(
                "{start}--{boundary}\r\nContent-Type: {mime}\r\nContent-Range: {}\r\n\r\n",
                content_range(range, length)
            );
            pieces.push_back(Piece {
                head: head.into(),
                range: range.clone(),
            });
        }
        pieces.push_back(Piece {
            head: format!("\r\n--{boundary}--\r\n").into(),
            range: 0..0,
        });
        let bytes = |piece: &Piece| piece.head.len() as u64 + (piece.range.end - piece.range.start);
        Self {
            length: pieces.iter().map(bytes).sum(),
            kind: Some(format!("multipart/byteranges; boundary={boundary}")),
            pieces,
        }
    }

    /// The body, read from `file` as it is sent. A file that turns out to be shorter breaks the answer off.
    pub fn body(self, file: File) -> Body {
        let state = (file, self.pieces, 0_u64);
        Body::from_stream(try_unfold(state, |(mut file, mut pieces, mut left)| async move {
            loop {
                if left > 0 {
                    let chunk = read(&mut file, left.min(CHUNK_BYTES)).await?;
                    let rest = left - chunk.len() as u64;
                    return Ok::<_, io::Error>(Some((chunk, (file, pieces, rest))));
                }
                let Some(piece) = pieces.pop_front() else {
                    return Ok(None);
                };
                left = piece.range.end.saturating_sub(piece.range.start);
                if left > 0 {
                    file.seek(SeekFrom::Start(piece.range.start)).await?;
                }
                if !piece.head.is_empty() {
                    return Ok(Some((piece.head, (file, pieces, left))));
                }
            }
        }))
    }
}

/// The value of `Content-Range` for `range` of `length` bytes.
pub fn content_range(range: &Range<u64>, length: u64) -> String {
    format!("bytes {}-{}/{length}", range.start, range.end.saturating_sub(1))
}

/// At least one byte of `file` and at most `most`.
async fn read(file: &mut File, most: u64) -> io::Result<Bytes> {
    let mut chunk = BytesMut::with_capacity(usize::try_from(most).unwrap_or_default());
    let count = file.take(most).read_buf(&mut chunk).await?;
    if count == 0 {
        let error = io::Error::new(io::ErrorKind::UnexpectedEof, "the file became shorter");
        tracing::warn!("a download is broken off: {error}");
        return Err(error);
    }
    Ok(chunk.freeze())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    async fn sent(pieces: Pieces, content: &[u8]) -> Result<Vec<u8>, axum::Error> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(content).unwrap();
        let body = pieces.body(File::from_std(file));
        axum::body::to_bytes(body, usize::MAX)
            .await
            .map(|bytes| bytes.to_vec())
    }

    #[tokio::test]
    async fn a_range_longer_than_a_chunk_is_sent_in_order() {
        let content: Vec<u8> = (0..1_000_000_u32).map(|at| (at % 251) as u8).collect();
        for range in [0..1_000_000, 7..8, 300_000..999_999] {
            let got = sent(Pieces::one(range.clone()), &content).await.unwrap();
            assert!(
                got == content[range.start as usize..range.end as usize],
                "{range:?}"
            );
        }
    }

    #[tokio::test]
    async fn several_ranges_have_the_length_that_is_announced() {
        let pieces = Pieces::several(&[8..10, 0..2], "image/png", 10);
        let (length, kind) = (pieces.length, pieces.kind.clone().unwrap());
        let boundary = kind
            .strip_prefix("multipart/byteranges; boundary=")
            .unwrap()
            .to_owned();
        let got = sent(pieces, b"0123456789").await.unwrap();
        assert_eq!(got.len() as u64, length);
        let wanted = format!(
            "--{boundary}\r\nContent-Type: image/png\r\nContent-Range: bytes 8-9/10\r\n\r\n89\r\n\
             --{boundary}\r\nContent-Type: image/png\r\nContent-Range: bytes 0-1/10\r\n\r\n01\r\n--{boundary}--\r\n"
        );
        assert_eq!(String::from_utf8(got).unwrap(), wanted);
    }

    #[tokio::test]
    async fn a_file_that_became_shorter_breaks_the_answer_off() {
        assert!(sent(Pieces::one(0..20), b"0123456789").await.is_err());
    }
}
