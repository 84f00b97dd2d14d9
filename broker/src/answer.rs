//! Sending answers: from memory, and records from the log's file to the socket by `sendfile`, without passing through the
//! broker's memory.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncWriteExt, Interest};
use tokio::net::TcpStream;

use crate::blocking::blocking;
use crate::wire::response::{FileRange, Piece};

/// Ranges up to this size are copied into the answer: one system call less.
const COPY_UP_TO: usize = 32 * 1024;

/// Sends an answer. The client must take some of it every `patience`, however long the whole takes.
pub(crate) async fn send(stream: &mut TcpStream, pieces: Vec<Piece>, patience: Duration) -> io::Result<()> {
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
        return write(stream, &joined(pieces)?, patience).await;
    }
    let last = pieces.len() - 1;
    for (index, piece) in pieces.into_iter().enumerate() {
        match piece {
            Piece::Bytes(bytes) if index < last => send_more(stream, &bytes, patience).await?,
            Piece::Bytes(bytes) => write(stream, &bytes, patience).await?,
            Piece::File(range) => send_file(stream, &range, patience).await?,
        }
    }
    Ok(())
}

async fn in_time<T>(patience: Duration, step: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    let Ok(done) = tokio::time::timeout(patience, step).await else {
        let why = "the client takes no more of its answer";
        return Err(io::Error::new(io::ErrorKind::TimedOut, why));
    };
    done
}

async fn write(stream: &mut TcpStream, mut bytes: &[u8], patience: Duration) -> io::Result<()> {
    while !bytes.is_empty() {
        let written = in_time(patience, stream.write(bytes)).await?;
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        bytes = &bytes[written..];
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
                read_range(&range, &mut all[from..])?;
            }
        }
    }
    Ok(all.into())
}

/// Reads what is in memory at once, and waits for the disk only where no other client waits with it.
fn read_range(range: &FileRange, bytes: &mut [u8]) -> io::Result<()> {
    use rustix::io::{ReadWriteFlags, preadv2};
    let file = range.segment.file();
    let at_once = preadv2(
        file,
        &mut [io::IoSliceMut::new(bytes)],
        range.position,
        ReadWriteFlags::NOWAIT,
    );
    if at_once == Ok(bytes.len()) {
        return Ok(());
    }
    blocking(|| std::os::unix::fs::FileExt::read_exact_at(file, bytes, range.position))
}

/// Sends bytes that more follow, so that they share a packet.
async fn send_more(stream: &TcpStream, mut bytes: &[u8], patience: Duration) -> io::Result<()> {
    use rustix::net::{SendFlags, send};
    while !bytes.is_empty() {
        let flags = SendFlags::MORE | SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
        let step = stream.async_io(Interest::WRITABLE, || {
            send(stream, bytes, flags).map_err(io::Error::from)
        });
        let sent = in_time(patience, step).await?;
        bytes = &bytes[sent..];
    }
    Ok(())
}

async fn send_file(stream: &TcpStream, range: &FileRange, patience: Duration) -> io::Result<()> {
    let mut offset = range.position;
    let end = range.position + range.length as u64;
    while offset < end {
        let count = usize::try_from(end - offset).unwrap_or(usize::MAX).min(1 << 20);
        // What is not in memory any more comes from the disk, and the kernel waits for it.
        let step = stream.async_io(Interest::WRITABLE, || {
            blocking(|| rustix::fs::sendfile(stream, range.segment.file(), Some(&mut offset), count))
                .map_err(io::Error::from)
        });
        let sent = in_time(patience, step).await?;
        if sent == 0 {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "the segment is shorter than it was",
            ));
        }
    }
    Ok(())
}
