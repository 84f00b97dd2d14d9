//! HTTP/2 as no sound client speaks it, and what it costs to be spoken to like that.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::task::Poll;
use std::time::Duration;

use crate::support::start;
use axum::body::{Body, to_bytes};
use axum::http::Request;
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

/// A client that begins with HTTP/2, and its connection.
async fn client(address: SocketAddr) -> (SendRequest<Body>, JoinHandle<hyper::Result<()>>) {
    let stream = TcpStream::connect(address).await.unwrap();
    let (sender, connection) = handshake(TokioExecutor::new(), TokioIo::new(stream))
        .await
        .unwrap();
    (sender, tokio::spawn(connection))
}

fn get(path: &str) -> Request<Body> {
    Request::get(format!("http://localhost{path}"))
        .body(Body::empty())
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn many_requests_share_a_connection_and_one_that_waits_holds_up_none() {
    let server = start(&[]).await;
    let (sender, connection) = client(server.address).await;
    let live = sender.clone().send_request(get("/events")).await.unwrap();
    assert_eq!(live.status(), 200);
    let mut asked = tokio::task::JoinSet::new();
    for _ in 0..200 {
        let mut sender = sender.clone();
        asked.spawn(async move {
            let response = sender.send_request(get("/recipes")).await.unwrap();
            assert_eq!(response.status(), 200);
            to_bytes(Body::new(response.into_body()), 1 << 20)
                .await
                .unwrap()
                .len()
        });
    }
    while let Some(bytes) = asked.join_next().await {
        assert!(bytes.unwrap() > 100);
    }
    drop((live, sender));
    connection.await.unwrap().unwrap();
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_are_bounded_here_as_well() {
    let server = start(&["--max-header-bytes", "8K", "--max-headers", "40"]).await;
    let (mut sender, _connection) = client(server.address).await;
    for (bytes, status) in [(4 << 10, 200), (9 << 10, 431), (30 << 10, 431)] {
        let mut request = get("/recipes");
        request
            .headers_mut()
            .insert("x-long", "y".repeat(bytes).parse().unwrap());
        let response = sender.send_request(request).await;
        // Beyond what the server announces the client itself gives up.
        let found = response.map_or(431, |response| response.status().as_u16());
        assert_eq!(found, status, "{bytes}");
    }
    let mut request = get("/recipes");
    for n in 0..60 {
        request.headers_mut().insert(
            axum::http::HeaderName::from_bytes(format!("x-{n}").as_bytes()).unwrap(),
            "y".parse().unwrap(),
        );
    }
    let response = sender.send_request(request).await.unwrap();
    assert_eq!(response.status(), 431);
    let body = to_bytes(Body::new(response.into_body()), 1 << 20).await.unwrap();
    assert!(String::from_utf8_lossy(&body).contains("headers_too_large"));
    // The connection is as good as before.
    assert_eq!(sender.send_request(get("/recipes")).await.unwrap().status(), 200);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_that_are_opened_and_reset_at_once_harm_nobody() {
    let server = start(&[]).await;
    let (sender, connection) = client(server.address).await;
    let mut opened = 0;
    for _ in 0..200 {
        let mut batch: Vec<_> = (0..100)
            .map(|_| {
                let mut sender = sender.clone();
                Box::pin(async move { sender.send_request(get("/recipes")).await.is_ok() })
            })
            .collect();
        // Each is sent, and none is waited for.
        poll_fn(|cx| {
            for request in &mut batch {
                opened += 1;
                let _ = request.as_mut().poll(cx);
            }
            Poll::Ready(())
        })
        .await;
        drop(batch);
        tokio::task::yield_now().await;
        if connection.is_finished() {
            break;
        }
    }
    println!(
        "{opened} streams were opened and reset; the server closed the connection: {}",
        connection.is_finished()
    );
    // Others are answered, and soon.
    let asked = tokio::time::timeout(Duration::from_secs(5), server.get("/recipes")).await;
    assert_eq!(asked.expect("others wait").status(), 200);
    drop(sender);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_a_client_leaves_lying_are_cut_off() {
    const BYTES: usize = 8 << 20;
    let server = start(&["--send-timeout", "2"]).await;
    std::fs::write(server.folder.path().join("site/pkg/large.wasm"), vec![7; BYTES]).unwrap();
    let (mut sender, connection) = client(server.address).await;
    // Held and not read: its stream has no room, while the connection itself is alive.
    let lying = sender.send_request(get("/pkg/large.wasm")).await.unwrap();
    assert_eq!(lying.status(), 200);
    let ended = tokio::time::timeout(Duration::from_secs(15), connection).await;
    assert!(ended.is_ok(), "the server holds what nobody takes");
    assert!(
        to_bytes(Body::new(lying.into_body()), BYTES).await.is_err(),
        "it got it all"
    );
    assert_eq!(server.get("/recipes").await.status(), 200);
    server.stop().await;
}
