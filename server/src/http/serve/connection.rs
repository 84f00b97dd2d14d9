//! One connection: from the handshake to its end.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{Version, header};
use axum::response::{IntoResponse, Response};
use azulejo_protocol::ApiError;
use hyper::body::Incoming;
use hyper::service::Service;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::answer::{Answer, UnderWay};
use super::arriving::{Arriving, LeastRate};
use super::peer::Peer;
use super::places::{Full, Place};
use crate::config::listening::Listening;
use crate::http::error::Failure;

/// Least bytes that the parser of HTTP/1.1 keeps: of headers that are not complete, of a body that is not read yet, of an answer
/// that is not sent yet.
const BUFFER_BYTES: usize = 64 * 1024;

/// Requests at a time on one connection of HTTP/2.
const STREAMS: u32 = 64;

/// Streams that a client of HTTP/2 may open and reset without their having been looked at; one more ends the connection
/// (CVE-2023-44487).
const RESET_STREAMS: usize = 20;

/// Bytes of an answer that wait for their client on one stream of HTTP/2.
const STREAM_SEND_BYTES: usize = 64 * 1024;

/// Bytes of bodies that a client of HTTP/2 may send ahead of those who read them: on a stream, and on all of a connection.
const STREAM_WINDOW: u32 = 1 << 20;
const CONNECTION_WINDOW: u32 = 2 << 20;

/// How often a client of HTTP/2 is asked whether it is still there, and how long it may think about it.
const PING_EVERY: Duration = Duration::from_secs(20);
const PING_PATIENCE: Duration = Duration::from_secs(20);

/// How long a connection that is told to end has for doing so in order.
const FAREWELL: Duration = Duration::from_secs(1);

/// What all connections have in common.
#[derive(Debug, Clone)]
pub struct Protocol {
    builder: auto::Builder<TokioExecutor>,
    router: Router,
    rate: LeastRate,
    shutdown: CancellationToken,
}

impl Protocol {
    /// HTTP/1.1 and HTTP/2 within `limits`, answered by `router` until `shutdown`.
    pub fn new(limits: &Listening, router: Router, shutdown: CancellationToken) -> Self {
        let mut builder = auto::Builder::new(TokioExecutor::new());
        builder
            .http1()
            .timer(TokioTimer::new())
            // The warden of all connections knows headers that are slow from a connection that is idle.
            .header_read_timeout(None)
            // Whoever has closed its sending side still gets its answer.
            .half_close(true)
            .max_headers(limits.headers.saturating_mul(2))
            .max_buf_size(limits.header_bytes.saturating_mul(2).max(BUFFER_BYTES));
        builder
            .http2()
            .timer(TokioTimer::new())
            .keep_alive_interval(PING_EVERY)
            .keep_alive_timeout(PING_PATIENCE)
            .max_concurrent_streams(STREAMS)
            .max_pending_accept_reset_streams(RESET_STREAMS)
            .max_header_list_size(u32::try_from(limits.header_bytes.saturating_mul(2)).unwrap_or(u32::MAX))
            .max_send_buf_size(STREAM_SEND_BYTES)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW);
        Self {
            builder,
            router,
            rate: LeastRate {
                bytes: limits.upload_rate,
                window: limits.upload_window,
            },
            shutdown,
        }
    }

    /// Waits until the server is told to stop.
    pub async fn shutdown(&self) {
        self.shutdown.cancelled().await;
    }

    /// Serves the connection of `place` until either side ends it.
    pub async fn serve<S>(self, stream: S, peer: Peer, place: Arc<Place>)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let answering = Answering {
            router: self.router,
            rate: self.rate,
            peer,
            place: Arc::clone(&place),
        };
        let connection = self
            .builder
            .serve_connection_with_upgrades(TokioIo::new(stream), answering);
        let mut connection = std::pin::pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = place.end.cancelled() => {
                connection.as_mut().graceful_shutdown();
                tokio::time::timeout(FAREWELL, connection).await.unwrap_or(Ok(()))
            }
            () = self.shutdown.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        // The socket lives on if a WebSocket has it.
        place.activity.upgraded();
        if let Err(error) = ended {
            tracing::debug!(peer = %peer.address, error, "a connection broke off");
        }
    }
}

/// The router behind one connection.
struct Answering {
    router: Router,
    rate: LeastRate,
    peer: Peer,
    place: Arc<Place>,
}

impl Service<hyper::Request<Incoming>> for Answering {
    type Response = hyper::Response<Answer>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn call(&self, request: hyper::Request<Incoming>) -> Self::Future {
        let (router, peer, place) = (self.router.clone(), self.peer, Arc::clone(&self.place));
        let rate = self.rate;
        Box::pin(async move {
            let is_framed = request.version() == Version::HTTP_2;
            let request_place = place.request();
            let (request_place, refusal) = match request_place {
                Ok(place) => (Some(place), None),
                Err(full) => (None, Some(too_busy(full))),
            };
            let under_way = UnderWay::new(place, request_place, is_framed);
            let response = match refusal {
                Some(refusal) => refusal,
                None => {
                    let has_stalled = Arc::new(AtomicBool::new(false));
                    let arriving = |body| Body::new(Arriving::new(body, rate, Arc::clone(&has_stalled)));
                    let mut request: Request = request.map(arriving);
                    request.extensions_mut().insert(peer);
                    let Ok(response) = router.oneshot(request).await;
                    if has_stalled.load(Ordering::Relaxed) && response.status().is_client_error() {
                        stalled(rate, response)
                    } else {
                        response
                    }
                }
            };
            Ok(response.map(|body| Answer::new(body, under_way)))
        })
    }
}

/// The refusal of a request whose body fell behind, instead of what its handler made of a body that broke off. What that says in
/// headers still holds.
fn stalled(rate: LeastRate, instead_of: Response) -> Response {
    let mut response = Failure(rate.error()).into_response();
    for (name, value) in instead_of.headers() {
        if !matches!(
            *name,
            header::CONTENT_LENGTH | header::CONTENT_ENCODING | header::RETRY_AFTER
        ) {
            response
                .headers_mut()
                .entry(name)
                .or_insert_with(|| value.clone());
        }
    }
    response
}

fn too_busy(full: Full) -> Response {
    let detail = match full {
        Full::Server => {
            "as many requests are under way as the server takes (--max-connections): try again in a little while"
        }
        Full::Address => {
            "as many requests of your address are under way as it may have (--max-connections-per-address): end some, \
             or try again in a little while"
        }
    };
    Failure(ApiError::new(503, "too_busy", detail)).into_response()
}
