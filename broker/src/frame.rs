//! Taking frames from a client, whatever it announces and however slowly it sends.
//!
//! A small frame needs no more than its connection has anyway. A large one brings records: it takes its share of the
//! memory for requests, but only once its first part is there, so that an announcement alone takes nothing, and only as
//! long as the rest keeps coming. Whoever sends small frames is never held up by those who send large ones.

use std::io;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use kafka_protocol::messages::ApiKey;
use thiserror::Error;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::sync::SemaphorePermit;

use crate::shared::Shared;
use crate::wire::request::RequestError;

/// Largest request that brings no records.
pub(crate) const MAX_CONTROL_BYTES: usize = 2 << 20;
/// Frames up to this size do not count against the memory for requests.
const SMALL: usize = 64 * 1024;
/// So much of a large frame must come within the patience for it, or all that is missing.
const PROGRESS: usize = 256 * 1024;
/// Bytes that are read ahead of the frame that is handled.
const READ_AHEAD: usize = 8 * 1024;

/// A frame, without its length.
pub(crate) struct Frame<'a> {
    /// Its bytes.
    pub bytes: Bytes,
    /// Its share of the memory for requests, if it is large.
    pub permit: Option<SemaphorePermit<'a>>,
}

/// Reads the next frame.
pub(crate) async fn read<'a>(
    shared: &'a Shared,
    stream: &mut TcpStream,
    ahead: &mut BytesMut,
) -> Result<Frame<'a>, Ended> {
    let patience = shared.config.frame_patience;
    let idle = shared.config.idle_timeout;
    read_ahead(stream, ahead, 1, idle).await?;
    read_ahead(stream, ahead, 4, patience).await?;
    let announced = i64::from(ahead.get_i32());
    let most = shared.config.max_request_bytes;
    let length = usize::try_from(announced)
        .ok()
        .filter(|length| *length <= most)
        .ok_or(Ended::FrameSize(announced, most))?;
    read_ahead(stream, ahead, length.min(2), patience).await?;
    if length > MAX_CONTROL_BYTES && !is_produce(ahead) {
        return Err(Ended::FrameSize(announced, MAX_CONTROL_BYTES));
    }
    if ahead.len() >= length {
        let bytes = ahead.split_to(length).freeze();
        return Ok(Frame { bytes, permit: None });
    }
    let first = length.min(SMALL);
    let mut frame = BytesMut::with_capacity(first.max(ahead.len()));
    frame.extend_from_slice(ahead);
    ahead.clear();
    fill(stream, &mut frame, first, patience).await?;
    if frame.len() >= length {
        return Ok(Frame {
            bytes: frame.freeze(),
            permit: None,
        });
    }
    let permit = take_memory(shared, length).await?;
    frame.reserve(length - frame.len());
    while frame.len() < length {
        let next = (frame.len() + PROGRESS).min(length);
        fill(stream, &mut frame, next, patience).await?;
    }
    Ok(Frame {
        bytes: frame.freeze(),
        permit: Some(permit),
    })
}

fn is_produce(start: &[u8]) -> bool {
    start.len() >= 2 && i16::from_be_bytes([start[0], start[1]]) == ApiKey::Produce as i16
}

/// Waits for the share of a frame of `length` bytes. One that is larger than all there is waits for all of it.
async fn take_memory(shared: &Shared, length: usize) -> Result<SemaphorePermit<'_>, Ended> {
    let all = (shared.config.request_memory_bytes / 1024).max(1);
    let kibibytes = u32::try_from(length.div_ceil(1024).min(all)).unwrap_or(u32::MAX);
    let permit = shared.request_memory.acquire_many(kibibytes).await;
    permit.map_err(|error| Ended::Handler(error.to_string()))
}

/// Reads until `frame` has `until` bytes, all within `patience`.
async fn fill(
    stream: &mut TcpStream,
    frame: &mut BytesMut,
    until: usize,
    patience: Duration,
) -> Result<(), Ended> {
    let read = async {
        while frame.len() < until {
            let missing = (until - frame.len()) as u64;
            if (&mut *stream).take(missing).read_buf(frame).await? == 0 {
                return Err(Ended::ByClient);
            }
        }
        Ok(())
    };
    match tokio::time::timeout(patience, read).await {
        Ok(done) => done,
        Err(_) => Err(Ended::Idle),
    }
}

/// Reads until `ahead` has at least `until` bytes, each time within `patience`.
async fn read_ahead(
    stream: &TcpStream,
    ahead: &mut BytesMut,
    until: usize,
    patience: Duration,
) -> Result<(), Ended> {
    while ahead.len() < until {
        match tokio::time::timeout(patience, read_some(stream, ahead)).await {
            Ok(Ok(0)) => return Err(Ended::ByClient),
            Ok(read) => read?,
            Err(_) => return Err(Ended::Idle),
        };
    }
    Ok(())
}

/// Reads what is there, as soon as something is. Until then a connection that is silent has no buffer.
async fn read_some(stream: &TcpStream, ahead: &mut BytesMut) -> io::Result<usize> {
    loop {
        if ahead.is_empty() {
            *ahead = BytesMut::new();
        }
        stream.readable().await?;
        ahead.reserve(READ_AHEAD);
        match stream.try_read_buf(ahead) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            read => return read,
        }
    }
}

/// Why a connection ends.
#[derive(Debug, Error)]
pub(crate) enum Ended {
    #[error("the client has closed it")]
    ByClient,
    #[error("a frame of {0} bytes is beyond the limit of {1}")]
    FrameSize(i64, usize),
    #[error("the client was silent for too long")]
    Idle,
    #[error(transparent)]
    Request(#[from] RequestError),
    #[error("{0}")]
    Handler(String),
    #[error(transparent)]
    Io(#[from] io::Error),
}
