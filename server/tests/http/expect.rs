//! `Expect: 100-continue`: a body that will be refused is not invited.

use std::time::Duration;

use crate::support::{Running, images, start};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Sends a head and reads the first head that comes back.
async fn first_answer(stream: &mut TcpStream, head: &str) -> String {
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let read = async {
        while !answer.ends_with(b"\r\n\r\n") {
            answer.push(stream.read_u8().await.unwrap());
        }
    };
    tokio::time::timeout(Duration::from_secs(20), read)
        .await
        .expect("no answer although the client waits for one");
    String::from_utf8(answer).unwrap()
}

async fn ask(server: &Running, head: &str) -> String {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let head = format!("{head}host: {}\r\nexpect: 100-continue\r\n\r\n", server.address);
    first_answer(&mut stream, &head).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_will_be_refused_is_not_invited() {
    let server = start(&["--min-image-size", "64", "--max-upload-bytes", "1M"]).await;
    let five = 5_u64 << 30;
    for (head, status) in [
        (
            format!(
                "POST /process HTTP/1.1\r\ncontent-type: multipart/form-data; boundary=X\r\ncontent-length: {five}\r\n"
            ),
            413,
        ),
        (format!("PUT /uploads HTTP/1.1\r\ncontent-length: {five}\r\n"), 413),
        (
            "POST /process HTTP/1.1\r\ncontent-type: text/plain\r\ncontent-length: 9\r\n".to_owned(),
            415,
        ),
        (
            "POST /process HTTP/1.1\r\ncontent-type: multipart/form-data\r\ncontent-length: 9\r\n".to_owned(),
            400,
        ),
        (
            "PUT /uploads HTTP/1.1\r\norigin: http://evil.example\r\ncontent-length: 9\r\n".to_owned(),
            403,
        ),
        ("PUT /recipes HTTP/1.1\r\ncontent-length: 9\r\n".to_owned(), 405),
        (
            "PATCH /files/00000000-0000-4000-8000-000000000000 HTTP/1.1\r\ntus-resumable: 1.0.0\r\nupload-offset: 0\r\n\
             content-type: application/offset+octet-stream\r\ncontent-length: 9\r\n"
                .to_owned(),
            404,
        ),
    ] {
        let answer = ask(&server, &head).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{head}\n{answer}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_may_be_taken_is_invited() {
    let server = start(&["--min-image-size", "64"]).await;
    let image = images::png(64, 64);
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let head = format!(
        "PUT /uploads?filename=x.png HTTP/1.1\r\nhost: {}\r\ncontent-length: {}\r\nexpect: 100-continue\r\n\r\n",
        server.address,
        image.len()
    );
    let invited = first_answer(&mut stream, &head).await;
    assert!(invited.starts_with("HTTP/1.1 100 "), "{invited}");
    stream.write_all(&image).await.unwrap();
    let taken = first_answer(&mut stream, "").await;
    assert!(taken.starts_with("HTTP/1.1 201 "), "{taken}");
    server.stop().await;
}
