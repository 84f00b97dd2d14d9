//! Uploads that take long, by those who may not go on, have sent enough, or send many at once.

use std::time::Duration;

use azulejo_access::{KeyFile, Role};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use reqwest::{Body, Method, RequestBuilder, Response};
use serde_json::Value;
use time::OffsetDateTime;

use super::callers::*;
use crate::support::images::png;
use crate::support::{Running, error_of};

fn tus(server: &Running, key: &str, method: Method, path: &str) -> RequestBuilder {
    let request = server.client.request(method, format!("{}{path}", server.url));
    request.bearer_auth(key).header("tus-resumable", "1.0.0")
}

fn create(server: &Running, key: &str, length: usize) -> RequestBuilder {
    let metadata = format!("transformation {}", STANDARD.encode("invert"));
    tus(server, key, Method::POST, "/files")
        .header("upload-length", length)
        .header("upload-metadata", metadata)
}

async fn created(server: &Running, key: &str, length: usize) -> String {
    let answer = create(server, key, length).send().await.unwrap();
    assert_eq!(answer.status(), 201);
    answer.headers()["location"].to_str().unwrap().to_owned()
}

fn piece(server: &Running, key: &str, path: &str, offset: usize) -> RequestBuilder {
    tus(server, key, Method::PATCH, path)
        .header("upload-offset", offset)
        .header("content-type", "application/offset+octet-stream")
}

fn put(server: &Running, key: &str, body: impl Into<Body>) -> RequestBuilder {
    let request = server.client.put(format!("{}/uploads", server.url));
    request.bearer_auth(key).body(body)
}

/// A body that sends `first` and then what comes.
fn slow(first: &[u8]) -> (tokio::sync::mpsc::Sender<Bytes>, Body) {
    let (sender, receiver) = tokio::sync::mpsc::channel(1);
    let first = Bytes::copy_from_slice(first);
    let rest = futures::stream::unfold(
        receiver,
        async |mut receiver: tokio::sync::mpsc::Receiver<Bytes>| {
            let bytes = receiver.recv().await?;
            Some((Ok::<_, std::io::Error>(bytes), receiver))
        },
    );
    let all = futures::StreamExt::chain(futures::stream::iter([Ok(first)]), rest);
    (sender, Body::wrap_stream(all))
}

