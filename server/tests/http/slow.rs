//! Uploads that come more slowly than they must.

use std::time::{Duration, Instant};

use crate::raw::{answer, connect, ended, send};
use crate::support::images::png;
use crate::support::start;
use tokio::io::AsyncWriteExt;

/// Sends `head`, then a byte of `body` every 100 ms until the server has had enough. Gives the answer and how long it took.
async fn drip(address: std::net::SocketAddr, head: &str, body: &[u8]) -> (crate::raw::Answer, Duration) {
    let mut stream = connect(address).await;
    send(&mut stream, head).await;
    let (mut reading, mut writing) = stream.into_split();
    let body = body.to_vec();
    let sending = tokio::spawn(async move {
        for byte in body {
            if writing.write_all(&[byte]).await.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        writing
    });
    let start = Instant::now();
    let answer = answer(&mut reading)
        .await
        .expect("the connection ended without a word");
    let time = start.elapsed();
    ended(&mut reading).await;
    sending.abort();
    (answer, time)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_byte_now_and_then_holds_no_place_and_leaves_nothing() {
    let server = start(&["--min-upload-rate", "1K", "--upload-window", "2"]).await;
    let image = png(1100, 1050);
    let head = format!(
        "PUT /uploads?filename=a.png HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n",
        image.len()
    );
    // More than there are places, all at once: each is told, and then there is place again.
    let mut slow = tokio::task::JoinSet::new();
    for _ in 0..30 {
        let (address, head, image) = (server.address, head.clone(), image.clone());
        slow.spawn(async move { drip(address, &head, &image).await });
    }
    while let Some(ended) = slow.join_next().await {
        let (answer, time) = ended.unwrap();
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (408, "upload_stalled"),
            "{answer:?}"
        );
        assert!(answer.body.contains("AZULEJO_MIN_UPLOAD_RATE"), "{answer:?}");
        assert!((1.5..8.0).contains(&time.as_secs_f32()), "{time:?}");
    }
    assert!(server.files("uploads").is_empty());
    let response = server
        .client
        .put(format!("{}/uploads?filename=a.png", server.url))
        .body(image)
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 201);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_bodies_are_held_to_it_as_well() {
    let server = start(&["--min-upload-rate", "1K", "--upload-window", "1"]).await;
    for path in [
        "/process",
        "/api/nothing",
        "/job/00000000-0000-7000-8000-000000000000/again",
    ] {
        let kind = match path {
            "/process" => "multipart/form-data; boundary=x",
            "/api/nothing" => "application/json",
            _ => "application/x-www-form-urlencoded",
        };
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: {kind}\r\ncontent-length: 5000\r\n\r\n"
        );
        let mut stream = connect(server.address).await;
        send(&mut stream, &head).await;
        let answer = answer(&mut stream).await.unwrap_or_else(|| panic!("{path}"));
        // Those that do not read the body need not wait for it.
        let is_told = answer.status == 408 && answer.code() == "upload_stalled";
        assert!(is_told || answer.status == 404, "{path}: {answer:?}");
        assert!(path == "/api/nothing" || is_told, "{path}: {answer:?}");
        ended(&mut stream).await;
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_came_of_a_resumable_upload_stays() {
    let server = start(&["--min-upload-rate", "1K", "--upload-window", "1"]).await;
    let image = png(1100, 1050);
    let created = server
        .client
        .post(format!("{}/files", server.url))
        .header("tus-resumable", "1.0.0")
        .header("upload-length", image.len())
        .header("upload-metadata", "filename YS5wbmc=")
        .send()
        .await
        .unwrap();
    assert_eq!(created.status(), 201);
    let location = created.headers()["location"].to_str().unwrap().to_owned();
    let path = location.strip_prefix(&server.url).unwrap_or(&location).to_owned();
    let head = format!(
        "PATCH {path} HTTP/1.1\r\nhost: localhost\r\ntus-resumable: 1.0.0\r\nupload-offset: 0\r\ncontent-length: {}\r\n\
         content-type: application/offset+octet-stream\r\n\r\n",
        image.len()
    );
    let (answer, _) = drip(server.address, &head, &image).await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (408, "upload_stalled"),
        "{answer:?}"
    );
    assert_eq!(answer.header("tus-resumable"), Some("1.0.0"), "{answer:?}");
    let asked = server
        .client
        .head(format!("{}{path}", server.url))
        .header("tus-resumable", "1.0.0")
        .send()
        .await
        .unwrap();
    let offset: usize = asked.headers()["upload-offset"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!(
        (5..100).contains(&offset),
        "{offset} bytes of what came are there"
    );
    let rest = server
        .client
        .patch(format!("{}{path}", server.url))
        .header("tus-resumable", "1.0.0")
        .header("upload-offset", offset)
        .header("content-type", "application/offset+octet-stream")
        .body(image[offset..].to_vec())
        .send()
        .await
        .unwrap();
    assert_eq!(rest.status(), 204);
    server.stop().await;
}
