//! HTTP spoken byte by byte, for what no client library would send.
#![allow(dead_code, reason = "each test program uses its own part")]

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Longer than anything here should take.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// An answer of HTTP/1.1 with a `Content-Length`.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    pub fn code(&self) -> String {
        let body: serde_json::Value = serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("{self:?}"));
        assert!(body["detail"].is_string(), "{self:?}");
        body["code"].as_str().unwrap().to_owned()
    }
}

pub async fn connect(address: SocketAddr) -> TcpStream {
    TcpStream::connect(address).await.unwrap()
}

pub async fn send(stream: &mut TcpStream, text: &str) {
    stream.write_all(text.as_bytes()).await.unwrap();
}

/// The next answer, or nothing when the connection ends before it.
pub async fn answer(stream: &mut (impl AsyncRead + Unpin)) -> Option<Answer> {
    let read = async {
        let mut bytes = Vec::new();
        while !bytes.ends_with(b"\r\n\r\n") {
            bytes.push(stream.read_u8().await.ok()?);
        }
        let head = String::from_utf8(bytes).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let mut answer = Answer {
            status,
            head,
            body: String::new(),
        };
        let length = answer
            .header("content-length")
            .map_or(0, |length| length.parse().unwrap());
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await.ok()?;
        answer.body = String::from_utf8(body).unwrap();
        Some(answer)
    };
    tokio::time::timeout(PATIENCE, read)
        .await
        .expect("neither an answer nor an end")
}

/// Sends `request` on a connection of its own. Gives the answer and whether the server closed the connection after it.
pub async fn ask(address: SocketAddr, request: &str) -> (Option<Answer>, bool) {
    let mut stream = connect(address).await;
    // A refusal may come before all is sent.
    let _ = stream.write_all(request.as_bytes()).await;
    let answer = answer(&mut stream).await;
    let is_closed = tokio::time::timeout(Duration::from_millis(500), ended(&mut stream))
        .await
        .is_ok();
    (answer, is_closed)
}

/// Waits for the end of the connection; what still comes is thrown away. Gives how many bytes came.
pub async fn ended(stream: &mut (impl AsyncRead + Unpin)) -> usize {
    let mut bytes = 0;
    let mut buffer = vec![0; 64 * 1024];
    let read = async {
        while let Ok(count @ 1..) = stream.read(&mut buffer).await {
            bytes += count;
        }
    };
    tokio::time::timeout(PATIENCE, read)
        .await
        .expect("the connection does not end");
    bytes
}

/// Seconds until the connection ends.
pub async fn seconds_to_end(stream: &mut (impl AsyncRead + Unpin)) -> f32 {
    let start = Instant::now();
    ended(stream).await;
    start.elapsed().as_secs_f32()
}
