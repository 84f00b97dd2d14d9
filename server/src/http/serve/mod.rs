//! From a listener to a clean end.
//!
//! - [`places`]: how many connections and requests there may be, and who makes way. [`activity`]: what a connection is doing, and
//!   whether it has been at it for too long. [`files`]: how many connections there are open files for.
//! - [`connection`]: one connection. [`tls`]: how it is encrypted. [`socket`], [`arriving`], [`answer`]: what its bytes pass on the
//!   way in and out. [`peer`]: who is there.

mod activity;
mod answer;
mod arriving;
mod connection;
mod files;
mod peer;
mod places;
mod socket;
pub mod tls;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::listening::Listening;
use connection::Protocol;
pub use peer::Peer;
use places::{Place, Places};
use socket::Socket;
use tls::Tls;

/// How long requests under way have to end after the server was told to stop. Live streams end at once; an upload or
/// a download that takes longer is cut off.
const GRACE: Duration = Duration::from_secs(5);

/// How often connections are looked at that may have been at something for too long.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// How long nothing is accepted after it did not work, and how often that is said.
const PAUSE: Duration = Duration::from_millis(50);
const COMPLAIN_EVERY: Duration = Duration::from_secs(10);

/// Serves `router` on `listener`, encrypted if there is a certificate, until `shutdown` is cancelled and the requests under way have
/// ended, or their time is over. What can go wrong with accepting connections, such as too many open files, passes.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    mut limits: Listening,
    tls: Option<Arc<Tls>>,
    shutdown: CancellationToken,
) {
    limits.connections = files::affordable(limits.connections);
    let server = Serving {
        protocol: Protocol::new(&limits, router, shutdown.clone()),
        places: Places::new(limits),
        tls,
        connections: TaskTracker::new(),
        cut_off: CancellationToken::new(),
    };
    let warden = tokio::spawn(watch(Arc::clone(&server.places)));
    server.accept(listener, &shutdown).await;
    server.connections.close();
    if tokio::time::timeout(GRACE, server.connections.wait())
        .await
        .is_err()
    {
        tracing::warn!(
            "requests were still under way after {} seconds and are cut off",
            GRACE.as_secs()
        );
        server.cut_off.cancel();
        server.connections.wait().await;
    }
    warden.abort();
}

async fn watch(places: Arc<Places>) {
    let mut ticks = tokio::time::interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    loop {
        ticks.tick().await;
        places.end_overdue(Instant::now());
    }
}

struct Serving {
    protocol: Protocol,
    places: Arc<Places>,
    tls: Option<Arc<Tls>>,
    connections: TaskTracker,
    /// Ends every connection at once.
    cut_off: CancellationToken,
}

impl Serving {
    /// Takes connections until `shutdown`.
    async fn accept(&self, listener: TcpListener, shutdown: &CancellationToken) {
        let mut complained: Option<Instant> = None;
        loop {
            let accepted = tokio::select! {
                biased;
                () = shutdown.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, address)) => self.take(stream, address),
                Err(error) if is_the_clients(&error) => {
                    tracing::debug!(%error, "a connection broke off early")
                }
                Err(error) => {
                    if complained.is_none_or(|then| then.elapsed() >= COMPLAIN_EVERY) {
                        complained = Some(Instant::now());
                        tracing::warn!(%error, "cannot accept a connection; connections that are idle make way");
                    }
                    // Too many open files, most likely.
                    self.places.make_way();
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    fn take(&self, stream: TcpStream, address: SocketAddr) {
        // Small answers go out at once.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "cannot set TCP_NODELAY");
        }
        let peer = Peer::new(address, self.tls.is_some());
        let place = match self.places.connect(peer.ip(), Instant::now(), peer.is_tls) {
            Ok(place) => Arc::new(place),
            Err(full) => {
                tracing::debug!(peer = %peer.address, ?full, "refused a connection: those there are, are all busy");
                if !peer.is_tls {
                    refuse(&stream);
                }
                return;
            }
        };
        let protocol = self.protocol.clone();
        let (tls, cut_off) = (self.tls.clone(), self.cut_off.clone());
        self.connections.spawn(async move {
            let socket = Socket::new(stream, Arc::clone(&place));
            let served = async {
                match tls {
                    None => protocol.serve(socket, peer, place).await,
                    Some(tls) => secure(&tls, socket, protocol, peer, place).await,
                }
            };
            tokio::select! {
                () = served => {}
                () = cut_off.cancelled() => {}
            }
        });
    }
}

/// A connection that begins with a TLS handshake.
async fn secure(tls: &Tls, mut socket: Socket, protocol: Protocol, peer: Peer, place: Arc<Place>) {
    let handshake = async move {
        if !socket.begins_with(tls::HANDSHAKE).await? {
            // What came is read, or closing the connection would take the answer away.
            let _ = socket.read(&mut [0; 4096]).await;
            let detail = "this port speaks HTTPS: use https:// instead of http://";
            socket.say(&raw_answer("400 Bad Request", detail, "https_required"));
            return Err(io::ErrorKind::InvalidData.into());
        }
        tls.accept(socket).await
    };
    let ended = tokio::select! {
        ended = handshake => ended,
        () = place.end.cancelled() => return,
        () = protocol.shutdown() => return,
    };
    match ended {
        Ok((stream, is_framed)) => {
            place.activity.secured(is_framed);
            protocol.serve(stream, peer, place).await;
        }
        Err(error) => tracing::debug!(peer = %peer.address, %error, "no TLS connection came about"),
    }
}

/// Says to a client that there is no place for it, if its socket takes that at once.
fn refuse(stream: &TcpStream) {
    let detail = "as many connections are open as the server takes (--max-connections, --max-connections-per-address), and \
                  all are busy: try again in a little while";
    // One that does not take it hears nothing.
    let _ = stream.try_write(raw_answer("503 Service Unavailable", detail, "too_busy").as_bytes());
}

/// An answer outside of any request, after which the connection ends. Neither text needs an escape in JSON.
fn raw_answer(status: &str, detail: &str, code: &str) -> String {
    let body = format!("{{\"detail\":\"{detail}\",\"code\":\"{code}\"}}");
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\nretry-after: 5\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Whether the client gave up before it was accepted.
fn is_the_clients(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset
    )
}