async fn list(server: &Running, key: &str, path: &str) -> Vec<Value> {
    let request = server.client.get(format!("{}{path}", server.url));
    let answer = request.bearer_auth(key).send().await.unwrap();
    answer.json().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_revoked_in_the_middle_of_an_upload_starts_no_job() {
    let server = start_with_auth(&[]).await;
    let folder = data(&server);
    let lost = key(&folder, "lost", "ann", Role::Submit);
    let other = key(&folder, "other", "ann", Role::Submit);
    let file = png(1024, 1024);
    let half = file.len() / 2;
    let path = created(&server, &lost, file.len()).await;
    let (sender, body) = slow(&file[..half]);
    let request = piece(&server, &lost, &path, 0).body(body);
    let sending = tokio::spawn(request.send());
    while list(&server, &other, "/files").await[0]["offset"] != half {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    KeyFile::revoke(&folder, "lost", OffsetDateTime::now_utc()).unwrap();
    sender.send(Bytes::copy_from_slice(&file[half..])).await.unwrap();
    drop(sender);
    let (status, code, detail) = error_of(sending.await.unwrap().unwrap()).await;
    assert_eq!(status, 401, "{code}: {detail}");
    assert_eq!(list(&server, &other, "/jobs").await, [] as [Value; 0]);

    // It is all there, and neither becomes a job by itself nor is lost to the owner, who has another key.
    let server = server
        .restarted(&["--auth", "--request-rate", "0", "--submission-rate", "0"])
        .await;
    let uploads = list(&server, &other, "/files").await;
    assert_eq!((uploads.len(), &uploads[0]["offset"]), (1, &file.len().into()));
    assert_eq!(list(&server, &other, "/jobs").await, [] as [Value; 0]);
    let finished = piece(&server, &other, &path, file.len()).send().await.unwrap();
    assert_eq!(finished.status(), 204);
    let job = finished.headers()["azulejo-job-id"].to_str().unwrap().to_owned();
    assert_eq!(list(&server, &other, "/jobs").await[0]["job_id"], job.as_str());
    server.stop().await;
}

async fn is_over(answer: Response) {
    let wait: u64 = answer.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((23 * 3600..=25 * 3600).contains(&wait), "{wait}");
    let (status, code, detail) = error_of(answer).await;
    assert_eq!((status, code.as_str()), (429, "quota_exceeded"), "{detail}");
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_of_uploads_count_as_they_come_and_once() {
    let file = noise();
    let length = file.len();
    // Three of them, and a little.
    let most = (length as u64 * 7 / 2).to_string();
    let server = start_with_auth(&["--quota-bytes-per-day", &most]).await;
    let folder = data(&server);
    let ann = key(&folder, "ann", "ann", Role::Submit);
    let bob = key(&folder, "bob", "bob", Role::Submit);

    let waiting = put(&server, &ann, file.clone()).send().await.unwrap();
    assert_eq!(waiting.status(), 201);
    let waiting: Value = waiting.json().await.unwrap();
    // Whoever announces more than is left is told before a byte comes. Pieces count one by one.
    is_over(create(&server, &ann, 3 * length).send().await.unwrap()).await;
    let path = created(&server, &ann, length).await;
    let half = piece(&server, &ann, &path, 0).body(file[..length / 2].to_vec());
    assert_eq!(half.send().await.unwrap().status(), 204);
    let rest = piece(&server, &ann, &path, length / 2).body(file[length / 2..].to_vec());
    let finished = rest.send().await.unwrap();
    assert_eq!(finished.status(), 204);
    assert!(
        finished.headers().contains_key("azulejo-job-id"),
        "its job counts no bytes"
    );
    let third = created(&server, &ann, length).await;
    let all = piece(&server, &ann, &third, 0).body(file.clone());
    assert_eq!(all.send().await.unwrap().status(), 204);

    // That were three. Deleting gives none back.
    is_over(put(&server, &ann, file.clone()).send().await.unwrap()).await;
    is_over(create(&server, &ann, length).send().await.unwrap()).await;
    is_over(process(&server, &ann, &file).await).await;
    // A job on what is here already counts none.
    let form = encoded(&[
        ("upload", waiting["upload_id"].as_str().unwrap()),
        ("recipe", "invert"),
    ]);
    let request = server.client.post(format!("{}/api/process", server.url));
    let request = request
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form);
    assert_eq!(request.bearer_auth(&ann).send().await.unwrap().status(), 200);
    assert_eq!(
        put(&server, &bob, file.clone()).send().await.unwrap().status(),
        201
    );
    server.stop().await;
}

/// A picture that is no smaller as a file: more than a third of the least quota.
fn noise() -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, 1024, 1024);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_compression(png::Compression::Fast);
    let mut state = 1_u32;
    let pixels: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    })
    .take(3 * 1024 * 1024)
    .collect();
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&pixels).unwrap();
    writer.finish().unwrap();
    file
}

async fn process(server: &Running, key: &str, file: &[u8]) -> Response {
    let file = reqwest::multipart::Part::bytes(file.to_vec()).file_name("a.png");
    let form = reqwest::multipart::Form::new()
        .part("file", file)
        .text("transformation", "invert");
    let request = server.client.post(format!("{}/process", server.url));
    request.multipart(form).bearer_auth(key).send().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_owner_leaves_places_for_those_who_are_sending() {
    let server = start_with_auth(&[]).await;
    let folder = data(&server);
    let ann = key(&folder, "ann", "ann", Role::Submit);
    let bob = key(&folder, "bob", "bob", Role::Submit);
    let begin = || {
        let (sender, body) = slow(b"\x89PNG\r\n\x1a\n");
        (sender, tokio::spawn(put(&server, &ann, body).send()))
    };
    // A quarter of 32.
    let mut sending: Vec<_> = (0..8).map(|_| begin()).collect();
    let more = async |key: &str| {
        let answer = put(&server, key, "no image").send().await.unwrap();
        error_of(answer).await
    };
    // They come by and by, and one that came while another of these had the last place begins anew.
    let (status, code, detail) = loop {
        let refused = more(&ann).await;
        let mut is_complete = true;
        for upload in sending.iter_mut().filter(|(_, answer)| answer.is_finished()) {
            *upload = begin();
            is_complete = false;
        }
        if refused.0 != 415 && is_complete {
            break refused;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    assert_eq!((status, code.as_str()), (429, "too_many_uploads"));
    assert!(detail.contains("8 of your uploads"), "{detail}");
    assert_eq!(more(&bob).await.0, 415, "there is a place, and it is no image");
    for (sender, answer) in sending {
        drop(sender);
        assert_eq!(answer.await.unwrap().unwrap().status(), 422, "cut off");
    }
    assert_eq!(more(&ann).await.0, 415);
    server.stop().await;
}
