//! What is refused, how it is said, and that nothing stays behind.

use crate::support::images::{png, png_header};
use crate::support::{Running, error_of, start};
use reqwest::multipart::{Form, Part};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

async fn nothing_left(server: &Running, what: &str) {
    for folder in ["uploads", "jobs"] {
        assert_eq!(server.files(folder), Vec::<std::path::PathBuf>::new(), "{what}");
    }
    assert_eq!(server.json("/jobs").await, serde_json::json!([]), "{what}");
}

/// The answer to `request`, word for word. The sending side stays open: a client that closes it is taken for one that
/// went away, and then there may be no answer.
async fn raw(server: &Running, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    while !is_whole(&String::from_utf8_lossy(&answer)) {
        if stream.read_buf(&mut answer).await.unwrap() == 0 {
            break;
        }
    }
    String::from_utf8_lossy(&answer).into_owned()
}

/// Whether the head is there and as much of the body as it announces.
fn is_whole(answer: &str) -> bool {
    let Some((head, body)) = answer.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    body.len() >= length.map_or(0, |length| length.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_images_and_recipes_are_refused_with_a_sentence_and_leave_nothing() {
    let server = start(&[
        "--max-upload-bytes",
        "2M",
        "--max-pixels",
        "3000000",
        "--max-side",
        "4000",
    ])
    .await;
    let good = png(1100, 1050);
    let truncated = &good[..good.len() / 2];
    let noise: Vec<u8> = (0..2_200_000u32)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 11) as u8)
        .collect();
    for (what, file, recipe, status, code, words) in [
        (
            "not an image",
            &b"this is a text, not a picture"[..],
            "grayscale",
            415,
            "not_an_image",
            "image",
        ),
        ("nothing", b"", "grayscale", 422, "image_empty", "empty"),
        (
            "truncated",
            truncated,
            "grayscale",
            422,
            "image_damaged",
            "cut off",
        ),
        (
            "small",
            &png(1023, 1400),
            "grayscale",
            422,
            "image_too_small",
            "the image is 1023 x 1400; each side must have at least 1024 pixels (MIN_IMAGE_SIZE)",
        ),
        (
            "unknown recipe",
            &good,
            "sepia_tone",
            422,
            "unknown_recipe",
            "sepia_tone",
        ),
        (
            "out of range",
            &good,
            "blur:sigma=1000",
            422,
            "unknown_recipe",
            "sigma",
        ),
        ("empty recipe", &good, "", 422, "unknown_recipe", ""),
        (
            "long side",
            &png(4001, 10),
            "grayscale",
            413,
            "image_too_large",
            "4000",
        ),
        (
            "many pixels",
            &png_header(2000, 2000),
            "grayscale",
            413,
            "image_too_large",
            "3000000",
        ),
        (
            "a bomb",
            &png_header(100_000, 100_000),
            "grayscale",
            413,
            "image_too_large",
            "100000",
        ),
        (
            "too many bytes",
            &noise,
            "grayscale",
            413,
            "file_too_large",
            "AZULEJO_MAX_UPLOAD_BYTES",
        ),
    ] {
        let (got, got_code, detail) = error_of(server.process(file, "x.png", recipe).await).await;
        assert_eq!((got, got_code.as_str()), (status, code), "{what}: {detail}");
        assert!(detail.contains(words), "{what}: {detail}");
        nothing_left(&server, what).await;
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recipe_may_come_after_the_file_and_is_refused_all_the_same() {
    let server = start(&[]).await;
    let file = || Part::bytes(png(1024, 1024)).file_name("x.png");
    let url = format!("{}/process", server.url);
    for (form, code) in [
        (
            Form::new()
                .part("file", file())
                .text("transformation", "no_such_thing"),
            "unknown_recipe",
        ),
        (
            Form::new()
                .text("transformation", "no_such_thing")
                .part("file", file()),
            "unknown_recipe",
        ),
        (
            Form::new()
                .text("transformation", "grayscale")
                .text("format", "psd")
                .part("file", file()),
            "unknown_format",
        ),
        // Small at both ends, gigabytes in between, even for a single pixel.
        (
            Form::new().part("file", file()).text(
                "transformation",
                "resize:width=90000,filter=nearest|resize:width=1,height=1",
            ),
            "tile_too_large",
        ),
        (Form::new().part("file", file()), "missing_field"),
        (Form::new().text("transformation", "grayscale"), "missing_field"),
        (Form::new().text("other", "x"), "missing_field"),
        (Form::new().part("file", file()).part("file", file()), "bad_form"),
        (Form::new().text("transformation", "x".repeat(5000)), "bad_form"),
    ] {
        let (status, got, detail) =
            error_of(server.client.post(&url).multipart(form).send().await.unwrap()).await;
        assert!((400..500).contains(&status), "{status} {detail}");
        assert_eq!(got, code, "{detail}");
        nothing_left(&server, code).await;
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_forms_are_client_errors() {
    let server = start(&[]).await;
    for (kind, body) in [
        ("application/json", "{}"),
        ("multipart/form-data", "--x\r\n\r\n"),
        ("multipart/form-data; boundary=", "--x\r\n"),
        ("multipart/form-data; boundary=x", ""),
        ("multipart/form-data; boundary=x", "no boundary here"),
        (
            "multipart/form-data; boundary=x",
            "--x\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\nhalf",
        ),
        (
            "multipart/form-data; boundary=x",
            "--x\r\nbad header\r\n\r\n--x--",
        ),
        ("multipart/form-data; boundary=x", "--x--"),
        ("text/plain", "hello"),
    ] {
        let request = server
            .client
            .post(format!("{}/process", server.url))
            .header("content-type", kind)
            .body(body);
        let (status, _, detail) = error_of(request.send().await.unwrap()).await;
        assert!((400..500).contains(&status), "{kind} {body:?}: {status} {detail}");
    }
    let (status, _, _) = error_of(
        server
            .client
            .post(format!("{}/process", server.url))
            .send()
            .await
            .unwrap(),
    )
    .await;
    assert_eq!(status, 415);
    nothing_left(&server, "malformed").await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_length_over_the_limit_is_refused_without_reading_the_body() {
    let server = start(&["--max-upload-bytes", "1M"]).await;
    let head = "PUT /uploads HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n";
    let answer = raw(&server, head.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    assert!(answer.contains("file_too_large"), "{answer}");
    nothing_left(&server, "announced").await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_goes_away_leaves_nothing() {
    let server = start(&[]).await;
    let file = png(1024, 1024);
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let head = format!(
        "PUT /uploads HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n",
        file.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&file[..file.len() / 2]).await.unwrap();
    for _ in 0..100 {
        if !server.files("uploads").is_empty() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(server.files("uploads").len(), 1);
    drop(stream);
    for _ in 0..100 {
        if server.files("uploads").is_empty() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    nothing_left(&server, "gone").await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn uploads_by_put_are_checked_like_forms() {
    let server = start(&[]).await;
    let url = format!(
        "{}/uploads?filename=..%2F..%2Fetc%2Fpa%0Ass%2Ecat.png",
        server.url
    );
    let (status, code, _) = error_of(server.client.put(&url).body("hello").send().await.unwrap()).await;
    assert_eq!((status, code.as_str()), (415, "not_an_image"));
    nothing_left(&server, "put").await;

    let answer = server
        .client
        .put(&url)
        .body(png(1024, 1030))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 201);
    let upload: serde_json::Value = answer.json().await.unwrap();
    assert_eq!(upload["filename"], "pass.cat.png");
    assert_eq!(upload["image"]["width"], 1024);
    assert_eq!(upload["image"]["height"], 1030);
    assert_eq!(upload["image"]["format"], "rgb8");
    assert_eq!(upload["image"]["kind"], "png");
    assert_eq!(server.files("uploads").len(), 1, "it waits for its recipe");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_error_has_the_same_shape() {
    let server = start(&[]).await;
    let id = "018f3f3e-0000-7000-8000-000000000000";
    for (method, path, status) in [
        ("GET", format!("/job/{id}"), 404),
        ("GET", "/job/nonsense".to_owned(), 404),
        ("GET", "/job/%ff".to_owned(), 400),
        ("GET", format!("/job/{id}/progress"), 404),
        ("GET", format!("/job/{id}/tile/0"), 404),
        ("GET", format!("/job/{id}/tile/x"), 404),
        ("GET", format!("/job/{id}/mosaic.png"), 404),
        ("GET", format!("/job/{id}/result"), 404),
        ("GET", format!("/download/{id}"), 404),
        ("POST", format!("/job/{id}/cancel"), 404),
        ("POST", format!("/job/{id}/retry"), 404),
        ("DELETE", format!("/job/{id}"), 404),
        ("GET", format!("/events?job={id}"), 404),
        ("GET", "/events?job=x".to_owned(), 404),
        ("GET", "/jobs?limit=many".to_owned(), 422),
        ("GET", "/jobs?status=lost".to_owned(), 422),
        ("GET", "/nowhere".to_owned(), 404),
        ("GET", "/pkg/nothing.js".to_owned(), 404),
        ("GET", "/../../etc/passwd".to_owned(), 404),
        ("GET", "/%2e%2e/%2e%2e/etc/passwd".to_owned(), 404),
        ("POST", "/jobs".to_owned(), 405),
        ("DELETE", "/health".to_owned(), 405),
        ("GET", "/process".to_owned(), 405),
        ("POST", "/api/no_such_function".to_owned(), 404),
        ("GET", "/api/process".to_owned(), 404),
        ("GET", "/ws".to_owned(), 400),
    ] {
        let method: reqwest::Method = method.parse().unwrap();
        let response = server
            .client
            .request(method.clone(), format!("{}{path}", server.url))
            .send()
            .await
            .unwrap();
        let (got, code, detail) = error_of(response).await;
        assert_eq!(got, status, "{method} {path}: {code} {detail}");
        assert!(!detail.is_empty() && !code.is_empty(), "{method} {path}");
    }
    for (path, body, status) in [
        ("process", "", 400),
        ("process", "upload=x&recipe=y", 400),
        (
            "process",
            "upload=018f3f3e-0000-7000-8000-000000000000&recipe=grayscale",
            404,
        ),
        (
            "process",
            "upload=018f3f3e-0000-7000-8000-000000000000&recipe=nonsense",
            422,
        ),
        ("cancel_job", "id=018f3f3e-0000-7000-8000-000000000000", 404),
    ] {
        let call = server
            .client
            .post(format!("{}/api/{path}", server.url))
            .body(body);
        let call = call.header("content-type", "application/x-www-form-urlencoded");
        let answer = call.send().await.unwrap();
        assert_eq!(
            answer.status(),
            status,
            "{path} {body}: {}",
            answer.text().await.unwrap()
        );
    }
    let call = server
        .client
        .post(format!("{}/api/process", server.url))
        .body(vec![b'x'; 300 * 1024]);
    assert_eq!(error_of(call.send().await.unwrap()).await.0, 413);
    let garbage = raw(&server, b"GET / HTTP/1.1\r\nHost: localhost\r\n\x00\x01\r\n\r\n").await;
    assert!(garbage.starts_with("HTTP/1.1 400"), "{garbage}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_sites_and_foreign_names_are_refused() {
    let server = start(&[]).await;
    let process = format!("{}/process", server.url);
    for (name, value) in [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("origin", "http://evil.example"),
    ] {
        let request = server.client.post(&process).header(name, value);
        let (status, code, _) = error_of(request.send().await.unwrap()).await;
        assert_eq!((status, code.as_str()), (403, "cross_site"), "{name}: {value}");
    }
    let rebound = server
        .client
        .get(format!("{}/jobs", server.url))
        .header("host", "evil.example:8000");
    let (status, code, _) = error_of(rebound.send().await.unwrap()).await;
    assert_eq!((status, code.as_str()), (421, "unknown_host"));
    let socket = "GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\
                  Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
                  Origin: http://evil.example\r\n\r\n";
    let refused = raw(&server, socket.as_bytes()).await;
    assert!(refused.starts_with("HTTP/1.1 403"), "{refused}");
    server.stop().await;
}
