//! From a listener to a clean end.

mod peer;

use std::future::IntoFuture;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::extract::{ConnectInfo, Request};
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use axum::serve::ListenerExt;
use axum::{Extension, Router};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub use peer::Peer;

/// How long requests under way have to end after the server was told to stop. Live streams end at once; an upload or
/// a download that takes longer is cut off.
const GRACE: Duration = Duration::from_secs(5);

/// Serves `router` on `listener` until `shutdown` is cancelled and the requests under way have ended, or their time is
/// over.
///
/// # Errors
/// The listener fails.
pub async fn serve(listener: TcpListener, router: Router, shutdown: CancellationToken) -> io::Result<()> {
    // Small answers go out at once.
    let listener = listener.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "cannot set TCP_NODELAY");
        }
    });
    let told = shutdown.clone();
    let router = router.layer(from_fn(name_peer));
    let server = axum::serve(
        listener,
        router.into_make_service_with_connect_info::<SocketAddr>(),
    )
    .with_graceful_shutdown(async move { told.cancelled().await })
    .into_future();
    tokio::pin!(server);
    tokio::select! {
        result = &mut server => return result,
        () = shutdown.cancelled() => {}
    }
    match tokio::time::timeout(GRACE, server).await {
        Ok(result) => result,
        Err(_) => {
            tracing::warn!(
                "requests were still under way after {} seconds and are cut off",
                GRACE.as_secs()
            );
            Ok(())
        }
    }
}

async fn name_peer(
    Extension(ConnectInfo(address)): Extension<ConnectInfo<SocketAddr>>,
    mut request: Request,
    next: Next,
) -> Response {
    request.extensions_mut().insert(Peer::new(address, false));
    next.run(request).await
}
