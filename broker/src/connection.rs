//! One client: frames in, frames out.
//!
//! Requests of a connection are handled one after the other, as Kafka does, so answers are in order. A frame is taken
//! into memory only when its length is within the limit and the memory for requests has room. Records go from the
//! log's file to the socket by `sendfile`, without passing through the broker's memory.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use kafka_protocol::messages::ApiKey;
use thiserror::Error;
use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest};
use tokio::net::TcpStream;
use tokio::sync::SemaphorePermit;

use crate::broker::Shared;
use crate::handlers::{self, Context};
use crate::wire::request::{Request, RequestError};
use crate::wire::response::{FileRange, Piece, Reply};

/// Once a frame has begun it must be complete within this time, and an answer must be taken within it.
const FRAME_TIMEOUT: Duration = Duration::from_secs(60);
/// Largest request that brings no records: such a request may wait for long, and its memory with it.
const MAX_CONTROL_BYTES: usize = 4 << 20;
/// Bytes that are read ahead of the frame that is handled.
const READ_AHEAD: usize = 8 * 1024;
/// Ranges up to this size are copied into the answer: one system call less.
const COPY_UP_TO: usize = 32 * 1024;

/// Why a connection ends.
#[derive(Debug, Error)]
enum Ended {
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

/// Serves a connection until it ends.
pub async fn serve(shared: Arc<Shared>, stream: TcpStream, peer: SocketAddr) {
    let mut closing = shared.closing();
    let ended = tokio::select! {
        ended = serve_requests(&shared, stream, peer) => ended,
        _ = closing.wait_for(|closing| *closing) => return,
    };
    match ended {
        Ended::ByClient => tracing::debug!(%peer, "connection closed"),
        Ended::Idle => tracing::debug!(%peer, "connection closed: the client was silent"),
        Ended::Io(error) => tracing::debug!(%peer, %error, "connection lost"),
        other => tracing::warn!(%peer, reason = %other, "connection closed"),
    }
}

async fn serve_requests(shared: &Shared, stream: TcpStream, peer: SocketAddr) -> Ended {
    match try_serve(shared, stream, peer).await {
        Ok(never) => match never {},
        Err(ended) => ended,
    }
}

async fn try_serve(
    shared: &Shared,
    mut stream: TcpStream,
    peer: SocketAddr,
) -> Result<std::convert::Infallible, Ended> {
    stream.set_nodelay(true)?;
    let local = stream.local_addr()?;
    let mut ahead = BytesMut::new();
    loop {
        let (frame, permit) = read_frame(shared, &mut stream, &mut ahead).await?;
        let request = Request::read(frame)?;
        if request.key != ApiKey::Produce && request.body.len() > MAX_CONTROL_BYTES {
            return Err(Ended::FrameSize(request.body.len() as i64, MAX_CONTROL_BYTES));
        }
        let context = Context { shared, local, peer };
        let reply = handlers::handle(&context, request)
            .await
            .map_err(|error| match error {
                handlers::Failure::Request(error) => Ended::Request(error),
                handlers::Failure::Encode(why) | handlers::Failure::Unanswered(why) => Ended::Handler(why),
            })?;
        drop(permit);
        if let Reply::Frame(pieces) = reply {
            match tokio::time::timeout(FRAME_TIMEOUT, send(&mut stream, pieces)).await {
                Ok(sent) => sent?,
                Err(_) => return Err(Ended::Idle),
            }
        }
    }
}

/// Reads the next frame, without its length. The permit stands for its place in memory.
async fn read_frame<'a>(
    shared: &'a Shared,
    stream: &mut TcpStream,
    ahead: &mut BytesMut,
) -> Result<(Bytes, SemaphorePermit<'a>), Ended> {
    while ahead.len() < 4 {
        let patience = if ahead.is_empty() {
            shared.config.idle_timeout
        } else {
            FRAME_TIMEOUT
        };
        match tokio::time::timeout(patience, read_some(stream, ahead)).await {
            Ok(Ok(0)) => return Err(Ended::ByClient),
            Ok(read) => read?,
            Err(_) => return Err(Ended::Idle),
        };
    }
    let length = i64::from(ahead.get_i32());
    let limit = shared.config.max_request_bytes;
    let Some(length) = usize::try_from(length).ok().filter(|length| *length <= limit) else {
        return Err(Ended::FrameSize(length, limit));
    };
    let all = (shared.config.request_memory_bytes / 1024).max(1);
    let kibibytes = length.div_ceil(1024).min(all);
    let permits = u32::try_from(kibibytes).unwrap_or(u32::MAX);
    let permit = shared
        .request_memory
        .acquire_many(permits)
        .await
        .map_err(|error| Ended::Handler(error.to_string()))?;
    if ahead.len() >= length {
        return Ok((ahead.split_to(length).freeze(), permit));
    }
    let mut frame = BytesMut::with_capacity(length);
    frame.extend_from_slice(ahead);
    ahead.clear();
    let read = async {
        while frame.len() < length {
            let missing = length - frame.len();
            if (&mut *stream).take(missing as u64).read_buf(&mut frame).await? == 0 {
                return Err(Ended::ByClient);
            }
        }
        Ok(())
    };
    match tokio::time::timeout(FRAME_TIMEOUT, read).await {
        Ok(done) => done?,
        Err(_) => return Err(Ended::Idle),
    }
    Ok((frame.freeze(), permit))
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

async fn send(stream: &mut TcpStream, pieces: Vec<Piece>) -> io::Result<()> {
    let files: usize = pieces
        .iter()
        .map(|p| {
            if let Piece::File(range) = p {
                range.length
            } else {
                0
            }
        })
        .sum();
    if files <= COPY_UP_TO {
        return stream.write_all(&joined(pieces)?).await;
    }
    let last = pieces.len() - 1;
    for (index, piece) in pieces.into_iter().enumerate() {
        match piece {
            Piece::Bytes(bytes) if index < last => send_more(stream, &bytes).await?,
            Piece::Bytes(bytes) => stream.write_all(&bytes).await?,
            Piece::File(range) => send_file(stream, &range).await?,
        }
    }
    Ok(())
}

/// All of it in memory. Small.
fn joined(mut pieces: Vec<Piece>) -> io::Result<Bytes> {
    if let [Piece::Bytes(bytes)] = pieces.as_mut_slice() {
        return Ok(std::mem::take(bytes));
    }
    let mut all = Vec::new();
    for piece in pieces {
        match piece {
            Piece::Bytes(bytes) => all.extend_from_slice(&bytes),
            Piece::File(range) => {
                let from = all.len();
                all.resize(from + range.length, 0);
                std::os::unix::fs::FileExt::read_exact_at(
                    range.segment.file(),
                    &mut all[from..],
                    range.position,
                )?;
            }
        }
    }
    Ok(all.into())
}

/// Sends bytes that more follow, so that they share a packet.
async fn send_more(stream: &TcpStream, mut bytes: &[u8]) -> io::Result<()> {
    use rustix::net::{SendFlags, send};
    while !bytes.is_empty() {
        let flags = SendFlags::MORE | SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
        let sent = stream
            .async_io(Interest::WRITABLE, || {
                send(stream, bytes, flags).map_err(io::Error::from)
            })
            .await?;
        bytes = &bytes[sent..];
    }
    Ok(())
}

async fn send_file(stream: &TcpStream, range: &FileRange) -> io::Result<()> {
    let mut offset = range.position;
    let end = range.position + range.length as u64;
    while offset < end {
        let count = usize::try_from(end - offset).unwrap_or(usize::MAX).min(1 << 20);
        let sent = stream
            .async_io(Interest::WRITABLE, || {
                rustix::fs::sendfile(stream, range.segment.file(), Some(&mut offset), count)
                    .map_err(io::Error::from)
            })
            .await?;
        if sent == 0 {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "the segment is shorter than it was",
            ));
        }
    }
    Ok(())
}
