//! Live streams under clients that do more than listen.

use std::time::Duration;

use crate::support::images::png;
use crate::support::{Running, error_of, start};
use azulejo_access::{KeyFile, NewKey, Role};
use time::OffsetDateTime;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A masked ping frame without payload, as clients send it.
const PING: [u8; 6] = [0x89, 0x80, 1, 2, 3, 4];

/// Reads until `text` has come.
async fn read_until(socket: &mut (impl AsyncReadExt + Unpin), text: &str) -> Result<(), String> {
    let mut heard = Vec::new();
    let mut buffer = vec![0; 1 << 16];
    let reading = async {
        loop {
            let count = socket.read(&mut buffer).await.unwrap();
            assert_ne!(count, 0, "the socket was closed");
            heard.extend_from_slice(&buffer[..count]);
            if String::from_utf8_lossy(&heard).contains(text) {
                return;
            }
        }
    };
    let came = tokio::time::timeout(Duration::from_secs(20), reading).await;
    came.map_err(|_| format!("no {text} in {} bytes", heard.len()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_pings_at_every_moment_is_told_of_everything() {
    let server = start(&["--tile-size", "256"]).await;
    let _worker = server.worker();
    server.until_ready().await;
    let mut socket = TcpStream::connect(server.address).await.unwrap();
    socket.set_nodelay(true).unwrap();
    let request = "GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\
                   Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    socket.write_all(request.as_bytes()).await.unwrap();
    read_until(&mut socket, "\"workers\"").await.unwrap();
    let (mut incoming, mut outgoing) = socket.into_split();
    let pinging = tokio::spawn(async move {
        while outgoing.write_all(&PING).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    });
    for _ in 0..3 {
        let accepted = server.process(&png(1100, 1050), "x.png", "invert").await;
        let accepted: serde_json::Value = accepted.json().await.unwrap();
        let id = accepted["job_id"].as_str().unwrap();
        let end = format!("/download/{id}");
        read_until(&mut incoming, &end).await.unwrap();
    }
    pinging.abort();
    drop(incoming);
    server.stop().await;
}

fn key(server: &Running, owner: &str) -> String {
    let new = NewKey {
        name: owner.to_owned(),
        owner: Some(owner.to_owned()),
        role: Role::Read,
        expires_at: None,
    };
    let folder = server.folder.path().join("server");
    KeyFile::add(&folder, new, OffsetDateTime::now_utc()).unwrap().0
}

async fn events(server: &Running, key: &str) -> reqwest::Response {
    let request = server.client.get(format!("{}/events", server.url));
    request.bearer_auth(key).send().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_has_so_many_streams_and_another_when_one_ends() {
    let server = start(&["--auth"]).await;
    let (ann, bob) = (key(&server, "ann"), key(&server, "bob"));
    let mut streams = Vec::new();
    for _ in 0..64 {
        let stream = events(&server, &ann).await;
        if stream.status() != 200 {
            panic!("stream {}: {:?}", streams.len(), error_of(stream).await);
        }
        streams.push(stream);
    }
    let refused = events(&server, &ann).await;
    let (status, code, _) = error_of(refused).await;
    assert_eq!((status, code.as_str()), (429, "too_many_streams"));
    assert_eq!(events(&server, &bob).await.status(), 200);
    streams.pop();
    let again = async {
        while events(&server, &ann).await.status() != 200 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let again = tokio::time::timeout(Duration::from_secs(60), again).await;
    again.expect("the place of a stream that has ended is not free");
    drop(streams);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quiet_socket_ends_when_its_key_is_revoked() {
    let server = start(&["--auth"]).await;
    let ann = key(&server, "ann");
    let mut socket = TcpStream::connect(server.address).await.unwrap();
    let request = format!(
        "GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\
         Authorization: Bearer {ann}\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    socket.write_all(request.as_bytes()).await.unwrap();
    read_until(&mut socket, "\"workers\"").await.unwrap();
    KeyFile::revoke(
        &server.folder.path().join("server"),
        "ann",
        OffsetDateTime::now_utc(),
    )
    .unwrap();
    let mut rest = Vec::new();
    // Whether the end is orderly does not matter.
    let ended = async { drop(socket.read_to_end(&mut rest).await) };
    let ended = tokio::time::timeout(Duration::from_secs(20), ended).await;
    ended.expect("the socket goes on");
    server.stop().await;
}
