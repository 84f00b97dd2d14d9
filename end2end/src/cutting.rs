//! A line that is cut: a proxy between a client and a server that breaks connections in the middle.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// Bytes that go on at a time.
const PIECE: usize = 16 * 1024;

struct Line {
    target: String,
    /// Bytes of clients, over all connections.
    sent: AtomicU64,
    /// A connection is cut when `sent` comes to the first of these.
    cuts: Mutex<Vec<u64>>,
    is_open: AtomicBool,
    /// Pause after each piece of a client.
    pause: Duration,
}

/// The proxy. Dropping it ends it and its connections.
pub struct CuttingProxy {
    address: SocketAddr,
    line: Arc<Line>,
    accepting: JoinHandle<()>,
}

impl CuttingProxy {
    /// Leads to `target`, an address, at about `bytes_per_second`; cuts the line each time that clients have sent so many bytes in
    /// all as `cuts` says, in ascending order.
    ///
    /// # Errors
    /// There is no free port.
    pub async fn start(target: &str, bytes_per_second: u64, cuts: Vec<u64>) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let line = Arc::new(Line {
            target: target.to_owned(),
            sent: AtomicU64::new(0),
            cuts: Mutex::new(cuts),
            is_open: AtomicBool::new(true),
            pause: Duration::from_micros(PIECE as u64 * 1_000_000 / bytes_per_second.max(1)),
        });
        let of = line.clone();
        let accepting = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                while connections.try_join_next().is_some() {}
                if of.is_open.load(Ordering::Relaxed) {
                    connections.spawn(lead(client, of.clone()));
                }
            }
        });
        Ok(Self {
            address,
            line,
            accepting,
        })
    }

    /// Its address as a URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Bytes that clients have sent so far.
    pub fn sent(&self) -> u64 {
        self.line.sent.load(Ordering::Relaxed)
    }

    /// Cuts that have not been made yet.
    pub fn cuts_to_come(&self) -> usize {
        self.line
            .cuts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .len()
    }

    /// Cuts every connection and takes no new one, or takes them again.
    pub fn set_open(&self, is_open: bool) {
        self.line.is_open.store(is_open, Ordering::Relaxed);
    }
}

impl Drop for CuttingProxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn lead(client: TcpStream, line: Arc<Line>) {
    let Ok(server) = TcpStream::connect(&line.target).await else {
        return;
    };
    let (client_reads, client_writes) = client.into_split();
    let (server_reads, server_writes) = server.into_split();
    // Whichever way ends first ends the other: that is the cut.
    tokio::select! {
        () = up(client_reads, server_writes, &line) => {}
        () = down(server_reads, client_writes) => {}
        () = closed(&line) => {}
    }
}

async fn up(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, line: &Line) {
    let mut piece = vec![0; PIECE];
    while let Ok(count @ 1..) = from.read(&mut piece).await {
        let before = line.sent.fetch_add(count as u64, Ordering::Relaxed);
        let cut = {
            let mut cuts = line.cuts.lock().unwrap_or_else(PoisonError::into_inner);
            let is_due = cuts.first().is_some_and(|cut| *cut <= before + count as u64);
            is_due.then(|| cuts.remove(0))
        };
        let most = cut.map_or(count, |cut| {
            usize::try_from(cut.saturating_sub(before))
                .unwrap_or(0)
                .min(count)
        });
        if to.write_all(&piece[..most]).await.is_err() || cut.is_some() {
            return;
        }
        if count == PIECE {
            tokio::time::sleep(line.pause).await;
        }
    }
}

async fn down(mut from: OwnedReadHalf, mut to: OwnedWriteHalf) {
    // An error is the end, as the end is.
    let _ = tokio::io::copy(&mut from, &mut to).await;
}

async fn closed(line: &Line) {
    while line.is_open.load(Ordering::Relaxed) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
