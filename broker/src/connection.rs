//! One client: frames in, frames out.
//!
//! Requests of a connection are handled one after the other, as Kafka does, so answers are in order. How frames are
//! taken is in `frame`, how answers go out in `answer`.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::BytesMut;
use kafka_protocol::messages::ApiKey;
use tokio::net::TcpStream;

use crate::answer;
use crate::frame::Ended;
use crate::frame::{self, Frame};
use crate::handlers::{self, Context};
use crate::shared::Shared;
use crate::wire::request::Request;
use crate::wire::response::Reply;
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
        let Frame { bytes, mut permit } = frame::read(shared, &mut stream, &mut ahead).await?;
        let request = Request::read(bytes)?;
        if request.key != ApiKey::Produce {
            // Others may wait long for what they ask: they must not keep room that producers need.
            permit = None;
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
            answer::send(&mut stream, pieces, shared.config.answer_patience).await?;
        }
    }
}
